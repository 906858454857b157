package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

// inspected is what a program outside of this project reads of a report: the
// fields that are promised, each present.
type inspected struct {
	Filesystems []string `json:"filesystems"`
	Size        struct {
		Actual     int64    `json:"actual"`
		Expected   *int64   `json:"expected"`
		Difference *float64 `json:"difference_sectors"`
	} `json:"size"`
	Checks []struct {
		Code    string `json:"code"`
		Name    string `json:"name"`
		Outcome string `json:"outcome"`
		Message string `json:"message"`
	} `json:"checks"`
	Volumes []struct {
		System, View, Label string
	} `json:"volumes"`
	Files []inspectedFile `json:"files"`
}

type extent struct{ Offset, Length int64 }

type inspectedFile struct {
	Path, Volume, Type string
	Size               int64
	SHA256             *string `json:"sha256"`
	MTime              *time.Time
	Extents, Damaged   []extent
	Reason             *string
}

func inspect(t *testing.T, code int, args ...string) inspected {
	t.Helper()
	a := ripstation(t, append([]string{"inspect", "--json"}, args...)...)
	if a.code != code || a.talk != "" {
		t.Fatalf("inspect %q: exit %d, want %d\n%s%s", args, a.code, code, a.out, a.talk)
	}
	var r inspected
	decode(t, a.out, &r)
	return r
}

func (r inspected) file(path string) *inspectedFile {
	for i, f := range r.Files {
		if f.Path == path {
			return &r.Files[i]
		}
	}
	return nil
}

func (r inspected) outcome(code string) string {
	for _, c := range r.Checks {
		if c.Code == code {
			return c.Outcome
		}
	}
	return ""
}

func hexSum(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

func keys(m map[string]any) string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// The JSON has the fields that are promised, and no others, in every file and
// check.
func TestInspectJSONShape(t *testing.T) {
	image := discOf(t, t.TempDir(), "a.iso", "SHAPE", nil)
	a := ripstation(t, "inspect", image, "--json")
	if a.code != exitDone {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	d := json.NewDecoder(strings.NewReader(a.out))
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("something stands behind the document: %v", err)
	}
	if got := keys(doc); got != "checks files filesystems size volumes" {
		t.Errorf("fields %q", got)
	}
	if got := keys(doc["size"].(map[string]any)); got != "actual difference_sectors expected" {
		t.Errorf("size has %q", got)
	}
	for _, f := range doc["files"].([]any) {
		f := f.(map[string]any)
		if got := keys(f); got != "damaged extents link mtime path reason sha256 size type volume" {
			t.Errorf("a file has %q", got)
		}
		for _, list := range []string{"extents", "damaged"} {
			if _, ok := f[list].([]any); !ok {
				t.Errorf("%s of %v is %v", list, f["path"], f[list])
			}
		}
	}
	for _, c := range doc["checks"].([]any) {
		c := c.(map[string]any)
		if got := keys(c); got != "code message name outcome" {
			t.Errorf("a check has %q", got)
		}
		if !slices.Contains([]any{"pass", "warning", "failure", "not applicable", "not run"}, c["outcome"]) {
			t.Errorf("an outcome is %v", c["outcome"])
		}
	}
}

// Every file is there with its size, time, digest and bytes.
func TestInspectFiles(t *testing.T) {
	dir := t.TempDir()
	image := discOf(t, dir, "a.iso", "MY_DISC", nil)
	raw := []byte(fileText(t, image))
	r := inspect(t, exitDone, image)
	if !slices.Equal(r.Filesystems, []string{"ISO 9660"}) || r.Size.Actual != int64(len(raw)) || r.Size.Expected == nil || r.Size.Difference == nil {
		t.Fatalf("%q, %+v", r.Filesystems, r.Size)
	}
	if want := float64(r.Size.Actual-*r.Size.Expected) / 2048; *r.Size.Difference != want || want < 0 {
		t.Errorf("difference %v, want %v", *r.Size.Difference, want)
	}
	var views []string
	for _, v := range r.Volumes {
		views = append(views, v.View)
		if v.System != "ISO 9660" || v.Label != "MY_DISC" {
			t.Errorf("volume %+v", v)
		}
	}
	slices.Sort(views)
	if !slices.Equal(views, []string{"ISO 9660", "Joliet", "Rock Ridge"}) {
		t.Errorf("views %q", views)
	}
	files := 0
	for path, text := range treeFiles {
		f := r.file(path)
		if f == nil {
			t.Errorf("%s is not listed", path)
			continue
		}
		st, err := os.Stat(filepath.Join(dir, "a.iso.src", path))
		if err != nil {
			t.Fatal(err)
		}
		if f.Type != "file" || f.Volume != "Rock Ridge" || f.Size != int64(len(text)) || f.SHA256 == nil || *f.SHA256 != hexSum([]byte(text)) ||
			f.MTime == nil || !f.MTime.Equal(st.ModTime().Truncate(time.Second)) || len(f.Damaged) > 0 || f.Reason != nil {
			t.Errorf("%s: %+v", path, f)
		}
		var content []byte
		for _, e := range f.Extents {
			content = append(content, raw[e.Offset:e.Offset+e.Length]...)
		}
		if string(content) != text {
			t.Errorf("%s: its extents %v hold %.40q", path, f.Extents, content)
		}
	}
	for _, f := range r.Files {
		if f.Type == "file" {
			files++
		} else if f.SHA256 != nil {
			t.Errorf("%s is a %s and has a digest", f.Path, f.Type)
		}
	}
	if files != len(treeFiles) {
		t.Errorf("%d files, want %d", files, len(treeFiles))
	}
	for _, f := range inspect(t, exitDone, image, "--no-digests").Files {
		if f.SHA256 != nil {
			t.Errorf("%s has a digest that nobody asked for", f.Path)
		}
	}
	a := ripstation(t, "inspect", image, "--files")
	for _, want := range []string{"ISO 9660; ", "volume Rock Ridge, label MY_DISC", fmt.Sprintf("%d files", len(treeFiles)), hexSum([]byte("read me\n")), "README.TXT", "Grüße aus Köln.txt", "checks passed"} {
		if a.code != exitDone || !strings.Contains(a.out, want) {
			t.Errorf("exit %d, no %q in\n%s%s", a.code, want, a.out, a.talk)
		}
	}
	if a := ripstation(t, "inspect", image); strings.Contains(a.out, "README.TXT") || strings.Contains(a.out, "FAIL") {
		t.Errorf("whole files are listed without --files:\n%s", a.out)
	}
}

// The file systems have an order of their own, whatever stands first.
func TestInspectFilesystemsInOrder(t *testing.T) {
	dir := t.TempDir()
	put(t, "read me\n", dir, "tree", "a.txt")
	tool(t, dir, "genisoimage", "-quiet", "-udf", "-hfs", "-o", "three.iso", "tree")
	r := inspect(t, exitDone, filepath.Join(dir, "three.iso"))
	if !slices.Equal(r.Filesystems, []string{"ISO 9660", "UDF", "HFS"}) {
		t.Errorf("%q", r.Filesystems)
	}
}

// Of a truncated image exactly the files that reach behind its end are damaged,
// and say which bytes; the difference is a fraction.
func TestInspectTruncated(t *testing.T) {
	dir := t.TempDir()
	image := discOf(t, dir, "a.iso", "CUT", nil)
	whole := inspect(t, exitDone, image)
	big := whole.file("docs/numbers.txt").Extents[0]
	cut := big.Offset + big.Length/2/2048*2048 + 1000
	if err := os.Truncate(image, cut); err != nil {
		t.Fatal(err)
	}
	r := inspect(t, exitFindings, image)
	if r.Size.Actual != cut || *r.Size.Expected != *whole.Size.Expected || *r.Size.Difference != float64(cut-*r.Size.Expected)/2048 || r.outcome("F101") != "failure" || r.outcome("F102") != "failure" {
		t.Errorf("size %+v, F101 %s", r.Size, r.outcome("F101"))
	}
	a := ripstation(t, "inspect", image)
	if a.code != exitFindings || !strings.Contains(a.out, "TOO SMALL") || !strings.Contains(a.out, "FAILURE F101") {
		t.Errorf("exit %d\n%s", a.code, a.out)
	}
	for path, text := range treeFiles {
		f, e := r.file(path), whole.file(path).Extents
		damaged := len(e) > 0 && len(text) > 0 && e[0].Offset+int64(len(text)) > cut
		if f == nil {
			t.Errorf("%s is not listed", path)
			continue
		}
		if damaged != (len(f.Damaged) > 0) || damaged != (f.SHA256 == nil) || damaged != (f.Reason != nil) || damaged != strings.Contains(a.out, "    "+path+"  DAMAGED") {
			t.Errorf("%s, damaged %t: %+v\n%s", path, damaged, f, a.out)
		}
		if damaged {
			from := max(cut, e[0].Offset)
			if want := (extent{from, e[0].Offset + int64(len(text)) - from}); len(f.Damaged) != 1 || f.Damaged[0] != want {
				t.Errorf("%s: damaged %v, want %v", path, f.Damaged, want)
			}
		}
	}
}

// A map says which sectors were read, in either form, and what it says is missing is
// missing though the image has bytes there.
func TestInspectWithMap(t *testing.T) {
	dir := t.TempDir()
	image := discOf(t, dir, "a.iso", "MAPPED", nil)
	whole := inspect(t, exitDone, image)
	first := whole.file("docs/numbers.txt").Extents[0].Offset/2048 + 10
	sectors := whole.Size.Actual / 2048
	m, err := disc.NewSectorMap(sectors)
	if err != nil {
		t.Fatal(err)
	}
	ev := disc.Evidence{}
	for _, mark := range []struct {
		e disc.Extent
		s disc.Status
	}{{disc.Extent{Start: disc.LBA(first), Count: 3}, disc.StatusUnreadable}, {disc.Extent{Count: first}, disc.StatusRead},
		{disc.Extent{Start: disc.LBA(first + 3), Count: sectors - first - 3}, disc.StatusRead}} {
		if err := m.Mark(mark.e, mark.s, ev); err != nil {
			t.Fatal(err)
		}
	}
	var ours, theirs bytes.Buffer
	if _, err := m.WriteTo(&ours); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteDdrescue(&theirs); err != nil {
		t.Fatal(err)
	}
	put(t, ours.String(), dir, "sectors.map")
	put(t, theirs.String(), dir, "theirs.map")
	put(t, fmt.Sprintf("# Mapfile.\n0x0 ? 1\n0x0 0x%x +\n0x%x 0x%x -\n0x%x 0x%x +\n", first*2048, first*2048, 3*2048, (first+3)*2048, (sectors-first-3)*2048), dir, "hand.map")
	for _, name := range []string{"sectors.map", "theirs.map", "hand.map"} {
		a := ripstation(t, "inspect", image, "--map", filepath.Join(dir, name), "--json")
		var r inspected
		decode(t, a.out, &r)
		if a.code != exitMissing {
			t.Errorf("%s: exit %d\n%s", name, a.code, a.talk)
		}
		for _, f := range r.Files {
			hit := f.Path == "docs/numbers.txt"
			if hit != (len(f.Damaged) > 0) || f.Type == "file" && hit != (f.SHA256 == nil) {
				t.Errorf("%s: %+v", name, f)
			}
			if hit && (len(f.Damaged) != 1 || f.Damaged[0] != extent{first * 2048, 3 * 2048}) {
				t.Errorf("%s: damaged %v, want 3 sectors from %d", name, f.Damaged, first)
			}
		}
	}
	a := ripstation(t, "inspect", image, "--list", "--map", filepath.Join(dir, "sectors.map"))
	if a.code != exitDone || strings.Count(a.out, "DAMAGED") != 1 || !strings.Contains(a.out, "docs/numbers.txt  (DAMAGED: 6144 bytes missing)\n") ||
		!strings.Contains(a.out, "  README.TXT\n") || !strings.Contains(a.out, "  docs/deep/\n") {
		t.Errorf("--list: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	// A rescue under way: the image ends in the damaged file, the map does not.
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	put(t, string(b[:(first+3)*2048]), dir, "begun.iso")
	a = ripstation(t, "inspect", filepath.Join(dir, "begun.iso"), "--map", filepath.Join(dir, "sectors.map"), "--json")
	var begun inspected
	decode(t, a.out, &begun)
	if a.code != exitFindings { // it is too small
		t.Errorf("a rescue under way: exit %d\n%s", a.code, a.talk)
	}
	for _, f := range begun.Files {
		if f.Path == "docs/numbers.txt" && (len(f.Damaged) != 1 || f.Damaged[0].Offset != first*2048 || f.Damaged[0].Length < 1_000_000) {
			t.Errorf("a rescue under way: %+v", f)
		}
	}
	put(t, "no map\n", dir, "none.map")
	small, err := disc.NewSectorMap(sectors - 1)
	if err != nil {
		t.Fatal(err)
	}
	ours.Reset()
	if _, err := small.WriteTo(&ours); err != nil {
		t.Fatal(err)
	}
	put(t, ours.String(), dir, "small.map")
	for name, want := range map[string]string{"none.map": "neither", "small.map": "sectors", "absent.map": "no such file"} {
		if a := ripstation(t, "inspect", image, "--map", filepath.Join(dir, name)); a.code != exitUsage || !strings.Contains(a.talk, want) || a.out != "" {
			t.Errorf("%s: exit %d\n%s%s", name, a.code, a.out, a.talk)
		}
	}
}
