package station_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// begun is a store that knows which uploads were begun in it.
type begun struct {
	archive.Store
	mu   *sync.Mutex
	keys map[string]int
}

func (b begun) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	b.mu.Lock()
	id, _, _ := strings.Cut(key, "/")
	b.keys[id]++
	b.mu.Unlock()
	return b.Store.Begin(ctx, key, size)
}

func (b begun) carriers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.keys)
}

// burnt is a rig with one recordable archived, as item B-17.
func burnt(t *testing.T, change ...func(*station.Config)) (r *rig, drive *simbench.Slot, first string, b begun) {
	t.Helper()
	r, drive = asking(t, append([]func(*station.Config){func(c *station.Config) {
		b = begun{c.Stores[0].Store, &sync.Mutex{}, map[string]int{}}
		c.Stores[0].Store = b
	}}, change...)...)
	first = r.rip(drive, recordable(t), "B-17", 1, station.OutcomeDone).ID
	return r, drive, first, b
}

func recordable(t *testing.T) *simdrive.Disc {
	t.Helper()
	return simdrive.DVDR(iso(t, "HOME", 220, 6000), 6000)
}

// slow is a recordable that is being read for a while. far waits until the
// reading, and not the look at its samples, has come to that.
type slow struct {
	*simdrive.Disc
	at disc.LBA
}

func slowly(t *testing.T, r *rig, first string) slow {
	t.Helper()
	d := slow{recordable(t), unsampled(t, r.catalog, first, 4500)}
	d.Damage().Slow(400*time.Millisecond, disc.Extent{Start: d.at, Count: 1})
	return d
}

func (d slow) far(r *rig) {
	r.t.Helper()
	for end := time.Now().Add(patience); d.Damage().Tries(d.at) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("the reading never came far; the story:\n%s", r.story())
		}
	}
}

// noImage asserts that no image is left in the spool.
func (r *rig) noImage() {
	r.t.Helper()
	if m, err := filepath.Glob(filepath.Join(r.dir, "spool", "*", "image.iso")); err != nil || len(m) > 0 {
		r.t.Errorf("left in the spool: %v, %v", m, err)
	}
}

// A recordable that looks like a held one is read in full, nothing of it is
// sent, and when it is equal it is a further capture of its carrier.
func TestRecordableIsComparedInFull(t *testing.T) {
	for _, item := range []string{"", "B-17"} {
		t.Run(item, func(t *testing.T) {
			t.Parallel()
			r, drive, first, begun := burnt(t)
			again := slowly(t, r, first)
			must(t, drive.Insert(again.Disc))
			must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: item}))(t)
			again.far(r)
			if up, err := filepath.Glob(filepath.Join(r.dir, "spool", "[a-z]*", "uploads", "*")); err != nil || len(up) > 0 {
				t.Errorf("while it is read there are %v, %v", up, err)
			}
			x := r.ended(2, station.OutcomeAlready)
			if x.ID != first || len(r.bags()) != 1 || begun.carriers() != 1 || drive.Ejects() != 2 {
				t.Errorf("carrier %s, bags %v, uploads of %d carriers, %d ejects", x.ID, r.bags(), begun.carriers(), drive.Ejects())
			}
			r.carriers(1)
			r.captured(first, catalog.Imaged, catalog.Compared)
			e := r.event(first, "compared: read in full again")
			if len(e.Objects) != 1 || e.Objects[0] != first+"/v1/data/image.iso" || e.Outcome != catalog.EventSuccess {
				t.Errorf("%+v", e)
			}
			tray := r.await(2, word(station.WordEjected))
			if !strings.Contains(tray.Text, "ALREADY ARCHIVED, COMPARED IN FULL") || !strings.Contains(tray.Text, "B-17") || tray.ID != first {
				t.Errorf("the tray opens with %q of %s", tray.Text, tray.ID)
			}
			r.noImage()
			r.cleared(r.await(1, word(station.WordComparing)).ID)
			readOnce(t, again.Disc, 1200)
			// And once more.
			if y := r.rip(drive, recordable(t), item, 3, station.OutcomeAlready); y.ID != first {
				t.Errorf("carrier %s", y.ID)
			}
			r.captured(first, catalog.Imaged, catalog.Compared, catalog.Compared)
		})
	}
}

// One byte that no sample stands for makes it another disc, with its own bag.
func TestRecordableThatIsNotEqual(t *testing.T) {
	r, drive, first, _ := burnt(t)
	other := simdrive.DVDR(oneByte{iso(t, "HOME", 220, 6000), int64(unsampled(t, r.catalog, first, 3333))*disc.SectorSize + 77}, 6000)
	x := r.rip(drive, other, "", 2, station.OutcomeDone)
	r.carriers(2)
	if len(r.notes(word(station.WordComparing))) != 1 || len(r.notes(word(station.WordKept))) != 1 {
		t.Errorf("the story:\n%s", r.story())
	}
	sameAsDisc(t, r.image(x.ID, 1), other)
	if e := r.event(x.ID, "read to be compared, and archived on its own: "); !strings.Contains(e.Detail, "another SHA-512") || len(e.Objects) != 2 {
		t.Errorf("%+v", e)
	}
	r.captured(first, catalog.Imaged)
	if v := r.show(x.ID); x.ID == first || len(v.SameImage) > 0 || v.Item != nil {
		t.Errorf("carrier %s, same as %q, item %v", x.ID, v.SameImage, v.Item)
	}
}

// Under another identifier a recordable has its own carrier and bag, and what
// is equal is said of both.
func TestRecordableUnderAnotherIdentifier(t *testing.T) {
	r, drive, first, _ := burnt(t)
	x := r.rip(drive, recordable(t), "B-18", 2, station.OutcomeDone)
	r.carriers(2)
	if len(r.notes(word(station.WordComparing))) > 0 || x.ID == first || len(r.bags()) != 2 {
		t.Errorf("carrier %s, bags %v; the story:\n%s", x.ID, r.bags(), r.story())
	}
	r.sameContent(first, 1, x.ID, 1)
	// Each is compared with its own from now on.
	for n, at := range []struct{ item, id string }{{"B-18", x.ID}, {"B-17", first}} {
		if y := r.rip(drive, recordable(t), at.item, n+3, station.OutcomeAlready); y.ID != at.id {
			t.Errorf("item %s is carrier %s, want %s", at.item, y.ID, at.id)
		}
	}
	r.captured(x.ID, catalog.Imaged, catalog.Compared)
}

// What a person says while it is read counts: it is of another item, so its
// image is kept, whatever its digest.
func TestRecordableThatIsNamedWhileItIsCompared(t *testing.T) {
	r, drive, first, _ := burnt(t)
	d := slowly(t, r, first)
	must(t, drive.Insert(d.Disc))
	must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
	d.far(r)
	must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-18"}))(t)
	x := r.ended(2, station.OutcomeDone)
	r.cleared(x.ID)
	if v := r.show(x.ID); x.ID == first || v.Item == nil || *v.Item != "B-18" {
		t.Errorf("carrier %s, item %v", x.ID, v.Item)
	}
	r.captured(first, catalog.Imaged)
	r.sameContent(first, 1, x.ID, 1)
	sameAsDisc(t, r.image(x.ID, 1), d.Disc)
}

// A station may take recordables by their samples.
func TestRecordableBySamples(t *testing.T) {
	r, drive, first, _ := burnt(t, func(c *station.Config) { c.Recordable = station.RecordableSamples })
	before := len(r.commands("READ(10)"))
	if x := r.rip(drive, recordable(t), "", 2, station.OutcomeAlready); x.ID != first {
		t.Errorf("carrier %s", x.ID)
	}
	if n := len(r.commands("READ(10)")) - before; n > 120 {
		t.Errorf("%d reads", n)
	}
	r.captured(first, catalog.Imaged, catalog.AlreadyArchived)
	x := r.rip(drive, recordable(t), "B-18", 3, station.OutcomeDone)
	r.carriers(2)
	r.sameContent(first, 1, x.ID, 1)
}

// What was not read in full was not compared, whatever its other sectors are.
func TestRecordableThatIsIncompleteNow(t *testing.T) {
	r, drive, first, _ := burnt(t)
	d := recordable(t)
	bad := disc.Extent{Start: unsampled(t, r.catalog, first, 4000), Count: 1}
	d.Damage().Bad(bad)
	x := r.rip(drive, d, "", 2, station.OutcomeIncomplete)
	if e := r.event(x.ID, "read to be compared, and archived on its own: "); !strings.Contains(e.Detail, "not read in full") {
		t.Errorf("%+v", e)
	}
	r.captured(first, catalog.Imaged)
	r.carriers(2)
	sameAsDisc(t, r.image(x.ID, 1), d, bad)
	if v := r.show(x.ID); x.ID == first || len(v.SameImage) > 0 {
		t.Errorf("carrier %s, same as %q", x.ID, v.SameImage)
	}
}

// Copies that become bad while the disc is read make its image the better one:
// it is kept, and archived.
func TestCopiesThatBecomeBadWhileItIsCompared(t *testing.T) {
	for _, state := range []catalog.CopyState{catalog.Damaged, catalog.Missing, catalog.Unknown} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			r, drive, first, _ := burnt(t)
			d := slowly(t, r, first)
			must(t, drive.Insert(d.Disc))
			must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
			d.far(r)
			r.doubt(first, 1, state)
			x := r.ended(2, station.OutcomeDone)
			r.cleared(x.ID)
			r.carriers(2)
			if e := r.event(x.ID, "read to be compared, and archived on its own: "); !strings.Contains(e.Detail, "its copy in shelf is "+string(state)) {
				t.Errorf("%+v", e)
			}
			r.captured(first, catalog.Imaged)
			sameAsDisc(t, r.image(x.ID, 1), d.Disc)
			r.sameContent(first, 1, x.ID, 1)
		})
	}
}

// What is held in part, or badly, is nothing to compare with: the disc is read,
// sent and archived as any.
func TestRecordableWithNothingToCompareWith(t *testing.T) {
	for _, why := range []string{"missing", "incomplete"} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			r, drive := asking(t)
			d, ends := recordable(t), station.OutcomeDone
			if why == "incomplete" {
				d.Damage().Bad(disc.Extent{Start: 4001, Count: 1})
				ends = station.OutcomeIncomplete
			}
			first := r.rip(drive, d, "", 1, ends).ID
			if why == "missing" {
				r.doubt(first, 1, catalog.Missing)
			}
			x := r.rip(drive, recordable(t), "", 2, station.OutcomeDone)
			if x.ID == first || len(r.notes(word(station.WordComparing))) > 0 {
				t.Errorf("carrier %s; the story:\n%s", x.ID, r.story())
			}
			r.carriers(2)
			sameAsDisc(t, r.image(x.ID, 1), recordable(t))
		})
	}
}

// A recordable in each of two drives, both equal to what is held: two captures,
// and no further bag.
func TestTwoRecordablesComparedAtOnce(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.ComeBack = time.Nanosecond })
	a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
	r.start()
	must(t, a.Insert(recordable(t)))
	first := r.ended(1, station.OutcomeDone).ID
	r.cleared(first)
	da, db := slowly(t, r, first), slowly(t, r, first)
	must(t, a.Insert(da.Disc))
	da.far(r)
	must(t, b.Insert(db.Disc))
	db.far(r)
	for n := 2; n <= 3; n++ {
		if x := r.ended(n, station.OutcomeAlready); x.ID != first {
			t.Errorf("carrier %s", x.ID)
		}
	}
	r.carriers(1)
	r.captured(first, catalog.Imaged, catalog.Compared, catalog.Compared)
	r.noImage()
	if len(r.bags()) != 1 || a.Ejects() != 2 || b.Ejects() != 1 {
		t.Errorf("bags %v, %d and %d ejects", r.bags(), a.Ejects(), b.Ejects())
	}
}

// Taken out in the middle and put in again, also after a restart, it goes on,
// and is still compared.
func TestComparedAfterAPause(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r, drive, first, _ := burnt(t)
		d := slowly(t, r, first)
		must(t, drive.Insert(d.Disc))
		must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
		d.far(r)
		drive.ForceOpen()
		r.await(2, final)
		n := 3
		if restart {
			r = r.again(r.bench, func(c *station.Config) { c.ComeBack = time.Nanosecond })
			r.without(disc.EventInserted)
			r.start()
			n = 1
		}
		x := r.rip(drive, d.Disc, "", n, station.OutcomeAlready)
		if x.ID != first || len(r.bags()) != 1 {
			t.Errorf("carrier %s, bags %v", x.ID, r.bags())
		}
		r.carriers(1)
		r.captured(first, catalog.Imaged, catalog.Compared)
		readOnce(t, d.Disc, 1400+4500) // what the spool had was held against the disc
		r.noImage()
	}
}

// The catalog of a station that was down: a job that was compared, and its
// image is gone, opens its tray and nothing else.
func TestComparedAndStoppedBeforeTheTrayOpened(t *testing.T) {
	r, drive, first, _ := burnt(t)
	stuck := make(chan struct{})
	second := r.again(r.bench, func(c *station.Config) { c.ComeBack = time.Nanosecond })
	second.without(disc.EventInserted)
	second.put(between{eject: func(d station.Drive, ctx context.Context) error {
		select {
		case <-stuck:
		default:
			close(stuck)
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	second.start()
	d := recordable(t)
	must(t, drive.Insert(d))
	must2(second.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
	<-stuck
	third := second.again(r.bench, func(c *station.Config) { c.ComeBack = time.Nanosecond })
	third.without(disc.EventInserted)
	third.start()
	before := drive.Ejects()
	must2(third.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
	x := third.ended(1, station.OutcomeAlready)
	if x.ID != first || drive.Ejects() != before+1 {
		t.Errorf("carrier %s, %d ejects", x.ID, drive.Ejects()-before)
	}
	third.captured(first, catalog.Imaged, catalog.Compared)
	if left, err := os.ReadDir(filepath.Join(r.dir, "spool")); err != nil || len(left) != 1 { // the lock
		t.Errorf("the spool holds %v, %v", left, err)
	}
}

// The place that it took in a batch is its carrier's, also when the station was
// stopped in between; nothing of the batch is left under way.
func TestComparedInABatch(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r, drive, first, _ := burnt(t)
		r.open("17")
		d := slowly(t, r, first)
		// Its arrival is told, and the story begins when a person asks for it.
		must(t, drive.Insert(d.Disc))
		must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
		d.far(r)
		want := 2
		if restart {
			r = r.again(r.bench, func(c *station.Config) { c.ComeBack = time.Nanosecond })
			r.without(disc.EventInserted)
			r.start()
			must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1"}))(t)
			want = 1
		}
		r.ended(want, station.OutcomeAlready)
		r.closeBatch()
		var got []string
		for _, x := range r.report("17").Discs {
			got = append(got, fmt.Sprint(x.Place, " ", x.ID))
		}
		if len(got) != 1 || got[0] != "1 "+first {
			t.Errorf("places %q, want one of %s", got, first)
		}
		r.await(1, word(station.WordShelf))
		r.event(first, "batch 17, place 1")
		r.carriers(1)
		if ps, err := r.catalog.IntegrityCheck(t.Context()); err != nil || len(ps) > 0 {
			t.Errorf("%v, %v", ps, err)
		}
	}
}
