package discname

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func parse(t testing.TB, text string) Template {
	t.Helper()
	out, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const id = "k3v7x2mak3v7x2mak3v7x2maaa"

func TestName(t *testing.T) {
	day := time.Date(2026, 11, 25, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		template string
		f        Fields
		want     string
	}{
		{Default, Fields{Item: "31234", Part: 2, Parts: 3, Side: "A", Label: "MAPS", ID: id}, "31234 2 of 3 A MAPS"},
		{Default, Fields{Item: "31234", Label: "MAPS", ID: id}, "31234 MAPS"},
		{Default, Fields{Label: "MAPS", ID: id}, "MAPS"},
		{Default, Fields{ID: id}, id},
		{Default, Fields{}, "disc"},
		{"{item}, part {part} ({date})", Fields{Item: "B7", ID: id}, "B7"},
		{"{item}, part {part} ({date})", Fields{Part: 1, Parts: 2, ID: id}, "part 1 of 2"},
		{"{item}, part {part} ({date})", Fields{Date: day, ID: id}, "(2026-11-25)"},
		{"{item}, part {part} ({date})", Fields{Item: "B7", Part: 1, Parts: 2, Date: day}, "B7, part 1 of 2 (2026-11-25)"},
		{"disc {id} v{version}.d", Fields{ID: "abc", Version: 2}, "disc abc v2.d"},
		{"{medium}-{label}", Fields{Medium: "DVD", Label: "X"}, "DVD-X"},
		// Hostile labels.
		{"{label}", Fields{Label: "../../etc/passwd"}, "_._.._etc_passwd"},
		{"{label}", Fields{Label: "..", ID: id}, id},
		{"{label}", Fields{Label: ". .", ID: id}, id},
		{"{label}", Fields{Label: "/"}, "_"},
		{"{label}", Fields{Label: "-rf"}, "_rf"},
		{"{label}", Fields{Label: "~root"}, "_root"},
		{"{label}", Fields{Label: "CON"}, "_CON"},
		{"{label}", Fields{Label: "nul.txt"}, "_nul.txt"},
		{"{label}", Fields{Label: "COM1 .x"}, "_COM1 .x"},
		{"{label}", Fields{Label: "lpt²"}, "_lpt²"},
		{"{label}", Fields{Label: "COMA"}, "COMA"},
		{"{label}", Fields{Label: "a\x00b\x1b[31mc\u202ed"}, "a_b_[31mc_d"},
		{"{label}", Fields{Label: "M\xe4rz"}, "M_rz"},
		{"{label}", Fields{Label: "tail. . "}, "tail"},
		{"{label}", Fields{Label: "a   b\tc\n"}, "a b_c_"},
		{"{label}", Fields{Label: "日本語"}, "日本語"},
		{"{label}", Fields{Label: "MAPS.incomplete"}, "MAPS_incomplete"},
		{"{label}", Fields{Label: "MAPS.added"}, "MAPS_added"},
		{"{item} {label}", Fields{Item: "1", Label: "MAPS.ADDED "}, "1 MAPS_ADDED"},
		{"{label}", Fields{Label: "MAPS.Incomplete . "}, "MAPS_Incomplete"},
	} {
		if got := parse(t, c.template).Name(c.f); got != c.want {
			t.Errorf("%q of %+v: %q, want %q", c.template, c.f, got, c.want)
		}
	}
}

// A long name is cut between characters, also to make room for what tells it
// from another.
func TestLongNames(t *testing.T) {
	for _, label := range []string{strings.Repeat("x", 300), strings.Repeat("日", 100), "a" + strings.Repeat("😀", 80), strings.Repeat("y", 254) + ". z"} {
		tmpl := parse(t, "{label}")
		name, apart := tmpl.Name(Fields{Label: label, ID: id}), tmpl.Apart(Fields{Label: label, ID: id})
		if msg := unsafe(name); msg != "" {
			t.Errorf("%q: %s", name, msg)
		}
		if msg := unsafe(apart); msg != "" || !strings.HasSuffix(apart, " k3v7x2ma") || !strings.HasPrefix(apart, name[:200]) {
			t.Errorf("%q: %s", apart, msg)
		}
	}
}

func TestApartTellsDiscsApart(t *testing.T) {
	tmpl := parse(t, Default)
	a, b := Fields{Label: "Disc", ID: id}, Fields{Label: "DISC", ID: "zzzzzzzz"}
	if !Same(tmpl.Name(a), tmpl.Name(b)) {
		t.Errorf("%q and %q are one file on some file systems", tmpl.Name(a), tmpl.Name(b))
	}
	if got := tmpl.Apart(a); got != "Disc k3v7x2ma" || Same(got, tmpl.Apart(b)) {
		t.Errorf("%q, %q", got, tmpl.Apart(b))
	}
}

func TestBadTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "no placeholder",
		"discs":            "no placeholder",
		"{titel}":          "unknown placeholder {titel}; there are {date}, {id}",
		"{item":            "never closed",
		"{}":               "unknown placeholder {}",
		"{item}/{label}":   "cannot stand in a name",
		"{item}\\{label}":  "cannot stand in a name",
		"{item}\x07":       "cannot stand in a name",
		"{item}\xff":       "cannot stand in a name",
		"a:b {item}":       "cannot stand in a name",
		"{item} {{label}}": "unknown placeholder {{label}",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// unsafe says why a name is no safe element of a path; it shares no code with
// what makes names.
func unsafe(name string) string {
	switch {
	case name == "":
		return "empty"
	case name == "." || name == ".." || filepath.Base(name) != name || !filepath.IsLocal(name):
		return "not one element of a path"
	case len(name) > 255:
		return "too long"
	case !utf8.ValidString(name):
		return "not UTF-8"
	case strings.ContainsAny(name, "/\\:*?\"<>|"):
		return "forbidden characters"
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) && unicode.Is(unicode.Cf, r) }):
		return "characters that act"
	case strings.HasSuffix(strings.ToLower(name), ".added") || strings.HasSuffix(strings.ToLower(name), ".incomplete"):
		return "an ending that a restore gives"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "a dot or space at its end"
	case strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, " "):
		return "a dash, dot or space at its beginning"
	}
	base := strings.TrimRight(strings.ToLower(strings.SplitN(name, ".", 2)[0]), " ")
	for _, device := range strings.Fields("con prn aux nul com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 com¹ com² com³ lpt¹ lpt² lpt³ conin$ conout$") {
		if base == device {
			return "a device of Windows"
		}
	}
	return ""
}

// Whatever the template and the words, a name is one safe element of a path,
// always the same one, and stays so when it is made of itself.
func FuzzName(f *testing.F) {
	f.Add(Default, "31234", "A", "MAPS", "DVD", id, 1, 2)
	f.Add("{label}", "", "", "..", "", "", 0, 0)
	f.Add("-{label}.", "", "", "CON", "", ".", -1, 0)
	f.Add("{id}{label} ({side})", "", "\xff", strings.Repeat("é", 200), "/", "NUL", 1, 1)
	f.Fuzz(func(t *testing.T, text, item, side, label, medium, id string, part, version int) {
		tmpl, err := Parse(text)
		if err != nil {
			tmpl = Template{}
		}
		fields := Fields{Item: item, Side: side, Label: label, Medium: medium, ID: id, Part: part, Parts: part, Version: version}
		for _, name := range []string{tmpl.Name(fields), tmpl.Apart(fields), Fit(tmpl.Name(fields), ".iso")} {
			if msg := unsafe(name); msg != "" {
				t.Fatalf("%q: %s", name, msg)
			}
			if again := Element(name); again != name {
				t.Fatalf("%q becomes %q", name, again)
			}
		}
		if a, b := tmpl.Name(fields), tmpl.Name(fields); a != b {
			t.Fatalf("%q, then %q", a, b)
		}
		if s := Element(label); s != "" && unsafe(s) != "" {
			t.Fatalf("%q: %s", s, unsafe(s))
		}
	})
}
