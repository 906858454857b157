// Package versitygw runs a real S3 server for tests: the pinned versitygw that
// scripts/versitygw.sh builds, on the loopback only, over folders of its own.
// Its objects lie plainly as files, so that a test can damage them at rest.
package versitygw

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/internal/s3server"
)

// Version is the one that scripts/versitygw.sh builds.
const Version = "v1.8.0"

// The server's only account.
const (
	AccessKey = s3server.AccessKey
	SecretKey = s3server.SecretKey
	Region    = s3server.Region
)

// Server is one versitygw.
type Server struct {
	*s3server.Server
	Root      string // bucket B's object K lies in Root/B/K
	AccessLog string // one line a request, S3's server access log format

	t      testing.TB
	binary string
}

// Binary is where scripts/versitygw.sh puts the server, or an error that says
// how to get it.
func Binary() (string, error) { return s3server.Binary("versitygw", Version) }

// Start runs a server until the test ends. It fails the test, and never skips
// it, when the server is not built or does not come up.
func Start(t testing.TB) *Server {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := dataDir(t, binary)
	s := &Server{t: t, binary: binary, Root: filepath.Join(dir, "data"), AccessLog: filepath.Join(dir, "access.log")}
	for _, d := range []string{s.Root, filepath.Join(dir, "versions"), filepath.Join(dir, "iam")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.Server = s3server.Start(t, dir, s3server.Program{Name: "versitygw", Ports: 1, Ready: answers,
		Command: func(p *s3server.Server) *exec.Cmd {
			cmd := exec.Command(binary, "--port", p.Addr, "--region", Region, "--quiet", "--keep-alive", "--access-log", s.AccessLog, "--iam-dir", filepath.Join(dir, "iam"),
				"posix", "--versioning-dir", filepath.Join(dir, "versions"), s.Root)
			cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
			return cmd
		}})
	return s
}

// answers: this server is ready as soon as it answers anything at all.
func answers(ctx context.Context, s *s3server.Server) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// dataDir is a folder whose file system has extended attributes, which the
// server keeps its checksums in: the system's for temporary files, else one in
// the repository's cache.
func dataDir(t testing.TB, binary string) string {
	t.Helper()
	dir := t.TempDir()
	if unix.Setxattr(dir, "user.ripstation.probe", []byte("1"), 0) == nil {
		return dir
	}
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(binary)), "versitygw-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Setxattr(dir, "user.ripstation.probe", []byte("1"), 0); err != nil {
		t.Fatalf("neither the folder for temporary files nor %s has extended attributes, which versitygw needs: %v", dir, err)
	}
	return dir
}

// File is where an object lies on disk.
func (s *Server) File(bucket, key string) string {
	return filepath.Join(s.Root, bucket, filepath.FromSlash(key))
}
