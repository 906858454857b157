package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
)

// verdict is what an audit says of one copy.
type verdict struct {
	state    catalog.CopyState
	tier     Tier
	findings []Finding
	unknown  string // why it could not be looked at, wholly or in part
	why      string // what goes into the event
	bytes    int64
	files    int
}

// settle makes one state of what was found. What was seen to be wrong counts
// even if another part could not be looked at; nothing else does then.
func (v *verdict) settle(h *held) {
	var missing, damaged []string
	for _, f := range v.findings {
		text := fmt.Sprintf("%s %s: %s", f.Code, f.Key, f.Message)
		switch f.Code {
		case ObjectMissing:
			missing = append(missing, text)
		case Untracked: // the bag's own files are what they were
		case StoreChecksum:
			// The store's word counts only as long as nobody has read the bytes.
			if v.tier != ReadBack {
				damaged = append(damaged, text)
			}
		default:
			damaged = append(damaged, text)
		}
	}
	switch {
	case len(missing) > 0 || len(h.objects) == 0:
		v.state, v.why = catalog.Missing, strings.Join(append(missing, damaged...), "; ")
	case len(damaged) > 0:
		v.state, v.why = catalog.Damaged, strings.Join(damaged, "; ")
	case v.unknown != "":
		v.state, v.why = catalog.Unknown, v.unknown
	case v.tier == ReadBack:
		v.state, v.why = catalog.ReadBack, fmt.Sprintf("%d files, %d bytes re-read, digests equal", v.files, v.bytes)
	case h.State == catalog.Damaged:
		v.state, v.why = catalog.Damaged, h.Detail
	case h.State == catalog.Unknown && h.ReadBackAt != nil || h.State == catalog.ReadBack:
		// It says when it was read back, and keeps saying that.
		v.state, v.why = catalog.ReadBack, string(v.tier)
	default:
		v.state, v.why = catalog.Stored, string(v.tier)
	}
}

// each tells of a copy by itself, in an audit of one disc.
func (s *shelf) each(h *held, v verdict) {
	if s.cfg.Only == nil {
		return
	}
	if v.findings == nil {
		v.findings = []Finding{}
	}
	s.report.Each = append(s.report.Each, CopyReport{Store: s.name, Key: h.Key, CarrierID: h.CarrierID, Version: h.Version, State: v.state,
		At: time.Now().UTC(), Files: v.files, Bytes: v.bytes, Tier: v.tier, Why: v.why, Findings: v.findings})
}

// conclude counts the copy, and writes down what is new or was read in full.
func (s *shelf) conclude(ctx context.Context, h *held, v verdict) error {
	if h.blind {
		s.report.Copies.LookedAt++
		s.report.Copies.Unknown++
		s.each(h, verdict{state: catalog.Unknown, why: "its row in the catalog is damaged"})
		return nil
	}
	if h.State == catalog.Queued || h.State == catalog.Sending {
		s.report.Copies.OnTheWay++
		s.each(h, verdict{state: h.State, why: "on the way, not looked at"})
		return nil
	}
	s.each(h, v)
	for _, f := range v.findings {
		s.find(f)
	}
	c := &s.report.Copies
	c.LookedAt++
	outcome := catalog.EventSuccess
	switch v.state {
	case catalog.Unknown:
		c.Unknown++
		s.report.CouldNotLook = true
		outcome = catalog.EventNotRun
		if s.store != nil && v.unknown != "" {
			s.find(s.finding(h, CouldNotLook, "", v.unknown))
		}
	case catalog.Missing:
		c.Missing++
		outcome = catalog.EventFail
	case catalog.Damaged:
		c.Damaged++
		outcome = catalog.EventFail
		if len(v.findings) == 0 || !s.faulty(v) {
			s.find(s.finding(h, DamagedSoFar, "", v.why))
		}
	default:
		switch v.tier {
		case ReadBack:
			c.ReadBack++
		case Unchanged:
			c.Unchanged++
		default:
			c.Present++
		}
		if len(v.findings) > 0 {
			outcome = catalog.EventWarning
		}
	}
	if v.unknown != "" && v.state != catalog.Unknown {
		s.report.CouldNotLook = true
		s.find(s.finding(h, CouldNotLook, "", "not all of it could be read: "+v.unknown))
	}
	return s.note(ctx, h, v, outcome)
}

func (s *shelf) faulty(v verdict) bool {
	for _, f := range v.findings {
		if f.Code != Untracked {
			return true
		}
	}
	return false
}

// note writes the event and the state. A look at a list that found all as it
// was leaves no event: only the report tells of it.
func (s *shelf) note(ctx context.Context, h *held, v verdict, outcome catalog.EventOutcome) error {
	to := v.state
	if outcome == catalog.EventSuccess && v.tier != ReadBack && to == h.State {
		return nil
	}
	now := time.Now().UTC()
	cp := catalog.Copy{Store: s.name, Key: h.Key, State: to}
	how := "listed"
	switch {
	case outcome == catalog.EventNotRun:
		how = "could not look"
	case v.tier == ReadBack:
		how = "every byte read"
	case v.tier == Unchanged:
		how = "listed, the store's recorded checksum compared"
	}
	if to == catalog.Missing || to == catalog.Damaged || to == catalog.Unknown {
		cp.Detail = v.why
	}
	if to == catalog.ReadBack && v.tier == ReadBack {
		cp.ReadBackAt = &now
	}
	e := catalog.Event{Type: catalog.EventFixity, Time: now, Outcome: outcome, Detail: "audit: " + how + ": " + v.why,
		Agents:  append(s.cfg.Agents[:len(s.cfg.Agents):len(s.cfg.Agents)], catalog.Agent{Role: catalog.RoleStore, Name: s.name}),
		Objects: []string{strings.TrimSuffix(h.Key, "/"), "store:" + s.name}}
	err := s.cfg.Catalog.SetCopy(ctx, h.CarrierID, h.Version, cp, e)
	switch {
	case errors.Is(err, catalog.ErrTransition):
		// What is known to be missing or damaged stays so while nobody can
		// look; or its state was changed while this audit looked. What was
		// seen happened all the same.
		err = s.cfg.Catalog.AddEvent(ctx, h.CarrierID, e)
	case errors.Is(err, catalog.ErrDamaged):
		return nil // told as A007; nothing is written over a damaged row
	}
	if err != nil {
		return fmt.Errorf("write down what was found: %w", err)
	}
	return nil
}
