package preload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/internal/simdrive"
)

// Server shows one drive to the programs that the shim is loaded into: one
// machine's kernel, which is one initiator, however many programs there are.
type Server struct {
	unit *unit

	mu    sync.Mutex
	users int // opens
	data  int // of these, those not by O_NONBLOCK: they lock the tray
}

// New attaches to a drive. Run detaches.
func New(d *simdrive.Drive) *Server { return &Server{unit: &unit{n: d.Nexus()}} }

// Run serves programs from l, which it closes, until ctx ends; it returns nil
// when the last command is over.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer s.unit.n.Close()
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
			return fmt.Errorf("accept programs at %s: %w", l.Addr(), err)
		}
		conns.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			s.serve(ctx, conn)
		})
	}
}

// serve answers one open's calls until its last descriptor is closed. What
// comes before an open, or makes no sense, ends it.
func (s *Server) serve(ctx context.Context, conn io.ReadWriter) {
	var f *file
	defer func() {
		if f != nil {
			s.close(context.WithoutCancel(ctx), f)
		}
	}()
	for {
		q, err := readRequest(conn)
		if err != nil || (f == nil) != (q.op == opOpen) || q.length > most {
			return
		}
		var data []byte
		var result int64
		if q.op == opOpen {
			if f, err = s.open(ctx, q.flags); err != nil {
				f = nil
			}
		} else {
			result, data, err = s.call(ctx, f, q)
		}
		if err != nil {
			result, data = -int64(errno(err)), nil
		}
		if answer(conn, result, data) != nil {
			return
		}
	}
}

// errno is what a failed call leaves: EIO for whatever has no other.
func errno(err error) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return unix.EIO
}

func (s *Server) call(ctx context.Context, f *file, q request) (result int64, data []byte, err error) {
	switch q.op {
	case opRead:
		if q.offset > uint64(f.size) {
			return 0, nil, nil
		}
		if data, err = f.read(ctx, int64(q.offset), int64(q.length), q.flags&1 != 0); err != nil {
			return 0, nil, err
		}
		return int64(len(data)), data, nil
	case opSize:
		return f.size, nil, nil
	case opEject:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.users != 1 {
			return 0, nil, unix.EBUSY
		}
		if err := s.unit.lock(ctx, false); err != nil {
			return 0, nil, err
		}
		return s.unit.tray(ctx, 0x02)
	case opCloseTray:
		return s.unit.tray(ctx, 0x03)
	case opStatus:
		result, err = s.unit.status(ctx)
		return result, nil, err
	case opLock:
		return 0, nil, s.unit.lock(ctx, q.flags != 0)
	}
	return 0, nil, unix.ENOTTY
}

// readyLimit is how long an open waits for a medium to spin up.
const readyLimit = time.Minute

// open is open(2) of an optical drive's node. It waits while the medium spins
// up, where a person's script would ask again and again.
func (s *Server) open(ctx context.Context, flags uint32) (*file, error) {
	if flags&unix.O_ACCMODE != unix.O_RDONLY {
		return nil, unix.EROFS
	}
	f := &file{unit: s.unit, data: flags&unix.O_NONBLOCK == 0}
	deadline := time.Now().Add(readyLimit)
	for f.data {
		status, err := s.unit.status(ctx)
		if err != nil {
			return nil, err
		}
		if status == discOK {
			break
		}
		if status != notReady || time.Now().After(deadline) {
			return nil, unix.ENOMEDIUM
		}
		if err := (simdrive.WallClock{}).Sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	var err error
	if f.size, err = s.unit.capacity(ctx); err != nil && f.data {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.data && s.data == 0 {
		if err := s.unit.lock(ctx, true); err != nil {
			return nil, err
		}
	}
	s.users++
	if f.data {
		s.data++
	}
	return f, nil
}

func (s *Server) close(ctx context.Context, f *file) {
	f.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if !f.data {
		return
	}
	if s.data--; s.data == 0 {
		_ = s.unit.lock(ctx, false) // a drive that is gone holds no lock
	}
}
