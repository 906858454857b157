package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/internal/carrierlist"
)

func openBatch(t testing.TB, c *Catalog, name string) {
	t.Helper()
	if _, err := c.OpenBatch(t.Context(), name, "ada", false); err != nil {
		t.Fatal(err)
	}
}

// came records a disc in a batch, with an image unless state is empty, and gives
// its carrier.
func came(t testing.TB, c *Catalog, batch string, info CarrierInfo, label string, copies ...Copy) string {
	t.Helper()
	if info.ID == "" {
		info.ID = NewID()
	}
	e, recorded, err := c.TakePlace(t.Context(), batch, info.ID, Agent{RoleOperator, "ada"})
	if err != nil {
		t.Fatal(err)
	}
	rec := aRecord(info.ID, 1)
	rec.Carrier, rec.Identity.Label = info, label
	if !recorded {
		rec.Events = append(rec.Events, e)
	}
	in := aCommit(t, rec)
	in.Copies = slices.Clone(copies)
	for i := range in.Copies {
		in.Copies[i].Key = info.ID + "/v1/"
	}
	mustCommit(t, c, in)
	return info.ID
}

func readBackIn(stores ...string) (out []Copy) {
	for _, s := range stores {
		at := noon
		out = append(out, Copy{Store: s, State: ReadBack, StoredAt: &at, ReadBackAt: &at})
	}
	return out
}

func report(t testing.TB, c *Catalog, name string, sight BatchSight) BatchReport {
	t.Helper()
	r, err := c.BatchReport(t.Context(), name, sight)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Stored + r.Incomplete + r.NotCaptured + r.NeverPresented; n != r.Sides || len(r.Rows) != r.Sides {
		t.Errorf("expected %d, and the four add up to %d (%d rows)", r.Sides, n, len(r.Rows))
	}
	return r
}

func shelf(checksum bool) BatchSight {
	return BatchSight{Required: []BatchStore{{"shelf", checksum}}}
}

func sound(t testing.TB, c *Catalog) {
	t.Helper()
	if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) > 0 {
		t.Errorf("%v, %v", ps, err)
	}
}

func TestOneBatchAtATime(t *testing.T) {
	c := openTemp(t)
	ctx := t.Context()
	if name, err := c.OpenedBatch(ctx); err != nil || name != "" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := c.BatchNamed(ctx, ""); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.CloseBatch(ctx, "ada"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	openBatch(t, c, "17")
	for name, says := range map[string]string{"17": "is open since", "18": "batch 17 is open since"} {
		if _, err := c.OpenBatch(ctx, name, "ada", true); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", " 17", "a\nb", "\xff", strings.Repeat("x", 101)} {
		if _, err := c.OpenBatch(ctx, bad, "ada", false); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	came(t, c, "17", CarrierInfo{Item: "A"}, "A")
	b, err := c.CloseBatch(ctx, "eve")
	if err != nil || b.Closed == nil || b.ClosedBy != "eve" || b.Places != 1 || b.OpenedBy != "ada" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := c.OpenBatch(ctx, "17", "ada", false); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "--again") {
		t.Error(err)
	}
	if b, err := c.OpenBatch(ctx, "17", "ada", true); err != nil || b.Closed != nil || b.Places != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	id := came(t, c, "17", CarrierInfo{Item: "B"}, "B")
	if r := report(t, c, "17", shelf(false)); r.Discs[1].Place != 2 || r.Discs[1].ID != id {
		t.Errorf("%+v", r.Discs)
	}
	// A job that names a batch of before this catalog gets its place all the same.
	if e, _, err := c.TakePlace(ctx, "99", NewID(), Agent{RoleOperator, "ada"}); err != nil || *e.Changes.Place != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	if name, err := c.BatchNamed(ctx, ""); err != nil || name != "17" {
		t.Errorf("%q, %v", name, err)
	}
	sound(t, c)
}

// However many bays ask at once, no place is given twice and none left out; a
// carrier that asks again keeps its own.
func TestPlacesAreTakenInTurn(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	const bays, each = 8, 12
	var mu sync.Mutex
	taken := map[int]string{}
	var wg sync.WaitGroup
	for range bays {
		wg.Go(func() {
			for range each {
				id := NewID()
				for range 2 {
					e, recorded, err := c.TakePlace(t.Context(), "17", id, Agent{RoleOperator, "ada"})
					if err != nil || recorded || *e.Changes.Batch != "17" {
						t.Errorf("%+v, %v, %v", e, recorded, err)
						return
					}
					mu.Lock()
					if other := taken[*e.Changes.Place]; other != "" && other != id {
						t.Errorf("place %d was given twice", *e.Changes.Place)
					}
					taken[*e.Changes.Place] = id
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for p := 1; p <= bays*each; p++ {
		if taken[p] == "" {
			t.Errorf("place %d was left out", p)
		}
	}
	if r := report(t, c, "17", shelf(false)); r.Places != bays*each || r.Discs[0].State != RowNotCaptured || !strings.Contains(r.Discs[0].Why, "no record") {
		t.Errorf("%d places, %+v", r.Places, r.Discs[0])
	}
	sound(t, c)
}

// A place is in the record, or in an event behind it, whatever came first.
func TestPlacesAreInEvents(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	places := func(id string) (n []int) {
		es, err := c.Events(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			if e.Changes != nil && e.Changes.Batch != nil {
				n = append(n, *e.Changes.Place)
			}
		}
		return n
	}
	if got := places(came(t, c, "17", CarrierInfo{Item: "A"}, "A")); len(got) != 1 || got[0] != 1 {
		t.Errorf("in a record: %v", got)
	}
	attempt := func(id, batch, of string) {
		cap := aCapture(Refused, noon)
		if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: id}, Identity: aRecord(id, 1).Identity, Capture: cap, Batch: batch, PlaceOf: of,
			Events: []Event{anEvent(EventFormat, EventWarning, noon, id)}}); err != nil {
			t.Fatal(err)
		}
	}
	refused := NewID()
	attempt(refused, "17", "")
	attempt(refused, "17", "")
	if got := places(refused); len(got) != 1 || got[0] != 2 {
		t.Errorf("without an image, told twice: %v", got)
	}
	// A disc of before comes again.
	known := came(t, c, "17", CarrierInfo{Item: "C"}, "C")
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	openBatch(t, c, "18")
	attempt(known, "18", "")
	if got := places(known); len(got) != 2 || got[0] != 3 || got[1] != 1 {
		t.Errorf("in two batches: %v", got)
	}
	// The record lacks the event: what took the place gives it.
	late := NewID()
	if _, _, err := c.TakePlace(t.Context(), "18", late); err != nil {
		t.Fatal(err)
	}
	rec := aRecord(late, 1)
	mustCommit(t, c, aCommit(t, rec))
	if got := places(late); len(got) != 1 || got[0] != 2 {
		t.Errorf("a record without it: %v", got)
	}
	// A disc that was read in full and is a known one: its place goes to that one.
	compared, same := NewID(), NewID()
	if _, _, err := c.TakePlace(t.Context(), "18", compared); err != nil {
		t.Fatal(err)
	}
	attempt(same, "18", compared)
	if got := places(same); len(got) != 1 || got[0] != 3 {
		t.Errorf("inherited: %v", got)
	}
	// It is put in once more: a carrier has one place in a batch.
	again := NewID()
	if _, _, err := c.TakePlace(t.Context(), "18", again); err != nil {
		t.Fatal(err)
	}
	attempt(same, "18", again)
	if got := places(same); len(got) != 1 || got[0] != 3 {
		t.Errorf("inherited twice: %v", got)
	}
	r := report(t, c, "18", shelf(false))
	if r.Places != 3 || len(r.Discs) != 3 || r.Next != 5 {
		t.Errorf("%d, %d, %+v", r.Places, r.Next, r.Discs)
	}
	sound(t, c)
}

// A catalog that is older than the spool learns its places before any is given.
func TestKeepPlaces(t *testing.T) {
	old := openTemp(t)
	openBatch(t, old, "17")
	var jobs []Event
	for range 3 {
		e, _, err := old.TakePlace(t.Context(), "17", NewID(), Agent{RoleOperator, "ada"})
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, e)
	}
	c := openTemp(t)
	for range 2 {
		for _, e := range jobs {
			if err := c.KeepPlaces(t.Context(), e.Objects[0], []Event{e, anEvent(EventCapture, EventSuccess, noon)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.OpenBatch(t.Context(), "17", "ada", true); err != nil {
		t.Fatal(err)
	}
	e, _, err := c.TakePlace(t.Context(), "17", NewID(), Agent{RoleOperator, "ada"})
	if err != nil || *e.Changes.Place != 4 {
		t.Errorf("%+v, %v", e, err)
	}
	sound(t, c)
}

// Batches and places come back from a store's records and events alone, byte for
// byte; nothing is said of them anew.
func TestRebuildGivesPlacesAgain(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "Größe 17")
	a := came(t, c, "Größe 17", CarrierInfo{Item: "A", Part: 1, Parts: 2}, "A", readBackIn("shelf")...)
	came(t, c, "Größe 17", CarrierInfo{Item: "A", Part: 2, Parts: 2}, "A", readBackIn("shelf")...)
	refused := NewID()
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: refused}, Identity: aRecord(refused, 1).Identity, Capture: aCapture(Refused, noon), Batch: "Größe 17"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Swap(t.Context(), Correction{Batch: "Größe 17"}, 1, 2, Agent{RoleOperator, "eve"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	openBatch(t, c, "18")
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: a}, Capture: aCapture(AlreadyArchived, noon), Batch: "18"}); err != nil {
		t.Fatal(err)
	}
	want := canonicalOf(t, c)
	if !strings.Contains(want, `"batch":"18","place":1`) || !strings.Contains(want, `"batch":"Größe 17","place":3`) {
		t.Errorf("%s", want)
	}
	d, faults := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
	if got := canonicalOf(t, d); got != want || len(faults) > 0 {
		t.Errorf("%q\n%s\n%s", faults, got, want)
	}
	was, is := report(t, c, "Größe 17", shelf(false)), report(t, d, "Größe 17", shelf(false))
	for i := range was.Discs {
		if was.Discs[i].ID != is.Discs[i].ID || was.Discs[i].Place != is.Discs[i].Place || was.Discs[i].Part != is.Discs[i].Part {
			t.Errorf("%+v, was %+v", is.Discs[i], was.Discs[i])
		}
	}
	all, err := d.Batches(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, b := range all {
		if b.Closed == nil || b.Told == nil || b.Closed.Before(b.Opened) {
			t.Errorf("%+v", b)
		}
		if first, err := d.TellBatch(t.Context(), b.Name, shelf(false)); err != nil || first {
			t.Errorf("%s is told anew, %v", b.Name, err)
		}
	}
	// The next place is behind the last one.
	if _, err := d.OpenBatch(t.Context(), "Größe 17", "ada", true); err != nil {
		t.Fatal(err)
	}
	if e, _, err := d.TakePlace(t.Context(), "Größe 17", NewID(), Agent{RoleOperator, "ada"}); err != nil || *e.Changes.Place != 4 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestDamagedBatchesAreSeen(t *testing.T) {
	for _, c := range []struct{ stmt, says string }{
		{"UPDATE batches SET opened_by = 'mallory'", "batches"},
		{"UPDATE places SET place = 7 WHERE place = 1", "places"},
		{"UPDATE expected SET title = 'x'", "expected"},
		{"UPDATE lists SET operator = 'mallory'", "lists"},
		{"DELETE FROM places WHERE place = 1", "the table of places does not have it"},
		{"DELETE FROM expected WHERE n = 1", "lost or won a row"},
		{"UPDATE batches SET told = '2026-11-26T00:00:00.000Z'", "batches"},
	} {
		cat := openAt(t, filepath.Join(t.TempDir(), "catalog.db"))
		openBatch(t, cat, "17")
		came(t, cat, "17", CarrierInfo{Item: "A"}, "A")
		if _, err := cat.ImportList(t.Context(), "17", []carrierlist.Row{{Item: "A", Title: "t"}}, BatchSight{}, "eve"); err != nil {
			t.Fatal(err)
		}
		sound(t, cat)
		tamper(t, cat, c.stmt)
		ps, err := cat.IntegrityCheck(t.Context())
		if err != nil || !strings.Contains(fmt.Sprint(ps), c.says) {
			t.Errorf("%s: %v, %v", c.stmt, ps, err)
		}
	}
	// A counter that was set back, with its digest mended, would give a place twice.
	cat := openTemp(t)
	openBatch(t, cat, "17")
	came(t, cat, "17", CarrierInfo{Item: "A"}, "A")
	b, err := cat.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := batches.row("17", formatTime(b[0].Opened), "ada", nil, nil, 1, 0, nil)
	tamper(t, cat, "UPDATE batches SET next = 1, digest = ?", r.digest())
	if ps, err := cat.IntegrityCheck(t.Context()); err != nil || len(ps) != 1 || !strings.Contains(ps[0].Message, "give a place twice") {
		t.Errorf("%v, %v", ps, err)
	}
}

// The signal comes once, and only when a closed batch has all proofs.
func TestMayGoBack(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	sight := BatchSight{Required: []BatchStore{{"shelf", false}, {"cloud", true}}}
	told := func(s BatchSight) bool {
		t.Helper()
		first, err := c.TellBatch(t.Context(), "17", s)
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	at := noon
	copies := func(shelf, cloud CopyState) []Copy {
		return []Copy{{Store: "shelf", State: shelf, StoredAt: &at}, {Store: "cloud", State: cloud, StoredAt: &at}, {Store: "usb", State: Queued}}
	}
	id := came(t, c, "17", CarrierInfo{Item: "A"}, "A", copies(Stored, Queued)...)
	reserved := NewID()
	if _, _, err := c.TakePlace(t.Context(), "17", reserved, Agent{RoleOperator, "ada"}); err != nil {
		t.Fatal(err)
	}
	stands := func(s BatchSight, what ...string) {
		t.Helper()
		if told(s) {
			t.Fatal("told too early")
		}
		r := report(t, c, "17", s)
		if len(r.Against) != len(what) || r.MayGoBack {
			t.Errorf("%+v, want %q", r.Against, what)
			return
		}
		for i, w := range what {
			if !strings.Contains(r.Against[i].What, w) {
				t.Errorf("%+v, want %q", r.Against[i], w)
			}
		}
	}
	set := func(id string, store string, state CopyState) {
		t.Helper()
		if err := c.SetCopy(t.Context(), id, 1, Copy{Store: store, Key: id + "/v1/", State: state, StoredAt: &at, ReadBackAt: &at}, anEvent(EventFixity, EventSuccess, time.Now(), id+"/v1", "store:"+store)); err != nil {
			t.Fatal(err)
		}
	}
	stands(sight, "the batch is open", "image 1 is stored in shelf", "image 1 is queued in cloud", "no record")
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	stands(sight, "stored in shelf", "queued in cloud", "no record")
	set(id, "shelf", ReadBack)
	stands(sight, "queued in cloud", "no record")
	set(id, "cloud", Sending)
	set(id, "cloud", Stored) // its word is enough
	stands(sight, "no record")
	// A disc that came before the close and has no place yet, or is being read.
	s := sight
	s.Coming = []string{"the disc in /dev/sr0"}
	stands(s, "/dev/sr0", "no record")
	s = sight
	s.Underway = []Underway{{CarrierInfo: CarrierInfo{ID: reserved}, What: "being read"}}
	stands(s, "being read")
	// It is refused: it has a record, and no image.
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: reserved}, Capture: aCapture(Refused, noon), Batch: "17"}); err != nil {
		t.Fatal(err)
	}
	// Where cloud has to be read back, it has not been.
	stands(BatchSight{Required: []BatchStore{{"shelf", false}, {"cloud", false}}}, "stored in cloud")
	stands(BatchSight{Required: []BatchStore{{"shelf", false}, {"vault", false}}}, "no copy in vault")
	// A known disc that is read anew stands against it, too.
	s = sight
	s.Underway = []Underway{{CarrierInfo: CarrierInfo{ID: id}, What: "being read anew"}}
	stands(s, "being read anew")
	// One that has not even a place is of the batch all the same.
	s = sight
	s.Underway = []Underway{{CarrierInfo: CarrierInfo{ID: NewID()}, What: "being read", Batch: "17"}, {CarrierInfo: CarrierInfo{ID: NewID()}, What: "being read", Batch: "18"}}
	stands(s, "has no place yet: being read")
	if !told(sight) {
		t.Fatalf("not told: %+v", report(t, c, "17", sight).Against)
	}
	if told(sight) {
		t.Error("told twice")
	}
	if r := report(t, c, "17", sight); !r.MayGoBack || r.Told == nil {
		t.Errorf("%+v", r)
	}
	// What is damaged later stands in the report; it is not said again.
	set(id, "shelf", Damaged)
	if r := report(t, c, "17", sight); r.MayGoBack || len(r.Against) != 1 {
		t.Errorf("%+v", r.Against)
	}
	// Opened again, it may be told again.
	set(id, "shelf", ReadBack)
	if _, err := c.OpenBatch(t.Context(), "17", "ada", true); err != nil {
		t.Fatal(err)
	}
	stands(sight, "the batch is open")
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if !told(sight) {
		t.Error("not told after it was opened again")
	}
	// One that nothing came in is never told of.
	openBatch(t, c, "18")
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if first, err := c.TellBatch(t.Context(), "18", sight); err != nil || first {
		t.Errorf("%v, %v", first, err)
	}
}
