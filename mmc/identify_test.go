package mmc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
)

// cd is a fake with a data CD in it, made of the answers that a drive gave
// for a CD-R with one track of 5000 sectors and run-out.
func cd() *fake {
	f := newFake()
	f.good(opTestUnitReady)
	f.gives(opGetConfiguration, "00 00 00 08 00 00 00 09 00 00 03 00")
	f.gives(opReadDiscInfo, "00 20 0e 01 01 01 01 20 00 00 00 00 00 00 00 00 ff ff ff ff 00 4f 3b 47 00 00 00 00 00 00 00 00 00 00")
	f.gives(opReadCapacity, "00 00 13 89 00 00 08 00")
	f.gives(opReadTrackInfo, "00 1a 01 01 00 04 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 13 88")
	f.on(opReadTOC, func(cmd *Command) (Result, error) {
		switch cmd.CDB[2] {
		case tocTracks:
			return moved(cmd, unhex("00 12 01 01 00 14 01 00 00 00 00 00 00 14 aa 00 00 00 13 8a")), nil
		case tocSessions:
			return moved(cmd, unhex("00 0a 01 01 00 14 01 00 00 00 00 00")), nil
		case tocRaw:
			return moved(cmd, unhex("00 24 01 01 01 14 00 a0 00 00 00 00 01 00 00 01 14 00 a2 00 00 00 00 01 08 34 01 14 00 01 00 00 00 00 00 02 00")), nil
		}
		return check(5, 0x24, 0), nil
	})
	f.on(opReadCD, func(cmd *Command) (Result, error) {
		return moved(cmd, append(unhex("00 ff ff ff ff ff ff ff ff ff ff 00 00 02 00 01"), make([]byte, 2336)...)), nil
	})
	return f
}

func TestIdentifyCD(t *testing.T) {
	f := cd()
	got, err := f.drive().Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != disc.KindData || got.Medium != disc.MediumCD || got.ProfileStr != "CD-R" || !got.Recordable || got.Sectors != 5002 {
		t.Errorf("%+v", got)
	}
	want := disc.Track{Number: 1, Session: 1, Data: true, Control: 4, Mode: 1, Sectors: 5000}
	if len(got.TOC.Tracks) != 1 || got.TOC.Tracks[0] != want || got.TOC.LeadOut != 5002 {
		t.Errorf("%+v", got.TOC)
	}
	if !slices.Equal(got.RunOut, []disc.Extent{{Start: 5000, Count: 2}}) || len(got.Unrecorded) > 0 {
		t.Errorf("run-out %v, unrecorded %v", got.RunOut, got.Unrecorded)
	}
	sizes := map[string]int64{}
	for _, s := range got.Sizes {
		sizes[s.Source] = s.Sectors
	}
	if sizes["READ CAPACITY"] != 5002 || sizes["READ TOC lead-out"] != 5002 || sizes["READ TRACK INFORMATION"] != 5000 || len(sizes) != 4 {
		t.Errorf("%v", sizes)
	}
	if f.count(opRead10) > 0 {
		t.Error("user data were read")
	}
	// The raw answers are all there, and so is the reason for the one missing.
	for _, b := range got.Blobs {
		if b.Name == "READ TOC 0004h" && !strings.Contains(b.Absent, "05/24/00") {
			t.Errorf("%+v", b)
		}
		if b.Name == "READ TOC 0000h" && fmt.Sprintf("%x", b.Data) != "00120101001401000000000000"+"14aa000000138a" {
			t.Errorf("%x", b.Data)
		}
	}
	if i := slices.IndexFunc(got.Blobs, func(b disc.Blob) bool { return b.Name == "READ TOC 0004h" }); i < 0 {
		t.Error("the missing ATIP is not told")
	}
}

// One answer that cannot be had is not fatal; one that speaks of another state
// of the drive is. Each command in turn gives each of them.
func TestIdentifyAbortsOnlyForGoodReason(t *testing.T) {
	ops := []opcode{opGetConfiguration, opReadDiscInfo, opReadTOC, opReadCapacity, opReadTrackInfo, opReadCD}
	for _, op := range ops {
		for _, sense := range [][3]byte{{5, 0x20, 0}, {5, 0x24, 0}, {3, 0x11, 5}, {5, 0x6F, 1}} {
			f := cd()
			f.fails(op, sense[0], sense[1], sense[2])
			if _, err := f.drive().Identify(t.Context()); err != nil {
				t.Errorf("%s gives % x: %v", operations[op].name, sense, err)
			}
		}
		for sense, class := range map[[3]byte]disc.Class{
			{2, 0x3A, 0}: disc.ClassGone, {6, 0x28, 0}: disc.ClassChanged, {4, 0x44, 0}: disc.ClassWedged, {0x0B, 0, 6}: disc.ClassTransport,
		} {
			f := cd()
			f.fails(op, sense[0], sense[1], sense[2])
			_, err := f.drive().Identify(t.Context())
			if disc.ClassOf(err) != class {
				t.Errorf("%s gives % x: %v, want %v", operations[op].name, sense, err, class)
			}
		}
		f := cd()
		f.on(op, func(*Command) (Result, error) {
			return Result{}, &disc.ReadError{Class: disc.ClassPermission, LBA: -1}
		})
		_, err := f.drive().Identify(t.Context())
		if re := wantClass(t, err, disc.ClassPermission); re.Op != operations[op].name {
			t.Errorf("%s: %v", operations[op].name, err)
		}
	}
}

func TestIdentifyWithoutSomeAnswers(t *testing.T) {
	// No capacity: the lead-out stands in, so that the image is not short.
	f := cd()
	f.fails(opReadCapacity, 5, 0x24, 0)
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Sectors != 5002 {
		t.Errorf("%d %v", got.Sectors, err)
	}
	// A capacity that is too small is not believed against the lead-out.
	f.gives(opReadCapacity, "00 00 0f ff 00 00 08 00")
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Sectors != 5002 {
		t.Errorf("%d %v", got.Sectors, err)
	}
	// A lead-out that no CD has is.
	f = cd()
	f.on(opReadTOC, func(cmd *Command) (Result, error) {
		if cmd.CDB[2] == tocTracks {
			return moved(cmd, unhex("00 12 01 01 00 14 01 00 00 00 00 00 00 14 aa 00 7f ff ff ff")), nil
		}
		return check(5, 0x24, 0), nil
	})
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Sectors != 5002 {
		t.Errorf("%d %v", got.Sectors, err)
	}
	// No profiles, as on drives before MMC: a table of contents makes a CD.
	f = cd()
	f.fails(opGetConfiguration, 5, 0x20, 0)
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Medium != disc.MediumCD || got.Kind != disc.KindData || got.Profile != 0 {
		t.Errorf("%+v %v", got, err)
	}
	// No table of contents at all.
	f = cd()
	f.fails(opReadTOC, 3, 0x57, 0)
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Kind != disc.KindNoTOC {
		t.Errorf("%+v %v", got, err)
	}
	// The drive cannot even make the medium out, or never finds its place.
	for _, sense := range [][3]byte{{2, 0x30, 1}, {3, 0x02, 0}, {2, 0x06, 0}} {
		f = cd()
		f.fails(opTestUnitReady, sense[0], sense[1], sense[2])
		if got, err := f.drive().Identify(t.Context()); err != nil || got.Kind != disc.KindNoTOC || f.count(opReadCD) > 0 {
			t.Errorf("% x: %+v %v", sense, got, err)
		}
	}
	// But a drive that goes on saying that it becomes ready is waited for.
	f = cd()
	f.fails(opTestUnitReady, 2, 4, 1)
	_, err := f.drive().Identify(t.Context())
	wantClass(t, err, disc.ClassNotReady)
}

// A drive that falls asleep in the middle is waited for, once.
func TestIdentifyWaitsInTheMiddle(t *testing.T) {
	f := cd()
	capacity := f.answers[opReadCapacity]
	asleep := true
	f.on(opReadCapacity, func(cmd *Command) (Result, error) {
		if asleep {
			asleep = false
			return check(2, 4, 1), nil
		}
		return capacity(cmd)
	})
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Sectors != 5002 || f.count(opReadCapacity) != 2 {
		t.Errorf("%d %v", got.Sectors, err)
	}
}

func TestIdentifyBlank(t *testing.T) {
	f := cd()
	f.gives(opReadDiscInfo, "00 20 00 01 01 01 01 20 00 00 00 00 00 00 00 00 00 00 00 00 00 4f 3b 47 00 00 00 00 00 00 00 00 00 00")
	f.fails(opReadTOC, 5, 0x24, 0)
	f.gives(opReadTrackInfo, "00 1a 01 01 00 04 4f 01 00 00 00 00 00 00 00 00 00 05 7d cf 00 00 00 00 00 05 7d cf")
	if got, err := f.drive().Identify(t.Context()); err != nil || got.Kind != disc.KindBlank || got.Sectors != 0 || len(got.Unrecorded) > 0 || !got.Recordable {
		t.Errorf("%+v %v", got, err)
	}
}

// Kinds by table of contents, where the form of the sectors is known too.
func TestKinds(t *testing.T) {
	track := func(session int, data bool) disc.Track { return disc.Track{Session: session, Data: data} }
	form2 := track(1, true)
	form2.Form2 = true
	blank := track(2, true)
	blank.Blank = true
	for name, c := range map[string]struct {
		tracks []disc.Track
		raw    *rawTOC
		want   disc.Kind
	}{
		"data":                           {[]disc.Track{track(1, true), track(2, true)}, nil, disc.KindData},
		"audio":                          {[]disc.Track{track(1, false), track(1, false)}, nil, disc.KindAudio},
		"audio and a blank track":        {[]disc.Track{track(1, false), blank}, nil, disc.KindAudio},
		"mixed":                          {[]disc.Track{track(1, true), track(1, false)}, nil, disc.KindMixed},
		"audio behind data in a session": {[]disc.Track{track(1, true), track(2, false)}, nil, disc.KindMixed},
		"CD-Extra":                       {[]disc.Track{track(1, false), track(1, false), track(2, true)}, nil, disc.KindCDExtra},
		"CD-Extra, two data sessions":    {[]disc.Track{track(1, false), track(2, true), track(3, true)}, nil, disc.KindCDExtra},
		"Video CD":                       {[]disc.Track{track(1, true), form2}, nil, disc.KindVideoCD},
		"Video CD with audio":            {[]disc.Track{form2, track(1, false)}, nil, disc.KindVideoCD},
		"CD-i by the lead-in":            {[]disc.Track{track(1, true)}, &rawTOC{discType: discTypeCDI}, disc.KindVideoCD},
		"no tracks":                      {nil, nil, disc.KindNoTOC},
	} {
		s := &survey{medium: disc.MediumCD, toc: []tocTrack{}, raw: c.raw}
		if got := s.kind(disc.TOC{Tracks: c.tracks}); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestProtection(t *testing.T) {
	aacs := []Feature{{Code: featureAACS, Current: true}}
	for name, c := range map[string]struct {
		s    survey
		want string
	}{
		"none":                      {survey{conf: &Configuration{Profile: 0x10}}, ""},
		"CSS":                       {survey{cpst: 1}, "CSS"},
		"CPRM":                      {survey{cpst: 2}, "CPRM"},
		"BD-ROM with AACS":          {survey{conf: &Configuration{Profile: 0x40, Features: aacs}}, "AACS"},
		"BD-R in a drive that can":  {survey{conf: &Configuration{Profile: 0x41, Features: aacs}}, ""},
		"AACS that is not in force": {survey{conf: &Configuration{Profile: 0x40, Features: []Feature{{Code: featureAACS}}}}, ""},
	} {
		if got := c.s.protection(); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A track whose probes fail costs a bounded number of slow reads.
func TestProbesAreBounded(t *testing.T) {
	f := cd()
	f.fails(opReadCD, 3, 0x11, 5)
	if _, err := f.drive().Identify(t.Context()); err != nil || f.count(opReadCD) != probesFailed {
		t.Errorf("%d probes, %v", f.count(opReadCD), err)
	}
	// Mode 2 Form 1 up to the last point: all points of the track are looked at.
	f = cd()
	f.on(opReadCD, func(cmd *Command) (Result, error) {
		return moved(cmd, append(unhex("00 ff ff ff ff ff ff ff ff ff ff 00 00 02 00 02"), make([]byte, 2336)...)), nil
	})
	if got, err := f.drive().Identify(t.Context()); err != nil || f.count(opReadCD) != probesPerTrack || got.TOC.Tracks[0].Mode != 2 || got.Kind != disc.KindData {
		t.Errorf("%d probes, %v", f.count(opReadCD), err)
	}
}
