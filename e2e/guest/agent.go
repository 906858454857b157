package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ripstation/e2e/control"
)

// served is the agent's state: the port, and the processes it was told to start.
type served struct {
	port *os.File

	sending sync.Mutex

	mu      sync.Mutex
	started map[string]*os.Process
}

func agent() error {
	port, err := openPort()
	if err != nil {
		return err
	}
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	s := &served{port: port, started: map[string]*os.Process{}}
	s.send(control.Message{Event: control.EventHello, BootID: strings.TrimSpace(string(bootID))})
	r := bufio.NewReaderSize(port, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // nobody at the other end
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		var q control.Request
		if err := json.Unmarshal(line, &q); err != nil {
			fmt.Fprintln(os.Stderr, "agent: request:", err)
			continue
		}
		go func() {
			m := s.serve(q)
			m.ID = q.ID
			s.send(m)
		}()
	}
}

func openPort() (*os.File, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(text)) == control.Port {
			// A raw blocking descriptor: the port gives EOF and EAGAIN in ways
			// the poller does not expect while the host end is closed.
			return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
		}
	}
	return nil, fmt.Errorf("no virtio port named %s", control.Port)
}

func (s *served) send(m control.Message) {
	b, err := json.Marshal(m)
	if err != nil {
		b = fmt.Appendf(nil, `{"id":%d,"err":%q}`, m.ID, err)
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	if _, err := s.port.Write(append(b, '\n')); err != nil {
		fmt.Fprintln(os.Stderr, "agent: send:", err)
	}
}

func (s *served) serve(q control.Request) (m control.Message) {
	var err error
	switch q.Op {
	case control.OpRun:
		m, err = runToEnd(q)
	case control.OpStart:
		m.PID, err = s.start(q)
	case control.OpSignal:
		s.mu.Lock()
		p := s.started[q.Name]
		s.mu.Unlock()
		if p == nil {
			err = fmt.Errorf("%s is not running", q.Name)
		} else {
			err = p.Signal(syscall.Signal(q.Signal))
		}
	case control.OpRead:
		m.Data, err = os.ReadFile(q.Path)
	case control.OpWrite:
		if err = os.MkdirAll(filepath.Dir(q.Path), 0o755); err == nil {
			err = os.WriteFile(q.Path, q.Data, os.FileMode(q.Mode))
		}
	case control.OpReboot:
		err = reboot()
	default:
		err = fmt.Errorf("unknown operation %q", q.Op)
	}
	if err != nil {
		m.Err = err.Error()
	}
	return m
}

func runToEnd(q control.Request) (m control.Message, err error) {
	if len(q.Argv) == 0 {
		return m, errors.New("run what?")
	}
	limit := 60 * time.Second
	if q.Seconds > 0 {
		limit = time.Duration(q.Seconds) * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, q.Argv[0], q.Argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(q.Stdin), &stdout, &stderr
	cmd.Env = append(os.Environ(), q.Env...)
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	m.Stdout, m.Stderr = stdout.Bytes(), stderr.Bytes()
	if ctx.Err() != nil {
		return m, fmt.Errorf("%s did not end within %v", strings.Join(q.Argv, " "), limit)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		m.Exit, err = exitCode(exit.ProcessState), nil
	}
	return m, err
}

func exitCode(p *os.ProcessState) int {
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.ExitCode()
}

// start runs a process whose lines of output, and at last its end, go to the
// bench as events.
func (s *served) start(q control.Request) (int, error) {
	if len(q.Argv) == 0 || q.Name == "" {
		return 0, errors.New("start what, under which name?")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started[q.Name] != nil {
		return 0, fmt.Errorf("%s is running already", q.Name)
	}
	cmd := exec.Command(q.Argv[0], q.Argv[1:]...)
	cmd.Env = append(os.Environ(), q.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, in, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return 0, err
	}
	s.started[q.Name] = cmd.Process
	go func() {
		r := bufio.NewReaderSize(out, 1<<16)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				s.send(control.Message{Event: control.EventOutput, Name: q.Name, Line: strings.TrimSuffix(line, "\n")})
			}
			if err != nil {
				break
			}
		}
		out.Close()
		err := cmd.Wait()
		m := control.Message{Event: control.EventExit, Name: q.Name}
		if cmd.ProcessState != nil {
			m.Exit = exitCode(cmd.ProcessState)
		} else if err != nil {
			m.Err = err.Error()
		}
		s.mu.Lock()
		delete(s.started, q.Name)
		s.mu.Unlock()
		s.send(m)
	}()
	return cmd.Process.Pid, nil
}
