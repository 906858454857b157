package station_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// asking is a rig whose discs are read when a person asks for it.
func asking(t *testing.T, change ...func(*station.Config)) (*rig, *simbench.Slot) {
	t.Helper()
	r := newRig(t, append([]func(*station.Config){func(c *station.Config) { c.ComeBack = time.Nanosecond }}, change...)...)
	r.without(disc.EventInserted)
	drive := r.add(simdrive.Options{})
	r.start()
	return r, drive
}

// rip puts a disc into a drive and has it read as an item's, "" for none. It
// gives the n-th end.
func (r *rig) rip(drive *simbench.Slot, d *simdrive.Disc, item string, n int, want station.Outcome) station.Notice {
	r.t.Helper()
	must(r.t, drive.Insert(d))
	_, err := r.station.Rip(r.t.Context(), station.Request{Source: drive.Info.Key, Item: item})
	must(r.t, err)
	x := r.ended(n, want)
	if want == station.OutcomeDone || want == station.OutcomeIncomplete {
		r.cleared(x.ID)
	}
	return x
}

func (r *rig) carriers(n int) []catalog.Summary {
	r.t.Helper()
	l, err := r.catalog.List(r.t.Context(), catalog.Filter{})
	must(r.t, err)
	if len(l) != n {
		r.t.Fatalf("%d carriers, want %d; the story:\n%s", len(l), n, r.story())
	}
	return l
}

// outcomes are how a carrier's captures ended, sorted.
func (r *rig) outcomes(id string) (list []catalog.CaptureOutcome) {
	r.t.Helper()
	for _, c := range r.show(id).Captures {
		list = append(list, c.Outcome)
	}
	slices.Sort(list)
	return list
}

func (r *rig) captured(id string, want ...catalog.CaptureOutcome) {
	r.t.Helper()
	slices.Sort(want)
	if got := r.outcomes(id); !slices.Equal(got, want) {
		r.t.Errorf("captures of %.8s: %q, want %q", id, got, want)
	}
}

// told is the carrier's one event whose detail begins so.
func (r *rig) event(id, detail string) catalog.Event {
	r.t.Helper()
	events, err := r.catalog.Events(r.t.Context(), id)
	must(r.t, err)
	var found []catalog.Event
	for _, e := range events {
		if strings.HasPrefix(e.Detail, detail) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d events of %.8s begin with %q: %+v", len(found), id, detail, events)
	}
	return found[0]
}

// sameContent asserts that both carriers say that their images are one.
func (r *rig) sameContent(a string, va int, b string, vb int) {
	r.t.Helper()
	bag := func(id string, v int) string { return fmt.Sprintf("%s/v%d", id, v) }
	both := []string{bag(a, va) + "/data/image.iso", bag(b, vb) + "/data/image.iso"}
	for _, p := range [][2]string{{a, bag(b, vb)}, {b, bag(a, va)}} {
		e := r.event(p[0], "same content as "+p[1])
		if e.Type != catalog.EventMetadata || e.Outcome != catalog.EventSuccess || len(e.Objects) != 2 || !slices.Contains(e.Objects, both[0]) || !slices.Contains(e.Objects, both[1]) {
			r.t.Errorf("%+v", e)
		}
		if v := r.show(p[0]); !slices.Contains(v.SameImage, p[1]) {
			r.t.Errorf("show of %.8s: same image as %q, want %s", p[0], v.SameImage, p[1])
		}
	}
}

// doubt has the catalog say that the carrier's copy on the shelf is not well.
func (r *rig) doubt(id string, version int, state catalog.CopyState) {
	r.t.Helper()
	c := r.copyIn(id, "shelf")
	c.State = state
	must(r.t, r.catalog.SetCopy(r.t.Context(), id, version, c, catalog.Event{Type: catalog.EventFixity, Time: time.Now(), Outcome: catalog.EventFail, Detail: "not as it was",
		Objects: []string{id}, Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}}}))
}

func pressed(t *testing.T, label string, seed uint64) *simdrive.Disc {
	t.Helper()
	return simdrive.PressedCD(iso(t, label, seed, 2000), 2000)
}

// Two discs that are equal in all but one small file, of one label and size,
// are two discs.
func TestAllButOneFile(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	disk := func(other int) *simdrive.Disc {
		var files []isoimage.File
		for i := range 12 {
			text := bytes.Repeat(fmt.Appendf(nil, "file %d, ", i), 900)
			if i == other {
				text = bytes.ToUpper(text)
			}
			files = append(files, isoimage.File{Path: fmt.Sprintf("D%d/F%d.TXT", i%2, i), Size: int64(len(text)), Content: bytes.NewReader(text)})
		}
		files = append(files, isoimage.File{Path: "BIG.BIN", Size: 1500 * disc.SectorSize})
		img, err := isoimage.New(isoimage.Options{Label: "EDITION", Seed: 201, Sectors: 2000, Files: files})
		must(t, err)
		return simdrive.PressedCD(img, 2000)
	}
	for n, other := range []int{-1, 0, 7, 11} {
		d := disk(other)
		must(t, drive.Insert(d))
		x := r.ended(n+1, station.OutcomeDone)
		sameAsDisc(t, r.image(x.ID, 1), d)
	}
	r.carriers(4)
	must(t, drive.Insert(disk(7)))
	r.ended(5, station.OutcomeAlready)
}

// The same pressed disc again, without an identifier or with its own, is not
// read: a capture and an event on its carrier.
func TestPressedWithItsOwnIdentifier(t *testing.T) {
	for name, tc := range map[string]struct{ first, again, item string }{
		"none, none":     {"", "", ""},
		"named, none":    {"B-17", "", "B-17"},
		"named, its own": {"B-17", "B-17", "B-17"},
		// It may be a further copy of the pressing: nobody gets a name by guess.
		"none, named by now": {"", "B-17", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, drive := asking(t)
			d := pressed(t, "TWICE", 202)
			x := r.rip(drive, d, tc.first, 1, station.OutcomeDone)
			before := len(r.commands("READ(10)"))
			y := r.rip(drive, d, tc.again, 2, station.OutcomeAlready)
			if n := len(r.commands("READ(10)")) - before; n > 120 {
				t.Errorf("%d reads for a disc that is held", n)
			}
			if len(r.bags()) != 1 || x.ID != y.ID || drive.Ejects() != 2 {
				t.Errorf("bags %v, carriers %s and %s, %d ejects", r.bags(), x.ID, y.ID, drive.Ejects())
			}
			r.carriers(1)
			r.captured(x.ID, catalog.Imaged, catalog.AlreadyArchived)
			r.event(x.ID, "already archived: the same pressed disc as version 1")
			r.await(1, word(station.WordAlready))
			if v := r.show(x.ID); (v.Item == nil) != (tc.item == "") || v.Item != nil && *v.Item != tc.item || v.Disposition == catalog.NeedsReview {
				t.Errorf("item %v, disposition %s, needs %q", v.Item, v.Disposition, v.Needs)
			}
			if needs := strings.Join(r.show(x.ID).Needs, ";"); strings.Contains(needs, "B-17") != (tc.item == "" && tc.again != "") {
				t.Errorf("needs %q", needs)
			}
		})
	}
}

// Under another identifier it is not read: a carrier of its own says what it
// looks like, and asks a person; it says so once, however often it comes.
func TestPressedUnderAnotherIdentifierIsHeld(t *testing.T) {
	r, drive := asking(t)
	d := pressed(t, "COPY", 203)
	x := r.rip(drive, d, "B-17", 1, station.OutcomeDone)
	before := len(r.commands("READ(10)"))
	y := r.rip(drive, d, "B-18", 2, station.OutcomeNeedsYou)
	if n := len(r.commands("READ(10)")) - before; n > 120 || len(r.bags()) != 1 {
		t.Errorf("%d reads, bags %v", n, r.bags())
	}
	said := r.await(1, word(station.WordLooksSame))
	if !strings.Contains(said.Text, "B-17 ("+x.ID[:8]+")") || said.ID != y.ID || said.Hint == "" {
		t.Errorf("said %q of %s -> %s", said.Text, said.ID, said.Hint)
	}
	want := "LOOKS THE SAME AS B-17 (" + x.ID[:8] + "), NOT READ"
	for range 2 {
		r.carriers(2)
		v := r.show(y.ID)
		if x.ID == y.ID || v.Item == nil || *v.Item != "B-18" || v.Image != nil || v.Disposition != catalog.NeedsReview || !slices.Equal(v.Needs, []string{want}) || len(v.Copies) != 0 {
			t.Fatalf("the second carrier: item %v, image %v, %s, needs %q", v.Item, v.Image, v.Disposition, v.Needs)
		}
		if y = r.rip(drive, d, "B-18", len(r.notes(final))+1, station.OutcomeNeedsYou); y.ID != said.ID {
			t.Fatalf("it became carrier %s, want %s", y.ID, said.ID)
		}
	}
	r.captured(y.ID, catalog.NotRead, catalog.NotRead, catalog.NotRead)
	r.captured(x.ID, catalog.Imaged)
	if v := r.show(x.ID); *v.Item != "B-17" || v.Disposition != catalog.None {
		t.Errorf("the first carrier is item %s, %s", *v.Item, v.Disposition)
	}
	// Another part of the same item is another disc, too; so is a third item.
	must(t, drive.Insert(d))
	must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-19"}))(t)
	r.ended(5, station.OutcomeNeedsYou)
	r.carriers(3)

	// What a person has accepted is not asked again.
	accepted := catalog.Accepted
	must(t, r.catalog.Annotate(t.Context(), y.ID, catalog.Annotation{Disposition: &accepted, Note: "a further copy"}))
	r.rip(drive, d, "B-18", 6, station.OutcomeNeedsYou)
	if v := r.show(y.ID); v.Disposition != catalog.Accepted || len(v.Needs) > 0 {
		t.Errorf("%s, needs %q", v.Disposition, v.Needs)
	}
}

// What was not read is read when a person asks for it, as the carrier that says so.
func TestHeldDiscIsReadWhenAPersonAsks(t *testing.T) {
	r, drive := asking(t)
	d := pressed(t, "ASKED", 210)
	x := r.rip(drive, d, "B-17", 1, station.OutcomeDone)
	y := r.rip(drive, d, "B-18", 2, station.OutcomeNeedsYou)
	must(t, r.catalog.AskRetry(t.Context(), []string{y.ID}, "SIM1"))
	z := r.rip(drive, d, "B-18", 3, station.OutcomeDone)
	if z.ID != y.ID || r.show(y.ID).Image.Version != 1 {
		t.Errorf("carrier %s, want %s", z.ID, y.ID)
	}
	r.carriers(2)
	r.sameContent(x.ID, 1, y.ID, 1)
	sameAsDisc(t, r.image(y.ID, 1), d)
}

func must2[T any](_ T, err error) func(*testing.T) {
	return func(t *testing.T) { t.Helper(); must(t, err) }
}

// With the other setting it is read, as the carrier that says that it was not read,
// if there is one. Both keep their bags, and each says that the other is the same.
func TestPressedUnderAnotherIdentifierIsRead(t *testing.T) {
	r, drive := asking(t)
	d := pressed(t, "COPIES", 204)
	x := r.rip(drive, d, "B-17", 1, station.OutcomeDone)
	held := r.rip(drive, d, "B-18", 2, station.OutcomeNeedsYou)
	second := r.again(r.bench, func(c *station.Config) { c.SameOtherItem, c.ComeBack = station.SameRead, time.Nanosecond })
	second.without(disc.EventInserted)
	second.start()
	y := second.rip(drive, d, "B-18", 1, station.OutcomeDone)
	z := second.rip(drive, d, "B-19", 2, station.OutcomeDone)
	if y.ID != held.ID || z.ID == x.ID || z.ID == y.ID {
		t.Errorf("carriers %s, held %s, read %s and %s", x.ID, held.ID, y.ID, z.ID)
	}
	second.carriers(3)
	for _, id := range []string{x.ID, y.ID, z.ID} {
		sameAsDisc(t, second.image(id, 1), d)
	}
	second.sameContent(x.ID, 1, y.ID, 1)
	second.sameContent(x.ID, 1, z.ID, 1)
	second.sameContent(y.ID, 1, z.ID, 1)
	second.event(y.ID, "looks the same as "+x.ID+"/v1")
	// Each is known by its own identifier now.
	for n, at := range []struct{ item, id string }{{"B-18", y.ID}, {"B-17", x.ID}, {"B-19", z.ID}} {
		if w := second.rip(drive, d, at.item, n+3, station.OutcomeAlready); w.ID != at.id {
			t.Errorf("item %s is carrier %s, want %s", at.item, w.ID, at.id)
		}
	}
}

// A disc whose image is not whole, or whose copies are not well, is read anew
// as its carrier's next version; under another identifier, as a carrier of its own.
func TestPressedWhenWhatIsHeldIsNotEnough(t *testing.T) {
	for _, why := range []string{"incomplete", "missing", "damaged", "unknown"} {
		for _, item := range []string{"", "B-17", "B-18"} {
			t.Run(why+", "+item, func(t *testing.T) {
				t.Parallel()
				r, drive := asking(t)
				d, bad, ends := pressed(t, "WORN", 205), disc.Extent{Start: 1500, Count: 1}, station.OutcomeDone
				if why == "incomplete" {
					d.Damage().Bad(bad)
					ends = station.OutcomeIncomplete
				}
				x := r.rip(drive, d, "B-17", 1, ends)
				if why == "incomplete" {
					d.Damage().Heal(bad)
				} else {
					r.doubt(x.ID, 1, catalog.CopyState(why))
				}
				y := r.rip(drive, d, item, 2, station.OutcomeDone)
				if item == "B-18" {
					r.carriers(2)
					sameAsDisc(t, r.image(y.ID, 1), d)
					if v := r.show(y.ID); x.ID == y.ID || *v.Item != "B-18" {
						t.Errorf("carrier %s, item %s", y.ID, *v.Item)
					}
					return
				}
				r.carriers(1)
				sameAsDisc(t, r.image(x.ID, 2), d)
				if v := r.show(x.ID); x.ID != y.ID || v.Image.Version != 2 || *v.Item != "B-17" {
					t.Errorf("carrier %s, version %d", y.ID, v.Image.Version)
				}
			})
		}
	}
}

// Samples that cannot be read now count for nothing: a few of them change
// nothing, and with too few left the disc is read as a new one.
func TestSamplesThatCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct {
		bad  disc.Extent
		ends station.Outcome
		n    int
	}{
		"some": {disc.Extent{Start: 1200, Count: 500}, station.OutcomeAlready, 1},
		"most": {disc.Extent{Start: 200, Count: 1800}, station.OutcomeIncomplete, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, drive := asking(t, func(c *station.Config) { c.Retries = 0 })
			d := pressed(t, "DIRTY", 206)
			x := r.rip(drive, d, "", 1, station.OutcomeDone)
			d.Damage().Bad(tc.bad)
			y := r.rip(drive, d, "", 2, tc.ends)
			r.carriers(tc.n)
			if (x.ID == y.ID) != (tc.n == 1) {
				t.Errorf("carriers %s and %s", x.ID, y.ID)
			}
		})
	}
}

// While its copies are still on their way, the disc is not read again.
func TestStillSending(t *testing.T) {
	for _, item := range []string{"", "B-18"} {
		t.Run(item, func(t *testing.T) {
			t.Parallel()
			var g *gate
			r, drive := asking(t, func(c *station.Config) {
				g = &gate{Store: c.Stores[0].Store}
				g.shut.Store(true)
				c.Stores[0].Store, c.Eject = g, station.EjectImaged
			})
			d := pressed(t, "ONITSWAY", 207)
			must(t, drive.Insert(d))
			must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-17"}))(t)
			x := r.await(1, final)
			must(t, drive.Insert(d))
			must2(r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: item}))(t)
			y := r.await(2, final)
			if item == "" {
				if y.Outcome != station.OutcomeAlready || y.ID != x.ID || len(r.notes(word(station.WordStillSending))) == 0 {
					t.Errorf("ended as %q, carrier %s; the story:\n%s", y.Outcome, y.ID, r.story())
				}
				r.carriers(1)
				r.captured(x.ID, catalog.Imaged, catalog.AlreadyArchived)
			} else {
				if y.Outcome != station.OutcomeNeedsYou || y.ID == x.ID || len(r.notes(word(station.WordLooksSame))) == 0 {
					t.Errorf("ended as %q, carrier %s; the story:\n%s", y.Outcome, y.ID, r.story())
				}
				r.carriers(2)
			}
			g.shut.Store(false)
			r.cleared(x.ID)
			if len(r.bags()) != 1 {
				t.Errorf("bags %v", r.bags())
			}
			sameAsDisc(t, r.image(x.ID, 1), d)
		})
	}
}

// Two discs of one pressing in two drives at once: new ones become two carriers
// that know of each other; held ones are not read, and are two captures.
func TestTwoOfOnePressingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *station.Config) { c.ComeBack = time.Nanosecond })
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		da, db := slowDisc(t, "PRESSING", 208, 300*time.Millisecond), slowDisc(t, "PRESSING", 208, 300*time.Millisecond)
		must(t, a.Insert(da))
		r.readFar(da)
		must(t, b.Insert(db))
		x, y := r.ended(1, station.OutcomeDone), r.ended(2, station.OutcomeDone)
		r.cleared(x.ID)
		r.cleared(y.ID)
		r.carriers(2)
		sameAsDisc(t, r.image(x.ID, 1), da)
		sameAsDisc(t, r.image(y.ID, 1), db)
		r.sameContent(x.ID, 1, y.ID, 1)
		must(t, a.Insert(da))
		must(t, b.Insert(db))
		for n := 3; n <= 4; n++ {
			r.ended(n, station.OutcomeAlready)
		}
		r.carriers(2)
		if got := append(r.outcomes(x.ID), r.outcomes(y.ID)...); len(got) != 4 || len(r.bags()) != 2 {
			t.Errorf("captures %q, bags %v", got, r.bags())
		}
	})
}

// unsampled is a sector that is no sample of the carrier's first image.
func unsampled(t *testing.T, c *catalog.Catalog, id string, from disc.LBA) disc.LBA {
	t.Helper()
	text, err := c.Record(t.Context(), id, 1)
	must(t, err)
	rec, err := catalog.ParseRecord(text)
	must(t, err)
	for slices.ContainsFunc(rec.Identity.Samples, func(s disc.Sample) bool { return s.LBA == from }) {
		from++
	}
	return from
}

// oneByte is an image with one other byte.
type oneByte struct {
	io.ReaderAt
	off int64
}

func (o oneByte) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.ReaderAt.ReadAt(p, off)
	if i := o.off - off; i >= 0 && i < int64(n) {
		p[i] ^= 1
	}
	return n, err
}

// Each identifier under which a double of an unnamed disc came stays on record,
// not only the last one, which a person is asked about.
func TestEveryIdentifierOfADoubleStaysOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		pressing := func() *simdrive.Disc { return simdrive.PressedCD(iso(t, "DOUBLE", 140, 1000), 1000) }
		must(t, drive.Insert(pressing()))
		first := r.ended(1, station.OutcomeDone)
		for i, code := range []string{"B-50", "B-51"} {
			time.Sleep(2 * time.Minute) // else it is a tray that closed by itself
			r.scan(station.ScanRequest{Code: code})
			drive.TakeOut()
			must(t, drive.Insert(pressing()))
			if end := r.ended(2+i, station.OutcomeAlready); end.ID != first.ID {
				t.Errorf("%s is on carrier %s", code, end.ID)
			}
		}
		v := r.show(first.ID)
		if v.Item != nil || !strings.Contains(strings.Join(v.Needs, ";"), "B-51") {
			t.Errorf("item %v, needs %q", v.Item, v.Needs)
		}
		for _, code := range []string{"B-50", "B-51"} {
			if !slices.ContainsFunc(v.Events, func(e catalog.Event) bool {
				return e.Type == catalog.EventModify && e.Outcome == catalog.EventWarning && strings.Contains(e.Detail, "came as item "+code)
			}) {
				t.Errorf("no event tells of %s: %+v", code, v.Events)
			}
		}
	})
}
