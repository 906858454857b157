package simdrive

import (
	"testing"

	"ripstation/disc"
)

func TestInquiryBytes(t *testing.T) {
	b := newBench(t, Options{Vendor: "ACME", Model: "Reader 9", Firmware: "2.5", Serial: "A1B2C3"}, nil)
	head := "05 80 06 02 5b 00 00 00 " + ascii("ACME    ") + " " + ascii("Reader 9        ") + " " + ascii("2.5 ")
	b.want("INQUIRY", "12 00 00 00 60 00", head+" 00*22 00a0 0460 04e0 00*32")
	b.want("INQUIRY of 36 bytes", "12 00 00 00 24 00", head)
	b.want("INQUIRY of 5 bytes", "12 00 00 00 05 00", "05 80 06 02 5b")
	b.want("INQUIRY of nothing", "12 00 00 00 00 00", "")
	b.want("VPD 00h", "12 01 00 00 ff 00", "05 00 00 03 00 80 83")
	b.want("VPD 80h", "12 01 80 00 ff 00", "05 80 00 06 "+ascii("A1B2C3"))
	b.want("VPD 83h", "12 01 83 00 ff 00", "05 83 00 22 02 01 00 1e "+ascii("ACME    Reader 9        A1B2C3"))
	b.refused("VPD B0h", "12 01 b0 00 ff 00", SenseInvalidField)
	b.refused("page without EVPD", "12 00 80 00 ff 00", SenseInvalidField)

	b = newBench(t, Options{}, nil)
	b.want("VPD 00h without serial", "12 01 00 00 ff 00", "05 00 00 02 00 83")
	b.refused("VPD 80h without serial", "12 01 80 00 ff 00", SenseInvalidField)
	b.want("REPORT LUNS", "a0 00 00 00 00 00 00 00 00 10 00 00", "00 00 00 08 00*12")
	b.refused("REPORT LUNS with little room", "a0 00 00 00 00 00 00 00 00 0f 00 00", SenseInvalidField)
}

func TestConfigurationBytes(t *testing.T) {
	b := newBench(t, Options{Serial: "S1234"}, nil)
	profiles := "0000 03 34" +
		" 0043 0000 0041 0000 0040 0000 002b 0000 001b 0000 001a 0000 0015 0000 0014 0000 0011 0000 0010 0000 000a 0000 0009 0000 0008 0000"
	core := " 0001 0b 08 00000001 02000000"
	morphing := " 0002 07 04 02000000"
	removable := " 0003 0b 04 39000000"
	power, timeout := " 0100 03 00", " 0105 07 04 00000000"
	serial := " 0108 03 08 " + ascii("S1234   ")
	b.want("empty drive, current features", "46 01 00 00 00 00 00 ff ff 00",
		"00000070 0000 0000 "+profiles+core+morphing+removable+power+timeout+serial)
	b.want("core feature alone", "46 02 00 01 00 00 00 ff ff 00", "00000010 0000 0000"+core)
	b.want("a feature the drive has not got", "46 02 00 20 00 00 00 ff ff 00", "00000004 0000 0000")
	b.want("features from 0107h on", "46 00 01 07 00 00 00 ff ff 00", "00000018 0000 0000 0107 10 04 08000000"+serial)
	b.want("header only", "46 00 00 00 00 00 00 00 08 00", "000000c0 0000 0000")
	b.refused("RT 3", "46 03 00 00 00 00 00 ff ff 00", SenseInvalidField)

	for _, c := range []struct {
		m       *Disc
		profile string
		feature string // CDB bytes 2 and 3
		want    string
	}{
		{PressedCD(nil, 10), "0008", "00 1e", " 001e 09 04 00000000"},
		{CDR(nil, 10), "0009", "00 1d", " 001d 01 00"},
		{DVDROM(nil, 10), "0010", "00 10", " 0010 01 08 00000800 0010 01 00"},
		{DVDROM(nil, 10), "0010", "01 06", " 0106 00 04 00000001"},
		{CSSDVD(nil, 10), "0010", "01 06", " 0106 01 04 00000001"},
		{DVDR(nil, 10), "0011", "00 1f", " 001f 05 04 01000100"},
		{DVDPlusR(nil, 10), "001b", "00 1e", " 001e 08 04 00000000"},
		{BDROM(nil, 10), "0040", "00 10", " 0010 01 08 00000800 0020 01 00"},
		{BDR(nil, 10), "0041", "00 40", " 0040 05 1c 00000000 0006 000000000000 0006 000000000000 0006 000000000000"},
	} {
		b := newBench(t, Options{}, c.m)
		want := unhex(t, c.want)
		status, in, _ := b.do("46 02 " + c.feature + " 00 00 00 ff ff 00")
		if status != 0 || len(in) < 8 || spaced(in[6:8]) != spaced(unhex(t, c.profile)) || spaced(in[8:]) != spaced(want) {
			t.Errorf("%s, feature %s: % x, want profile %s and %s", c.m.Name, c.feature, in, c.profile, c.want)
		}
	}
}

func TestTOCBytes(t *testing.T) {
	cd := newBench(t, Options{}, PressedCD(nil, 300_000))
	cd.want("format 0, LBA", "43 00 00 00 00 00 00 ff ff 00", "0012 01 01 00 14 01 00 00000000 00 14 aa 00 000493e0")
	cd.want("format 0, MSF", "43 02 00 00 00 00 00 ff ff 00", "0012 01 01 00 14 01 00 00 00 02 00 00 14 aa 00 00 42 2a 00")
	cd.want("format 0, lead-out only", "43 00 00 00 00 00 aa ff ff 00", "000a 01 01 00 14 aa 00 000493e0")
	cd.want("format 0, 4 bytes", "43 00 00 00 00 00 00 00 04 00", "0012 01 01")
	cd.refused("format 0, track 2 of 1", "43 00 00 00 00 00 02 ff ff 00", SenseInvalidField)
	cd.want("format 1", "43 00 01 00 00 00 00 ff ff 00", "000a 01 01 00 14 01 00 00000000")
	cd.want("format 1 in the control byte", "43 00 00 00 00 00 00 00 0c 40", "000a 01 01 00 14 01 00 00000000")
	cd.want("format 2", "43 02 02 00 00 00 00 ff ff 00", "002e 01 01"+
		" 01 14 00 a0 00 00 00 00 01 00 00"+
		" 01 14 00 a1 00 00 00 00 01 00 00"+
		" 01 14 00 a2 00 00 00 00 42 2a 00"+
		" 01 14 00 01 00 00 00 00 00 02 00")
	cd.refused("PMA", "43 02 03 00 00 00 00 ff ff 00", SenseInvalidField)
	cd.refused("ATIP of a pressed disc", "43 02 04 00 00 00 00 ff ff 00", SenseInvalidField)
	cd.refused("CD-TEXT", "43 02 05 00 00 00 00 ff ff 00", SenseInvalidField)

	multi := newBench(t, Options{}, MultiSessionCDR(Part{nil, 1000}, Part{nil, 500}))
	multi.want("two sessions, format 1", "43 00 01 00 00 00 00 ff ff 00", "000a 01 02 00 14 02 00 00003072")
	multi.want("two sessions, format 0", "43 00 00 00 00 00 00 ff ff 00",
		"001a 01 02 00 14 01 00 00000000 00 14 02 00 00003072 00 14 aa 00 00003268")
	multi.want("two sessions, format 2", "43 00 02 00 00 00 00 ff ff 00", "0070 01 02"+
		" 01 14 00 a0 00 00 00 00 01 20 00"+
		" 01 14 00 a1 00 00 00 00 01 00 00"+
		" 01 14 00 a2 00 00 00 00 00 0f 1b"+ // 1002
		" 01 14 00 01 00 00 00 00 00 02 00"+
		" 01 54 00 b0 02 2f 1b 02 4f 3b 47"+ // next session at 12402, disc ends at 359846
		" 01 54 00 c0 00 00 00 00 61 22 17"+ // lead-in at 97:34:23
		" 02 14 00 a0 00 00 00 00 02 20 00"+
		" 02 14 00 a1 00 00 00 00 02 00 00"+
		" 02 14 00 a2 00 00 00 00 02 36 04"+ // 12904
		" 02 14 00 02 00 00 00 00 02 2f 1b")
	multi.want("two sessions, format 2 from the second on", "43 00 02 00 00 00 02 00 06 00", "002e 01 02 02 14")
	multi.want("ATIP", "43 02 04 00 00 00 00 ff ff 00", "001a 00 00 d0 00 80 00 61 22 17 00 4f 3b 47 00*13")

	audio := newBench(t, Options{}, AudioCD(1, 1000, 2000))
	audio.want("audio", "43 00 00 00 00 00 00 ff ff 00",
		"001a 01 02 00 10 01 00 00000000 00 10 02 00 000003e8 00 10 aa 00 00000bb8")

	newBench(t, Options{}, BlankCDR()).refused("TOC of a blank disc", "43 00 00 00 00 00 00 ff ff 00", SenseInvalidField)
	newBench(t, Options{}, UnreadableTOC()).refused("unreadable TOC", "43 00 00 00 00 00 00 ff ff 00", SenseTOCUnreadable)
	newBench(t, Options{}, DVDROM(nil, 500)).refused("full TOC of a DVD", "43 00 02 00 00 00 00 ff ff 00", SenseInvalidField)
}

func TestInformationBytes(t *testing.T) {
	const rdi = "51 00 00 00 00 00 00 ff ff 00"
	noTimes := " 00000000 ffffffff ffffffff 00*10"
	newBench(t, Options{}, PressedCD(nil, 10)).want("closed CD", rdi, "0020 0e 01 01 01 01 20 00 00 00 00"+noTimes)
	newBench(t, Options{}, MultiSessionCDR(Part{nil, 1}, Part{nil, 1})).want("two sessions", rdi, "0020 0e 01 02 02 02 20 20 00 00 00"+noTimes)
	newBench(t, Options{}, BlankCDR()).want("blank", rdi, "0020 00 01 01 01 01 20 ff 00 00 00 00000000 ffffffff 004f3b47 00*10")
	newBench(t, Options{}, BDROM(nil, 10)).want("BD-ROM", rdi, "0020 0e 01 01 01 01 20 00 00 00 00"+noTimes)
	open, err := NewDisc(Layout{Profile: ProfileCDRW, Appendable: true, Sessions: []Session{{Tracks: []Track{{Sectors: 100}}}}})
	if err != nil {
		t.Fatal(err)
	}
	newBench(t, Options{}, open).want("appendable CD-RW", rdi, "0020 11 01 02 02 02 20 00 00 00 00 00000000 ffffffff 004f3b47 00*10")

	b := newBench(t, Options{}, MultiSessionCDR(Part{nil, 1000}, Part{nil, 500}))
	first := "0022 01 01 00 04 02 00 00000000 00000000 00000000 00000000 000003ea 00000000 00 00 0000"
	second := "0022 02 02 00 04 02 00 00003072 00000000 00000000 00000000 000001f6 00000000 00 00 0000"
	b.want("by LBA", "52 00 00 00 00 05 00 ff ff 00", first)
	b.want("by track", "52 01 00 00 00 02 00 ff ff 00", second)
	b.want("by session", "52 02 00 00 00 02 00 ff ff 00", second)
	b.refused("in the gap", "52 00 00 00 10 00 00 ff ff 00", SenseInvalidField)
	b.refused("behind the end", "52 00 00 00 40 00 00 ff ff 00", SenseLBAOutOfRange)
	b.refused("track 3 of 2", "52 01 00 00 00 03 00 ff ff 00", SenseInvalidField)
	b.refused("invisible track of a closed disc", "52 01 00 00 00 ff 00 ff ff 00", SenseInvalidField)
	newBench(t, Options{}, BlankCDR()).want("invisible track", "52 01 00 00 00 01 00 ff ff 00",
		"0022 01 01 00 04 4f 01 00000000 00000000 00057da6 00000000 00057da6 00000000 00 00 0000")
	newBench(t, Options{}, DVDR(nil, 4096)).want("DVD-R", "52 01 00 00 00 01 00 ff ff 00",
		"002e 01 01 00 05 21 02 00000000 00000000 00000000 00000000 00001000 00000fff 00 00 0000 00*12")
	newBench(t, Options{}, AudioCD(1, 75)).want("audio track", "52 01 00 00 00 01 00 ff ff 00",
		"0022 01 01 00 00 0f 00 00000000 00000000 00000000 00000000 0000004b 00000000 00 00 0000")

	for _, c := range []struct {
		m    *Disc
		want string
	}{
		{PressedCD(nil, 300_000), "000493df 00000800"}, {CDR(nil, 1000), "000003e9 00000800"},
		{AudioCD(1, 75), "0000004a 00000800"}, {BDR(nil, 12_219_392), "00ba73ff 00000800"}, {BlankCDR(), "00000000 00000800"},
	} {
		newBench(t, Options{}, c.m).want("READ CAPACITY of "+c.m.Name, "25 00 00 00 00 00 00 00 00 00", c.want)
	}
}

func TestStructureBytes(t *testing.T) {
	first := func(m *Disc, cdb, want string) {
		t.Helper()
		b := newBench(t, Options{}, m)
		w := unhex(t, want)
		if status, in, s := b.do(cdb); status != 0 || len(in) < len(w) || string(in[:len(w)]) != string(w) {
			t.Errorf("%s %s: status %02x %02x\n got %s\nwant %s", m.Name, cdb, status, s, spaced(in[:min(len(in), len(w))]), spaced(w))
		}
	}
	const physical, copyright, list = "ad 00 00 00 00 00 00 00 ff ff 00 00", "ad 00 00 00 00 00 00 01 ff ff 00 00", "ad 00 00 00 00 00 00 ff ff ff 00 00"
	first(DVDROM(nil, 2_000_000), physical, "0802 0000 01 02 01 00 00030000 0021847f 00000000 00")
	first(DVDROM(nil, 4_000_000), physical, "0802 0000 01 02 31 00 00030000 00fcffff 0021847f")
	first(DVDR(nil, 100), physical, "0802 0000 25 02 02 00 00030000 00030063 00000000 00")
	first(DVDPlusR(nil, 100), physical, "0802 0000 a1 02 02 00")
	first(DVDROM(nil, 100), copyright, "0006 0000 00 00 00 00")
	first(CSSDVD(nil, 100), copyright, "0006 0000 01 00 00 00")
	first(DVDROM(nil, 100), list, "0012 0000 00 40 0802 01 40 0006 04 40 0802 ff 40 0012")
	const bd = "ad 01 00 00 00 00 00 00 ff ff 00 00"
	first(BDROM(nil, 1000), bd, "1002 0000 4449 01 01 00 00 20 00 42444f 01 11 01 00*10 00100000 001003e7")
	first(BDR(nil, 1000), bd, "1002 0000 4449 01 01 00 00 20 00 424452 01 12")
	css := newBench(t, Options{}, CSSDVD(nil, 100))
	css.refused("disc key", "ad 00 00 00 00 00 00 02 ff ff 00 00", SenseNoKey)
	css.refused("layer 1 of 1", "ad 00 00 00 00 00 01 00 ff ff 00 00", SenseInvalidField)
	css.refused("BD structure of a DVD", bd, SenseInvalidField)
	newBench(t, Options{}, PressedCD(nil, 9)).refused("structure of a CD", physical, SenseInvalidField)
}

func TestModeBytes(t *testing.T) {
	b := newBench(t, Options{Timing: Timing{Rate: 48 * 153_600}}, nil)
	const page01 = " 01 0a 00 14 00 00 00 00 01 00 00 00"
	caps := func(six, now string) string {
		return " 2a 18 3f 00 70 03 " + six + " 00 1ccc 0000 0800 " + now + " 00*10"
	}
	b.want("page 01h", "5a 00 01 00 00 00 00 ff ff 00", "0012 00 00 00 00 0000"+page01)
	b.want("page 01h, changeable", "5a 00 41 00 00 00 00 ff ff 00", "0012 00 00 00 00 0000 01 0a ff ff 00*8")
	b.want("page 2Ah", "5a 08 2a 00 00 00 00 00 80 00", "0020 00 00 00 00 0000"+caps("29", "1ccc"))
	b.good("lock", "1e 00 00 00 01 00")
	b.good("speed", "bb 00 0b 06 ff ff 00 00 00 00 00 00")
	b.want("page 2Ah, locked and slowed", "5a 08 2a 00 00 00 00 00 80 00", "0020 00 00 00 00 0000"+caps("2b", "0b06"))
	b.want("page 01h by MODE SENSE(6)", "1a 08 01 00 ff 00", "0f 00 80 00"+page01)
	b.refused("saved pages", "5a 00 c1 00 00 00 00 ff ff 00", SenseSavingUnsupported)
	b.refused("page 05h", "5a 00 05 00 00 00 00 ff ff 00", SenseInvalidField)
	if _, in, _ := b.do("5a 00 3f 00 00 00 00 ff ff 00"); len(in) != 8+12+16+12+12+26 {
		t.Errorf("all pages are %d bytes", len(in))
	}

	selected := unhex(t, "0000 00 00 00 00 0000 01 0a 20 05 00 00 00 00 01 00 00 00")
	other := b.d.attach()
	b.good("MODE SELECT", "55 10 00 00 00 00 00 00 14 00", selected...)
	b.want("page 01h, changed", "5a 00 01 00 00 00 00 ff ff 00", "0012 00 00 00 00 0000 01 0a 20 05 00 00 00 00 01 00 00 00")
	b.want("page 01h, default", "5a 00 81 00 00 00 00 ff ff 00", "0012 00 00 00 00 0000"+page01)
	if _, _, s := b.doOn(other, "5a 00 01 00 00 00 00 ff ff 00"); s != SenseParamsChanged {
		t.Errorf("the other initiator finds %02x, want mode parameters changed", s)
	}
	for what, c := range map[string]struct {
		cdb, list string
		want      Sense
	}{
		"short list":   {"55 10 00 00 00 00 00 00 14 00", "0000 00 00", SenseListLength},
		"cut page":     {"55 10 00 00 00 00 00 00 10 00", "0000 00 00 00 00 0000 01 0a 20 05 00 00 00 00", SenseListLength},
		"fixed field":  {"55 10 00 00 00 00 00 00 14 00", "0000 00 00 00 00 0000 01 0a 20 05 00 00 00 00 02 00 00 00", SenseInvalidParameter},
		"page 2Ah":     {"55 10 00 00 00 00 00 00 0a 00", "0000 00 00 00 00 0000 2a 00", SenseInvalidParameter},
		"saving":       {"55 11 00 00 00 00 00 00 14 00", "00*20", SenseInvalidField},
		"vendor pages": {"55 00 00 00 00 00 00 00 14 00", "00*20", SenseInvalidField},
		"descriptors":  {"55 10 00 00 00 00 00 00 08 00", "0000 00 00 00 00 00ff", SenseListLength},
	} {
		if status, _, s := b.do(c.cdb, unhex(t, c.list)...); status != 2 || s != c.want {
			t.Errorf("MODE SELECT, %s: status %02x sense %02x, want %02x", what, status, s, c.want)
		}
	}
}

func TestStatusBytes(t *testing.T) {
	b := newBench(t, Options{}, nil)
	ask := func(classes string) string { return "4a 01 00 00 " + classes + " 00 00 00 08 00" }
	b.want("media, empty", ask("10"), "0006 04 1e 00 00 00 00")
	b.want("no class", ask("00"), "0002 80 1e")
	b.want("a class it has not got", ask("40"), "0002 80 1e")
	b.want("all, nothing happened: the first", ask("1e"), "0006 01 1e 00 00 00 00")
	b.want("power", ask("04"), "0006 02 1e 00 01 00 00")
	b.want("external request", ask("08"), "0006 03 1e 00 00 00 00")
	b.refused("asynchronous", "4a 00 00 00 10 00 00 00 08 00", SenseInvalidField)
	b.want("MECHANISM STATUS, closed", "bd 00 00 00 00 00 00 00 00 08 00 00", "00 00 000000 00 0000")
	if err := b.d.Insert(PressedCD(nil, 9)); err != nil {
		t.Fatal(err)
	}
	b.want("all, a new medium: media goes first", ask("1e"), "0006 04 1e 02 02 00 00")
	b.want("media, told once", ask("10"), "0006 04 1e 00 02 00 00")
	b.d.ForceOpen()
	b.want("media, forced open: no event", ask("10"), "0006 04 1e 00 01 00 00")
	b.refused("unit attention of the new medium", "00 00 00 00 00 00", SenseMediumChanged)
	b.want("MECHANISM STATUS, open", "bd 00 00 00 00 00 00 00 00 08 00 00", "00 10 000000 00 0000")

	b = newBench(t, Options{}, nil)
	b.want("REQUEST SENSE, empty", "03 00 00 00 12 00", "70 00 02 00000000 0a 00000000 3a 01 00 000000")
	b.want("REQUEST SENSE, descriptor", "03 01 00 00 ff 00", "72 02 3a 01 00 00 00 00")
	b.want("REQUEST SENSE, 8 bytes", "03 00 00 00 08 00", "70 00 02 00000000 0a")
	b.d.InjectUnitAttention(0x29, 0x00)
	b.want("REQUEST SENSE, unit attention", "03 00 00 00 12 00", "70 00 06 00000000 0a 00000000 29 00 00 000000")
	b.refused("which is then gone", "00 00 00 00 00 00", SenseNoMediumClosed)
}

// TestSenseForms has both forms of sense data carry the address of the first
// bad sector.
func TestSenseForms(t *testing.T) {
	for _, c := range []struct {
		descriptor bool
		want       string
	}{
		{false, "f0 00 03 00000007 0a 00000000 11 05 00 000000"},
		{true, "72 03 11 05 00 00 00 0c 00 0a 80 00 0000000000000007"},
	} {
		m := PressedCD(nil, 20)
		m.Damage().Bad(disc.Extent{Start: 7, Count: 2})
		b := newBench(t, Options{DescriptorSense: c.descriptor}, m)
		_, _, raw, err := b.n.Execute(t.Context(), unhex(t, "28 00 00 00 00 05 00 00 05 00"), nil, 1<<20)
		if want := unhex(t, c.want); err != nil || string(raw) != string(want) {
			t.Errorf("sense %s, want %s (%v)", spaced(raw), spaced(want), err)
		}
	}
}
