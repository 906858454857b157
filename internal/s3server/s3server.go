// Package s3server is what the S3 servers of the tests have in common: a
// program of its own on the loopback that is started, killed and started again
// over the same data, its account, and a plain client for what ripstation
// itself never does.
package s3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The only account of every server.
const (
	AccessKey = "ripstation-test"
	SecretKey = "ripstation-test-secret"
	Region    = "us-east-1"
)

const startLimit = time.Minute

// Program says how a server is run.
type Program struct {
	Name  string
	Ports int // how many ports of the loopback it needs; the first one speaks S3
	// Command gives the program with its arguments, for these ports.
	Command func(s *Server) *exec.Cmd
	// Ready is asked again and again until it returns nil.
	Ready func(ctx context.Context, s *Server) error
}

// Server is one server. Its address and its data stay the same from Start to
// the end of the test, through Stop, Kill and Restart.
type Server struct {
	Dir      string // all that it writes lies below
	Ports    []int
	Addr     string // "127.0.0.1:port"
	Endpoint string // "http://" and Addr
	// AccessKeyFile and SecretKeyFile hold the account, one line each.
	AccessKeyFile, SecretKeyFile string

	t       testing.TB
	program Program
	mu      sync.Mutex
	run     *process
}

// process is one life of the server.
type process struct {
	cmd   *exec.Cmd
	log   bytes.Buffer // to be read once ended is closed
	ended chan struct{}
}

// Binary is where a script of ours puts a server, or an error that says how to
// get it.
func Binary(name, version string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("%s: the place of the source is not known", name)
	}
	path := filepath.Join(filepath.Dir(file), "..", "..", ".cache", "bin", name+"-"+version)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s %s is not built; `make test` does it, or scripts/%s.sh alone: %w", name, version, name, err)
	}
	return path, nil
}

// Start runs a server over dir until the test ends. It fails the test, and
// never skips it, when the server does not come up.
func Start(t testing.TB, dir string, p Program) *Server {
	t.Helper()
	s := &Server{t: t, program: p, Dir: dir, AccessKeyFile: filepath.Join(dir, "access-key"), SecretKeyFile: filepath.Join(dir, "secret-key")}
	for _, err := range []error{
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
		var err error
		if s.Ports, err = freePorts(p.Ports); err != nil {
			t.Fatal(err)
		}
		s.Addr = fmt.Sprintf("127.0.0.1:%d", s.Ports[0])
		s.Endpoint = "http://" + s.Addr
		if last = s.start(); last == nil {
			return s
		}
	}
	t.Fatalf("%s does not start: %v", p.Name, last)
	return nil
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// start runs the server at s.Addr and waits until it answers.
func (s *Server) start() error {
	p := &process{ended: make(chan struct{})}
	p.cmd = s.program.Command(s)
	p.cmd.Dir = s.Dir
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
		says := strings.TrimSpace(p.log.String())
		return fmt.Errorf("%w; it says: %s", err, says[max(0, len(says)-4000):])
	}
	s.mu.Lock()
	s.run = p
	s.mu.Unlock()
	return nil
}

// await asks until the server is ready.
func (s *Server) await(p *process) error {
	deadline := time.NewTimer(startLimit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := s.program.Ready(ctx, s)
		cancel()
		if err == nil {
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
			return fmt.Errorf("it is not ready at %s within %v: %w", s.Addr, startLimit, err)
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
	s.t.Errorf("%s did not end within %v of %v", s.program.Name, startLimit, sig)
}

// Restart runs the server again, at the same address over the same data, after
// Stop or Kill.
func (s *Server) Restart() {
	s.t.Helper()
	s.end(syscall.SIGTERM)
	if err := s.start(); err != nil {
		s.t.Fatalf("%s does not start again: %v", s.program.Name, err)
	}
}
