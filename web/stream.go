package web

import (
	"encoding/json"
	"net/http"
	"time"
)

// lines sends one JSON value a line, each at once.
type lines struct {
	enc *json.Encoder
	ctl *http.ResponseController
}

func startLines(w http.ResponseWriter) (*lines, error) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	l := &lines{enc: json.NewEncoder(w), ctl: http.NewResponseController(w)}
	return l, l.ctl.Flush() // so that a caller knows that it misses nothing from here on
}

// patience is how long a listener may take for one line before it is let go.
const patience = 30 * time.Second

func (l *lines) send(v any) error {
	if err := l.ctl.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	return l.ctl.Flush()
}

// notices streams what happens until the caller leaves or the station stops.
// The last notices of a station that stops are still sent.
func (s *Server) notices(w http.ResponseWriter, r *http.Request) {
	notices, stop := s.cfg.Station.Listen()
	defer stop()
	l, err := startLines(w)
	if err != nil {
		return
	}
	for {
		select {
		case n, open := <-notices:
			if !open || l.send(n) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// audit runs one audit at a time: two would halve each other and tell nothing
// more. A look at one disc does not wait for a long one.
func (s *Server) audit(w http.ResponseWriter, r *http.Request) {
	in, err := body[AuditRequest](r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	end := func() {}
	if in.Disc == "" {
		if !s.auditing.CompareAndSwap(false, true) {
			s.fail(w, r, &Error{Code: CodeConflict, Message: "another audit is running", Hint: "wait for it to end"})
			return
		}
		end = func() { s.auditing.Store(false) }
	}
	s.report(w, r, end, func(progress func(AuditProgress)) (any, error) { return s.cfg.Books.Audit(r.Context(), in, progress) })
}

// repair runs one repair at a time: two of one disc would meet in its store.
func (s *Server) repair(w http.ResponseWriter, r *http.Request) {
	in, err := body[RepairRequest](r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.repairing.CompareAndSwap(false, true) {
		s.fail(w, r, &Error{Code: CodeConflict, Message: "another repair is running", Hint: "wait for it to end"})
		return
	}
	s.report(w, r, func() { s.repairing.Store(false) }, func(progress func(AuditProgress)) (any, error) {
		return s.cfg.Books.Repair(r.Context(), in, progress)
	})
}

// report streams how far something is, and then its report. end is called
// before the caller hears of the end and asks for another.
func (s *Server) report(w http.ResponseWriter, r *http.Request, end func(), do func(func(AuditProgress)) (any, error)) {
	l, err := startLines(w)
	if err != nil {
		end()
		return
	}
	var last time.Time
	report, err := do(func(p AuditProgress) {
		if now := time.Now(); now.Sub(last) >= 200*time.Millisecond {
			last = now
			// A caller that has left ends the request's context, and with it the work.
			_ = l.send(AuditLine{Progress: &p})
		}
	})
	end()
	line := AuditLine{}
	if err == nil {
		line.Report, err = json.Marshal(report)
	}
	if err != nil {
		line = AuditLine{Error: faultOf(err)}
	}
	if err := l.send(line); err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn().Err(err).Msg("a report could not be sent")
	}
}
