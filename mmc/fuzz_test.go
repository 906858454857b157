package mmc

import (
	"context"
	"testing"
	"time"

	"ripstation/disc"
)

func FuzzSense(f *testing.F) {
	for _, s := range []string{
		"f0 00 03 00 01 02 03 0a 00 00 00 00 11 05 00 00 00 00", "71 00 04 00 00 00 00 0a 00 00 00 00 44 00",
		"72 03 11 05 00 00 00 0c 00 0a 80 00 00 00 00 00 00 01 02 03", "73 03 11 05 00 00 00 ff 00 00 00 00", "70", "",
	} {
		f.Add(unhex(s), int64(time.Second))
	}
	f.Fuzz(func(t *testing.T, b []byte, took int64) {
		s, ok := ParseSense(b)
		if !ok && s != (Sense{}) {
			t.Errorf("%+v of something that is no sense data", s)
		}
		class := Classify(s, time.Duration(took))
		if s.Deferred && class == disc.ClassMedium {
			t.Error("a deferred error blames the medium")
		}
		asked := disc.Extent{Start: 100, Count: 32}
		if lba := s.sectorIn(asked); !asked.Contains(lba) {
			t.Errorf("sector %d was not asked for", lba)
		}
	})
}

// FuzzAnswers gives the same bytes to every decoder.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"00 22 01 03 00 10 01 00 00 00 00 00 00 14 aa 00 00 04 93 e0",
		"00 24 01 01 01 14 00 a0 00 00 00 00 01 00 00 01 14 00 a2 00 00 00 00 01 08 34 01 14 00 01 00 00 00 00 00 02 00",
		"00 1a 00 00 d4 00 a8 00 61 1a 41 00 4f 3b 47 00", "00 20 0e 01 02 02 03 20 00 00 00 00 00 00 00 00 ff ff ff ff 00 4f 3b 47",
		"00 2e 02 01 00 24 a1 03 00 00 10 00 00 00 20 00 00 00 00 05 00 00 00 20 00 00 03 00 00 00 12 ff 01 00",
		"00 16 00 00 01 0f 31 00 00 03 00 00 00 fc ff ff 00 22 d7 ff 00 00 00 00",
		"00 00 00 20 00 00 00 10 00 00 03 04 00 10 01 00 01 08 03 08 'K9X17Q  '",
		"00 1a 70 00 00 00 00 08 00 00 00 00 00 00 08 00 2a 12 3f 37 f1 77 2b 23 10 8a 01 00 08 00 10 8a",
		"05 80 05 32 1f 00 00 00 'HL-DT-ST' 'BD-RE  BU40N    ' '1.03'", "05 80 00 ff 'K9'", "02 01 00 04 'ABCD' 01 03 00 ff",
		"00 62 00 00 'DI' 01 0f 00 00 20 00 'BDO' 00", "00 06 04 10 01 02 00 00",
	} {
		f.Add(unhex(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tracks, _ := parseTracks(b)
		last, _ := parseLastSession(b)
		raw, _ := parseRawTOC(b)
		toc := makeTOC(tracks, &last, &raw)
		if len(toc.Tracks) > 99 {
			t.Errorf("%d tracks", len(toc.Tracks))
		}
		parseATIP(b)
		parseDiscInformation(b)
		parseTrackInformation(b)
		if p, err := parsePhysicalFormat(b); err == nil && p.sectors() < 0 {
			t.Errorf("%d sectors", p.sectors())
		}
		parseCopyright(b)
		parseBDType(b)
		parseSectorHeader(b)
		if n, err := parseCapacity(b); err == nil && (n < 1 || n > maxSectors) {
			t.Errorf("%d sectors", n)
		}
		if c, err := parseConfiguration(b); err == nil && len(c.Features)*4 > len(b) {
			t.Errorf("%d features in %d bytes", len(c.Features), len(b))
		}
		parseMediaEvent(b)
		parseMechanism(b)
		if inq, err := parseInquiry(b); err == nil {
			for _, c := range inq.Vendor + inq.Model + inq.Revision {
				if c < ' ' || c > '~' {
					t.Errorf("%q in %+v", c, inq)
				}
			}
		}
		parseVPD(vpdSerial, b)
		parseDesignators(b)
		if p, err := parseModePage(pageCapabilities, b); err == nil {
			parseCapabilities(p)
			parseErrorRecovery(p)
		}
	})
}

// FuzzIdentify is a drive that answers every command with the same bytes. The
// conclusions must hold together whatever it says.
func FuzzIdentify(f *testing.F) {
	f.Add(unhex("00 22 01 03 00 14 01 00 00 00 00 00 00 14 02 00 00 00 40 00 00 14 aa 00 00 04 93 e0"), uint16(0x09))
	f.Add(unhex("00 2e 02 01 00 24 a1 03 00 00 10 00 00 00 20 00 00 00 00 05 00 00 00 20 00 00 03 00 00 00 12 ff 01 00"), uint16(0x11))
	f.Add(unhex("00 16 00 00 01 0f 31 00 00 03 00 00 00 fc ff ff 00 22 d7 ff 00 00 00 00"), uint16(0x40))
	f.Fuzz(func(t *testing.T, b []byte, profile uint16) {
		drive := newFake()
		for op := range operations {
			drive.on(op, func(cmd *Command) (Result, error) { return moved(cmd, b), nil })
		}
		drive.on(opGetConfiguration, func(cmd *Command) (Result, error) {
			return moved(cmd, []byte{0, 0, 0, 4, 0, 0, byte(profile >> 8), byte(profile)}), nil
		})
		got, err := drive.drive().Identify(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind == "" || got.Sectors < 0 || got.Sectors > maxSectors {
			t.Errorf("%s, %d sectors", got.Kind, got.Sectors)
		}
		for _, e := range append(got.Unrecorded, got.RunOut...) {
			if e.Start < 0 || e.Count < 1 || int64(e.Start)+e.Count > got.Sectors {
				t.Errorf("%+v outside of %d sectors", e, got.Sectors)
			}
		}
	})
}
