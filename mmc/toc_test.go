package mmc

import (
	"testing"

	"ripstation/disc"
)

func TestTOCAnswers(t *testing.T) {
	tracks, err := parseTracks(unhex("00 22 01 03" + "00 10 01 00 00 00 00 00" + "00 10 02 00 00 00 4a d6" + "00 14 03 00 00 03 0d 40" + "00 14 aa 00 00 04 93 e0" + "99 99"))
	if err != nil || len(tracks) != 4 {
		t.Fatalf("%+v %v", tracks, err)
	}
	last, err := parseLastSession(unhex("00 0a 01 02 00 14 03 00 00 03 0d 40"))
	if err != nil || last != (lastSession{sessions: 2, firstTrack: 3, start: 200000}) {
		t.Fatalf("%+v %v", last, err)
	}
	toc := makeTOC(tracks, &last, nil)
	if toc.Sessions != 2 || toc.LeadOut != 300000 || len(toc.Tracks) != 3 {
		t.Fatalf("%+v", toc)
	}
	for i, want := range []disc.Track{
		{Number: 1, Session: 1, Start: 0},
		{Number: 2, Session: 1, Start: 19158},
		{Number: 3, Session: 2, Data: true, Control: 4, Start: 200000},
	} {
		if toc.Tracks[i] != want {
			t.Errorf("track %d: %+v, want %+v", i+1, toc.Tracks[i], want)
		}
	}
}

func TestRawTOC(t *testing.T) {
	raw, err := parseRawTOC(unhex("00 68 01 02" +
		"01 14 00 a0 00 00 00 00 01 20 00" + // first track 1, XA
		"01 14 00 a1 00 00 00 00 01 00 00" +
		"01 14 00 a2 00 00 00 00 0a 02 00" + // lead-out at 10:02:00 = LBA 45000
		"01 14 00 01 00 00 00 00 00 02 00" +
		"01 54 00 b0 0c 22 00 00 4f 3b 4a" + // ADR 5: next session, not a track
		"02 14 00 a0 00 00 00 00 02 10 00" +
		"02 14 00 a2 00 00 00 00 63 00 00" + // lead-out at 99 minutes stays positive
		"02 14 00 02 00 00 00 00 0c 22 00"))
	if err != nil {
		t.Fatal(err)
	}
	if raw.sessionOf[1] != 1 || raw.sessionOf[2] != 2 || len(raw.sessionOf) != 2 {
		t.Errorf("sessions of tracks: %v", raw.sessionOf)
	}
	if raw.leadOuts[1] != 45000 || raw.leadOuts[2] != 99*60*75-150 {
		t.Errorf("lead-outs: %v", raw.leadOuts)
	}
	if raw.discType != discTypeXA {
		t.Errorf("disc type %02Xh", raw.discType)
	}
}

func TestATIPAnswer(t *testing.T) {
	a, err := parseATIP(unhex("00 1a 00 00 d4 00 a8 00 61 1a 41 00 4f 3b 47 00 00 00 00 00 00 00 00 00 00 00 00 00"))
	// 97:26:65 is 2:33:10 before the end of the lead-in.
	if err != nil || a != (ATIP{LeadIn: (97*60+26)*75 + 65 - 450150, LeadOut: (79*60+59)*75 + 71 - 150}) {
		t.Errorf("%+v %v", a, err)
	}
	if a.LeadIn >= 0 {
		t.Errorf("the lead-in starts at %d", a.LeadIn)
	}
	a, err = parseATIP(unhex("00 0e 00 00 d4 00 e8 00 61 1a 41 00 4f 3b 47 00"))
	if err != nil || !a.Rewritable {
		t.Errorf("CD-RW: %+v %v", a, err)
	}
	for name, b := range map[string]string{"zeroes": "00 1a 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "head only": "00 02 00 00"} {
		if a, err := parseATIP(unhex(b)); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A head that claims more than came, and one that claims less than nothing.
func TestTOCLengthsAreBounded(t *testing.T) {
	one := "00 14 01 00 00 00 00 00"
	if tr, err := parseTracks(unhex("ff ff 01 01" + one + "00 14 aa")); err != nil || len(tr) != 1 {
		t.Errorf("%+v %v", tr, err)
	}
	if tr, err := parseTracks(unhex("00 00 01 01" + one)); err == nil {
		t.Errorf("%+v out of an empty table", tr)
	}
	if tr, err := parseTracks(unhex("00 1a 01 01" + one + one + "00 14 64 00 00 00 00 01")); err != nil || len(tr) != 1 {
		t.Errorf("a track twice, and track 100: %+v %v", tr, err)
	}
}

func TestDiscInformationAnswer(t *testing.T) {
	b := unhex("00 20 0e 01 02 02 03 20 00 00 00 00" + "00 00 00 00" + "ff ff ff ff" + "00 4f 3b 47" + "00 00 00 00 00 00 00 00 00 00")
	got, err := parseDiscInformation(b)
	if err != nil || got != (DiscInformation{Status: DiscFinalized, Sessions: 2, FirstTrack: 1, LastSessionFirst: 2, LastSessionLast: 3, LastLeadOut: 359846}) {
		t.Errorf("%+v %v", got, err)
	}
	b[2], b[9], b[10], b[11] = 0x10, 1, 2, 3
	got, _ = parseDiscInformation(b)
	if got.Status != DiscEmpty || !got.Erasable || got.Sessions != 258 || got.LastSessionFirst != 514 || got.LastSessionLast != 771 {
		t.Errorf("%+v", got)
	}
	copy(b[20:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	if got, _ = parseDiscInformation(b); got.LastLeadOut != 0 {
		t.Errorf("lead-out %d out of FFh", got.LastLeadOut)
	}
	_, err = parseDiscInformation(b[:11])
	wantClass(t, err, disc.ClassRefused)
	_, err = parseDiscInformation(unhex("00 02 0e 01 02 02 03 20 00 00 00 00"))
	wantClass(t, err, disc.ClassRefused)
}

func TestTrackInformationAnswer(t *testing.T) {
	b := unhex("00 2e 02 01 00 24 a1 03" + "00 00 10 00" + "00 00 20 00" + "00 00 00 05" + "00 00 00 20" + "00 00 03 00" + "00 00 12 ff" + "01 00 00 00" + "00 00 00 00 00 00 00 00 00 00 00 00")
	got, err := parseTrackInformation(b)
	want := TrackInformation{Track: 258, Session: 1, Control: 4, DataMode: 1, Reserved: true, Packet: true, Damage: true, Start: 4096, Size: 768, LastRecorded: 0x12FF}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	b[6], b[7] = 0x4F, 0
	if got, _ = parseTrackInformation(b); !got.Blank || got.LastRecorded != -1 || got.DataMode != 0x0F {
		t.Errorf("%+v", got)
	}
	b[1], b[6], b[7] = 0x1A, 0x01, 0x02 // ends before the last recorded address
	if got, _ = parseTrackInformation(b); got.LastRecorded != -1 || got.Track != 2 {
		t.Errorf("bytes behind the answer's end count: %+v", got)
	}
	_, err = parseTrackInformation(b[:27])
	wantClass(t, err, disc.ClassRefused)
}

func TestStructureAnswers(t *testing.T) {
	tail := "00 00 00 00"
	single, err := parsePhysicalFormat(unhex("00 16 00 00" + "01 0f 01 00" + "00 03 00 00" + "00 26 12 7f" + "00 00 00 00" + "00" + tail))
	if err != nil || single.Book != 0 || single.Layers != 1 || single.recordable() || single.sectors() != 0x261280-0x30000 {
		t.Errorf("%+v %v", single, err)
	}
	// Opposite track path: layer 0 ends at 22D7FFh, layer 1 at FCFFFFh.
	dual, err := parsePhysicalFormat(unhex("00 16 00 00" + "01 0f 31 00" + "00 03 00 00" + "00 fc ff ff" + "00 22 d7 ff" + "00" + tail))
	if want := int64(0x22D7FF-0x30000+1) * 2; err != nil || !dual.Opposite || dual.Layers != 2 || dual.sectors() != want {
		t.Errorf("%+v %v: %d sectors, want %d", dual, err, dual.sectors(), want)
	}
	plusR, err := parsePhysicalFormat(unhex("00 16 00 00" + "a1 0f 02 00" + "00 03 00 00" + "00 03 00 0f" + "00 00 00 00" + "00" + tail))
	if err != nil || !plusR.recordable() || plusR.sectors() != 16 {
		t.Errorf("%+v %v", plusR, err)
	}
	bitset := plusR
	bitset.Book = 0 // a recorder had it call itself DVD-ROM
	if !bitset.recordable() {
		t.Error("a DVD+R that calls itself DVD-ROM counts as pressed, though its layer is recordable")
	}
	if c, err := parseCopyright(unhex("00 06 00 00 01 00 00 00")); err != nil || protectionNames[c] != "CSS" {
		t.Errorf("%d %v", c, err)
	}
	if _, err := parseCopyright(unhex("00 02 00 00")); err == nil {
		t.Error("a copyright type out of nothing")
	}
	if ty, err := parseBDType(unhex("00 62 00 00 'DI' 01 0f 00 00 20 00 'BDO' 00")); err != nil || ty != "BDO" {
		t.Errorf("%q %v", ty, err)
	}
}

func TestSectorHeader(t *testing.T) {
	sector := append(unhex("00 ff ff ff ff ff ff ff ff ff ff 00 00 02 16 02 00 00 20 00 00 00 20 00"), make([]byte, 2328)...)
	h, err := parseSectorHeader(sector)
	if err != nil || h != (sectorHeader{mode: 2, form2: true}) {
		t.Errorf("%+v %v", h, err)
	}
	sector[22] = 0 // the two copies of the subheader differ
	if h, _ := parseSectorHeader(sector); h.form2 {
		t.Error("Form 2 out of a subheader that contradicts itself")
	}
	sector[15] = 1
	if h, _ := parseSectorHeader(sector); h != (sectorHeader{mode: 1}) {
		t.Errorf("%+v", h)
	}
	sector[0] = 1
	if _, err := parseSectorHeader(sector); err == nil {
		t.Error("a header out of a sector without sync")
	}
}
