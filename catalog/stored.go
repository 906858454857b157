package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// StoredEventFormat and StoredEventVersion stand at the head of every event in a store.
const (
	StoredEventFormat  = "ripstation event"
	StoredEventVersion = 1
)

// MaxEvent is the most bytes that an event may have in a store.
const MaxEvent = 16 << 20

// StoredEvent is an event as a store holds it (docs/decisions/0009): of a
// carrier, at its place among the carrier's events.
type StoredEvent struct {
	Carrier string
	Seq     int64 // from 1, without gaps, those of the carrier's records counted
	Event
}

// eventFields are an event's own fields. That it changed nothing is said.
type eventFields struct {
	ID      string       `json:"id"`
	Type    EventType    `json:"type"`
	Time    time.Time    `json:"time"`
	Outcome EventOutcome `json:"outcome"`
	Detail  string       `json:"detail"`
	Agents  []Agent      `json:"agents"`
	Objects []string     `json:"objects"`
	Changes *Changes     `json:"changes"`
}

func (e Event) fields() eventFields {
	return eventFields{e.ID, e.Type, e.Time, e.Outcome, e.Detail, e.Agents, e.Objects, e.Changes}
}

type storedEventJSON struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Carrier string `json:"carrier"`
	Seq     int64  `json:"seq"`
	eventFields
}

// Encode gives the event's bytes, the same for the same event.
func (e StoredEvent) Encode() ([]byte, error) {
	b, err := encodeJSON(storedEventJSON{StoredEventFormat, StoredEventVersion, e.Carrier, e.Seq, e.fields()}, "  ")
	if err == nil && len(b) > MaxEvent {
		err = invalid("%d bytes are more than an event may have", len(b))
	}
	if err != nil {
		return nil, fmt.Errorf("write event %d of %s: %w", e.Seq, e.Carrier, err)
	}
	return b, nil
}

// EventKey is the key of an event's bytes: "<id>/events/<seq>-<digest>.json".
func EventKey(carrier string, seq int64, body []byte) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%s/events/%010d-%s.json", carrier, seq, hex.EncodeToString(sum[:16]))
}

// IsEventKey reports whether a key has the form of an event's, and of which
// carrier.
func IsEventKey(key string) (carrier string, ok bool) {
	carrier, name, _ := strings.Cut(key, "/events/")
	seq, digest, _ := strings.Cut(strings.TrimSuffix(name, ".json"), "-")
	return carrier, ValidID(carrier) && strings.HasSuffix(name, ".json") && len(seq) == 10 && strings.Trim(seq, "0123456789") == "" &&
		len(digest) == 32 && strings.Trim(digest, "0123456789abcdef") == ""
}

// ParseEvent reads an event that lies under key. ErrInvalid says why it is
// none, or not the one of that key. whole is false when it holds more than this
// program knows: what it would be written as differs.
func ParseEvent(key string, b []byte) (e StoredEvent, whole bool, err error) {
	op := "read event " + clamp(key, 128)
	fail := func(err error) (StoredEvent, bool, error) {
		return StoredEvent{}, false, fmt.Errorf("%s: %w", op, err)
	}
	if len(b) > MaxEvent {
		return fail(invalid("%d bytes are more than an event may have", len(b)))
	}
	var j storedEventJSON
	if err := decodeJSON(b, &j); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	switch {
	case j.Format != StoredEventFormat:
		return fail(invalid("its format is %q, not %q", clamp(j.Format, 64), StoredEventFormat))
	case j.Version != StoredEventVersion:
		return fail(invalid("its version is %d; this program reads version %d", j.Version, StoredEventVersion))
	case j.Seq < 1 || EventKey(j.Carrier, j.Seq, b) != key:
		return fail(invalid("its bytes are not those that were put under this key"))
	}
	e = StoredEvent{j.Carrier, j.Seq, Event{j.ID, j.Type, j.Time, j.Outcome, j.Detail, j.Agents, j.Objects, j.Changes}}
	if e.ID == "" {
		return fail(invalid("an event without an id"))
	}
	if e.Event, err = identified(e.Carrier, e.Event); err != nil {
		return fail(err)
	}
	again, err := e.Encode()
	if err != nil {
		return fail(err)
	}
	return e, string(again) == string(b), nil
}
