package disc

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// model is the same map as one cell a sector.
type model []cell

func (m model) runs() (runs []Run) {
	for i, c := range m {
		if i == 0 || m[i-1] != c {
			runs = append(runs, Run{Extent{LBA(i), 0}, c.status, c.drive, c.pass, c.tries})
		}
		runs[len(runs)-1].Count++
	}
	return runs
}

func (m model) counts() Counts {
	c := Counts{Total: int64(len(m))}
	for _, x := range m {
		*c.of(x.status)++
	}
	return c
}

func newMap(t testing.TB, sectors int64, drives ...string) *SectorMap {
	t.Helper()
	m, err := NewSectorMap(sectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drives {
		if _, err := m.AddDrive(d); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestMapAgainstModel changes a map and one cell a sector at random, and holds
// every answer of the one against the other.
func TestMapAgainstModel(t *testing.T) {
	markable := []Status{StatusSkipped, StatusUnreadable, StatusProtected, StatusUnrecorded, StatusSuspect, StatusRead}
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		const n = 200
		m, mod := newMap(t, n, "a", "b"), make(model, n)
		for step := range 150 {
			start := rnd.IntN(n)
			e := Extent{LBA(start), int64(1 + rnd.IntN(min(n-start, 40)))}
			ev := Evidence{uint8(rnd.IntN(3)), uint8(rnd.IntN(3)), uint16(rnd.IntN(3))}
			cells := mod[start : start+int(e.Count)]
			var err error
			switch rnd.IntN(10) {
			case 0:
				err = m.Forget(e)
				clear(cells)
			case 1:
				refuse := slices.ContainsFunc(cells, func(c cell) bool { return !c.status.HasBytes() })
				err = m.Contest(e, ev)
				if refuse != (err != nil) {
					t.Fatalf("contest %v: %v, but a sector without bytes is in it: %v", e, err, refuse)
				}
				if err == nil {
					for i, c := range cells {
						cells[i] = cell{StatusContested, ev.Drive, ev.Pass, c.tries + ev.Tries}
					}
				}
				err = nil
			default:
				s := markable[rnd.IntN(len(markable))]
				err = m.Mark(e, s, ev)
				for i, c := range cells {
					cells[i] = c.marked(s, ev)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Collect(m.Runs()), mod.runs(); !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: runs\n%v\nwant\n%v", seed, step, got, want)
			}
			if m.Counts() != mod.counts() {
				t.Fatalf("seed %d step %d: counts %+v want %+v", seed, step, m.Counts(), mod.counts())
			}
			at := LBA(rnd.IntN(n))
			if r := m.At(at); r.Status != mod[at].status || !r.Contains(at) {
				t.Fatalf("at %d: %+v, want %v", at, r, mod[at])
			}
			set := Statuses(rnd.IntN(256))
			got, ok := m.Next(set, at)
			from := int(at)
			for from < n && !set.Has(mod[from].status) {
				from++
			}
			to := from
			for to < n && set.Has(mod[to].status) {
				to++
			}
			if ok != (from < n) || ok && got != (Extent{LBA(from), int64(to - from)}) {
				t.Fatalf("next %08b from %d: %v %v, want %d to %d", set, at, got, ok, from, to)
			}
		}
	}
}

// TestEvidence is the table of what each status becomes when another is
// marked over it.
func TestEvidence(t *testing.T) {
	for _, c := range []struct{ old, mark, want Status }{
		{StatusUntried, StatusSkipped, StatusSkipped},
		{StatusSkipped, StatusUnreadable, StatusUnreadable},
		{StatusSkipped, StatusSuspect, StatusSuspect},
		{StatusUnreadable, StatusSkipped, StatusUnreadable},
		{StatusUnreadable, StatusProtected, StatusProtected},
		{StatusUnreadable, StatusSuspect, StatusSuspect},
		{StatusProtected, StatusSkipped, StatusProtected},
		{StatusProtected, StatusRead, StatusRead},
		{StatusUnrecorded, StatusUnreadable, StatusUnrecorded},
		{StatusUnrecorded, StatusSkipped, StatusUnrecorded},
		{StatusUnrecorded, StatusRead, StatusRead},
		{StatusSuspect, StatusUnreadable, StatusSuspect},
		{StatusSuspect, StatusRead, StatusRead},
		{StatusRead, StatusUnreadable, StatusRead},
		{StatusRead, StatusSkipped, StatusRead},
		{StatusRead, StatusProtected, StatusRead},
		{StatusRead, StatusSuspect, StatusRead},
	} {
		m := newMap(t, 10, "first", "second")
		e := Extent{2, 3}
		if c.old != StatusUntried {
			if err := m.Mark(e, c.old, Evidence{1, 1, 1}); err != nil {
				t.Fatal(err)
			}
		}
		before := m.At(2).Tries
		if err := m.Mark(e, c.mark, Evidence{2, 5, 2}); err != nil {
			t.Fatal(err)
		}
		r := m.At(2)
		if r.Status != c.want {
			t.Errorf("%s over %s gave %s, want %s", c.mark, c.old, r.Status, c.want)
		}
		if r.Tries != before+2 {
			t.Errorf("%s over %s: %d tries, want %d: a read was lost silently", c.mark, c.old, r.Tries, before+2)
		}
		if r.Status == c.old && c.old != c.mark && r.Drive == 2 {
			t.Errorf("%s over %s kept the status and took the evidence", c.mark, c.old)
		}
	}
}

func TestContestedStaysUntilForgotten(t *testing.T) {
	m, e := newMap(t, 10), Extent{0, 4}
	if err := m.Contest(e, Evidence{}); err == nil {
		t.Fatal("sectors without bytes were contested")
	}
	if err := m.Mark(e, StatusRead, Evidence{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Contest(e, Evidence{Tries: 1}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Status{StatusRead, StatusSuspect, StatusUnreadable, StatusUnrecorded} {
		if err := m.Mark(e, s, Evidence{}); err != nil {
			t.Fatal(err)
		}
		if got := m.At(1).Status; got != StatusContested {
			t.Fatalf("%s made contested sectors %s", s, got)
		}
	}
	if err := m.Forget(e); err != nil || m.At(1).Status != StatusUntried || m.At(1).Tries != 0 {
		t.Fatalf("forgotten sectors are %+v, %v", m.At(1), err)
	}
}

func TestMarkRefusesWhatIsNoSector(t *testing.T) {
	m := newMap(t, 10)
	before := m.Clone()
	for _, e := range []Extent{{-1, 2}, {0, 0}, {0, 11}, {9, 2}, {10, 1}, {5, -1}, {2, 1 << 40}} {
		if m.Mark(e, StatusRead, Evidence{}) == nil || m.Forget(e) == nil || m.Contest(e, Evidence{}) == nil {
			t.Errorf("%+v was taken in a map of 10 sectors", e)
		}
	}
	for _, s := range []Status{StatusUntried, StatusContested, 8, 200} {
		if m.Mark(Extent{0, 1}, s, Evidence{}) == nil {
			t.Errorf("%s could be marked", s)
		}
	}
	if m.Mark(Extent{0, 1}, StatusRead, Evidence{Drive: 1}) == nil {
		t.Error("a drive that is not in the table gave evidence")
	}
	if !m.Equal(before) {
		t.Error("a refused mark changed the map")
	}
	for _, n := range []int64{0, -1, MaxSectors + 1} {
		if _, err := NewSectorMap(n); err == nil {
			t.Errorf("a map of %d sectors was made", n)
		}
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		marks []Status // of the sectors from 0; the rest is read
		want  ImageState
		miss  int
	}{
		{nil, ImageComplete, 0},
		{[]Status{StatusSuspect, StatusUnrecorded}, ImageComplete, 0},
		{[]Status{StatusProtected}, ImageProtected, 1},
		{[]Status{StatusProtected, StatusUnreadable}, ImageIncomplete, 1},
		{[]Status{StatusSkipped, StatusRead, StatusUnreadable}, ImageIncomplete, 2},
		{[]Status{StatusUntried}, ImageIncomplete, 1},
		{[]Status{StatusContested}, ImageIncomplete, 0},
	} {
		m := newMap(t, 20)
		for i := range 20 {
			s, e := StatusRead, Extent{LBA(i), 1}
			if i < len(c.marks) {
				s = c.marks[i]
			}
			var err error
			switch s {
			case StatusUntried:
			case StatusContested:
				if err = m.Mark(e, StatusRead, Evidence{}); err == nil {
					err = m.Contest(e, Evidence{})
				}
			default:
				err = m.Mark(e, s, Evidence{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if m.State() != c.want || len(m.Missing()) != c.miss {
			t.Errorf("%v: %s with missing %v, want %s and %d extents", c.marks, m.State(), m.Missing(), c.want, c.miss)
		}
	}
	if (Counts{}).State() != ImageIncomplete {
		t.Error("an image of nothing is not incomplete")
	}
}

func TestTriesStopAtTheTop(t *testing.T) {
	m := newMap(t, 4)
	for range 3 {
		if err := m.Mark(Extent{0, 4}, StatusSkipped, Evidence{Tries: 40000}); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.At(0).Tries; got != 65535 {
		t.Errorf("%d tries, want 65535", got)
	}
}

// BenchmarkMark200kRuns is one scraped sector in a map of 200,000 runs.
func BenchmarkMark200kRuns(b *testing.B) {
	m := newMap(b, 4_000_000)
	for i := range 100_000 {
		if err := m.Mark(Extent{LBA(i * 40), 16}, StatusSkipped, Evidence{Tries: 1}); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		if err := m.Mark(Extent{LBA(i%100_000*40 + i/100_000), 1}, StatusSuspect, Evidence{Tries: 1}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
