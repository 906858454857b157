package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// EventCounts are numbers of events that were sent, once for each store. Each
// one looked at is in at most one of ReadBack, Missing, Damaged and Withdrawn.
type EventCounts struct {
	LookedAt  int `json:"looked_at"`
	ReadBack  int `json:"read_back"` // every byte was read and hashed
	Missing   int `json:"missing"`
	Damaged   int `json:"damaged"`
	Withdrawn int `json:"withdrawn"` // gone with all others of a withdrawn disc
}

// addLetter takes note of an object that lies where events do.
func (s *shelf) addLetter(info archive.Info) bool {
	id, rest, _ := strings.Cut(info.Key, "/")
	if dir, name, _ := strings.Cut(rest, "/"); !catalog.ValidID(id) || dir != "events" || name == "" {
		return false
	}
	if s.letters[id] == nil {
		s.letters[id] = map[string]int64{}
	}
	s.letters[id][info.Key] = info.Size
	return true
}

// auditEvents holds the events that the store was sent against what lies there.
// Their faults change no copy's state: they belong to no bag.
func (s *shelf) auditEvents(ctx context.Context) error {
	o := s.cfg.Only
	if o != nil && (o.Version != 0 || o.Store != "" && o.Store != s.name) {
		return nil
	}
	ids := map[string]bool{}
	for id := range s.sent {
		ids[id] = o == nil || o.CarrierID == id
	}
	for id := range s.letters {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !ids[id] {
			continue
		}
		if err := s.eventsOf(ctx, id, s.sent[id]); err != nil {
			return err
		}
	}
	return nil
}

// eventsOf looks at one carrier's events, which the store was sent up to a seq.
// The catalog is read after the store was listed: what lies there is in it.
func (s *shelf) eventsOf(ctx context.Context, id string, sent int64) error {
	all, err := s.cfg.Catalog.Letters(ctx, id)
	if errors.Is(err, catalog.ErrDamaged) {
		if s.cfg.Only != nil { // else the look at the catalog itself tells it
			s.find(Finding{Code: CatalogDamaged, Key: "events", CarrierID: id, Message: err.Error()})
		}
		return nil
	}
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	p, err := postOf(all, sent, s.letters[id])
	if err != nil {
		return err
	}
	c := &s.report.Events
	c.LookedAt += len(p.there) + len(p.missing) + len(p.differs)
	if s.withdrawn[id] && len(p.there)+len(p.differs) == 0 {
		c.Withdrawn += len(p.missing)
		p.missing = nil
	}
	if s.cfg.Full {
		for _, l := range p.there {
			err := archive.HoldsFile(ctx, s.store, l.key, int64(len(l.body)), l.sum)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err == nil:
				c.ReadBack++
				s.report.BytesRead += int64(len(l.body))
			case errors.Is(err, archive.ErrNotFound):
				p.missing = append(p.missing, l)
			case errors.Is(err, archive.ErrExists):
				p.differs = append(p.differs, l)
			default:
				s.report.CouldNotLook = true
				s.find(Finding{Code: CouldNotLook, Store: s.name, Key: l.key, CarrierID: id, Message: err.Error()})
			}
		}
	}
	c.Missing += len(p.missing)
	c.Damaged += len(p.differs)
	return s.eventFaults(ctx, id, p)
}

// eventFaults tells of what is wrong with a carrier's events, and leaves an event
// of it.
func (s *shelf) eventFaults(ctx context.Context, id string, p post) error {
	for _, key := range p.unnamed {
		s.find(Finding{Code: EventUnnamed, Store: s.name, Key: key, CarrierID: id, Message: fmt.Sprintf("%d bytes", s.letters[id][key])})
	}
	for _, k := range []struct {
		code    Code
		what    string
		letters []letter
	}{{EventMissing, "is not there", p.missing}, {EventDiffers, "has other bytes there, or another one has its number", p.differs}} {
		if len(k.letters) == 0 {
			continue
		}
		objects := []string{"store:" + s.name}
		for _, l := range k.letters {
			s.find(Finding{Code: k.code, Store: s.name, Key: l.key, CarrierID: id, Message: fmt.Sprintf("number %d, of %s, %s", l.seq, l.at.Format(time.DateOnly), k.what)})
			objects = append(objects, l.key)
		}
		err := s.cfg.Catalog.AddEvent(ctx, id, catalog.Event{Type: catalog.EventFixity, Time: time.Now().UTC(), Outcome: catalog.EventFail,
			Detail:  fmt.Sprintf("audit: %s %s: %s", k.code, k.code.Meaning(), plural(len(k.letters), "event", "events")),
			Agents:  append(s.cfg.Agents[:len(s.cfg.Agents):len(s.cfg.Agents)], catalog.Agent{Role: catalog.RoleStore, Name: s.name}),
			Objects: objects})
		if err != nil && !errors.Is(err, catalog.ErrDamaged) { // that is told as A007
			return fmt.Errorf("write down what was found: %w", err)
		}
	}
	return nil
}

// letter is an event as a store has to hold it.
type letter struct {
	seq  int64
	at   time.Time
	key  string
	body []byte
	sum  string // SHA-256 of body
}

func letterOf(l catalog.Letter) (letter, error) {
	body, err := l.Encode()
	return letter{l.Seq, l.Time, catalog.EventKey(l.Carrier, l.Seq, body), body, fmt.Sprintf("%x", sha256.Sum256(body))}, err
}

// post is what a store holds of one carrier's events.
type post struct {
	there, missing []letter
	differs        []letter // of another size, or another object has its number
	unnamed        []string // keys of which the catalog knows nothing
}

// postOf holds a carrier's events, sent up to a seq, against what the store lists.
func postOf(all []catalog.Letter, sent int64, listed map[string]int64) (p post, err error) {
	stranger := maps.Clone(listed)
	var gone []letter
	for _, l := range all {
		e, err := letterOf(l)
		if err != nil {
			return p, err
		}
		size, there := listed[e.key]
		delete(stranger, e.key)
		switch {
		case there && size != int64(len(e.body)):
			p.differs = append(p.differs, e)
		case there && !l.Sealed && l.Seq <= sent:
			p.there = append(p.there, e)
		case !there && !l.Sealed && l.Seq <= sent:
			gone = append(gone, e)
		}
	}
	for _, e := range gone {
		number := e.key[:strings.LastIndex(e.key, "-")+1]
		other := slices.ContainsFunc(slices.Collect(maps.Keys(stranger)), func(k string) bool { return strings.HasPrefix(k, number) })
		if other {
			p.differs = append(p.differs, e)
		} else {
			p.missing = append(p.missing, e)
		}
	}
	p.unnamed = slices.Sorted(maps.Keys(stranger))
	return p, nil
}
