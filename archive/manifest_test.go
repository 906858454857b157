package archive

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestManifestText(t *testing.T) {
	d := strings.Repeat("0a", 32)
	lines := []manifestLine{{d, "data/b"}, {d, "data/a%b\nc\rd"}, {d, "data/%0A"}}
	text := formatManifest(lines)
	if want := d + "  data/%250A\n" + d + "  data/a%25b%0Ac%0Dd\n" + d + "  data/b\n"; string(text) != want {
		t.Fatalf("%q", text)
	}
	got, err := parseManifest(text, 32)
	if err != nil || !slices.Equal(got, []manifestLine{lines[2], lines[1], lines[0]}) {
		t.Fatalf("%q, %v", got, err)
	}
	// Other writers: upper-case hex, tabs, one blank, CRLF, no last line end.
	got, err = parseManifest([]byte(strings.ToUpper(d)+"\tdata/x\r\n"+d+" ./data/y y"), 32)
	if err != nil || !slices.Equal(got, []manifestLine{{d, "data/x"}, {d, "data/y y"}}) {
		t.Fatalf("%q, %v", got, err)
	}
	for _, bad := range []string{"\n", d, d + "  ", d + "data/x", d[1:] + "  data/x", "g" + d[1:] + "  data/x", d + "  /etc/passwd", d + "  data/../../x",
		d + "  ~root/x", d + "  data//x", d + "  data/", d + "  a\\b", d + "  a\x00b", d + "  x\n" + d + "  x\n", d + "  " + strings.Repeat("x", 5000)} {
		if got, err := parseManifest([]byte(bad), 32); err == nil {
			t.Errorf("%.100q is taken as %q", bad, got)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	d := strings.Repeat("0a", 32)
	f.Add([]byte(d + "  data/image.iso\n"))
	f.Add([]byte(d + " *data/a%0Ab\r\n" + d + "\tx"))
	f.Add([]byte(d + "  ../x\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := parseManifest(b, 32)
		if err != nil {
			return
		}
		for _, l := range lines {
			if strings.HasPrefix(l.path, "/") || slices.Contains(strings.Split(l.path, "/"), "..") || len(l.digest) != 64 {
				t.Fatalf("%+v", l)
			}
		}
		again, err := parseManifest(formatManifest(lines), 32)
		if err != nil || len(again) != len(lines) {
			t.Fatalf("%v: %d lines of %d", err, len(again), len(lines))
		}
	})
}

func TestTagText(t *testing.T) {
	for value, want := range map[string]string{
		"plain":                     "L: plain\n",
		"":                          "",
		" \t\n ":                    "L: \uFFFD\n",
		"two\nlines\r\nthree":       "L: two\uFFFDlines\uFFFD\uFFFDthree\n",
		"bell\x07 esc\x1b[0m\x7f":   "L: bell\uFFFD esc\uFFFD[0m\uFFFD\n",
		"\u202Ecod.exe\u2028x":      "L: \uFFFDcod.exe\uFFFDx\n",
		"bad\xff\xfebytes":          "L: bad\uFFFDbytes\n",
		"Käse: ja":                  "L: Käse: ja\n",
		strings.Repeat("x", 200):    "L: " + strings.Repeat("x", 200) + "\n",
		strings.Repeat("word ", 20): "L: " + strings.Repeat("word ", 15) + "\n  word word word word word\n",
	} {
		if got := string(formatTags([]Tag{{"L", value}})); got != want {
			t.Errorf("%q gives %q, want %q", value, got, want)
		}
	}
	for _, bad := range []string{"no colon\n", ": x\n", " lead\n", "A:x\n", "A :x\n", "\n", "A: x\n\nB: y\n", "A: \xff\n", "A:\n"} {
		if got, err := parseTags([]byte(bad)); err == nil {
			t.Errorf("%q is taken as %q", bad, got)
		}
	}
	got, err := parseTags([]byte("A: x \r\n  y\rB:\tz\nA: again"))
	if err != nil || !slices.Equal(got, []Tag{{"A", "x y"}, {"B", "z"}, {"A", "again"}}) {
		t.Errorf("%q, %v", got, err)
	}
}

// Whatever a disc calls itself, bag-info.txt stays one element a value, and the
// value comes back as it was cleaned.
func FuzzTags(f *testing.F) {
	f.Add("plain", "two\nlines")
	f.Add(strings.Repeat("word ", 40), "\x00\xff")
	f.Add("a:  b  c", strings.Repeat("ä ", 100))
	f.Fuzz(func(t *testing.T, a, b string) {
		in := []Tag{{"External-Description", a}, {"X", b}}
		text := formatTags(in)
		if !utf8.Valid(text) || strings.ContainsAny(string(text), "\r\x00\x1b\u2028\u202e") {
			t.Fatalf("%q", text)
		}
		out, err := parseTags(text)
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		var want []Tag
		for _, tag := range in {
			if v := strings.TrimSpace(cleanText(tag.Value)); v != "" {
				want = append(want, Tag{tag.Label, v})
			}
		}
		if !slices.Equal(out, want) {
			t.Fatalf("%q, want %q", out, want)
		}
	})
}

func FuzzParseTags(f *testing.F) {
	f.Add([]byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"))
	f.Add([]byte("A: b\n  c\r\n\td\n"))
	f.Add([]byte(" x\n:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tags, err := parseTags(b)
		if err != nil {
			return
		}
		for _, tag := range tags {
			if tag.Label == "" || strings.ContainsAny(tag.Label+tag.Value, "\r\n") {
				t.Fatalf("%q", tag)
			}
		}
	})
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-99/100")
	f.Add("bytes 5-4/*")
	f.Add("bytes 0-9223372036854775807/*")
	f.Fuzz(func(t *testing.T, s string) {
		first, last, size, err := contentRange(s)
		if err == nil && (first < 0 || last < first || size >= 0 && last >= size) {
			t.Fatalf("%q: %d-%d/%d", s, first, last, size)
		}
	})
}

// Whatever a stranger's bag declares, its texts are read without harm, and
// nothing that leads out of it is taken.
func FuzzDeclared(f *testing.F) {
	f.Add([]byte("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-16\n"), []byte("\xfe\xff\x00A\x00:\x00b\x00\n"))
	f.Add([]byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"), []byte("A: b\n  c\n"))
	f.Add([]byte("\ufeffBagIt-Version: 1.0\nTag-File-Character-Encoding: ISO-8859-1\n"), []byte(strings.Repeat("0", 32)+"  *data/%0a%25\n"))
	f.Fuzz(func(t *testing.T, declaration, b []byte) {
		l := look{any: &letter{}}
		if err := l.declared(declaration); err != nil {
			if *l.any != (letter{}) && l.any.version == "" {
				t.Fatalf("%+v", *l.any)
			}
			return
		}
		if !slices.Contains(versions, l.any.version) {
			t.Fatalf("%q is taken for version %q", declaration, l.any.version)
		}
		if text, err := l.any.text(b); err == nil && len(text) > 3*len(b)+3 {
			t.Fatalf("%d bytes became %d", len(b), len(text))
		}
		tags, err := l.any.tags(b)
		for _, tag := range tags {
			if err == nil && (tag.Label == "" || strings.ContainsAny(tag.Label+tag.Value, "\r\n") || !utf8.ValidString(tag.Value)) {
				t.Fatalf("%q", tag)
			}
		}
		lines, err := l.any.parse(b, 16)
		for _, line := range lines {
			if err == nil && checkBagPath(line.path) != nil {
				t.Fatalf("%q", line.path)
			}
		}
	})
}
