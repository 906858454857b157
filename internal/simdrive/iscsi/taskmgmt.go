package iscsi

import "slices"

// Task management functions and responses (RFC 7143, 11.5.1 and 11.6.1).
const (
	tmAbortTask    = 1
	tmAbortTaskSet = 2
	tmClearTaskSet = 4
	tmLUNReset     = 5
	tmWarmReset    = 6
	tmColdReset    = 7

	tmComplete     = 0
	tmNoTask       = 1
	tmNoLUN        = 2
	tmNotSupported = 5
)

// taskManagement aborts tasks and resets the unit. An aborted task gets no
// response, but its slot in the command window opens again.
func (s *session) taskManagement(q *pdu) error {
	p := response(opTaskMgmtResp, flagFinal, q)
	reset := false
	s.mu.Lock()
	switch f := q.flags() & 0x7f; {
	case f <= tmLUNReset && (q.h[8] != 0 || q.h[9] != 0):
		p.h[2] = tmNoLUN
	case f == tmAbortTask:
		if t := s.tasks[q.u32(20)]; t != nil {
			s.abort(t)
		} else {
			p.h[2] = tmNoTask
		}
	case f == tmAbortTaskSet, f == tmClearTaskSet, f == tmLUNReset, f == tmWarmReset, f == tmColdReset:
		for _, t := range s.tasks {
			s.abort(t)
		}
		reset = f >= tmLUNReset
	default:
		p.h[2] = tmNotSupported
	}
	s.mu.Unlock()
	if reset && s.reset != nil {
		s.reset()
	}
	return s.send(&p, true)
}

func (s *session) abort(t *task) {
	t.aborted = true
	t.cancel()
	delete(s.tasks, t.q.tag())
	s.queue = slices.DeleteFunc(s.queue, func(q *task) bool { return q == t })
	if !t.q.immediate() {
		s.maxCmdSN++
	}
}
