package simdrive

import (
	"context"
	"testing"
	"time"

	"ripstation/disc"
)

// fuzzDiscs are discs of every make.
func fuzzDiscs() []*Disc {
	p := Pattern(1, 2000)
	return []*Disc{
		PressedCD(p, 2000), CDR(p, 2000), MultiSessionCDR(Part{p, 500}, Part{p, 300}, Part{p, 100}), AudioCD(1, 400, 500),
		MixedMode(p, 500, 1, 300, 300), CDExtra(p, 500, 1, 300, 300), VideoCD(p, 300, 1, 300), BlankCDR(), UnreadableTOC(),
		DVDROM(p, 2000), DVDROM(p, 4_000_000), CSSDVD(p, 2000, disc.Extent{Start: 100, Count: 50}), DVDR(p, 2000), DVDPlusR(p, 2000),
		BDROM(p, 2000), BDR(p, 20_000_000), PressedCD(nil, 0),
	}
}

// FuzzExecute sends any command with any data to a drive with any disc. It
// must answer: with at most the bytes that the initiator takes, with sense
// data exactly when the status says so, and in bounded virtual time.
func FuzzExecute(f *testing.F) {
	for op := range commands {
		f.Add(append([]byte{op}, make([]byte, 15)...), []byte{}, uint16(64), byte(op))
	}
	for i, cdb := range []string{
		"28 00 00 00 00 05 00 00 20 00", "be 00 00 00 00 05 00 00 20 f8 00 00", "43 02 02 00 00 00 01 ff ff 00", "46 01 00 00 00 00 00 ff ff 00",
		"a8 00 ff ff ff ff ff ff ff ff 00 00", "be 00 ff ff ff ff ff ff ff f8 00 00", "55 10 00 00 00 00 00 00 14 00", "52 01 00 00 00 ff 00 ff ff 00",
		"b6 00 00 00 00 00 00 00 00 00 1c 00", "ad 01 00 00 00 00 00 00 ff ff 00 00", "ac 00 00 00 00 00 00 00 00 10 00 00",
	} {
		f.Add(unhexOr(cdb), unhexOr("0000 00 00 00 00 0000 01 0a 20 05 00 00 00 00 01 00 00 00"), uint16(0xFFFF), byte(i))
	}
	discs := fuzzDiscs()
	f.Fuzz(func(t *testing.T, cdb, out []byte, alloc uint16, which byte) {
		if len(cdb) > 64 {
			return
		}
		clock := NewVirtualClock(epoch)
		d := New(Options{Serial: "FUZZ", Clock: clock, Timing: CD52x, WholeECC: which&1 != 0, DescriptorSense: which&2 != 0, Log: func(e Event) {
			if e.String() == "" {
				t.Error("an event without a line")
			}
		}})
		if int(which) < len(discs) {
			if err := d.Insert(discs[which]); err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Minute)
		}
		n := d.attach()
		for range 2 { // the second time with the state the first has left
			before := clock.Now()
			status, in, sense, err := n.Execute(context.Background(), cdb, out, int(alloc))
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if len(in) > int(alloc) {
				t.Fatalf("%d bytes for an initiator that takes %d", len(in), alloc)
			}
			if (status == statusCheckCondition) != (len(sense) > 0) || status != statusGood && status != statusCheckCondition || len(sense) > 0 && len(in) > 0 {
				t.Fatalf("status %02x with %d bytes of data and %d of sense", status, len(in), len(sense))
			}
			if s, _, _ := parseSense(sense); len(sense) > 0 && s.Key == 0 {
				t.Fatalf("CHECK CONDITION without a sense key: % x", sense)
			}
			if took := clock.Now().Sub(before); took < 0 || took > 24*time.Hour {
				t.Fatalf("took %v", took)
			}
		}
	})
}

func unhexOr(s string) []byte { return unhex(&testing.T{}, s) }
