package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"

	"ripstation/disc"
)

// Changes are what an event changed, as field and new value: what lets a
// catalog be made anew from records and events alone (docs/decisions/0009). A
// nil field was not changed; an empty text and a zero part were taken away and
// are null in JSON.
type Changes struct {
	Item, Title, Side, Condition *string
	Part, Parts                  *int
	Access                       *Access
	Disposition                  *Disposition
	Identity                     *disc.Identity // of a carrier without a bag
	State                        *CopyState     // of the copy that the event's objects name
	Batch                        *string        // the batch in which the disc came; both or neither
	Place                        *int           // its place in it, from 1
	Added                        *Added         // the file that the event's objects name
}

// fields gives what changed in the order in which it is written.
func (c *Changes) fields() []field {
	return []field{{"item", text{&c.Item}}, {"title", text{&c.Title}}, {"part", number{&c.Part}}, {"parts", number{&c.Parts}}, {"side", text{&c.Side}},
		{"condition", text{&c.Condition}}, {"access", word[Access]{&c.Access}}, {"disposition", word[Disposition]{&c.Disposition}},
		{"identity", whole[disc.Identity]{&c.Identity}}, {"state", word[CopyState]{&c.State}},
		{"batch", text{&c.Batch}}, {"place", number{&c.Place}}, {"added", whole[Added]{&c.Added}}}
}

// field is one field of Changes on its way to or from JSON.
type field struct {
	name string
	value
}

type value interface {
	get() (v any, there bool)
	set(raw []byte) error
}

type text struct{ p **string }

func (t text) get() (any, bool) {
	if *t.p == nil {
		return nil, false
	}
	return orNull(**t.p), true
}
func (t text) set(raw []byte) error {
	var s *string
	err := json.Unmarshal(raw, &s)
	v := orZero(s)
	*t.p = &v
	return err
}

type number struct{ p **int }

func (n number) get() (any, bool) {
	if *n.p == nil {
		return nil, false
	}
	return orNull(**n.p), true
}
func (n number) set(raw []byte) error {
	var i *int
	err := json.Unmarshal(raw, &i)
	v := orZero(i)
	*n.p = &v
	return err
}

type word[T ~string] struct{ p **T }

func (w word[T]) get() (any, bool)     { return *w.p, *w.p != nil }
func (w word[T]) set(raw []byte) error { return json.Unmarshal(raw, w.p) }

type whole[T any] struct{ p **T }

func (w whole[T]) get() (any, bool)     { return *w.p, *w.p != nil }
func (w whole[T]) set(raw []byte) error { return json.Unmarshal(raw, w.p) }

// MarshalJSON writes what changed and nothing else.
func (c Changes) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for _, f := range c.fields() {
		v, there := f.get()
		if !there {
			continue
		}
		b, err := encodeJSON(v, "")
		if err != nil {
			return nil, err
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:", f.name)
		out.Write(bytes.TrimSuffix(b, []byte("\n")))
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON takes what MarshalJSON wrote. Fields that it does not know are
// passed over.
func (c *Changes) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*c = Changes{}
	for _, f := range c.fields() {
		r, there := raw[f.name]
		if !there {
			continue
		}
		if err := f.set(r); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// none is true when nothing changed.
func (c *Changes) none() bool {
	for _, f := range c.fields() {
		if _, there := f.get(); there {
			return false
		}
	}
	return true
}

func (c *Changes) check() error {
	if c == nil {
		return nil
	}
	switch {
	case c.none():
		return invalid("an event whose changes name nothing")
	case (c.Part == nil) != (c.Parts == nil):
		return invalid("an event that changes a part or how many there are, not both")
	case c.Access != nil && !c.Access.valid():
		return invalid("an event that changes the access to %q", clamp(string(*c.Access), 64))
	case c.Disposition != nil && !oneOf(*c.Disposition, None, Accepted, Rejected, Withdrawn):
		return invalid("an event that changes the disposition to %q", clamp(string(*c.Disposition), 64))
	case c.State != nil && !c.State.valid():
		return invalid("an event that changes a copy to %q", clamp(string(*c.State), 64))
	case (c.Batch == nil) != (c.Place == nil):
		return invalid("an event that gives a batch or a place, not both")
	case c.Batch != nil && (CheckBatchName(*c.Batch) != nil || *c.Place < 1 || *c.Place > maxPlaces):
		return invalid("an event that gives place %d of batch %q", *c.Place, clamp(*c.Batch, 64))
	case c.Added != nil && !c.Added.believable():
		return invalid("an event that adds the file %q of %d bytes", clamp(c.Added.SHA256, 80), c.Added.Size)
	}
	if c.Part != nil {
		if p, n := *c.Part, *c.Parts; (p == 0) != (n == 0) || p < 0 || p > n || n > maxParts {
			return invalid("an event that changes the part to %d of %d", p, n)
		}
	}
	for _, s := range []*string{c.Item, c.Title, c.Side, c.Condition} {
		if s != nil && len(*s) > maxName {
			return invalid("an event that changes a field to %d bytes", len(*s))
		}
	}
	return nil
}

// told is what records and events say of a carrier at one moment.
type told struct {
	CarrierInfo
	Disposition Disposition
	Batch       string // the last in which it came; only events say so
	Place       int
}

// apply takes an event's changes in.
func (t *told) apply(c *Changes) {
	if c == nil {
		return
	}
	for _, f := range []struct {
		to   *string
		from *string
	}{{&t.Item, c.Item}, {&t.Title, c.Title}, {&t.Side, c.Side}, {&t.Condition, c.Condition}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.Part != nil {
		t.Part, t.Parts = *c.Part, *c.Parts
	}
	if c.Access != nil {
		t.Access = *c.Access
	}
	if c.Disposition != nil {
		t.Disposition = *c.Disposition
	}
	if c.Batch != nil {
		t.Batch, t.Place = *c.Batch, *c.Place
	}
}

// changed is what leads from one to the other, nil when they are the same.
func changed(from, to told) *Changes {
	var c Changes
	for _, f := range []struct {
		p        **string
		from, to string
	}{{&c.Item, from.Item, to.Item}, {&c.Title, from.Title, to.Title}, {&c.Side, from.Side, to.Side}, {&c.Condition, from.Condition, to.Condition}} {
		if f.from != f.to {
			*f.p = &f.to
		}
	}
	if from.Part != to.Part || from.Parts != to.Parts {
		c.Part, c.Parts = &to.Part, &to.Parts
	}
	if from.Access != to.Access {
		c.Access = &to.Access
	}
	if from.Disposition != to.Disposition {
		c.Disposition = &to.Disposition
	}
	if c.none() {
		return nil
	}
	return &c
}
