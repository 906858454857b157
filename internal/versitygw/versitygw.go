// Package versitygw runs a real S3 server for tests: the pinned versitygw that
// scripts/versitygw.sh builds, on the loopback only, over folders of its own.
// Its objects lie plainly as files, so that a test can damage them at rest.
package versitygw

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Version is the one that scripts/versitygw.sh builds.
const Version = "v1.8.0"

// The server's only account.
const (
	AccessKey = "ripstation-test"
	SecretKey = "ripstation-test-secret"
	Region    = "us-east-1"
)

const startLimit = 30 * time.Second

// Server is one versitygw. Its address and its data stay the same from Start to
// the end of the test, through Stop, Kill and Restart.
type Server struct {
	Addr      string // "127.0.0.1:port"
	Endpoint  string // "http://" and Addr
	Root      string // bucket B's object K lies in Root/B/K
	AccessLog string // one line a request, S3's server access log format
	// AccessKeyFile and SecretKeyFile hold the account, one line each.
	AccessKeyFile, SecretKeyFile string

	t      testing.TB
	binary string
	mu     sync.Mutex
	run    *process
}

// process is one life of the server.
type process struct {
	cmd   *exec.Cmd
	log   bytes.Buffer // to be read once ended is closed
	ended chan struct{}
}

// Binary is where scripts/versitygw.sh puts the server, or an error that says
// how to get it.
func Binary() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("versitygw: the place of the source is not known")
	}
	path := filepath.Join(filepath.Dir(file), "..", "..", ".cache", "bin", "versitygw-"+Version)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("versitygw %s is not built; `make test` does it, or scripts/versitygw.sh alone: %w", Version, err)
	}
	return path, nil
}

// Start runs a server until the test ends. It fails the test, and never skips
// it, when the server is not built or does not come up.
func Start(t testing.TB) *Server {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := dataDir(t, binary)
	s := &Server{t: t, binary: binary, Root: filepath.Join(dir, "data"), AccessLog: filepath.Join(dir, "access.log"),
		AccessKeyFile: filepath.Join(dir, "access-key"), SecretKeyFile: filepath.Join(dir, "secret-key")}
	for _, err := range []error{
		os.MkdirAll(s.Root, 0o755), os.MkdirAll(filepath.Join(dir, "versions"), 0o755),
		os.WriteFile(s.AccessKeyFile, []byte(AccessKey+"\n"), 0o600),
		os.WriteFile(s.SecretKeyFile, []byte(SecretKey+"\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Kill)
	// Between finding a free port and listening on it another process may take
	// it: then with another one.
	var last error
	for range 5 {
		addr, err := freeAddr()
		if err != nil {
			t.Fatal(err)
		}
		s.Addr, s.Endpoint = addr, "http://"+addr
		if last = s.start(); last == nil {
			return s
		}
	}
	t.Fatalf("versitygw does not start: %v", last)
	return nil
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

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs the server at s.Addr and waits until it answers.
func (s *Server) start() error {
	dir := filepath.Dir(s.Root)
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(s.binary, "--port", s.Addr, "--region", Region, "--quiet", "--keep-alive", "--access-log", s.AccessLog,
		"posix", "--versioning-dir", filepath.Join(dir, "versions"), s.Root)
	p.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// A test process that is killed takes its server with it. The kernel goes
	// by the thread that started the child, so this one is kept for it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended stands in the log
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	if err := s.await(p); err != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%w; it says: %s", err, strings.TrimSpace(p.log.String()))
	}
	s.mu.Lock()
	s.run = p
	s.mu.Unlock()
	return nil
}

// await asks until the server answers anything at all.
func (s *Server) await(p *process) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.NewTimer(startLimit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := client.Get(s.Endpoint); err == nil {
			resp.Body.Close()
			// Another process may be the one that answers.
			select {
			case <-p.ended:
			default:
				return nil
			}
		}
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-deadline.C:
			return fmt.Errorf("it does not answer at %s within %v", s.Addr, startLimit)
		case <-tick.C:
		}
	}
}

// Stop ends the server in good order.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server as a power cut would: no farewell, nothing finished.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	p := s.run
	s.run = nil
	s.mu.Unlock()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.ended:
		return
	case <-time.After(startLimit):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	s.t.Errorf("versitygw did not end within %v of %v", startLimit, sig)
}

// Restart runs the server again, at the same address over the same data, after
// Stop or Kill.
func (s *Server) Restart() {
	s.t.Helper()
	s.end(syscall.SIGTERM)
	if err := s.start(); err != nil {
		s.t.Fatalf("versitygw does not start again: %v", err)
	}
}
