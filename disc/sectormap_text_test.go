package disc

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// worn is a map with every status and two drives.
func worn(t testing.TB) *SectorMap {
	m := newMap(t, 1000, "PLEXTOR DVDR PX-760A 1.07 #123456", "odd \"name\"\n\x00\xff 😀")
	for _, x := range []struct {
		e  Extent
		s  Status
		ev Evidence
	}{
		{Extent{0, 600}, StatusRead, Evidence{1, 1, 1}},
		{Extent{600, 16}, StatusSkipped, Evidence{1, 1, 1}},
		{Extent{620, 1}, StatusUnreadable, Evidence{1, 5, 9}},
		{Extent{700, 50}, StatusProtected, Evidence{2, 1, 1}},
		{Extent{800, 2}, StatusUnrecorded, Evidence{}},
		{Extent{900, 7}, StatusSuspect, Evidence{2, 3, 2}},
	} {
		if err := m.Mark(x.e, x.s, x.ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Contest(Extent{10, 1}, Evidence{2, 6, 1}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNativeFormIsWhatTheDecisionShows(t *testing.T) {
	m := newMap(t, 330000, "PLEXTOR DVDR PX-760A 1.07 #123456")
	if err := m.Mark(Extent{0, 65536}, StatusRead, Evidence{1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	if err := m.Mark(Extent{65536, 1}, StatusUnreadable, Evidence{1, 2, 4}); err != nil {
		t.Fatal(err)
	}
	body := "ripstation sector map 1\nsectors 330000\ndrive 1 \"PLEXTOR DVDR PX-760A 1.07 #123456\"\n" +
		"# start count status drive pass tries\n0 65536 read 1 1 1\n65536 1 unreadable 1 2 4\n65537 264463 untried 0 0 0\n"
	want := body + fmt.Sprintf("end %x\n", sha256.Sum256([]byte(body)))
	got, err := m.MarshalText()
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestNativeFormComesBack(t *testing.T) {
	m := worn(t)
	text, err := m.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSectorMap(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !back.Equal(m) || back.Counts() != m.Counts() {
		t.Errorf("came back as\n%+v\nwant\n%+v", back, m)
	}
}

// TestCutOrChangedMapIsNone cuts the text at every byte and flips a bit in
// every byte.
func TestCutOrChangedMapIsNone(t *testing.T) {
	text, err := worn(t).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		if _, err := ParseSectorMap(bytes.NewReader(text[:i])); err == nil {
			t.Fatalf("a map cut at byte %d of %d was taken", i, len(text))
		}
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if _, err := ParseSectorMap(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a map with byte %d changed was taken", i)
		}
	}
	if _, err := ParseSectorMap(bytes.NewReader(append(text, '\n'))); err == nil {
		t.Fatal("a map with more behind its end was taken")
	}
}

// sealedText puts the right digest under a body.
func sealedText(body string) string {
	return body + fmt.Sprintf("end %x\n", sha256.Sum256([]byte(body)))
}

func TestWrongMapsAreRefusedBySayingWhere(t *testing.T) {
	const head = "ripstation sector map 1\nsectors 10\ndrive 1 \"a\"\n# start count status drive pass tries\n"
	if _, err := ParseSectorMap(strings.NewReader(sealedText(head + "0 10 read 1 1 1\n"))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ body, want string }{
		"other version":     {strings.Replace(head, "map 1", "map 2", 1), "line 1"},
		"no sectors":        {strings.Replace(head, "sectors 10", "sectors 0", 1), "line 2"},
		"too many sectors":  {strings.Replace(head, "sectors 10", "sectors 4294967296", 1), "line 2"},
		"drive twice":       {strings.Replace(head, "#", "drive 2 \"a\"\n#", 1), "named twice"},
		"drive out of turn": {strings.Replace(head, "drive 1", "drive 2", 1), "line 3"},
		"raw quotes":        {strings.Replace(head, "\"a\"", "`a`", 1), "line 3"},
		"hole":              {head + "0 4 read 1 1 1\n5 5 untried 0 0 0\n", "line 6"},
		"overlap":           {head + "0 4 read 1 1 1\n3 7 untried 0 0 0\n", "line 6"},
		"short":             {head + "0 4 read 1 1 1\n", "sector 4 of 10"},
		"long":              {head + "0 11 read 1 1 1\n", "line 5"},
		"overflow":          {head + "0 2147483647 read 1 1 1\n", "line 5"},
		"empty run":         {head + "0 0 read 1 1 1\n", "line 5"},
		"not merged":        {head + "0 4 read 1 1 1\n4 6 read 1 1 1\n", "like the one before"},
		"status":            {head + "0 10 good 1 1 1\n", "status"},
		"drive unknown":     {head + "0 10 read 2 1 1\n", "no drive 2"},
		"leading zero":      {head + "00 10 read 1 1 1\n", "line 5"},
		"plus":              {head + "+0 10 read 1 1 1\n", "line 5"},
		"two spaces":        {head + "0  10 read 1 1 1\n", "line 5"},
		"carriage return":   {head + "0 10 read 1 1 1\r\n", "line 5"},
		"long line":         {head + strings.Repeat("x", 1<<16) + "\n", "longer"},
	} {
		_, err := ParseSectorMap(strings.NewReader(sealedText(c.body)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func FuzzSectorMap(f *testing.F) {
	text, err := worn(f).MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text), false)
	body, _, _ := strings.Cut(string(text), "end ")
	f.Add(body, true)
	f.Add("ripstation sector map 1\nsectors 2147483647\n# start count status drive pass tries\n0 2147483647 untried 0 0 0\n", true)
	f.Fuzz(func(t *testing.T, body string, seal bool) {
		// With a right digest the fuzzer gets at what lies behind it.
		if seal {
			body = sealedText(body)
		}
		m, err := ParseSectorMap(strings.NewReader(body))
		if err != nil {
			return
		}
		again, err := m.MarshalText()
		if err != nil || string(again) != body {
			t.Fatalf("taken as a map, and written as something else: %v\n%q\n%q", err, body, again)
		}
		sum := int64(0)
		for r := range m.Runs() {
			sum += r.Count
		}
		c := m.Counts()
		if sum != m.Sectors() || c.Read+c.Suspect+c.Contested+c.Unreadable+c.Protected+c.Unrecorded+c.Skipped+c.Untried != sum {
			t.Fatalf("runs have %d sectors, counts %+v, the map %d", sum, c, m.Sectors())
		}
	})
}
