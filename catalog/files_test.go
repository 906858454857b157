package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeList(head FileList, entries []FileEntry) ([]byte, error) {
	var b bytes.Buffer
	w, err := NewFileListWriter(&b, head)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := w.Add(e); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

func readList(r io.Reader) (FileList, []FileEntry, error) {
	l, err := NewFileListReader(r)
	if err != nil {
		return FileList{}, nil, err
	}
	var out []FileEntry
	for {
		e, err := l.Next()
		if err == io.EOF {
			return l.Head, out, nil
		}
		if err != nil {
			return l.Head, out, err
		}
		out = append(out, e)
	}
}

const aListID = "abcdefghijklmnopqrstuvwxyz"

func TestFileListShape(t *testing.T) {
	sum := hexOf(32, "x")
	var d TreeDigest
	if err := d.Add("a/b.txt", sum); err != nil {
		t.Fatal(err)
	}
	got, err := writeList(FileList{aListID, 1, d.Sum(), []FileVolume{{"UDF", "UDF", "L & <b>"}, {"ISO 9660", "Joliet", ""}}}, []FileEntry{
		{Path: "a", Type: TypeDirectory, Mode: "0755", Extents: []FileExtent{{Offset: 2048, Length: 2048}}},
		{Path: "a/b.txt", Type: TypeFile, Mode: "0644", Size: 5, Modified: time.Date(2001, 2, 3, 4, 5, 6, 7000, time.FixedZone("", 3600)),
			Extents: []FileExtent{{Offset: 57344, Length: 5}}, SHA256: sum},
		{Path: "a/l", Raw: []byte{0xff}, Type: TypeLink, Link: "b.txt"},
		{Volume: 1, Path: "gone", Type: TypeFile, Size: 4096, Extents: []FileExtent{{Offset: 0, Length: 2048}, {Offset: -1, Length: 2048}},
			Damaged: []FileExtent{{Offset: 100, Length: 20}, {Offset: 0, Length: 100}}, Reason: "not read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"ripstation files","version":1,"carrier":"abcdefghijklmnopqrstuvwxyz","image_version":1,"tree_sha256":"` + d.Sum() + `",
"volumes":[{"system":"UDF","view":"UDF","label":"L & <b>"},{"system":"ISO 9660","view":"Joliet","label":""}],
"files":[
{"volume":0,"path":"a","raw":null,"type":"directory","mode":"0755","size":0,"modified":null,"created":null,"link":null,"extents":[{"offset":2048,"length":2048}],"sha256":null,"damaged":[],"reason":null},
{"volume":0,"path":"a/b.txt","raw":null,"type":"file","mode":"0644","size":5,"modified":"2001-02-03T03:05:06.000007Z","created":null,"link":null,"extents":[{"offset":57344,"length":5}],"sha256":"` + sum + `","damaged":[],"reason":null},
{"volume":0,"path":"a/l","raw":"/w==","type":"link","mode":null,"size":0,"modified":null,"created":null,"link":"b.txt","extents":[],"sha256":null,"damaged":[],"reason":null},
{"volume":1,"path":"gone","raw":null,"type":"file","mode":null,"size":4096,"modified":null,"created":null,"link":null,"extents":[{"offset":0,"length":2048},{"offset":-1,"length":2048}],"sha256":null,"damaged":[{"offset":0,"length":120}],"reason":"not read"}
]}
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	empty, err := writeList(FileList{Carrier: aListID, ImageVersion: 2}, nil)
	if err != nil || !strings.HasSuffix(string(empty), "\"tree_sha256\":null,\n\"volumes\":[],\n\"files\":[\n]}\n") {
		t.Errorf("empty: %v\n%s", err, empty)
	}
}

// TestTreeDigestIsWhatTheToolsSay holds TreeDigest against sha256sum.
func TestTreeDigestIsWhatTheToolsSay(t *testing.T) {
	dir := t.TempDir()
	script := `cd "$1" && mkdir -p a/B a.d && printf x >a/B/z && printf y >a.d/y && printf '' >a/a && printf q >'a b'
		find * -type f | LC_ALL=C sort | xargs -d '\n' sha256sum | tee list | sha256sum; cat list`
	out, err := exec.Command("sh", "-c", script, "sh", dir).Output()
	if err != nil {
		t.Fatalf("sha256sum and find (Debian packages coreutils, findutils): %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var d TreeDigest
	for _, l := range lines[1:] {
		sum, path, _ := strings.Cut(l, "  ")
		if err := d.Add(path, sum); err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) != 5 || d.Sum() != strings.Fields(lines[0])[0] {
		t.Errorf("%s from\n%s\n(%s)", d.Sum(), out, filepath.Base(dir))
	}
}

// randomList is a list of any shape that a list may have.
func randomList(r *rand.Rand) (FileList, []FileEntry) {
	head := FileList{Carrier: NewID(), ImageVersion: 1 + r.IntN(9), Volumes: []FileVolume{}}
	for range 1 + r.IntN(3) {
		head.Volumes = append(head.Volumes, FileVolume{randomText(r), randomText(r), randomText(r)})
	}
	entries := map[string]FileEntry{}
	for range r.IntN(40) {
		e := FileEntry{Volume: r.IntN(len(head.Volumes)), Type: []FileType{TypeFile, TypeFile, TypeDirectory, TypeLink, TypeOther}[r.IntN(5)],
			Size: r.Int64N(1 << 40), Damaged: []FileExtent{}, Extents: []FileExtent{}}
		e.Path = strings.Repeat("d/", r.IntN(3)) + "n" + randomText(r)
		if r.IntN(3) == 0 {
			e.Raw, e.Mode, e.Created = []byte{0xe9, byte(r.IntN(256))}, fmt.Sprintf("%04o", r.IntN(07777+1)), time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC()
		}
		var sum int64
		for range r.IntN(4) {
			x := FileExtent{Offset: r.Int64N(1 << 40), Length: r.Int64N(1 << 20)}
			if r.IntN(4) == 0 {
				x.Unit, x.Gap = 2048, 4096
			} else if r.IntN(5) == 0 {
				x.Offset = -1
			}
			e.Extents, sum = append(e.Extents, x), sum+x.Length
		}
		switch {
		case e.Type == TypeLink:
			e.Link = randomText(r)
		case e.Type == TypeFile && r.IntN(2) == 0:
			e.SHA256, e.Size = hexOf(32, e.Path), sum
		case e.Type == TypeFile:
			e.Reason = "r" + randomText(r)
			for _, x := range joined(e.Extents) {
				e.Damaged = append(e.Damaged, FileExtent{Offset: x.Offset, Length: 1 + r.Int64N(x.Length)})
			}
		}
		entries[fmt.Sprintf("%d %s", e.Volume, e.Path)] = e
	}
	var out []FileEntry
	for _, e := range entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b FileEntry) int {
		if a.Volume != b.Volume {
			return a.Volume - b.Volume
		}
		return strings.Compare(a.Path, b.Path)
	})
	var d TreeDigest
	for _, e := range out {
		if e.Volume == 0 && e.Type == TypeFile {
			if err := d.Add(e.Path, e.SHA256); err != nil {
				panic(err)
			}
		}
	}
	head.TreeSHA256 = d.Sum()
	return head, out
}

func randomText(r *rand.Rand) string {
	s := []string{"", "a", `"`, `\`, "%", "é", "日本", "'; --", "<&>", "*", " ", "~2", "~10", `\xff`}
	return s[r.IntN(len(s))] + s[r.IntN(len(s))]
}

func TestFileListRoundTrip(t *testing.T) {
	for seed := range uint64(2000) {
		head, entries := randomList(rand.New(rand.NewPCG(seed, 7)))
		b, err := writeList(head, entries)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		h, es, err := readList(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(h, head) || len(es) != len(entries) {
			t.Fatalf("seed %d: %v\n%+v\n%+v", seed, err, head, h)
		}
		for i := range es {
			if !reflect.DeepEqual(es[i], entries[i]) {
				t.Fatalf("seed %d:\n%+v\n%+v", seed, entries[i], es[i])
			}
		}
		if again, err := writeList(h, es); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("seed %d: other bytes for the same facts: %v", seed, err)
		}
		if _, _, err := readList(bytes.NewReader(b[:rand.New(rand.NewPCG(seed, 8)).IntN(len(b)-1)])); !errors.Is(err, ErrInvalid) {
			t.Fatalf("seed %d: a list that was cut off gives %v", seed, err)
		}
	}
}

func TestFileListContradictions(t *testing.T) {
	sum := hexOf(32, "x")
	var d TreeDigest
	d.Add("b", sum)
	good, err := writeList(FileList{aListID, 1, d.Sum(), []FileVolume{{"UDF", "UDF", ""}}}, []FileEntry{
		{Path: "a", Type: TypeDirectory},
		{Path: "b", Type: TypeFile, Size: 5, Extents: []FileExtent{{Offset: 4096, Length: 5}}, SHA256: sum}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readList(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"ripstation files", "ripstation fails", "format"},
		{`"version":1`, `"version":2`, "this program reads version 1"},
		{aListID, "../../etc", "carrier id"},
		{`"image_version":1`, `"image_version":0`, "image version"},
		{d.Sum(), strings.ToUpper(d.Sum()), "tree_sha256"},
		{d.Sum(), sum, "no volume's files"},
		{`"volumes"`, `"files"`, "line 2"},
		{`"files":[`, `"filez":[`, "do not begin"},
		{`"volume":0,"path":"b"`, `"volume":1,"path":"b"`, "volume 1 of 1"},
		{`"volume":0,"path":"b"`, `"volume":-1,"path":"b"`, "volume -1"},
		{`"volume":0,"path":"b"`, `"path":"b"`, "volume -1"},
		{`"path":"b"`, `"path":"../b"`, "no path"},
		{`"path":"b"`, `"path":"/b"`, "no path"},
		{`"path":"b"`, `"path":"a//b"`, "no path"},
		{`"path":"b"`, `"path":"b\u0007"`, "no path"},
		{`"path":"b"`, `"path":"a"`, "comes behind"},
		{`"path":"b"`, `"path":"B"`, "comes behind"},
		{`"size":5`, `"size":-5`, "-5 bytes"},
		{`"size":5`, `"size":9`, "its extents hold 5 bytes of 9"},
		{`"size":5,`, ``, "-1 bytes"},
		{`"size":5`, `"size":5e99`, "line 5"},
		{`"type":"directory"`, `"type":"door"`, "type"},
		{`"type":"file"`, `"type":"other"`, "has a digest"},
		{`"mode":null`, `"mode":"rwx"`, "mode"},
		{`"sha256":"` + sum, `"sha256":"` + sum[1:], "sha256"},
		{`"sha256":"` + sum + `"`, `"sha256":null`, "no reason"},
		{`"sha256":"` + sum + `","damaged":[]`, `"sha256":"` + sum + `","damaged":[{"offset":4096,"length":1}]`, "not read"},
		{`"sha256":"` + sum + `","damaged":[],"reason":null`, `"sha256":null,"damaged":[{"offset":4101,"length":1}],"reason":"x"`, "none of its own"},
		{`"sha256":"` + sum + `","damaged":[],"reason":null`, `"sha256":null,"damaged":[{"offset":4095,"length":1}],"reason":"x"`, "none of its own"},
		{`"sha256":"` + sum + `","damaged":[],"reason":null`, `"sha256":null,"damaged":[{"offset":4096,"length":1},{"offset":4096,"length":2}],"reason":"x"`, "damaged bytes"},
		{`"offset":4096`, `"offset":-2`, "an extent at -2"},
		{`"offset":4096`, `"offset":9223372036854775807`, "an extent at"},
		{`"length":5`, `"length":-1`, "an extent of -1"},
		{`"length":5`, `"length":5,"unit":1`, "unit 1 and gap 0"},
		{`"length":5`, `"length":1000000000000,"unit":1,"gap":1000000000000`, "too far"},
		{`"reason":null},`, `"reason":null}`, "no comma"},
		{"}\n]}", "},\n]}", "a comma and nothing"},
		{"]}\n", "]}\n\n", "more behind"},
		{"]}\n", "]}", "cut off"},
		{"]}\n", "", "cut off"},
	} {
		bad := strings.Replace(string(good), c.old, c.new, 1)
		if bad == string(good) {
			t.Fatalf("%q is not in the list", c.old)
		}
		if _, _, err := readList(strings.NewReader(bad)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: %v, want %q", c.old, c.new, err, c.want)
		}
	}
	more := strings.Replace(strings.Replace(string(good), `"size":5`, `"later":[1],"size":5`, 1), `"carrier"`, `"later":{},"carrier"`, 1)
	if _, es, err := readList(strings.NewReader(more)); err != nil || len(es) != 2 {
		t.Errorf("unknown fields: %v", err)
	}
	if _, _, err := readList(io.MultiReader(bytes.NewReader(good[:len(good)-4]), strings.NewReader(strings.Repeat("x", maxFileLine+2)))); !errors.Is(err, ErrInvalid) {
		t.Errorf("a line without end: %v", err)
	}
	broken := errors.New("broken")
	if _, _, err := readList(io.MultiReader(bytes.NewReader(good[:200]), errReader{broken})); !errors.Is(err, broken) || errors.Is(err, ErrInvalid) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestFileListWriterRefuses(t *testing.T) {
	head := FileList{Carrier: aListID, ImageVersion: 1, Volumes: []FileVolume{{"UDF", "UDF", ""}}}
	for _, e := range []FileEntry{
		{Path: "a\nb", Type: TypeDirectory}, {Path: ".", Type: TypeDirectory}, {Path: "\xff", Type: TypeDirectory}, {Path: "x", Type: TypeFile},
		{Path: "x", Type: TypeFile, Reason: "r", Damaged: []FileExtent{{Offset: -5, Length: 5}}},
		{Path: "x", Type: TypeFile, Reason: "r", Damaged: []FileExtent{{Offset: 5, Length: 5}}},
	} {
		if _, err := writeList(head, []FileEntry{e}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	head.TreeSHA256 = hexOf(32, "other")
	if _, err := writeList(head, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a wrong tree digest: %v", err)
	}
	head.TreeSHA256 = ""
	// A line that would be too long keeps the file, and its damage as one stretch.
	e := FileEntry{Path: "x", Type: TypeFile, Size: 1 << 40, Reason: "r"}
	for i := range int64(400_000) {
		e.Extents = append(e.Extents, FileExtent{Offset: i << 12, Length: 2048})
		e.Damaged = append(e.Damaged, FileExtent{Offset: i << 12, Length: 2048})
	}
	b, err := writeList(head, []FileEntry{e})
	if err != nil {
		t.Fatal(err)
	}
	_, es, err := readList(bytes.NewReader(b))
	if err != nil || es[0].Extents != nil || len(es[0].Damaged) != 1 || es[0].Damaged[0] != (FileExtent{Offset: 0, Length: 399_999<<12 + 2048}) || !strings.Contains(es[0].Reason, "too many to be listed") {
		t.Errorf("%v: %.300s", err, b)
	}
}

func FuzzFileList(f *testing.F) {
	for seed := range uint64(8) {
		head, entries := randomList(rand.New(rand.NewPCG(seed, 9)))
		b, err := writeList(head, entries[:min(3, len(entries))])
		if err == nil {
			f.Add(b)
		}
	}
	f.Add([]byte("{\"format\":\"ripstation files\",\"version\":1,\"carrier\":\"" + aListID + "\",\"image_version\":1,\"tree_sha256\":null,\n\"volumes\":[],\n\"files\":[\n]}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, es, err := readList(bytes.NewReader(b))
		if err != nil {
			return
		}
		if slices.ContainsFunc(es, func(e FileEntry) bool { return e.Extents == nil }) {
			return
		}
		again, err := writeList(head, es)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		h2, es2, err := readList(bytes.NewReader(again))
		if err != nil || len(es) != len(es2) {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
		third, err := writeList(h2, es2)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%v\n%s\n%s", err, again, third)
		}
	})
}
