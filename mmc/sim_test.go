package mmc_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
)

// bench is a simulated drive, encoded from the standard by other hands than
// the decoder here, and the Drive that speaks to it.
func bench(t *testing.T, m *simdrive.Disc) (*simdrive.Drive, *mmc.Drive) {
	t.Helper()
	return benchWith(t, m, simdrive.Options{})
}

func benchWith(t *testing.T, m *simdrive.Disc, o simdrive.Options) (*simdrive.Drive, *mmc.Drive) {
	t.Helper()
	o.Name, o.Serial, o.Clock = "sim0", "K9X17", simdrive.NewVirtualClock(time.Unix(0, 0))
	sim := simdrive.New(o)
	if m != nil {
		if err := sim.Insert(m); err != nil {
			t.Fatal(err)
		}
	}
	d := mmc.New(sim.Transport())
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, d
}

func identify(t *testing.T, m *simdrive.Disc) disc.Disc {
	t.Helper()
	sim, d := bench(t, m)
	got, err := d.Identify(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	if n := sim.WriteAttempts(); n > 0 {
		t.Errorf("%s: %d commands that write", m.Name, n)
	}
	return got
}

func TestIdentifySimulatedDiscs(t *testing.T) {
	for _, c := range []struct {
		disc       *simdrive.Disc
		kind       disc.Kind
		medium     disc.Medium
		recordable bool
		protection string
	}{
		{simdrive.PressedCD(simdrive.Pattern(1, 5000), 5000), disc.KindData, disc.MediumCD, false, ""},
		{simdrive.CDR(simdrive.Pattern(1, 5000), 5000), disc.KindData, disc.MediumCD, true, ""},
		{simdrive.MultiSessionCDR(simdrive.Part{Sectors: 5000}, simdrive.Part{Sectors: 300}, simdrive.Part{Sectors: 400}), disc.KindData, disc.MediumCD, true, ""},
		{simdrive.AudioCD(1, 9000, 8000), disc.KindAudio, disc.MediumCD, false, ""},
		{simdrive.MixedMode(simdrive.Pattern(1, 5000), 5000, 2, 9000), disc.KindMixed, disc.MediumCD, false, ""},
		{simdrive.CDExtra(simdrive.Pattern(1, 5000), 5000, 2, 9000, 8000), disc.KindCDExtra, disc.MediumCD, false, ""},
		{simdrive.VideoCD(simdrive.Pattern(1, 600), 600, 2, 5000), disc.KindVideoCD, disc.MediumCD, false, ""},
		{simdrive.BlankCDR(), disc.KindBlank, disc.MediumCD, true, ""},
		{simdrive.UnreadableTOC(), disc.KindNoTOC, disc.MediumCD, false, ""},
		{simdrive.DVDROM(simdrive.Pattern(1, 9000), 9000), disc.KindData, disc.MediumDVD, false, ""},
		{simdrive.DVDROM(nil, 4_000_000), disc.KindData, disc.MediumDVD, false, ""},
		{simdrive.CSSDVD(simdrive.Pattern(1, 9000), 9000), disc.KindData, disc.MediumDVD, false, "CSS"},
		{simdrive.DVDR(simdrive.Pattern(1, 9008), 9008), disc.KindData, disc.MediumDVD, true, ""},
		{simdrive.DVDPlusR(simdrive.Pattern(1, 9008), 9008), disc.KindData, disc.MediumDVD, true, ""},
		{simdrive.BDROM(simdrive.Pattern(1, 9024), 9024), disc.KindData, disc.MediumBD, false, ""},
		{simdrive.BDR(simdrive.Pattern(1, 9024), 9024), disc.KindData, disc.MediumBD, true, ""},
	} {
		got := identify(t, c.disc)
		if got.Kind != c.kind || got.Medium != c.medium || got.Recordable != c.recordable || got.Protection != c.protection {
			t.Errorf("%s: %s %s, recordable %v, protection %q", c.disc.Name, got.Medium, got.Kind, got.Recordable, got.Protection)
		}
		if c.kind == disc.KindData && got.Sectors != c.disc.Sectors() {
			t.Errorf("%s: %d sectors, want %d", c.disc.Name, got.Sectors, c.disc.Sectors())
		}
		if got.Profile == 0 || got.ProfileStr == "" || len(got.Blobs) < 5 {
			t.Errorf("%s: profile %04x %q, %d raw answers", c.disc.Name, got.Profile, got.ProfileStr, len(got.Blobs))
		}
		for _, e := range slices.Concat(got.Unrecorded, got.RunOut) {
			if c.kind == disc.KindData && !within(e, c.disc.Unrecorded()) {
				t.Errorf("%s: %v is recorded", c.disc.Name, e)
			}
		}
		for _, s := range got.Sizes {
			if c.kind == disc.KindData && s.Sectors != c.disc.Sectors() && s.Source == "READ CAPACITY" {
				t.Errorf("%s: %+v", c.disc.Name, s)
			}
		}
	}
}

func within(e disc.Extent, in []disc.Extent) bool {
	return slices.ContainsFunc(in, func(o disc.Extent) bool { return e.Start >= o.Start && e.End() <= o.End() })
}

// What is neither gap nor run-out by Identify is readable, what is, is not: no
// sector is lost to a wrong word, and none is taken for damage.
func TestUnrecordedIsWhatCannotBeRead(t *testing.T) {
	m := simdrive.MultiSessionCDR(simdrive.Part{Sectors: 900}, simdrive.Part{Sectors: 300}, simdrive.Part{Sectors: 400})
	got := identify(t, m)
	var all []disc.Extent
	all = append(all, got.Unrecorded...)
	all = append(all, got.RunOut...)
	slices.SortFunc(all, func(a, b disc.Extent) int { return int(a.Start - b.Start) })
	want := m.Unrecorded()
	var count, wanted int64
	for _, e := range all {
		count += e.Count
	}
	for _, e := range want {
		wanted += e.Count
	}
	if count != wanted {
		t.Errorf("%v\nwant %v", all, want)
	}
	if got.TOC.Sessions != 3 || len(got.TOC.Tracks) != 3 || got.TOC.Tracks[2].Session != 3 {
		t.Errorf("%+v", got.TOC)
	}
}

func TestReadSimulatedSectors(t *testing.T) {
	content := simdrive.Pattern(7, 5000)
	m := simdrive.PressedCD(content, 5000)
	_, d := bench(t, m)
	if _, err := d.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100*disc.SectorSize)
	if err := d.ReadSectors(t.Context(), 4000, p); err != nil {
		t.Fatal(err)
	}
	want, err := m.UserData(4000, 100)
	if err != nil || !slices.Equal(p, want) {
		t.Errorf("other bytes than the disc has (%v)", err)
	}
	m.Damage().Bad(disc.Extent{Start: 4050, Count: 1})
	err = d.ReadSectors(t.Context(), 4000, p)
	if disc.ClassOf(err) != disc.ClassMedium || !strings.Contains(err.Error(), "at sector 4050") {
		t.Errorf("%v", err)
	}
	if err := d.ReadSectors(t.Context(), 4990, p); disc.ClassOf(err) != disc.ClassRefused {
		t.Errorf("behind the end: %v", err)
	}
	if n, err := d.Capacity(t.Context()); n != 5000 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestSimulatedTray(t *testing.T) {
	sim, d := bench(t, simdrive.PressedCD(nil, 5000))
	if _, err := d.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Status(t.Context()); got != disc.TrayLoaded || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if err := d.Eject(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sim.Tray() != disc.TrayOpen || sim.Ejects() != 1 {
		t.Errorf("tray %v, %d ejects", sim.Tray(), sim.Ejects())
	}
	if got, err := d.Status(t.Context()); got != disc.TrayOpen || err != nil {
		t.Errorf("%v %v", got, err)
	}
	sim.TakeOut()
	sim.CloseTray()
	if got, err := d.Status(t.Context()); got != disc.TrayEmpty || err != nil {
		t.Errorf("%v %v", got, err)
	}
	_, err := d.Identify(t.Context())
	if disc.ClassOf(err) != disc.ClassGone {
		t.Errorf("identified an empty drive: %v", err)
	}
}

func TestSimulatedAttentions(t *testing.T) {
	sim, d := bench(t, simdrive.PressedCD(nil, 5000))
	sim.InjectUnitAttention(0x29, 0)
	sim.InjectUnitAttention(0x28, 0)
	if _, err := d.Identify(t.Context()); err != nil {
		t.Errorf("attentions that are old news: %v", err)
	}
	sim.InjectUnitAttention(0x28, 0)
	if err := d.ReadSectors(t.Context(), 0, make([]byte, 2048)); disc.ClassOf(err) != disc.ClassChanged {
		t.Errorf("an attention in mid-read: %v", err)
	}
	sim.InjectUnitAttention(0x28, 0)
	if err := d.Eject(t.Context()); disc.ClassOf(err) != disc.ClassChanged || sim.Ejects() > 0 {
		t.Errorf("an attention at the eject: %v, %d ejects", err, sim.Ejects())
	}
}

func TestSimulatedFailures(t *testing.T) {
	sim, d := bench(t, simdrive.PressedCD(nil, 5000))
	if _, err := d.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	sim.Wedge()
	if err := d.ReadSectors(t.Context(), 0, make([]byte, 2048)); disc.ClassOf(err) != disc.ClassWedged {
		t.Errorf("wedged: %v", err)
	}
	if _, err := d.Identify(t.Context()); disc.ClassOf(err) != disc.ClassWedged {
		t.Errorf("wedged: %v", err)
	}
	sim.Vanish()
	if _, err := d.Identify(t.Context()); disc.ClassOf(err) != disc.ClassGone {
		t.Errorf("vanished: %v", err)
	}
	if st, err := d.Status(t.Context()); st != disc.TrayUnknown || disc.ClassOf(err) != disc.ClassGone {
		t.Errorf("vanished: %v %v", st, err)
	}
}

// Border zones of a DVD-R with two borders are unrecorded; the recorded parts
// are not.
func TestSimulatedBorders(t *testing.T) {
	m, err := simdrive.NewDisc(simdrive.Layout{Name: "two borders", Profile: simdrive.ProfileDVDR, Sessions: []simdrive.Session{
		{Tracks: []simdrive.Track{{Sectors: 16000}}}, {Tracks: []simdrive.Track{{Sectors: 3200}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := identify(t, m)
	if got.Kind != disc.KindData || got.Sectors != m.Sectors() || !slices.Equal(got.Unrecorded, m.Unrecorded()) || len(got.RunOut) > 0 {
		t.Errorf("%s, %d sectors, unrecorded %v, run-out %v; want %v", got.Kind, got.Sectors, got.Unrecorded, got.RunOut, m.Unrecorded())
	}
}

// A drive that sends its sense data in descriptor format says the same.
func TestSimulatedDescriptorSense(t *testing.T) {
	m := simdrive.PressedCD(nil, 5000)
	m.Damage().Bad(disc.Extent{Start: 117, Count: 1})
	sim, d := benchWith(t, m, simdrive.Options{DescriptorSense: true})
	if _, err := d.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := d.ReadSectors(t.Context(), 100, make([]byte, 32*disc.SectorSize))
	if disc.ClassOf(err) != disc.ClassMedium || !strings.Contains(err.Error(), "at sector 117 (sense 03/11/05)") {
		t.Errorf("%v", err)
	}
	if err := d.Eject(t.Context()); err != nil || sim.Tray() != disc.TrayOpen {
		t.Errorf("%v, tray %v", err, sim.Tray())
	}
}

func TestSimulatedDriveInfo(t *testing.T) {
	_, d := bench(t, nil)
	info, err := d.Info(t.Context())
	if err != nil || info.Vendor == "" || info.Model == "" || info.Firmware == "" || info.Serial != "K9X17" {
		t.Errorf("%+v %v", info, err)
	}
	if _, err := d.Designators(t.Context()); err != nil && disc.ClassOf(err) != disc.ClassRefused {
		t.Error(err)
	}
	if c, err := d.Capabilities(t.Context()); err != nil || c.MaxRead == 0 || !c.CanEject {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := d.ErrorRecovery(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.SetSpeed(t.Context(), 706); err != nil {
		t.Error(err)
	}
	if s, err := d.RequestSense(context.Background()); err != nil || s.Key > 2 {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := d.Mechanism(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := d.MediaEvent(t.Context()); err != nil {
		t.Error(err)
	}
}
