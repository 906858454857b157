package iscsi

import (
	"context"
	"errors"
	"fmt"
)

// Flags of a SCSI command, a Data-In and a SCSI response PDU.
const (
	flagRead      = 0x40
	flagWrite     = 0x20
	flagOverflow  = 0x04
	flagUnderflow = 0x02
	flagStatus    = 0x01
)

// task is one SCSI command from its arrival to its response.
type task struct {
	q       *pdu
	ctx     context.Context
	cancel  context.CancelFunc
	aborted bool // guarded by session.mu: no response any more
	data    []byte
	want    int    // bytes of data-out the initiator has, 0 if none
	ttt     uint32 // of the R2T that is open
	burst   int    // bytes still to come for it
	dataSN  uint32
	r2tSN   uint32
}

// command takes a SCSI command in: to the queue at once, or after its data
// have been called for.
func (s *session) command(ctx context.Context, q *pdu) error {
	t := &task{q: q}
	t.ctx, t.cancel = context.WithCancel(ctx)
	if q.flags()&flagWrite != 0 {
		t.want = int(q.u32(20))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tasks[q.tag()] != nil:
		return fmt.Errorf("task tag %08xh is in use", q.tag())
	case len(s.tasks) >= 2*window:
		return errors.New("too many immediate commands")
	case t.want > maxDataOut:
		return fmt.Errorf("command %02xh brings %d bytes, limit %d", q.h[32], t.want, maxDataOut)
	case len(q.data) > t.want, len(q.data) > 0 && !s.immediate, len(q.data) > s.firstBurst:
		return fmt.Errorf("command %02xh brings %d bytes of immediate data that were not agreed", q.h[32], len(q.data))
	case !q.final():
		return fmt.Errorf("command %02xh announces unsolicited data, which InitialR2T=Yes forbids", q.h[32])
	}
	s.tasks[q.tag()] = t
	t.data = q.data
	return s.proceed(t)
}

// proceed calls for the next burst of data, or queues a task that has them
// all.
func (s *session) proceed(t *task) error {
	if len(t.data) >= t.want {
		s.queue = append(s.queue, t)
		select {
		case s.wake <- struct{}{}:
		default:
		}
		return nil
	}
	t.burst = min(s.maxBurst, t.want-len(t.data))
	t.ttt = s.nextTTT
	t.dataSN = 0
	s.nextTTT = (s.nextTTT + 1) & 0x7fffffff
	p := response(opR2T, flagFinal, t.q)
	p.copyFrom(t.q, 8) // LUN
	p.setU32(20, t.ttt)
	p.setU32(36, t.r2tSN)
	p.setU32(40, uint32(len(t.data)))
	p.setU32(44, uint32(t.burst))
	t.r2tSN++
	return s.sendLocked(&p, false)
}

func (s *session) dataOut(q *pdu) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[q.tag()]
	if t == nil {
		return nil // of a task aborted in the meantime
	}
	switch {
	case t.burst == 0 || q.u32(20) != t.ttt:
		return fmt.Errorf("data-out for task %08xh that were not called for", q.tag())
	case q.u32(36) != t.dataSN || int(q.u32(40)) != len(t.data):
		return fmt.Errorf("data-out number %d at offset %d for task %08xh are out of order", q.u32(36), q.u32(40), q.tag())
	case len(q.data) > t.burst, q.final() != (len(q.data) == t.burst):
		return fmt.Errorf("data-out for task %08xh do not fill the %d bytes called for", q.tag(), t.burst)
	}
	t.data = append(t.data[:len(t.data):len(t.data)], q.data...)
	t.burst -= len(q.data)
	t.dataSN++
	if t.burst > 0 {
		return nil
	}
	return s.proceed(t)
}

// execute carries out the queue until ctx ends. A response that cannot be sent
// closes the connection, which the reader sees.
func (s *session) execute(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		var t *task
		if len(s.queue) > 0 {
			t = s.queue[0]
			s.queue = s.queue[1:]
		}
		s.mu.Unlock()
		if t != nil {
			if t.ctx.Err() == nil {
				s.carryOut(t)
			}
			t.cancel()
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
	}
}

func (s *session) carryOut(t *task) {
	alloc := 0
	if t.q.flags()&flagRead != 0 {
		alloc = min(int(t.q.u32(20)), 64<<20)
	}
	cdb := t.q.h[32:48]
	var status byte
	var in, sense []byte
	var err error
	if t.q.h[8] != 0 || t.q.h[9] != 0 {
		status, in, sense = otherLUN(cdb, alloc)
	} else {
		status, in, sense, err = s.unit.Execute(t.ctx, cdb, t.data, alloc)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.aborted {
		return
	}
	delete(s.tasks, t.q.tag()) // the initiator may use the tag again as soon as it has the response
	if !t.q.immediate() {
		s.maxCmdSN++
	}
	if err != nil {
		err = s.failed(t)
	} else {
		err = s.respond(t, status, in, sense, alloc)
	}
	if err != nil {
		s.conn.Close()
	}
}

// failed says that a command has no answer: target failure (RFC 7143, 11.4.3).
func (s *session) failed(t *task) error {
	p := response(opResponse, flagFinal, t.q)
	p.h[2] = 0x01
	return s.sendLocked(&p, true)
}

// respond sends the data in bursts, then the status: with the last data when
// it is GOOD, else in a response of its own.
func (s *session) respond(t *task, status byte, in, sense []byte, alloc int) error {
	expected := int(t.q.u32(20))
	moved := len(in)
	if t.q.flags()&flagWrite != 0 {
		moved = len(t.data)
	}
	var residual int
	var flags byte
	switch {
	case len(in) > alloc:
		flags, residual = flagOverflow, len(in)-alloc
		in = in[:alloc]
	case moved < expected:
		flags, residual = flagUnderflow, expected-moved
	}
	sn := uint32(0)
	for off := 0; off < len(in); sn++ {
		burstEnd := min(len(in), (off/s.maxBurst+1)*s.maxBurst)
		n := min(s.sendSegment, burstEnd-off)
		p := response(opDataIn, 0, t.q)
		p.setU32(20, noTag)
		p.setU32(36, sn)
		p.setU32(40, uint32(off))
		p.data = in[off : off+n]
		off += n
		if off == burstEnd {
			p.h[1] = flagFinal
		}
		last := off == len(in) && status == statusGood
		if last {
			p.h[1] |= flagStatus | flags
			p.setU32(44, uint32(residual))
		}
		if err := s.sendLocked(&p, last); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
	p := response(opResponse, flagFinal|flags, t.q)
	p.h[3] = status
	p.setU32(36, sn)
	p.setU32(44, uint32(residual))
	if len(sense) > 0 {
		sense = sense[:min(len(sense), 252)]
		p.data = append([]byte{0, byte(len(sense))}, sense...)
	}
	return s.sendLocked(&p, true)
}
