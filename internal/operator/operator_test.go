package operator_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
	"ripstation/internal/operator"
	"ripstation/internal/simdrive"
)

func TestTheSameSeedIsTheSameNight(t *testing.T) {
	o := operator.Options{Scans: true, Points: []string{"sealed"}}
	for seed := range uint64(50) {
		n := operator.Draw(seed, o)
		if !reflect.DeepEqual(n, operator.Draw(seed, o)) {
			t.Fatalf("seed %d gives two nights", seed)
		}
		if len(n.Discs) < 10 || len(n.Discs) > 40 {
			t.Errorf("seed %d: %d discs", seed, len(n.Discs))
		}
		contents := map[string]int{}
		for _, d := range n.Discs {
			b, err := d.Bytes()
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, d.Name(), err)
			}
			if other, met := contents[string(b)]; met && d.Imageable() && n.Discs[other].Content() != d.Content() {
				t.Errorf("seed %d: %s has the bytes of %s", seed, d.Name(), n.Discs[other].Name())
			}
			contents[string(b)] = d.Number
			if d.Model != d.Number && d.Imageable() {
				m := n.Discs[d.Model]
				same, err := m.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if equal := string(b) == string(same); equal != (d.Content() == m.Content()) || len(b) != len(same) || d.Label != m.Label {
					t.Errorf("seed %d: %s is like %s: bytes equal %v", seed, d.Name(), m.Name(), equal)
				}
			}
		}
	}
}

// bench is drives whose trays open a while after a disc has come.
func bench(n int, hear func(int, simdrive.Event)) (drives []*simdrive.Drive) {
	for i := range n {
		drives = append(drives, simdrive.New(simdrive.Options{Log: func(e simdrive.Event) { hear(i, e) }}))
	}
	return drives
}

func TestHandDoesEveryAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := operator.Draw(3, operator.Options{Scans: true, Discs: 20})
		var h *operator.Hand
		drives := bench(n.Drives, func(i int, e simdrive.Event) { h.Hear(i, e) })
		h, err := operator.New(n, drives)
		if err != nil {
			t.Fatal(err)
		}
		h.Scan = func(context.Context, string, int) error { return errors.New("not now") }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				select {
				case <-time.After(20 * time.Minute):
				case <-ctx.Done():
				}
				for _, d := range drives {
					if d.Tray() == disc.TrayLoaded {
						d.ForceOpen()
					}
				}
			}
		}()
		if err := h.Work(ctx, 0); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-ended
		done, fed := map[int]bool{}, map[int]bool{}
		for _, e := range h.Diary() {
			if e.What == operator.Done {
				done[e.Act] = true
			}
			if e.What == operator.Closed {
				fed[e.Disc] = true
			}
		}
		if len(done) != len(n.Acts) || len(fed) != len(n.Discs) {
			t.Errorf("%d of %d acts were done, %d of %d discs put in", len(done), len(n.Acts), len(fed), len(n.Discs))
		}
		second, err := operator.New(n, drives)
		if err != nil {
			t.Fatal(err)
		}
		if next := second.Resume(h.Diary()); next != len(n.Acts) {
			t.Errorf("it goes on at act %d of %d", next, len(n.Acts))
		}
		for i := range drives {
			if second.Lying(i) != h.Lying(i) {
				t.Errorf("drive %d: disc %d became disc %d", i, h.Lying(i), second.Lying(i))
			}
		}
	})
}

// A code belongs to the disc that came alone while it alone waited.
func TestCodes(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := func(after int, what operator.Moment, drive, d int, code string) operator.Entry {
		return operator.Entry{At: at.Add(time.Duration(after) * time.Second), What: what, Drive: drive, Disc: d, Code: code}
	}
	const scan, closed, ejected = operator.Scan, operator.Closed, operator.Ejected
	for name, c := range map[string]struct {
		diary []operator.Entry
		want  string // the codes of each arrival
	}{
		"one":                {[]operator.Entry{e(0, scan, -1, -1, "A"), e(5, closed, 0, 1, "")}, "A"},
		"none":               {[]operator.Entry{e(5, closed, 0, 1, "")}, "-"},
		"twice the same":     {[]operator.Entry{e(0, scan, -1, -1, "A"), e(1, scan, -1, -1, "A"), e(5, closed, 0, 1, "")}, "A"},
		"two codes, one":     {[]operator.Entry{e(0, scan, -1, -1, "A"), e(1, scan, -1, -1, "B"), e(5, closed, 0, 1, "")}, "-"},
		"two, one too late":  {[]operator.Entry{e(0, scan, -1, -1, "A"), e(121, scan, -1, -1, "B"), e(125, closed, 0, 1, "")}, "B"},
		"one code, two":      {[]operator.Entry{e(0, scan, -1, -1, "A"), e(5, closed, 0, 1, ""), e(6, closed, 1, 2, "")}, "A -"},
		"too late":           {[]operator.Entry{e(0, scan, -1, -1, "A"), e(500, closed, 0, 1, "")}, "-"},
		"at the drive":       {[]operator.Entry{e(0, scan, 1, -1, "A"), e(5, closed, 0, 1, ""), e(6, closed, 1, 2, "")}, "- A"},
		"at the drive, late": {[]operator.Entry{e(5, closed, 1, 2, ""), e(9, scan, 1, -1, "A"), e(20, ejected, 1, 2, ""), e(30, scan, 1, -1, "B")}, "A"},
		"one named a drive":  {[]operator.Entry{e(0, scan, -1, -1, "A"), e(3, scan, 0, -1, "B"), e(5, closed, 0, 1, ""), e(9, closed, 1, 2, "")}, "B A"},
		"back, then a code":  {[]operator.Entry{e(0, closed, 0, 1, ""), e(9, ejected, 0, 1, ""), e(10, scan, -1, -1, "A"), e(11, closed, 0, 1, ""), e(30, ejected, 0, 1, ""), e(40, scan, -1, -1, "B"), e(45, closed, 0, 2, "")}, "- A B"},
		"back at the drive":  {[]operator.Entry{e(0, closed, 0, 1, ""), e(9, ejected, 0, 1, ""), e(10, scan, 0, -1, "A"), e(11, closed, 0, 1, ""), e(30, ejected, 0, 1, ""), e(40, scan, -1, -1, "B"), e(45, closed, 0, 2, "")}, "- A B A"},
		"again at a drive":   {[]operator.Entry{e(0, scan, -1, -1, "A"), e(3, scan, 1, -1, "A"), e(4, closed, 1, 1, ""), e(5, scan, -1, -1, "B"), e(6, closed, 0, 2, "")}, "A B"},
		"forgotten":          {[]operator.Entry{e(0, scan, -1, -1, "A"), e(1, scan, 1, -1, "B"), e(20, operator.Started, -1, -1, ""), e(30, scan, -1, -1, "C"), e(35, closed, 0, 1, ""), e(40, closed, 1, 2, "")}, "C -"},
		"back by itself":     {[]operator.Entry{e(0, closed, 0, 1, ""), e(9, ejected, 0, 1, ""), e(10, scan, -1, -1, "A"), e(11, closed, 0, 1, ""), e(12, closed, 1, 2, "")}, "- A A"},
	} {
		var got []string
		for _, a := range operator.Arrivals(c.diary) {
			if len(a.Codes) == 0 {
				got = append(got, "-")
			}
			got = append(got, a.Codes...)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}
