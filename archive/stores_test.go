package archive_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/badline"
	"ripstation/internal/gate"
	"ripstation/internal/s3server"
	"ripstation/internal/seaweedfs"
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

// servers are the real ones, each of its own maker. SeaweedFS does not tell the
// checksums of an unfinished upload's parts (its ListParts has none), so they
// are all sent again after a restart; it keeps every other promise.
var servers = []struct {
	name    string
	start   func(t *testing.T) *s3server.Server
	forgets bool
}{
	{"versitygw", func(t *testing.T) *s3server.Server { return versitygw.Start(t).Server }, false},
	{"seaweedfs", func(t *testing.T) *s3server.Server { return seaweedfs.Start(t) }, true},
}

func TestS3Conforms(t *testing.T) {
	for _, kind := range servers {
		t.Run(kind.name, func(t *testing.T) {
			server := kind.start(t)
			server.Bucket("discs")
			var n atomic.Int64
			for _, c := range []archive.Checksums{archive.ChecksumCRC64NVME, archive.ChecksumMD5} {
				t.Run(string(c), func(t *testing.T) {
					archivetest.Run(t, func(t *testing.T) archivetest.Subject {
						prefix := fmt.Sprintf("test-%d", n.Add(1))
						return archivetest.Subject{ForgetsParts: kind.forgets || c == archive.ChecksumMD5, Open: func(t *testing.T) archive.Store {
							return openServer(t, server, func(cfg *archive.S3Config) { cfg.Prefix, cfg.Checksums = prefix, c })
						}}
					})
				})
			}
		})
	}
}

// Over a line that is slow, is reset, cut, or loses every fourth answer, the
// suite still passes when it is tried again as callers do; nothing is ever
// wrong bytes.
func TestS3ConformsOverBadLines(t *testing.T) {
	for _, kind := range servers {
		t.Run(kind.name, func(t *testing.T) {
			server := kind.start(t)
			server.Bucket("discs")
			var n atomic.Int64
			for _, line := range []struct {
				name string
				// open gives the near end's address and the number of faults so far.
				open  func(t *testing.T) (string, func() int)
				least int // faults, or nothing was tested
			}{
				{"slow", func(t *testing.T) (string, func() int) {
					l := badline.Open(t, server.Addr, badline.Faults{Latency: 2 * time.Millisecond, BytesPerSecond: 80 << 20})
					return l.Endpoint(), l.Resets
				}, 0},
				{"reset and cut", func(t *testing.T) (string, func() int) {
					l := badline.Open(t, server.Addr, badline.Faults{ResetAfter: badline.Log2(1, 20, 27), CutEvery: 100 << 20, Refuse: 4})
					return l.Endpoint(), l.Resets
				}, 20},
				{"answers lost", func(t *testing.T) (string, func() int) {
					g, lost := gate.Open(t, server.Endpoint), atomic.Int64{}
					g.Set(func(r gate.Request, p gate.Point) bool {
						points := map[int]gate.Point{2: gate.After, 4: gate.Before, 6: gate.MidBody, 8: gate.After}
						if points[r.N%9] != p {
							return false
						}
						lost.Add(1)
						return true
					})
					return g.URL, func() int { return int(lost.Load()) }
				}, 100},
			} {
				t.Run(line.name, func(t *testing.T) {
					t.Parallel()
					var again atomic.Int64
					endpoint, faults := line.open(t)
					archivetest.Run(t, func(t *testing.T) archivetest.Subject {
						prefix := fmt.Sprintf("line-%d", n.Add(1))
						return archivetest.Subject{ForgetsParts: kind.forgets, Keys: 30, Open: func(t *testing.T) archive.Store {
							s := openServer(t, server, func(cfg *archive.S3Config) { cfg.Endpoint, cfg.Prefix = endpoint, prefix })
							return &patient{s, t, &again}
						}}
					})
					t.Logf("%d faults, %d tries by the caller", faults(), again.Load())
					if faults() < line.least {
						t.Errorf("%d faults: too few to prove anything", faults())
					}
				})
			}
		})
	}
}

func openS3(t *testing.T, server *versitygw.Server, change func(*archive.S3Config)) *archive.S3 {
	t.Helper()
	return openServer(t, server.Server, change)
}

func openServer(t *testing.T, server *s3server.Server, change func(*archive.S3Config)) *archive.S3 {
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
