package simdrive_test

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
)

func ext(start disc.LBA, count int64) disc.Extent { return disc.Extent{Start: start, Count: count} }

// spun is a drive in virtual time with m in it, and mmc's view of it.
func spun(t *testing.T, o simdrive.Options, m *simdrive.Disc) (*simdrive.Drive, *mmc.Drive) {
	t.Helper()
	o.Clock = simdrive.NewVirtualClock(time.Unix(1_700_000_000, 0))
	d := simdrive.New(o)
	if err := d.Insert(m); err != nil {
		t.Fatal(err)
	}
	return d, mmc.New(d.Transport())
}

// TestIdentifiedAsMade holds what mmc makes of the drive's bytes against what
// each disc was made to be. The two packages share no code: each encodes or
// decodes from the standard.
func TestIdentifiedAsMade(t *testing.T) {
	p := simdrive.Pattern(1, 2000)
	part := func(n int64) simdrive.Part { return simdrive.Part{Content: p, Sectors: n} }
	type want struct {
		kind       disc.Kind
		medium     disc.Medium
		profile    uint16
		recordable bool
		protection string
		sessions   int
		tracks     int
		sectors    int64
		unrecorded []disc.Extent
		runOut     []disc.Extent
	}
	for _, c := range []struct {
		m *simdrive.Disc
		w want
	}{
		{simdrive.PressedCD(p, 2000), want{disc.KindData, disc.MediumCD, 0x08, false, "", 1, 1, 2000, nil, nil}},
		{simdrive.CDR(p, 2000), want{disc.KindData, disc.MediumCD, 0x09, true, "", 1, 1, 2002, nil, []disc.Extent{ext(2000, 2)}}},
		{simdrive.MultiSessionCDR(part(2000), part(1000), part(500)), want{disc.KindData, disc.MediumCD, 0x09, true, "", 3, 3, 21806,
			[]disc.Extent{ext(2002, 11400), ext(14404, 6900)}, []disc.Extent{ext(2000, 2), ext(14402, 2), ext(21804, 2)}}},
		{simdrive.AudioCD(1, 1000, 2000), want{disc.KindAudio, disc.MediumCD, 0x08, false, "", 1, 2, 3000, nil, nil}},
		{simdrive.MixedMode(p, 2000, 1, 500, 600), want{disc.KindMixed, disc.MediumCD, 0x08, false, "", 1, 3, 3250, nil, nil}},
		{simdrive.CDExtra(p, 2000, 1, 500, 600), want{disc.KindCDExtra, disc.MediumCD, 0x08, false, "", 2, 3, 14500, []disc.Extent{ext(1100, 11400)}, nil}},
		{simdrive.VideoCD(p, 2000, 1, 500), want{disc.KindVideoCD, disc.MediumCD, 0x08, false, "", 1, 2, 2650, nil, nil}},
		{simdrive.BlankCDR(), want{disc.KindBlank, disc.MediumCD, 0x09, true, "", 1, 1, 0, nil, nil}},
		{simdrive.UnreadableTOC(), want{disc.KindNoTOC, disc.MediumCD, 0x08, false, "", 1, 0, 0, nil, nil}},
		{simdrive.DVDROM(p, 2000), want{disc.KindData, disc.MediumDVD, 0x10, false, "", 1, 1, 2000, nil, nil}},
		{simdrive.DVDROM(p, 4_000_001), want{disc.KindData, disc.MediumDVD, 0x10, false, "", 1, 1, 4_000_001, nil, nil}},
		{simdrive.CSSDVD(p, 2000, ext(1000, 10)), want{disc.KindData, disc.MediumDVD, 0x10, false, "CSS", 1, 1, 2000, nil, nil}},
		{simdrive.DVDR(p, 2000), want{disc.KindData, disc.MediumDVD, 0x11, true, "", 1, 1, 2000, nil, nil}},
		{simdrive.DVDPlusR(p, 2000), want{disc.KindData, disc.MediumDVD, 0x1B, true, "", 1, 1, 2000, nil, nil}},
		{simdrive.BDROM(p, 12_219_392), want{disc.KindData, disc.MediumBD, 0x40, false, "", 1, 1, 12_219_392, nil, nil}},
		{simdrive.BDR(p, 2000), want{disc.KindData, disc.MediumBD, 0x41, true, "", 1, 1, 2000, nil, nil}},
	} {
		t.Run(c.m.Name, func(t *testing.T) {
			d, x := spun(t, simdrive.Options{Serial: "SIM0001"}, c.m)
			id, err := x.Identify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := want{id.Kind, id.Medium, id.Profile, id.Recordable, id.Protection, id.TOC.Sessions, len(id.TOC.Tracks), id.Sectors, id.Unrecorded, id.RunOut}
			if !reflect.DeepEqual(got, c.w) {
				t.Errorf("\n got %+v\nwant %+v", got, c.w)
			}
			for _, s := range id.Sizes {
				if c.w.sectors > 0 && s.Sectors != c.w.sectors {
					t.Errorf("%s claims %d sectors of %d", s.Source, s.Sectors, c.w.sectors)
				}
			}
			if n := d.WriteAttempts(); n != 0 {
				t.Errorf("%d attempts to write", n)
			}
		})
	}
}

// TestReadThroughMMC reads a disc with damage through mmc, and has each error
// classed as what was done to the sector.
func TestReadThroughMMC(t *testing.T) {
	for _, descriptor := range []bool{false, true} {
		m := simdrive.CSSDVD(simdrive.Pattern(1, 2000), 2000, ext(1500, 10))
		m.Damage().Bad(ext(300, 5))
		m.Damage().Fail(1, ext(800, 1))
		_, x := spun(t, simdrive.Options{DescriptorSense: descriptor}, m)
		if _, err := x.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 32*2048)
		for _, c := range []struct {
			lba   disc.LBA
			class disc.Class
			at    disc.LBA
		}{
			{0, 0, 0}, {290, disc.ClassMedium, 300}, {302, disc.ClassMedium, 302}, {305, 0, 0}, {790, disc.ClassMedium, 800}, {790, 0, 0},
			{1490, disc.ClassProtected, 1500}, {1990, disc.ClassRefused, 2000},
		} {
			err := x.ReadSectors(t.Context(), c.lba, p)
			if disc.ClassOf(err) != c.class {
				t.Errorf("read at %d: %v, want class %v", c.lba, err, c.class)
				continue
			}
			if c.class == 0 {
				if want, _ := m.UserData(c.lba, 32); !bytes.Equal(p, want) {
					t.Errorf("read at %d gives other bytes than the disc's", c.lba)
				}
			} else if re := err.(*disc.ReadError); c.class != disc.ClassRefused && re.LBA != c.at {
				t.Errorf("read at %d names sector %d, want %d", c.lba, re.LBA, c.at)
			}
		}
	}
}

// TestDriveThroughMMC goes through a drive's life with mmc looking on.
func TestDriveThroughMMC(t *testing.T) {
	ctx := context.Background()
	d, x := spun(t, simdrive.Options{Vendor: "ACME", Model: "READER", Firmware: "1.0", Serial: "AB12"}, simdrive.PressedCD(nil, 100))
	info, err := x.Info(ctx)
	if err != nil || info.Vendor != "ACME" || info.Model != "READER" || info.Firmware != "1.0" || info.Serial != "AB12" {
		t.Errorf("drive presents itself as %+v (%v)", info, err)
	}
	status := func(what string, want disc.TrayStatus) {
		t.Helper()
		if got, err := x.Status(ctx); got != want || err != nil || got != d.Tray() {
			t.Errorf("%s: mmc sees %v (%v), the drive is %v, want %v", what, got, err, d.Tray(), want)
		}
	}
	status("inserted", disc.TrayLoaded)
	if err := x.Eject(ctx); err != nil || d.Tray() != disc.TrayOpen || d.Ejects() != 1 {
		t.Errorf("eject: %v, tray %v", err, d.Tray())
	}
	status("ejected", disc.TrayOpen)
	d.TakeOut()
	d.CloseTray()
	status("closed", disc.TrayEmpty)
	if err := d.Insert(simdrive.AudioCD(1, 75)); err != nil {
		t.Fatal(err)
	}
	e, err := x.MediaEvent(ctx)
	if err != nil || !e.Present || e.TrayOpen {
		t.Errorf("media event %+v (%v)", e, err)
	}
	locker := d.Nexus()
	for range 2 { // the first meets the power-on attention
		if _, _, _, err := locker.Execute(ctx, []byte{0x1E, 0, 0, 0, 1, 0}, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	status("another disc", disc.TrayLoaded)
	if err := x.Eject(ctx); err == nil || d.Tray() != disc.TrayLoaded {
		t.Errorf("eject of a tray that another initiator locks: %v, tray %v", err, d.Tray())
	}
	d.Vanish()
	if _, err := x.Status(ctx); disc.ClassOf(err) != disc.ClassGone {
		t.Errorf("status of a drive that is gone: %v", err)
	}
}
