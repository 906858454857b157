package iscsi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// window is how many commands an initiator may have under way.
const window = 64

// maxDataOut bounds what one command may bring: MODE SELECT and SET STREAMING
// need some hundred bytes.
const maxDataOut = 1 << 20

// session is the full feature phase of one connection. One goroutine reads,
// one carries out commands in their order, as a drive does; both write.
type session struct {
	*login
	server *Server
	conn   net.Conn
	unit   *attaching // nil in a discovery session
	reset  func()
	ended  chan struct{}

	mu       sync.Mutex // guards what follows, and the order of PDUs on the wire
	expCmdSN uint32
	maxCmdSN uint32
	tasks    map[uint32]*task
	nextTTT  uint32
	queue    []*task
	wake     chan struct{} // room for one: the queue is not empty any more
}

var errLogout = errors.New("logged out")

func (s *session) run(ctx context.Context, r *bufio.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.expCmdSN = s.login.cmdSN
	s.maxCmdSN = s.login.cmdSN + window - 1
	s.tasks = map[uint32]*task{}
	s.wake = make(chan struct{}, 1)
	var executor sync.WaitGroup
	executor.Go(func() { s.execute(ctx) })
	err := s.read(ctx, r)
	cancel()
	executor.Wait()
	if errors.Is(err, errLogout) || errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("session with %s for %q: %w", s.initiator, s.target, err)
}

func (s *session) read(ctx context.Context, r *bufio.Reader) error {
	for {
		q, err := readPDU(r, maxSegment)
		if err != nil {
			return err
		}
		if op := q.opcode(); op != opDataOut && !q.immediate() {
			if err := s.countCommand(q); err != nil {
				return err
			}
		}
		if err := s.dispatch(ctx, q); err != nil {
			return err
		}
	}
}

// countCommand takes a request that is not immediate into the sequence. On one
// connection a gap can only be the initiator's mistake.
func (s *session) countCommand(q *pdu) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.cmdSN() != s.expCmdSN {
		return fmt.Errorf("command number %d where %d is next", q.cmdSN(), s.expCmdSN)
	}
	if int32(s.maxCmdSN-q.cmdSN()) < 0 {
		return fmt.Errorf("command number %d is past the window, which ends at %d", q.cmdSN(), s.maxCmdSN)
	}
	s.expCmdSN++
	if q.opcode() != opCommand {
		s.maxCmdSN++ // over at once; a command opens the window when it is done
	}
	return nil
}

func (s *session) dispatch(ctx context.Context, q *pdu) error {
	switch op := q.opcode(); {
	case op == opNopOut:
		if q.tag() == noTag {
			return nil // the answer to a ping of ours, which we never send
		}
		p := response(opNopIn, flagFinal, q)
		p.setU32(20, noTag)
		p.data = q.data[:min(len(q.data), s.sendSegment)]
		return s.send(&p, true)
	case op == opText:
		return s.text(q)
	case op == opLogout:
		p := response(opLogoutResp, flagFinal, q)
		if err := s.send(&p, true); err != nil {
			return err
		}
		return errLogout
	case op == opCommand && s.unit != nil:
		return s.command(ctx, q)
	case op == opDataOut && s.unit != nil:
		return s.dataOut(q)
	case op == opTaskMgmt && s.unit != nil:
		return s.taskManagement(q)
	}
	p := response(opReject, flagFinal, q)
	p.h[2] = 0x05 // command not supported
	p.setU32(16, noTag)
	p.data = append([]byte(nil), q.h[:]...)
	return s.send(&p, true)
}

// text answers SendTargets (RFC 7143, appendix C). There are few targets, so
// the answer always fits one PDU.
func (s *session) text(q *pdu) error {
	keys, err := parseKeys(q.data)
	if err != nil {
		return err
	}
	var out []key
	for _, k := range keys {
		switch {
		case k.name != "SendTargets":
			out = append(out, key{k.name, "NotUnderstood"})
			continue
		case s.discovery && k.value == "All", !s.discovery && (k.value == "" || k.value == s.target):
		default:
			continue
		}
		for _, name := range s.server.names() {
			if s.discovery || name == s.target {
				out = append(out, key{"TargetName", name}, key{"TargetAddress", s.conn.LocalAddr().String() + ",1"})
			}
		}
	}
	p := response(opTextResp, flagFinal, q)
	p.copyFrom(q, 8)
	p.setU32(20, noTag)
	p.data = encodeKeys(out)
	if len(p.data) > s.sendSegment {
		return fmt.Errorf("answer SendTargets: %d bytes, initiator takes %d", len(p.data), s.sendSegment)
	}
	return s.send(&p, true)
}

// send stamps a PDU with the sequence numbers and writes it. counts is false
// for those that carry no status (RFC 7143, 4.2.2.1).
func (s *session) send(p *pdu, counts bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendLocked(p, counts)
}

func (s *session) sendLocked(p *pdu, counts bool) error {
	p.setU32(24, s.statSN)
	p.setU32(28, s.expCmdSN)
	p.setU32(32, s.maxCmdSN)
	if counts {
		s.statSN++
	}
	_, err := s.conn.Write(p.appendTo(nil))
	return err
}
