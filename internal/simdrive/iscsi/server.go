// Package iscsi shows simulated drives to a guest kernel: a minimal iSCSI
// target (RFC 7143) of SCSI peripheral type 5, one target a drive, one session
// a target, logical unit 0 only. It knows what an initiator of QEMU's kind
// needs: no authentication, no digests, error recovery level 0, one connection
// a session. It is a bench tool and belongs on the loopback device only.
package iscsi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Unit is a logical unit as one initiator sees it. Execute carries out one
// command: dataOut is what came with it, alloc how many bytes the initiator
// can take. It returns a SAM-5 status, at most alloc bytes of data and, with
// CHECK CONDITION, sense data; an error means that the command has no answer.
// One session calls it from one goroutine at a time; when ctx ends (task
// aborted, session over) it returns soon, and its answer goes nowhere. Close
// is called when the session is over. *simdrive.Nexus is a Unit.
type Unit interface {
	Execute(ctx context.Context, cdb, dataOut []byte, alloc int) (status byte, dataIn, sense []byte, err error)
	Close()
}

// Target is a drive under its iSCSI name.
type Target struct {
	Name   string      // iqn.2026-11.example:drive0
	Attach func() Unit // called once a session: the drive as this initiator sees it
	Reset  func()      // told of logical unit and target resets; may be nil
}

// Server keeps the targets and serves them.
type Server struct {
	// Report, if set before Run, is told why a connection ended when it did
	// not end by logout or by closing between two requests.
	Report func(error)

	mu       sync.Mutex
	targets  map[string]Target
	sessions map[string]*session
}

// New returns a server without targets.
func New() *Server {
	return &Server{targets: map[string]Target{}, sessions: map[string]*session{}}
}

// Add offers a target from now on. A name that is taken is an error.
func (s *Server) Add(t Target) error {
	if t.Name == "" || len(t.Name) > 223 || strings.ContainsAny(t.Name, "\x00=, ") || t.Attach == nil {
		return fmt.Errorf("add target %.64q: a target needs a name of at most 223 plain characters and a drive", t.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.targets[t.Name]; taken {
		return fmt.Errorf("add target %q: the name is taken", t.Name)
	}
	s.targets[t.Name] = t
	return nil
}

// Remove takes a target away and ends its session. A name that is not there
// is no error.
func (s *Server) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.targets, name)
	if old := s.sessions[name]; old != nil {
		old.conn.Close()
	}
}

func (s *Server) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.targets[name]
	return ok
}

func (s *Server) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for n := range s.targets {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Idle waits until no target has a session: after an initiator was killed,
// until all that it held has been let go.
func (s *Server) Idle(ctx context.Context) error {
	for {
		var one *session
		s.mu.Lock()
		for _, one = range s.sessions {
			break
		}
		s.mu.Unlock()
		if one == nil {
			return nil
		}
		select {
		case <-one.ended:
		case <-ctx.Done():
			return fmt.Errorf("wait for the session of %s with %s to end: %w", one.initiator, one.target, ctx.Err())
		}
	}
}

// Run serves connections from l, which it closes, until ctx ends; then it
// ends all sessions and returns nil once they are over.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept iscsi connections on %s: %w", l.Addr(), err)
		}
		conns.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			err := s.serve(ctx, conn)
			if err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) && s.Report != nil {
				s.Report(err)
			}
		})
	}
}

// serve carries one connection from login to its end.
func (s *Server) serve(ctx context.Context, conn net.Conn) error {
	r := bufio.NewReaderSize(conn, 64<<10)
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	l, err := doLogin(conn, r, s.has)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	ss := &session{login: l, server: s, conn: conn, ended: make(chan struct{})}
	defer close(ss.ended)
	if !l.discovery {
		if !s.take(l.target, ss) {
			return fmt.Errorf("session for %s: the target was taken away", l.target)
		}
		defer s.release(l.target, ss)
		defer ss.unit.unit.Close()
	}
	return ss.run(ctx, r)
}

// take makes ss the one session of its target. An older one, whose initiator
// may be long dead, is ended first.
func (s *Server) take(name string, ss *session) bool {
	for {
		s.mu.Lock()
		t, ok := s.targets[name]
		old := s.sessions[name]
		if ok && old == nil {
			s.sessions[name] = ss
			s.mu.Unlock()
			ss.unit, ss.reset = &attaching{unit: t.Attach()}, t.Reset
			return true
		}
		s.mu.Unlock()
		if !ok {
			return false
		}
		old.conn.Close()
		<-old.ended
	}
}

func (s *Server) release(name string, ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[name] == ss {
		delete(s.sessions, name)
	}
}
