package station_test

import (
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func TestCleanDisc(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "CLEAN", 1, 3000), 3000)
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeDone)

	v := r.show(end.ID)
	if v.Image == nil || v.Image.State != catalog.Complete || v.Image.Sectors.Read != 3000 || v.Label != "CLEAN" {
		t.Errorf("the record says %+v", v.Image)
	}
	if v.Disposition != catalog.NeedsIdentity {
		t.Errorf("a disc nobody named is %q, want needs identity", v.Disposition)
	}
	sameAsDisc(t, r.image(end.ID, 1), d)
	if len(v.Copies) != 1 || v.Copies[0].State != catalog.ReadBack || v.Copies[0].ReadBackAt == nil || v.Copies[0].StoredAt == nil {
		t.Errorf("copies: %+v", v.Copies)
	}
	if n := drive.Ejects(); n != 1 {
		t.Errorf("%d ejects, want 1", n)
	}
	if n := drive.WriteAttempts(); n != 0 {
		t.Errorf("%d commands that would have written", n)
	}
	d.EachRead(func(e disc.Extent, times int) {
		if times > 2 { // descriptors are read once to identify, once for the image
			t.Errorf("sectors %d+%d were read %d times", e.Start, e.Count, times)
		}
	})
	for _, c := range v.Checks {
		if c.Outcome == disc.Failure || c.Outcome == disc.Warning {
			t.Errorf("check %s: %s %s", c.Code, c.Outcome, c.Message)
		}
	}
	objects, err := r.catalog.Objects(t.Context(), end.ID, 1)
	must(t, err)
	for _, o := range objects {
		b, err := os.ReadFile(filepath.Join(r.dir, "store", end.ID, "v1", o.Path))
		must(t, err)
		if sum := sha512.Sum512(b); hex.EncodeToString(sum[:]) != o.SHA512 {
			t.Errorf("%s is not what the catalog says", o.Path)
		}
	}
	if len(objects) != 11 {
		t.Errorf("the catalog knows %d of the bag's 11 files", len(objects))
	}
	left, err := os.ReadDir(filepath.Join(r.dir, "spool"))
	must(t, err)
	for _, e := range left {
		if e.IsDir() {
			t.Errorf("the spool still holds %s", e.Name())
		}
	}
}

func TestDamagedDiscIsArchivedAsIncomplete(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.DVDROM(iso(t, "SCRATCHED", 2, 4000), 4000)
	bad := []disc.Extent{{Start: 777, Count: 3}, {Start: 2048, Count: 1}}
	d.Damage().Bad(bad...)
	d.Damage().Fail(2, disc.Extent{Start: 1500, Count: 5})
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeIncomplete)
	v := r.show(end.ID)
	if v.Image.State != catalog.Incomplete || v.Image.Sectors.Unreadable != 4 {
		t.Errorf("the record says %+v", *v.Image)
	}
	sameAsDisc(t, r.image(end.ID, 1), d, bad...)
	if got := r.await(1, word(station.WordEjected)); !strings.Contains(got.Text, "INCOMPLETE") || !strings.Contains(got.Text, "4 sectors") {
		t.Errorf("the tray opens with %q", got.Text)
	}
}

func TestSameDiscAgain(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "TWICE", 3, 3000), 3000)
	must(t, drive.Insert(d))
	first := r.ended(1, station.OutcomeDone)
	reads := len(r.commands("READ(10)"))
	must(t, drive.Insert(d))
	second := r.ended(2, station.OutcomeAlready)
	if second.ID != first.ID {
		t.Errorf("taken for carrier %s, want %s", second.ID, first.ID)
	}
	if n := len(r.commands("READ(10)")) - reads; n > 60 {
		t.Errorf("%d reads for a disc that is held", n)
	}
	if drive.Ejects() != 2 || len(r.bags()) != 1 {
		t.Errorf("%d ejects, bags %v", drive.Ejects(), r.bags())
	}
	v := r.show(first.ID)
	if n := len(v.Captures); n != 2 || v.Captures[1].Outcome != catalog.AlreadyArchived && v.Captures[0].Outcome != catalog.AlreadyArchived {
		t.Errorf("captures: %+v", v.Captures)
	}
}

func TestRecordableIsReadAgain(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.ComeBack = time.Nanosecond })
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.DVDR(iso(t, "HOME", 4, 2000), 2000)
	must(t, drive.Insert(d))
	first := r.ended(1, station.OutcomeDone)
	reads := len(r.commands("READ(10)"))
	must(t, drive.Insert(d))
	second := r.ended(2, station.OutcomeAlready)
	if first.ID != second.ID || len(r.bags()) != 1 || len(r.commands("READ(10)"))-reads < 60 {
		t.Errorf("carriers %s and %s, bags %v, %d reads", first.ID, second.ID, r.bags(), len(r.commands("READ(10)"))-reads)
	}
}

func TestIncompleteDiscBecomesNextVersion(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "BETTER", 5, 3000), 3000)
	bad := disc.Extent{Start: 1000, Count: 2}
	d.Damage().Bad(bad)
	must(t, drive.Insert(d))
	first := r.ended(1, station.OutcomeIncomplete)
	d.Damage().Heal(bad)
	must(t, drive.Insert(d))
	second := r.ended(2, station.OutcomeDone)
	if first.ID != second.ID {
		t.Fatalf("the next image went to carrier %s, want %s", second.ID, first.ID)
	}
	sameAsDisc(t, r.image(first.ID, 1), d, bad)
	sameAsDisc(t, r.image(first.ID, 2), d)
	if v := r.show(first.ID); v.Image.Version != 2 || v.Image.State != catalog.Complete {
		t.Errorf("the record says %+v", *v.Image)
	}
}

func TestWhatAnISOCannotHold(t *testing.T) {
	content := iso(t, "MIXED", 6, 1000)
	for name, tc := range map[string]struct {
		disc *simdrive.Disc
		kind disc.Kind
	}{
		"audio":    {simdrive.AudioCD(1, 3000, 4000), disc.KindAudio},
		"mixed":    {simdrive.MixedMode(content, 1000, 1, 3000), disc.KindMixed},
		"cd-extra": {simdrive.CDExtra(content, 1000, 1, 3000), disc.KindCDExtra},
		"video-cd": {simdrive.VideoCD(content, 1000, 1, 3000), disc.KindVideoCD},
		"blank":    {simdrive.BlankCDR(), disc.KindBlank},
		"no toc":   {simdrive.UnreadableTOC(), disc.KindNoTOC},
		"css":      {simdrive.CSSDVD(iso(t, "FILM", 7, 4000), 4000, disc.Extent{Start: 1000, Count: 500}), disc.KindData},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			must(t, drive.Insert(tc.disc))
			end := r.ended(1, station.OutcomeNeedsYou)
			v := r.show(end.ID)
			refused := r.await(1, word(station.WordNeedsYou))
			if v.Kind != tc.kind || v.Image != nil || v.Disposition == catalog.None || !slices.Contains(v.Needs, refused.Text) || refused.Hint == "" {
				t.Errorf("the record: kind %q, image %+v, disposition %q, needs %q", v.Kind, v.Image, v.Disposition, v.Needs)
			}
			if len(r.bags()) != 0 {
				t.Errorf("a bag was made: %v", r.bags())
			}
			if drive.Ejects() != 1 {
				t.Errorf("%d ejects, want 1", drive.Ejects())
			}
		})
	}
}

func TestMultiSessionIsReadWhole(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	one := iso(t, "ONE", 8, 700)
	// The second session's addresses count from the disc's first sector.
	two, err := isoimage.New(isoimage.Options{Label: "TWO", Seed: 9, Sectors: 600, Base: 700 + 2 + 11_400, Files: []isoimage.File{{Path: "LATER.TXT", Size: 5000}}})
	must(t, err)
	d := simdrive.MultiSessionCDR(simdrive.Part{Content: one, Sectors: 700}, simdrive.Part{Content: two, Sectors: 600})
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeDone)
	v := r.show(end.ID)
	if v.Image.State != catalog.Complete || v.Image.Sectors.Unrecorded < 11_400 || v.Sessions != 2 {
		t.Errorf("the record says %d sessions, %+v", v.Sessions, *v.Image)
	}
	sameAsDisc(t, r.image(end.ID, 1), d)
	// What the latest session lists is what is on the disc.
	list, err := os.ReadFile(filepath.Join(r.dir, "store", end.ID, "v1", "metadata", "files.json"))
	must(t, err)
	if !strings.Contains(string(list), `"volumes":[{"system":"ISO 9660","view":"ISO 9660","label":"TWO"}`) || !strings.Contains(string(list), `"path":"LATER.TXT"`) {
		t.Errorf("the file list begins with %.600s", list)
	}
}

func TestTwoDrives(t *testing.T) {
	r := newRig(t)
	a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
	r.start()
	da := simdrive.PressedCD(iso(t, "LEFT", 10, 3000), 3000)
	db := simdrive.DVDROM(iso(t, "RIGHT", 11, 5000), 5000)
	must(t, a.Insert(da))
	must(t, b.Insert(db))
	r.ended(1, station.OutcomeDone)
	r.ended(2, station.OutcomeDone)
	for _, label := range []string{"LEFT", "RIGHT"} {
		l, err := r.catalog.List(t.Context(), catalog.Filter{})
		must(t, err)
		for _, s := range l {
			if s.Label == label {
				sameAsDisc(t, r.image(s.ID, 1), map[string]*simdrive.Disc{"LEFT": da, "RIGHT": db}[label])
			}
		}
		if len(l) != 2 {
			t.Errorf("%d carriers, want 2", len(l))
		}
	}
}

func TestRequestNamesTheDisc(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	if _, err := r.station.Rip(t.Context(), station.Request{Source: "nowhere"}); err == nil {
		t.Error("a drive that is not there was taken")
	}
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "NAMED", 12, 3000), 3000)))
	first := r.ended(1, station.OutcomeDone)
	_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-17"})
	must(t, err) // the tray is open: the answer is that there is no disc
	r.ended(2, station.OutcomeFailed)
	d := simdrive.PressedCD(iso(t, "OTHER", 13, 3000), 3000)
	slow := disc.Extent{Start: 500, Count: 1}
	d.Damage().Slow(300*time.Millisecond, slow)
	must(t, drive.Insert(d))
	r.await(2, word(station.WordReading))
	_, err = r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-18", Part: 2, Parts: 3, Side: "A", Operator: "Ada"})
	must(t, err)
	second := r.ended(3, station.OutcomeDone)
	v := r.show(second.ID)
	if first.ID == second.ID || v.Item == nil || *v.Item != "B-18" || v.Part == nil || *v.Part != "2/3" || v.Disposition != catalog.None {
		t.Errorf("the record says item %v part %v disposition %q", v.Item, v.Part, v.Disposition)
	}
	if got := v.Captures[0].Operator; got != "Ada" {
		t.Errorf("operator %q, want Ada", got)
	}
	for _, bad := range []station.Request{{Source: "SIM1", Item: "a\x1b[2J"}, {Source: "SIM1", Part: 4, Parts: 3}, {Source: "SIM1", Title: strings.Repeat("x", 501)}} {
		if _, err := r.station.Rip(t.Context(), bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
