package simdrive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"ripstation/disc"
)

func read10(lba, count int) string { return fmt.Sprintf("28 00 %08x 00 %04x 00", lba, count) }
func read12(lba, count int) string { return fmt.Sprintf("a8 00 %08x %08x 00 00", lba, count) }

func TestRead(t *testing.T) {
	m := PressedCD(Pattern(1, 100), 100)
	b := newBench(t, Options{}, m)
	for _, cdb := range []string{read10(3, 20), read12(3, 20)} {
		status, in, s := b.do(cdb)
		want, err := m.UserData(3, 20)
		if status != 0 || err != nil || !bytes.Equal(in, want) {
			t.Errorf("%s: status %02x sense %02x, %d bytes of %d (%v)", cdb, status, s, len(in), len(want), err)
		}
	}
	one, _ := m.UserData(3, 1)
	pattern := make([]byte, 2048)
	if _, err := Pattern(1, 100).ReadAt(pattern, 3*2048); err != nil || !bytes.Equal(one, pattern) {
		t.Error("user data is not the content")
	}
	b.want("nothing", read10(3, 0), "")
	b.want("nothing at the end", read10(100, 0), "")
	b.refused("over the end", read10(99, 2), SenseLBAOutOfRange)
	b.refused("far over the end", read12(99, 0x7FFFFFFF), SenseLBAOutOfRange)
	b.refused("behind the end", "28 00 ff ff ff ff 00 00 01 00", SenseLBAOutOfRange)
	if _, in, _, _ := b.n.Execute(t.Context(), unhex(t, read10(3, 20)), nil, 5000); !bytes.Equal(in, mustData(t, m, 3, 2)) {
		t.Errorf("an initiator that takes 5000 bytes gets %d", len(in))
	}
	if got := [...]int{m.Reads(2), m.Reads(3), m.Reads(4), m.Reads(5), m.Reads(22), m.Reads(23)}; got != [...]int{0, 3, 3, 2, 2, 0} {
		t.Errorf("deliveries are counted as %v", got)
	}
}

func mustData(t *testing.T, m *Disc, lba disc.LBA, n int64) []byte {
	t.Helper()
	p, err := m.UserData(lba, n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestUnreadableKinds has the sectors that no READ gives, each with its own
// sense, and the ones before them.
func TestUnreadableKinds(t *testing.T) {
	p := Pattern(1, 1000)
	for _, c := range []struct {
		m     *Disc
		lba   int
		want  Sense
		first bool // the sector before it can be read
	}{
		{CDR(p, 100), 100, SenseUnrecoveredRead, true},                             // run-out
		{CDR(p, 100), 101, SenseUnrecoveredRead, false},                            // run-out
		{MultiSessionCDR(Part{p, 100}, Part{p, 50}), 102, SenseIllegalMode, false}, // gap
		{AudioCD(1, 100), 0, SenseIllegalMode, false},
		{MixedMode(p, 100, 1, 75), 100, SenseIllegalMode, true}, // pregap
		{MixedMode(p, 100, 1, 75), 250, SenseIllegalMode, false},
		{VideoCD(p, 100, 1, 75), 250, SenseIllegalMode, false},
		{CSSDVD(p, 100, disc.Extent{Start: 40, Count: 10}), 40, SenseScrambled, true},
		{UnreadableTOC(), 0, SenseTOCUnreadable, false},
		{BlankCDR(), 0, SenseLBAOutOfRange, false},
	} {
		b := newBench(t, Options{}, c.m)
		b.refused(fmt.Sprintf("%s, sector %d", c.m.Name, c.lba), read10(c.lba, 1), c.want)
		if !c.first {
			continue
		}
		// A read that runs into it names it, and the sector before it reads.
		b.good(c.m.Name, read10(c.lba-1, 1))
		_, _, raw, err := b.n.Execute(t.Context(), unhex(t, read10(c.lba-1, 2)), nil, 1<<20)
		if s, lba, ok := parseSense(raw); err != nil || s != c.want || !ok || lba != int64(c.lba) {
			t.Errorf("%s, into sector %d: sense %02x at %d (%v)", c.m.Name, c.lba, s, lba, err)
		}
	}
	own, err := NewDisc(Layout{Profile: ProfileCDR, RunOutSense: SenseIllegalMode, Sessions: []Session{{Tracks: []Track{{Sectors: 5, RunOut: 2}}}}})
	if err != nil {
		t.Fatal(err)
	}
	newBench(t, Options{}, own).refused("run-out of another drive", read10(5, 1), SenseIllegalMode)
}

// TestFirstBadSector has a read fail at its first bad sector, whatever lies
// behind it, and the sectors on both sides read.
func TestFirstBadSector(t *testing.T) {
	m := PressedCD(Pattern(1, 200), 200)
	m.Damage().Bad(disc.Extent{Start: 50, Count: 1}, disc.Extent{Start: 60, Count: 5})
	b := newBench(t, Options{}, m)
	b.d.Damage().Set(Fault{Sense: SenseTOCUnreadable}, disc.Extent{Start: 55, Count: 1})
	for _, c := range []struct {
		lba, count int
		at         int64
		want       Sense
	}{
		{40, 11, 50, SenseUnrecoveredRead}, {50, 1, 50, SenseUnrecoveredRead}, {51, 4, -1, Sense{}}, {51, 20, 55, SenseTOCUnreadable},
		{56, 4, -1, Sense{}}, {56, 100, 60, SenseUnrecoveredRead}, {62, 100, 62, SenseUnrecoveredRead}, {65, 100, -1, Sense{}},
	} {
		status, in, raw, err := b.n.Execute(t.Context(), unhex(t, read10(c.lba, c.count)), nil, 1<<20)
		s, at, ok := parseSense(raw)
		switch {
		case err != nil || s != c.want || ok != (c.at >= 0) || ok && at != c.at:
			t.Errorf("read %d+%d: status %02x sense %02x at %d, want %02x at %d", c.lba, c.count, status, s, at, c.want, c.at)
		case !ok && !bytes.Equal(in, mustData(t, m, disc.LBA(c.lba), int64(c.count))):
			t.Errorf("read %d+%d gives wrong bytes", c.lba, c.count)
		case ok && len(in) != 0:
			t.Errorf("read %d+%d fails with %d bytes", c.lba, c.count, len(in))
		}
	}
	if m.Reads(50) != 0 || m.Reads(49) != 0 {
		t.Error("sectors of a failed read are counted as given")
	}
}

func TestFaults(t *testing.T) {
	m := PressedCD(Pattern(1, 100), 100)
	b := newBench(t, Options{Timing: CD52x}, m)
	at := func(lba int) disc.Extent { return disc.Extent{Start: disc.LBA(lba), Count: 1} }
	d := m.Damage()

	d.Fail(2, at(10))
	for range 2 {
		b.refused("fails twice", read10(10, 1), SenseUnrecoveredRead)
	}
	b.good("then reads", read10(10, 1))
	if n := d.Tries(10); n != 3 {
		t.Errorf("%d tries counted, want 3", n)
	}
	d.Fail(1, at(10))
	b.refused("a new fault counts anew", read10(10, 1), SenseUnrecoveredRead)

	d.Set(Fault{Sense: SenseUnrecoveredRead, GoodAt: 1500}, at(20))
	b.refused("too fast", read10(20, 1), SenseUnrecoveredRead)
	b.good("SET CD SPEED", "bb 00 05 dc ff ff 00 00 00 00 00 00")
	b.good("slow enough", read10(20, 1))
	stream := append(make([]byte, 12), unhex(t, "000007d0 000003e8 00000000 00000000")...)
	b.good("SET STREAMING to 2000 kB/s", "b6 00 00 00 00 00 00 00 00 00 1c 00", stream...)
	b.refused("too fast again", read10(20, 1), SenseUnrecoveredRead)

	d.Lie(2, at(30))
	good := mustData(t, m, 30, 1)
	for i, want := range []bool{true, false, true} {
		if _, in, _ := b.do(read10(30, 1)); bytes.Equal(in, good) != want {
			t.Errorf("delivery %d equals the disc: %v", i+1, !want)
		}
	}
	d.Lie(-1, at(31))
	_, first, _ := b.do(read10(31, 1))
	_, second, _ := b.do(read10(31, 1))
	if truth := mustData(t, m, 31, 1); bytes.Equal(first, truth) || bytes.Equal(second, truth) || bytes.Equal(first, second) {
		t.Error("a sector that always lies has told the truth, or twice the same lie")
	}

	d.Protect(at(40))
	b.refused("protected", read10(40, 1), SenseScrambled)
	d.Heal(at(40))
	b.good("healed", read10(40, 1))
}

// TestSetSplits lays faults over each other; the last one counts, sector by
// sector, against a plain list.
func TestSetSplits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var d Damage
		plain := make([]Fault, 64)
		for i := range 12 {
			f := Fault{Fails: i, Sense: SenseUnrecoveredRead}
			if i%4 == 3 {
				f = Fault{}
			}
			var es []disc.Extent
			for range 1 + rng.IntN(3) {
				e := disc.Extent{Start: disc.LBA(rng.IntN(60)), Count: rng.Int64N(8)}
				es = append(es, e)
				for l := e.Start; l < e.End() && int(l) < len(plain); l++ {
					plain[l] = f
				}
			}
			d.Set(f, es...)
		}
		for l, want := range plain {
			got := Fault{}
			for _, f := range d.faults {
				if int64(l) >= f.start && int64(l) < f.end {
					got = f.Fault
				}
			}
			if got != want {
				t.Fatalf("sector %d has %+v, want %+v", l, got, want)
			}
		}
		for i := 1; i < len(d.faults); i++ {
			if d.faults[i].start < d.faults[i-1].end {
				t.Fatal("faults overlap")
			}
		}
	}
}

// TestWholeECC has one bad sector spoil its unit, and no other.
func TestWholeECC(t *testing.T) {
	for _, c := range []struct {
		m    *Disc
		unit int
	}{{DVDROM(nil, 200), 16}, {BDROM(nil, 200), 32}, {PressedCD(nil, 200), 1}} {
		bad := 2*c.unit + c.unit/2
		c.m.Damage().Bad(disc.Extent{Start: disc.LBA(bad), Count: 1})
		b := newBench(t, Options{WholeECC: true}, c.m)
		for _, r := range []struct {
			lba, count int
			good       bool
		}{{2*c.unit - 1, 1, true}, {2 * c.unit, 1, false}, {3*c.unit - 1, 1, false}, {3 * c.unit, 1, true}, {c.unit, 2 * c.unit, false}} {
			status, _, raw, err := b.n.Execute(t.Context(), unhex(t, read10(r.lba, r.count)), nil, 1<<20)
			if err != nil || (status == 0) != r.good {
				t.Errorf("%s: read %d+%d has status %02x (%v)", c.m.Name, r.lba, r.count, status, err)
			}
			if _, at, ok := parseSense(raw); !r.good && (!ok || at < int64(r.lba) || at >= int64(r.lba+r.count)) {
				t.Errorf("%s: read %d+%d names sector %d", c.m.Name, r.lba, r.count, at)
			}
		}
	}
}

// TestTally holds the runs against a plain array.
func TestTally(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var ta tally
		plain := make([]int, 100)
		for range 30 {
			s := rng.Int64N(90)
			e := s + rng.Int64N(20)
			ta.add(s, min(e, 100))
			for l := s; l < min(e, 100); l++ {
				plain[l]++
			}
		}
		sum := make([]int, 100)
		ta.each(func(e disc.Extent, n int) {
			for l := e.Start; l < e.End(); l++ {
				sum[l] += n
			}
		})
		for l, want := range plain {
			if got := ta.count(int64(l)); got != want || sum[l] != want {
				t.Fatalf("sector %d counted %d and %d, want %d", l, got, sum[l], want)
			}
		}
		for i := 1; i < len(ta.runs); i++ {
			if a, b := ta.runs[i-1], ta.runs[i]; a.end > b.start || a.end == b.start && a.count == b.count {
				t.Fatalf("runs %v and %v lie badly", a, b)
			}
		}
	}
	var ta tally
	for l := int64(0); l < 1_000_000; l += 32 {
		ta.add(l, l+32)
	}
	if len(ta.runs) != 1 {
		t.Errorf("a disc read from end to end costs %d runs", len(ta.runs))
	}
}

func TestImpossibleLayouts(t *testing.T) {
	for name, l := range map[string]Layout{
		"no tracks":  {Sessions: []Session{{}}},
		"100 tracks": {Sessions: []Session{{Tracks: make([]Track, 100)}}},
		"negative":   {Sessions: []Session{{Tracks: []Track{{Sectors: -1}}}}},
		"too large":  {Sessions: []Session{{Tracks: []Track{{Sectors: 1 << 31}}}}},
		"gap":        {Sessions: []Session{{Tracks: []Track{{Sectors: 1}}}, {Gap: 1 << 31, Tracks: []Track{{Sectors: 1}}}}},
	} {
		if d, err := NewDisc(l); err == nil {
			t.Errorf("%s: laid out with %d sectors", name, d.Sectors())
		}
	}
	if d := PressedCD(nil, -5); d.Sectors() != 0 {
		t.Errorf("a disc of -5 sectors has %d", d.Sectors())
	}
}

func BenchmarkRead(b *testing.B) {
	d := New(Options{})
	m := BDROM(Pattern(1, 12_219_392), 12_219_392)
	if err := d.Insert(m); err != nil {
		b.Fatal(err)
	}
	x := d.attach()
	buf := make([]byte, 32*2048)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for i := range b.N {
		lba := uint32(i*32) % 12_000_000
		cdb := [10]byte{0x28, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, 0, 32}
		t := task{n: x, cdb: cdb[:], buf: buf, max: len(buf)}
		if err := d.execute(b.Context(), &t); err != nil || t.status != 0 {
			b.Fatal(err, t.sense)
		}
	}
}
