package station_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/carrierlist"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

const backToShelf = "all read back, discs may go back to the shelf"

func (r *rig) open(name string) {
	r.t.Helper()
	_, err := r.catalog.OpenBatch(r.t.Context(), name, "ada", false)
	must(r.t, err)
}

func (r *rig) closeBatch() {
	r.t.Helper()
	_, err := r.catalog.CloseBatch(r.t.Context(), "ada")
	must(r.t, err)
}

func (r *rig) report(name string) catalog.BatchReport {
	r.t.Helper()
	rep, err := r.catalog.BatchReport(r.t.Context(), name, r.station.BatchSight(name))
	must(r.t, err)
	return rep
}

// said counts the notices of a word so far.
func (r *rig) said(w station.Word) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.notices {
		if x.Word == w {
			n++
		}
	}
	return n
}

// Discs take places in the order in which they came: with an image, without one,
// known before. Nothing else takes one.
func TestPlacesInTheOrderOfArrival(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	before := simdrive.PressedCD(iso(t, "BEFORE", 300, 2000), 2000)
	must(t, drive.Insert(before))
	first := r.ended(1, station.OutcomeDone)
	r.open("17")
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "ONE", 301, 2000), 2000)))
	one := r.ended(2, station.OutcomeDone)
	must(t, drive.Insert(simdrive.AudioCD(2, 3000)))
	audio := r.await(3, final)
	must(t, drive.Insert(before))
	r.ended(4, station.OutcomeAlready)
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "ONE", 301, 2000), 2000))) // keeps its place
	r.ended(5, station.OutcomeAlready)
	r.closeBatch()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "AFTER", 302, 2000), 2000)))
	r.ended(6, station.OutcomeDone)
	rep := r.report("17")
	var got []string
	for _, d := range rep.Discs {
		got = append(got, fmt.Sprint(d.Place, " ", d.ID))
	}
	want := []string{"1 " + one.ID, "2 " + audio.ID, "3 " + first.ID}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("places %q, want %q", got, want)
	}
	x := r.await(1, word(station.WordShelf))
	if x.Text != "batch 17: "+backToShelf {
		t.Errorf("%q", x.Text)
	}
	if st := r.station.Status().Batches; len(st) != 1 || st[0].Told == nil || st[0].Text != x.Text {
		t.Errorf("%+v", st)
	}
	ps, err := r.catalog.IntegrityCheck(t.Context())
	must(t, err)
	if len(ps) > 0 {
		t.Errorf("%v", ps)
	}
	if n := r.said(station.WordShelf); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// slowToKnow adds a drive whose disc nobody knows before known is closed.
func (r *rig) slowToKnow() (drive *simbench.Slot, known chan struct{}) {
	known = make(chan struct{})
	return r.bench.Add(simdrive.Options{Serial: "SLOW", Log: func(e simdrive.Event) {
		if e.Kind != simdrive.EventTray && e.Op == "READ(10)" {
			<-known
		}
	}}), known
}

// Places are in the order in which discs came, though one is known sooner than
// another; a drive that never says what it holds stops nobody for long.
func TestPlacesDoNotDependOnHowSoonADiscIsKnown(t *testing.T) {
	r := newRig(t)
	slow, known := r.slowToKnow()
	quick := r.add(simdrive.Options{})
	r.start()
	r.open("17")
	must(t, slow.Insert(simdrive.PressedCD(iso(t, "SLOW", 340, 2000), 2000)))
	r.await(1, word(station.WordInserted))
	must(t, quick.Insert(simdrive.PressedCD(iso(t, "QUICK", 341, 2000), 2000)))
	first := r.await(1, final) // it is read, stored and recorded before the other is known
	if rep := r.report("17"); len(rep.Discs) != 0 || len(rep.Against) < 3 {
		t.Errorf("%+v", rep)
	}
	r.closeBatch()
	close(known)
	second := r.await(2, final)
	r.await(1, word(station.WordShelf))
	rep := r.report("17")
	if len(rep.Discs) != 2 || rep.Discs[0].ID != second.ID || rep.Discs[1].ID != first.ID {
		t.Errorf("%+v", rep.Discs)
	}
	ps, err := r.catalog.IntegrityCheck(t.Context())
	must(t, err)
	if len(ps) > 0 {
		t.Errorf("%v", ps)
	}
}

// A disc that is done before one that came earlier is known waits for its place.
// The station is stopped meanwhile: it takes it at the next start, whether its
// image has left the spool or not.
func TestPlaceThatWasNotTakenYetIsTakenAtTheNextStart(t *testing.T) {
	for name, until := range map[string]station.Word{"recorded": station.WordRecorded, "out of the spool": station.WordReleased} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			slow, known := r.slowToKnow()
			quick := r.add(simdrive.Options{})
			if until == station.WordRecorded { // the image stays in the spool
				r.cfg.Eject = station.EjectImaged
				r.withSecond(true, func(s archive.Store) archive.Store {
					g := &gate{Store: s}
					g.shut.Store(true)
					return g
				})
			}
			r.cfg.StopGrace = 50 * time.Millisecond
			r.start()
			r.open("19")
			must(t, slow.Insert(simdrive.PressedCD(iso(t, "SLOW", 344, 2000), 2000)))
			r.await(1, word(station.WordInserted))
			must(t, quick.Insert(simdrive.PressedCD(iso(t, "QUICK", 345, 2000), 2000)))
			r.await(1, final)
			id := r.await(1, word(until)).ID
			r.stop() // with the slow drive's call still out
			close(known)
			if rep := r.report("19"); len(rep.Discs) != 0 {
				t.Fatalf("the bench is not as it should be: %+v", rep.Discs)
			}
			second := r.again(simbench.New("second"))
			second.start()
			second.awaitStatus(func(station.Status) bool { return len(second.report("19").Discs) == 1 })
			if rep := second.report("19"); rep.Discs[0].ID != id {
				t.Errorf("%+v", rep.Discs)
			}
			ps, err := second.catalog.IntegrityCheck(t.Context())
			must(t, err)
			if len(ps) > 0 {
				t.Errorf("%v", ps)
			}
		})
	}
}

// A disc that came before the close belongs to the batch though it was not known
// yet, and until its proof is there nothing is said: not by a store that is away,
// not after a restart. Then once.
func TestAllReadBackOnceAndOnlyWhenTrue(t *testing.T) {
	var required, second *gate
	shut := func(c *station.Config) {
		required, second = &gate{Store: c.Stores[0].Store}, nil
		c.Stores[0].Store = required
	}
	r := newRig(t, shut)
	usb, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: r.dir + "/usb", Create: true, PartSize: 1 << 20})
	must(t, err)
	second = &gate{Store: usb}
	second.shut.Store(true)
	r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: second, Required: true, Proof: station.ProofChecksum})
	r.cfg.Eject = station.EjectImaged
	drive := r.add(simdrive.Options{})
	r.start()
	r.open("17")
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "LAST", 310, 2000), 2000)))
	r.await(1, word(station.WordInserted))
	r.closeBatch() // at once, as a person does
	end := r.await(1, final)
	r.await(1, word(station.WordReadBack)) // the first store has its proof
	rep := r.report("17")
	if rep.MayGoBack || len(rep.Discs) != 1 || rep.Discs[0].ID != end.ID || len(rep.Against) == 0 {
		t.Errorf("%+v", rep)
	}
	r.stop()
	if n := r.said(station.WordShelf); n != 0 {
		t.Fatalf("said while a required store had nothing; the story:\n%s", r.story())
	}
	waited := r.said(station.WordWaitStore)
	// Another life: the store comes back long after the close.
	r.catalog.Close()
	r.assemble()
	r.cfg.Stores = []station.Store{{Store: required.Store, Required: true}, {Store: second, Required: true, Proof: station.ProofChecksum}}
	r.cfg.Eject = station.EjectImaged
	r.start()
	r.await(waited+1, word(station.WordWaitStore))
	if n := r.said(station.WordShelf); n != 0 {
		t.Fatalf("said after the restart; the story:\n%s", r.story())
	}
	second.shut.Store(false)
	x := r.await(1, word(station.WordShelf))
	if !strings.HasPrefix(x.Text, "batch 17: all read back, or accepted with matching checksums") || !strings.HasSuffix(x.Text, "discs may go back to the shelf") {
		t.Errorf("%q", x.Text)
	}
	c := r.show(end.ID).Copies
	if c[0].State != catalog.ReadBack || c[1].State != catalog.Stored {
		t.Errorf("%+v", c)
	}
	r.stop()
	// A third life says nothing of it.
	r.catalog.Close()
	r.assemble()
	r.start()
	r.open("18")
	r.awaitStatus(func(st station.Status) bool { return len(st.Batches) == 2 })
	if n := r.said(station.WordShelf); n != 1 {
		t.Errorf("said %d times; the story:\n%s", n, r.story())
	}
}

// asking adds a drive in the middle of whose discs a person says what they are:
// disc counts them from 0. The drive is slow until that was taken: it proves by
// its next answers that the disc is still the same.
func (r *rig) asking(says func(disc int) station.Request) *simbench.Slot {
	discs, in := 0, false
	answered := make(chan struct{})
	return r.bench.Add(simdrive.Options{Serial: "SIM1", Log: func(e simdrive.Event) {
		switch {
		case e.Op == "READ(10)" && e.Count >= 8 && e.LBA >= 1000 && !in:
			in = true
			ask := says(discs)
			discs++
			ask.Source = "SIM1"
			answered = make(chan struct{})
			go func() {
				defer close(answered)
				if _, err := r.station.Rip(r.t.Context(), ask); err != nil {
					r.t.Errorf("say what the disc is: %v", err)
				}
			}()
		case e.Op == "READ(10)" && in:
			select {
			case <-answered:
			case <-time.After(200 * time.Millisecond):
			}
		case e.Kind == simdrive.EventTray:
			in = false
		}
	}})
}

// awaitStatus waits until the status fits. Every change of it comes with news or
// within a moment of it.
func (r *rig) awaitStatus(fits func(station.Status) bool) {
	r.t.Helper()
	heard, stop := r.catalog.Heard()
	defer stop()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for !fits(r.station.Status()) {
		select {
		case <-heard:
		case <-r.news:
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			r.t.Fatalf("the status did not become what was waited for: %+v\n%s", r.station.Status(), r.story())
		}
	}
}

// The label fits another title of the list better: told while the disc is there,
// a review when it is recorded, gone when it is corrected.
func TestLabelFitsAnotherDisc(t *testing.T) {
	r := newRig(t)
	drive := r.asking(func(int) station.Request { return station.Request{Item: "A"} })
	r.start()
	r.open("17")
	_, err := r.catalog.ImportList(t.Context(), "17", []carrierlist.Row{{Item: "A", Title: "The Great Atlas of the World"}, {Item: "B", Title: "Birds of Europe"}}, catalog.BatchSight{}, "eve")
	must(t, err)
	d := simdrive.PressedCD(iso(t, "BIRDS_EUROPE", 320, 2000), 2000)
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeDone)
	x := r.await(1, word(station.WordLabel))
	if x.ID != end.ID || !strings.Contains(x.Text, "Birds of Europe") {
		t.Errorf("%+v", x)
	}
	r.awaitStatus(func(station.Status) bool { return r.show(end.ID).Disposition == catalog.NeedsReview })
	b := "B"
	must(t, r.catalog.Annotate(t.Context(), end.ID, catalog.Annotation{Item: &b}))
	r.awaitStatus(func(station.Status) bool { return r.show(end.ID).Disposition == catalog.None })
	if n := r.said(station.WordLabel); n != 1 {
		t.Errorf("told %d times:\n%s", n, r.story())
	}
}

// Of a two-sided disc the other side is asked for when the tray opens, and not
// when both have come.
func TestFlipDisc(t *testing.T) {
	r := newRig(t)
	drive := r.asking(func(disc int) station.Request { return station.Request{Item: "A", Side: string(rune('A' + disc))} })
	r.start()
	r.open("17")
	_, err := r.catalog.ImportList(t.Context(), "17", []carrierlist.Row{{Item: "A", TwoSided: true}}, catalog.BatchSight{}, "eve")
	must(t, err)
	side := func(n int, label string, seed uint64) {
		must(t, drive.Insert(simdrive.PressedCD(iso(t, label, seed, 2000), 2000)))
		r.ended(n, station.OutcomeDone)
	}
	side(1, "SIDE1", 330)
	if x := r.await(1, word(station.WordFlip)); !strings.Contains(x.Text, "side B has not come") {
		t.Errorf("%+v", x)
	}
	if x := r.await(1, word(station.WordEjected)); !strings.Contains(x.Hint, "turn it over") {
		t.Errorf("%+v", x)
	}
	side(2, "SIDE2", 331)
	if n := r.said(station.WordFlip); n != 1 {
		t.Errorf("told %d times:\n%s", n, r.story())
	}
	if rep := r.report("17"); rep.Sides != 2 || rep.NeverPresented != 0 || len(rep.Flip) != 0 {
		t.Errorf("%+v", rep.Rows)
	}
}

// A drive tells of a disc while a batch is open, and has none. The disc that
// comes when that batch is closed is not of it.
func TestEmptyDriveThatTellsOfADiscTakesNoPlace(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	_, err := r.catalog.OpenBatch(t.Context(), "17", "ada", false)
	must(t, err)
	r.bench.SpuriousChange(drive)
	r.ended0(1)
	_, err = r.catalog.CloseBatch(t.Context(), "ada")
	must(t, err)
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "LATER", 68, 2000), 2000)))
	x := r.ended(2, station.OutcomeDone)
	report, err := r.catalog.BatchReport(t.Context(), "17", r.station.BatchSight("17"))
	must(t, err)
	if len(report.Discs) != 0 {
		t.Errorf("%s is said to have come in the batch: %+v", x.ID, report.Discs)
	}
}
