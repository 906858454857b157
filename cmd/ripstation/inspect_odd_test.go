package main

import (
	endian "encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

// Without a file system the report is there all the same: the size, and null for
// what nobody knows.
func TestInspectUnrecognised(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, content string }{{"empty.iso", ""}, {"text.iso", strings.Repeat("no image\n", 1000)}, {"one.iso", "x"}, {"zero.iso", strings.Repeat("\x00", 100*2048)}} {
		put(t, c.content, dir, c.name)
		name := filepath.Join(dir, c.name)
		var doc map[string]any
		a := ripstation(t, "inspect", "--json", name)
		decode(t, a.out, &doc)
		size, _ := doc["size"].(map[string]any)
		if fs, ok := doc["filesystems"].([]any); a.code != exitDone || !ok || len(fs) > 0 || size["actual"] != float64(len(c.content)) {
			t.Errorf("%s: exit %d\n%s", c.name, a.code, a.out)
		}
		for _, key := range []string{"expected", "difference_sectors"} {
			if v, ok := size[key]; !ok || v != nil {
				t.Errorf("%s: %s is %v, want null", c.name, key, v)
			}
		}
		for _, key := range []string{"files", "volumes"} {
			if list, ok := doc[key].([]any); !ok || len(list) > 0 {
				t.Errorf("%s: %s is %v, want []", c.name, key, doc[key])
			}
		}
		if a := ripstation(t, "inspect", name); a.code != exitDone || !strings.Contains(a.out, "no file system that is known here") {
			t.Errorf("%s: exit %d\n%s%s", c.name, a.code, a.out, a.talk)
		}
	}
}

// What is no image file is refused in words that help, and nothing is printed as a
// report.
func TestInspectRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, "x", dir, "x.iso")
	x := filepath.Join(dir, "x.iso")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{dir}, "is a folder"},
		{[]string{"/dev/null"}, "is a device"},
		{[]string{filepath.Join(dir, "none.iso")}, "there is no such file"},
		{[]string{pipe}, "is no image file"}, // nobody writes into it: an open would wait
		{[]string{x, "--offset", "4503599627370496"}, "the number of a sector"},
		{[]string{x, "--offset", "-1"}, "the number of a sector"},
		{[]string{x, "--offset", "many"}, "offset"},
		{nil, "an image file"},
		{[]string{x, x}, "one argument"},
	} {
		for _, more := range []string{"--json", "--files"} {
			a := ripstation(t, append([]string{"inspect", more}, c.args...)...)
			if a.code != exitUsage || !strings.Contains(a.talk, c.want) || a.out != "" {
				t.Errorf("inspect %q: exit %d, want %q\n%s%s", c.args, a.code, c.want, a.out, a.talk)
			}
		}
	}
}

// descriptors is an image of a volume descriptor set alone: it claims blocks.
func descriptors(sectors int, blocks uint32) []byte {
	p := make([]byte, sectors*2048)
	d := p[16*2048:]
	copy(d, "\x01CD001\x01")
	endian.LittleEndian.PutUint32(d[80:], blocks)
	endian.BigEndian.PutUint32(d[84:], blocks)
	endian.LittleEndian.PutUint16(d[128:], 2048)
	endian.BigEndian.PutUint16(d[130:], 2048)
	copy(p[17*2048:], "\xffCD001\x01")
	return p
}

// The difference is in sectors and can be a fraction; a later session counts from
// the sector at which it begins.
func TestInspectSize(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "a.iso")
	for _, c := range []struct {
		bytes, blocks int
		args          []string
		expected      int64
		difference    float64
		word          string
	}{
		{100 * 2048, 100, nil, 204800, 0, "as large as"},
		{100*2048 - 512, 100, nil, 204800, -0.25, "TOO SMALL"},
		{100*2048 + 1024, 100, nil, 204800, 0.5, "0.5 sectors larger"},
		{100 * 2048, 25, nil, 51200, 75, "75 sectors larger"},
		{100 * 2048, 1100, nil, 1100 * 2048, -1000, "1000 sectors are missing"},
		{100 * 2048, 1100, []string{"--offset", "1000"}, 204800, 0, "as large as"},
		{100 * 2048, 1100, []string{"--offset", "999"}, 101 * 2048, -1, "1 sectors are missing"},
	} {
		p := descriptors(101, uint32(c.blocks))[:c.bytes]
		if err := os.WriteFile(image, p, 0o600); err != nil {
			t.Fatal(err)
		}
		var r inspected
		a := ripstation(t, append([]string{"inspect", "--json", image}, c.args...)...)
		decode(t, a.out, &r)
		if r.Size.Actual != int64(c.bytes) || r.Size.Expected == nil || *r.Size.Expected != c.expected || *r.Size.Difference != c.difference {
			t.Errorf("%d bytes, %d blocks, %q: %s", c.bytes, c.blocks, c.args, a.out[:200])
		}
		if small := r.outcome("F101") == "failure"; small != (c.difference < 0) {
			t.Errorf("%d bytes, %d blocks, %q: F101 is %s", c.bytes, c.blocks, c.args, r.outcome("F101"))
		}
		if a := ripstation(t, append([]string{"inspect", image}, c.args...)...); !strings.Contains(a.out, c.word) {
			t.Errorf("no %q in\n%s", c.word, a.out)
		}
	}
	// A set without a primary descriptor is a file system that expects nothing.
	p := descriptors(100, 100)
	p[16*2048] = 0
	if err := os.WriteFile(image, p, 0o600); err != nil {
		t.Fatal(err)
	}
	r := inspect(t, exitFindings, image)
	if len(r.Filesystems) != 1 || r.Filesystems[0] != "ISO 9660" || r.Size.Expected == nil || *r.Size.Expected != 0 || *r.Size.Difference != 100 || r.outcome("F202") != "failure" {
		t.Errorf("%q, %+v, F202 %s", r.Filesystems, r.Size, r.outcome("F202"))
	}
}

// Names and labels from a disc cannot steer a terminal, nor break the JSON.
func TestInspectHostileNames(t *testing.T) {
	dir := t.TempDir()
	image := discOf(t, dir, "a.iso", "LABEL", func(src string) {
		put(t, "1", src, "red\x1b[31m")
		put(t, "2", src, "two\nlines")
		put(t, "3", src, "turned\u202egnp.exe")
		put(t, "4", src, "latin\xe9")
		put(t, "5", src, `quote"\`)
	})
	p := []byte(fileText(t, image))
	copy(p[16*2048+40:], "\x1b]0;owned\x07")
	copy(p[16*2048+318:], "\x1b[2Jpublisher")
	if err := os.WriteFile(image, p, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--files"}, {"--json"}, {}} {
		a := ripstation(t, append([]string{"inspect", image}, args...)...)
		for _, r := range a.out + a.talk {
			if r != '\n' && (unicode.IsControl(r) || r == '\u202e' || r == unicode.ReplacementChar) {
				t.Errorf("inspect %q prints %q:\n%q", args, r, a.out)
				break
			}
		}
	}
	r := inspect(t, exitDone, image)
	sums := map[string]string{}
	for _, f := range r.Files {
		if f.SHA256 != nil {
			sums[*f.SHA256] = f.Path
		}
	}
	for _, content := range []string{"1", "2", "3", "4", "5"} {
		if sums[hexSum([]byte(content))] == "" {
			t.Errorf("the file that holds %q is not listed with its digest", content)
		}
	}
	for _, line := range strings.Split(ripstation(t, "inspect", image, "--files").out, "\n") {
		if line == "lines" {
			t.Error("a name has broken a line")
		}
	}
}
