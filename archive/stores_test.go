package archive_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

func TestDirConforms(t *testing.T) {
	archivetest.Run(t, func(t *testing.T) archivetest.Subject {
		root := filepath.Join(t.TempDir(), "store")
		return archivetest.Subject{Open: func(t *testing.T) archive.Store { return openDir(t, root) }}
	})
}

func openDir(t *testing.T, root string) *archive.Dir {
	t.Helper()
	s, err := archive.NewDir(archive.DirConfig{Name: "shelf", Root: root, Create: true, PartSize: archivetest.PartSize})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestS3Conforms(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	var n atomic.Int64
	for _, c := range []archive.Checksums{archive.ChecksumCRC64NVME, archive.ChecksumMD5} {
		t.Run(string(c), func(t *testing.T) {
			archivetest.Run(t, func(t *testing.T) archivetest.Subject {
				prefix := fmt.Sprintf("test-%d", n.Add(1))
				return archivetest.Subject{ForgetsParts: c == archive.ChecksumMD5, Open: func(t *testing.T) archive.Store {
					return openS3(t, server, func(cfg *archive.S3Config) { cfg.Prefix, cfg.Checksums = prefix, c })
				}}
			})
		})
	}
}

func openS3(t *testing.T, server *versitygw.Server, change func(*archive.S3Config)) *archive.S3 {
	t.Helper()
	cfg := archive.S3Config{Name: "cloud", Endpoint: server.Endpoint, Bucket: "discs", PathStyle: true, PartSize: archivetest.PartSize,
		AccessKeyFile: server.AccessKeyFile, SecretKeyFile: server.SecretKeyFile}
	if change != nil {
		change(&cfg)
	}
	s, err := archive.NewS3(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
