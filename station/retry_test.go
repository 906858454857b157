package station_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

var grace = catalog.Agent{Role: catalog.RoleOperator, Name: "grace"}

// ask marks a disc to be read anew.
func (r *rig) ask(id, drive string) {
	r.t.Helper()
	must(r.t, r.catalog.AskRetry(r.t.Context(), []string{id}, drive, grace))
}

func (r *rig) anew(id, drive string) station.Anew {
	r.t.Helper()
	a, err := r.station.ReadAnew(r.t.Context(), id, drive, "grace")
	must(r.t, err)
	return a
}

// A disc that is complete and well stored is read anew once it is asked for: as
// its carrier's next version, with the reason in its record, and once.
func TestReadAnew(t *testing.T) {
	for name, make := range map[string]func(label string) *simdrive.Disc{
		"pressed":    func(l string) *simdrive.Disc { return simdrive.PressedCD(iso(t, l, 31, 2000), 2000) },
		"recordable": func(l string) *simdrive.Disc { return simdrive.CDR(iso(t, l, 32, 2000), 2000) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			d := make("ANEW")
			must(t, drive.Insert(d))
			id := r.ended(1, station.OutcomeDone).ID
			r.cleared(id)
			r.ask(id, "")
			if a := r.anew(id, ""); a.Begun || a.Text == "" {
				t.Errorf("the disc lies on the open tray: %+v", a)
			}
			must(t, drive.Insert(d)) // within the minute in which a tray may have closed by itself
			if end := r.ended(2, station.OutcomeDone); end.ID != id {
				t.Fatalf("it was read as %s, want %s; the story:\n%s", end.ID, id, r.story())
			}
			r.cleared(id)
			sameAsDisc(t, r.image(id, 2), d)
			v := r.show(id)
			if v.Image.Version != 2 || v.Retry != nil || len(r.bags()) != 2 {
				t.Errorf("version %d, mark %+v, bags %v", v.Image.Version, v.Retry, r.bags())
			}
			body, err := r.catalog.Record(t.Context(), id, 2)
			must(t, err)
			rec, err := catalog.ParseRecord(body)
			must(t, err)
			if !slices.ContainsFunc(rec.Events, func(e catalog.Event) bool { return strings.Contains(e.Detail, "grace asked for that") }) {
				t.Errorf("the record does not say why: %+v", rec.Events)
			}
		})
	}
}

// The mark of one drive is for that drive.
func TestReadAnewInOneDrive(t *testing.T) {
	r := newRig(t)
	one, two := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "SIM2"})
	r.start()
	d := simdrive.PressedCD(iso(t, "TWO", 33, 2000), 2000)
	must(t, one.Insert(d))
	id := r.ended(1, station.OutcomeDone).ID
	r.cleared(id)
	r.ask(id, two.Info.Key)
	if a := r.anew(id, two.Info.Key); a.Begun || !strings.Contains(a.Text, two.Info.Key) {
		t.Errorf("%+v", a)
	}
	must(t, one.Insert(d))
	r.ended(2, station.OutcomeAlready)
	if v := r.show(id); v.Retry == nil || v.Image.Version != 1 {
		t.Errorf("another drive used it up: %+v, version %d", v.Retry, v.Image.Version)
	}
	one.ForceOpen()
	must(t, two.Insert(d))
	r.ended(3, station.OutcomeDone)
	r.cleared(id)
	if v := r.show(id); v.Retry != nil || v.Image.Version != 2 || v.Captures[len(v.Captures)-1].Drive.Key != two.Info.Key {
		t.Errorf("%+v, version %d in %s", v.Retry, v.Image.Version, v.Drive.Key)
	}
}

// Nothing is read anew that was not asked for: not another disc that looks
// alike, nor the disc itself once the mark was taken back; and a person who says
// that it is another item is believed.
func TestNotReadAnew(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "ALIKE", 34, 2000), 2000)
	must(t, drive.Insert(d))
	id := r.ended(1, station.OutcomeDone).ID
	r.cleared(id)
	r.ask(id, drive.Info.Key)
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "ALIKE", 35, 2000), 2000)))
	if other := r.ended(2, station.OutcomeDone); other.ID == id {
		t.Fatal("another disc of the same label and size became its next version")
	}
	if r.show(id).Retry == nil {
		t.Error("another disc used the mark up")
	}
	must(t, r.catalog.CancelRetry(t.Context(), []string{id}, grace))
	must(t, drive.Insert(d))
	if again := r.ended(3, station.OutcomeAlready); again.ID != id || r.show(id).Image.Version != 1 {
		t.Errorf("%s, version %d", again.ID, r.show(id).Image.Version)
	}
}

// The mark is used up by the record and not by the beginning: a stop in
// mid-reading does not lose it, and the reading that goes on uses it up.
func TestMarkOutlivesAStop(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "CUT", 36, 300*time.Millisecond)
	must(t, drive.Insert(d))
	id := r.ended(1, station.OutcomeDone).ID
	r.cleared(id)
	r.ask(id, "")
	first := d.Damage().Tries(4500)
	must(t, drive.Insert(d))
	for end := time.Now().Add(patience); d.Damage().Tries(4500) == first; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not read anew; the story:\n%s", r.story())
		}
	}
	second := r.again(r.bench)
	if v := second.show(id); v.Retry == nil || v.Image.Version != 1 {
		t.Fatalf("the mark is gone before there is a record: %+v", v.Retry)
	}
	second.start()
	r.bench.SpuriousChange(drive)
	second.ended(1, station.OutcomeDone)
	if v := second.show(id); v.Retry != nil || v.Image.Version != 2 {
		t.Errorf("%+v, version %d", v.Retry, v.Image.Version)
	}
}

// A disc that is in its drive when it is asked for is read at once, and one
// whose story is still told goes on to its end first.
func TestReadAnewAtOnce(t *testing.T) {
	r := newRig(t)
	r.put(between{eject: func(station.Drive, context.Context) error { return &disc.ReadError{Class: disc.ClassRefused} }})
	r.cfg.EjectRetry = time.Millisecond
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "STAYS", 37, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	id := r.await(1, word(station.WordReading)).ID
	if a := r.anew(id, ""); a.Begun || !strings.Contains(a.Text, "its story there goes on") {
		t.Errorf("in mid-read: %+v", a)
	}
	r.await(1, final) // the tray stays shut: the disc is still in
	must(t, r.station.Settled(t.Context(), id))
	r.ask(id, "")
	if a := r.anew(id, ""); !a.Begun || a.Drive != drive.Info.Node {
		t.Errorf("%+v", a)
	}
	r.await(2, final)
	must(t, r.station.Settled(t.Context(), id))
	v := r.show(id)
	if v.Image.Version != 2 || v.Retry != nil || v.Captures[len(v.Captures)-1].Operator != "grace" {
		t.Errorf("version %d, %+v; the story:\n%s", v.Image.Version, v.Retry, r.story())
	}
}

// Two discs of one pressing that are both to be read anew: nobody can tell them
// apart, so a person is asked, and neither becomes the other's next version.
func TestWhichOfTwoIsReadAnew(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "PRESSING", 38, 2000), 2000)))
	first := r.ended(1, station.OutcomeDone).ID
	r.cleared(first)
	item := "B-1"
	must(t, r.catalog.Annotate(t.Context(), first, catalog.Annotation{Item: &item}))
	ids := []string{first, r.twin(first, "B-2")}
	r.ask(ids[0], "")
	r.ask(ids[1], "")
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "PRESSING", 38, 2000), 2000)))
	end := r.ended(2, station.OutcomeNeedsYou)
	if !strings.Contains(end.Text, ids[0][:8]) || !strings.Contains(end.Text, ids[1][:8]) {
		t.Errorf("%s -> %s", end.Text, end.Hint)
	}
	for _, id := range ids {
		if v := r.show(id); v.Image.Version != 1 || v.Retry == nil {
			t.Errorf("%s: version %d, %+v", id, v.Image.Version, v.Retry)
		}
	}
	// Whoever says which item it is, is believed.
	_, err := r.station.Rip(t.Context(), station.Request{Source: drive.Info.Key, Item: "B-2"})
	must(t, err)
	if end := r.ended(3, station.OutcomeDone); end.ID != ids[1] || r.show(ids[1]).Image.Version != 2 || r.show(ids[0]).Retry == nil {
		t.Errorf("%s became version %d", end.ID, r.show(ids[1]).Image.Version)
	}
}

// twin records another copy of a carrier's pressing, and gives its id.
func (r *rig) twin(id, item string) string {
	r.t.Helper()
	body, err := r.catalog.Record(r.t.Context(), id, 1)
	must(r.t, err)
	rec, err := catalog.ParseRecord(body)
	must(r.t, err)
	twin := catalog.NewID()
	rec.Carrier.ID, rec.Carrier.Item, rec.Events = twin, item, nil
	for i := range rec.Captures {
		rec.Captures[i].ID = catalog.NewID()
	}
	body, err = catalog.EncodeRecord(rec)
	must(r.t, err)
	must(r.t, r.catalog.Commit(r.t.Context(), catalog.Commit{RecordBytes: body}))
	return twin
}
