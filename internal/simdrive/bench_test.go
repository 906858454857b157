package simdrive

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// bench is a drive in virtual time with one initiator.
type bench struct {
	*testing.T
	d     *Drive
	n     *Nexus
	clock *VirtualClock
	log   []Event
}

// newBench makes a drive; m, if any, is in it and has been told of.
func newBench(t *testing.T, o Options, m *Disc) *bench {
	t.Helper()
	b := &bench{T: t, clock: NewVirtualClock(epoch)}
	o.Clock = b.clock
	o.Log = func(e Event) { b.log = append(b.log, e) }
	b.d = New(o)
	if m != nil {
		if err := b.d.Insert(m); err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(o.Timing.SpinUp)
	}
	b.n = b.d.attach()
	return b
}

// do sends a command given in hex and returns status, data and sense. It
// takes up to 1 MiB.
func (b *bench) do(cdb string, out ...byte) (byte, []byte, Sense) {
	b.Helper()
	return b.doOn(b.n, cdb, out...)
}

func (b *bench) doOn(n *Nexus, cdb string, out ...byte) (byte, []byte, Sense) {
	b.Helper()
	status, in, raw, err := n.Execute(context.Background(), unhex(b.T, cdb), out, 1<<20)
	if err != nil {
		b.Fatalf("command %s: %v", cdb, err)
	}
	s, _, _ := parseSense(raw)
	return status, in, s
}

// want sends a command and holds the answer against the given bytes.
func (b *bench) want(what, cdb, data string) {
	b.Helper()
	status, in, sense := b.do(cdb)
	if want := unhex(b.T, data); status != 0 || string(in) != string(want) {
		b.Errorf("%s: status %02x sense %02x\n got %s\nwant %s", what, status, sense, spaced(in), spaced(want))
	}
}

// refused sends a command and holds its sense against what is expected.
func (b *bench) refused(what, cdb string, want Sense) {
	b.Helper()
	if status, in, sense := b.do(cdb); status != 2 || sense != want || len(in) != 0 {
		b.Errorf("%s: status %02x sense %02x with %d bytes, want CHECK CONDITION %02x", what, status, sense, len(in), want)
	}
}

func (b *bench) good(what, cdb string, out ...byte) {
	b.Helper()
	if status, _, sense := b.do(cdb, out...); status != 0 {
		b.Errorf("%s: status %02x sense %02x, want GOOD", what, status, sense)
	}
}

// unhex reads hex with spaces and line breaks; "xx*n" repeats a byte.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var out []byte
	for _, f := range strings.Fields(s) {
		one, times, repeated := strings.Cut(f, "*")
		b, err := hex.DecodeString(one)
		if err != nil {
			t.Fatalf("bad hex %q in a test", f)
		}
		n := 1
		if repeated {
			n = 0
			for _, c := range times {
				n = n*10 + int(c-'0')
			}
		}
		for range n {
			out = append(out, b...)
		}
	}
	return out
}

func spaced(b []byte) string {
	var s strings.Builder
	for i, v := range b {
		if i > 0 && i%16 == 0 {
			s.WriteString("\n     ")
		}
		s.WriteString(hex.EncodeToString([]byte{v}) + " ")
		if i > 400 {
			return s.String() + "..."
		}
	}
	return s.String()
}

func ascii(s string) string { return hex.EncodeToString([]byte(s)) }
