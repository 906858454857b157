package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

// withFiles gives a commit a file list of these entries.
func withFiles(t testing.TB, in Commit, rec Record, entries []FileEntry) Commit {
	t.Helper()
	head := FileList{Carrier: rec.Carrier.ID, ImageVersion: rec.Image.Version, Volumes: []FileVolume{{"UDF", "UDF", "L"}, {"ISO 9660", "Joliet", "L"}}}
	var d TreeDigest
	for _, e := range entries {
		if e.Volume == 0 && e.Type == TypeFile {
			if err := d.Add(e.Path, e.SHA256); err != nil {
				t.Fatal(err)
			}
		}
	}
	head.TreeSHA256 = d.Sum()
	b, err := writeList(head, entries)
	if err != nil {
		t.Fatal(err)
	}
	return withList(in, b)
}

func withList(in Commit, b []byte) Commit {
	in.Files = append(slices.Clone(in.Files), Object{Role: RoleTag, Path: FilesPath, Size: int64(len(b)), SHA512: hexOf(64, "list"), SHA256: fmt.Sprintf("%x", sha256.Sum256(b))})
	in.FileList = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return in
}

func aFile(path, seed string) FileEntry {
	return FileEntry{Path: path, Type: TypeFile, Size: int64(len(seed)), Modified: noon, SHA256: hexOf(32, seed), Extents: []FileExtent{{Offset: 2048, Length: int64(len(seed))}}}
}

var someFiles = []FileEntry{
	{Path: "VIDEO_TS", Type: TypeDirectory},
	aFile("VIDEO_TS/VIDEO_TS.IFO", "ifo"),
	{Path: "VIDEO_TS/VTS_01_2.VOB", Type: TypeFile, Size: 8192, Extents: []FileExtent{{Offset: 4096, Length: 8192}},
		Damaged: []FileExtent{{Offset: 4096, Length: 2048}, {Offset: 8192, Length: 2048}}, Reason: "2 sectors were not read"},
	aFile("readme.txt", "readme"),
}

func filesOf(t *testing.T, c *Catalog, id string) (out []ListedFile, v ListView, err error) {
	t.Helper()
	v, err = c.FileList(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Files(t.Context(), v, func(f ListedFile) error { out = append(out, f); return nil })
	return out, v, err
}

func TestCommitFiles(t *testing.T) {
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	in := withFiles(t, aCommit(t, rec), rec, someFiles)
	mustCommit(t, c, in)
	fs, v, err := filesOf(t, c, rec.Carrier.ID)
	if err != nil || len(fs) != 4 {
		t.Fatalf("%v, %+v", err, fs)
	}
	if v.Listed != 4 || v.Files != 3 || v.Directories != 1 || v.Bytes != 8192+3+6 || v.Damaged != 1 || v.TreeSHA256 != nil || len(v.Volumes) != 2 || v.SHA256 != in.Files[1].SHA256 {
		t.Errorf("%+v", v)
	}
	if f := fs[2]; f.Path != "VIDEO_TS/VTS_01_2.VOB" || f.Damaged != 4096 || f.SHA256 != nil || f.Reason == nil || f.Modified != nil {
		t.Errorf("%+v", f)
	}
	if f := fs[1]; f.Size != 3 || f.SHA256 == nil || *f.SHA256 != hexOf(32, "ifo") || !f.Modified.Equal(noon) || f.Damaged != 0 {
		t.Errorf("%+v", f)
	}
	// Again is no change, and the list is not even opened.
	again := in
	again.FileList = func() (io.ReadCloser, error) { t.Error("opened"); return nil, errors.New("no") }
	mustCommit(t, c, again)
	if fs, _, err := filesOf(t, c, rec.Carrier.ID); err != nil || len(fs) != 4 {
		t.Errorf("%v, %d files", err, len(fs))
	}
	if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) != 0 {
		t.Errorf("%v, %v", err, ps)
	}
	bare := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, bare))
	if _, err := c.FileList(t.Context(), bare.Carrier.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("an image without a list: %v", err)
	}
	if v, err := c.Show(t.Context(), bare.Carrier.ID); err != nil || v.Files != nil {
		t.Errorf("%v, %+v", err, v.Files)
	}
}

func TestCommitRefusesAnotherList(t *testing.T) {
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	good := withFiles(t, aCommit(t, rec), rec, someFiles)
	r, err := good.FileList()
	if err != nil {
		t.Fatal(err)
	}
	list, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	gives := func(b []byte) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	}
	broken := errors.New("the disk")
	for name, tc := range map[string]struct {
		change func(in *Commit)
		want   error
	}{
		"edited":  {func(in *Commit) { in.FileList = gives(bytes.Replace(list, []byte(`"size":6`), []byte(`"size":5`), 1)) }, ErrInvalid},
		"cut off": {func(in *Commit) { in.FileList = gives(list[:len(list)-3]) }, ErrInvalid},
		"longer":  {func(in *Commit) { in.FileList = gives(append(slices.Clone(list), '\n')) }, ErrInvalid},
		"another disc's": {func(in *Commit) {
			*in = withList(aCommit(t, rec), bytes.Replace(list, []byte(rec.Carrier.ID), []byte(NewID()), 1))
		}, ErrInvalid},
		"another image's": {func(in *Commit) {
			*in = withList(aCommit(t, rec), bytes.Replace(list, []byte(`"image_version":1`), []byte(`"image_version":2`), 1))
		}, ErrInvalid},
		"size":       {func(in *Commit) { in.Files[1].Size++ }, ErrInvalid},
		"no digest":  {func(in *Commit) { in.Files[1].SHA256 = "" }, ErrInvalid},
		"not of bag": {func(in *Commit) { in.Files = in.Files[:1] }, ErrInvalid},
		"not given":  {func(in *Commit) { in.FileList = nil }, ErrInvalid},
		"unreadable": {func(in *Commit) { in.FileList = func() (io.ReadCloser, error) { return nil, broken } }, broken},
		"stops short": {func(in *Commit) {
			in.FileList = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(list[:300]), errReader{broken})), nil
			}
		}, broken},
	} {
		in := withList(aCommit(t, rec), list)
		tc.change(&in)
		if err := c.Commit(t.Context(), in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, table := range []string{"images", "files", "file_lists", "file_names_docsize", "carriers"} {
			var n int
			if err := c.r.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows are in %s (%v)", name, n, table, err)
			}
		}
	}
	mustCommit(t, c, good)
}

// What befalls the rows of files is found, by reading them and by the check.
func TestFileRowsAreGuarded(t *testing.T) {
	for name, tc := range map[string]struct {
		stmt  string
		reads bool // Files sees it as well
	}{
		"edited":         {"UPDATE files SET path = 'other.txt' WHERE path = 'readme.txt'", true},
		"lost":           {"DELETE FROM files WHERE path = 'readme.txt'", true},
		"first lost":     {"DELETE FROM files WHERE n = 1 << 24", true},
		"moved":          {"UPDATE files SET n = n + 1 WHERE path = 'readme.txt'", true},
		"to another":     {"UPDATE files SET n = (2 << 24) + 9 WHERE path = 'readme.txt'", true},
		"added":          {"INSERT INTO files SELECT n + 1, volume, path, type, size, modified, sha256, damaged, reason, digest FROM files WHERE path = 'readme.txt'", true},
		"to no list":     {"UPDATE files SET n = (7 << 24) WHERE path = 'readme.txt'", true},
		"list lost":      {"DELETE FROM file_lists WHERE n = 1", false},
		"all lost":       {"DELETE FROM files WHERE n >> 24 = 1; DELETE FROM file_lists WHERE n = 1", false},
		"list renamed":   {"UPDATE file_lists SET version = 3 WHERE n = 1", false},
		"list's object":  {"DELETE FROM objects WHERE path = 'metadata/files.json'", false},
		"name forgotten": {"DELETE FROM file_names_docsize WHERE id = 1 << 24", false},
		"no names":       {"DELETE FROM file_names_data WHERE id > 10", false},
	} {
		c := openTemp(t)
		rec, other := aRecord(NewID(), 1), aRecord(NewID(), 1)
		mustCommit(t, c, withFiles(t, aCommit(t, rec), rec, someFiles))
		mustCommit(t, c, withFiles(t, aCommit(t, other), other, someFiles[:1]))
		func() {
			db, err := sql.Open("sqlite", c.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("PRAGMA foreign_keys = off"); err != nil {
				t.Fatal(err)
			}
			if res, err := db.Exec(tc.stmt); err != nil {
				t.Fatal(err)
			} else if n, _ := res.RowsAffected(); n == 0 {
				t.Fatalf("%s changed nothing", name)
			}
		}()
		if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) == 0 || !strings.Contains(fmt.Sprint(ps), "file") {
			t.Errorf("%s: %v, %v", name, err, ps)
		}
		if tc.reads {
			if _, _, err := filesOf(t, c, rec.Carrier.ID); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: reading gives %v", name, err)
			}
		}
	}
}

func TestSameContent(t *testing.T) {
	c := openTemp(t)
	whole := []FileEntry{aFile("a", "1"), aFile("b", "2")}
	var ids []string
	for _, files := range [][]FileEntry{whole, whole, {aFile("a", "1")}, {}, {}} {
		rec := aRecord(NewID(), 1)
		ids = append(ids, rec.Carrier.ID)
		mustCommit(t, c, withFiles(t, aCommit(t, rec), rec, files))
	}
	for i, want := range [][]string{{ids[1]}, {ids[0]}, {}, {}, {}} {
		v, err := c.Show(t.Context(), ids[i])
		if err != nil || v.Files == nil || !slices.Equal(v.SameContent, want) {
			t.Errorf("%d: %v, %q, want %q", i, err, v.SameContent, want)
		}
	}
}

// A catalog of schema 1 comes up to date with all that it holds.
func TestUpgradeFromSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	rec := aRecord(NewID(), 1)
	in := aCommit(t, rec)
	bare := Attempt{Carrier: CarrierInfo{ID: NewID(), Item: "X"}, Identity: disc.Identity{Label: "BARE"}, Capture: aCapture(Refused, noon),
		Events: []Event{anEvent(EventFormat, EventWarning, noon)}}
	now, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, now, in)
	if err := now.RecordCapture(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	now.Close()
	// What schema 1 held of the discs, as its program left it.
	w, err := connect(t.Context(), path, "rw", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{"UPDATE events SET changes = NULL", "ALTER TABLE events DROP COLUMN changes", "DROP TABLE mail", "DROP TABLE files",
		"DROP TABLE file_lists", "DROP TABLE file_names", "DROP TABLE expected", "DROP TABLE places", "DROP TABLE lists", "DROP TABLE batches", "DROP TABLE retries", "DROP TABLE added", "PRAGMA user_version = 1"} {
		if _, err := w.Exec(stmt); err != nil {
			t.Fatal(stmt, err)
		}
	}
	plain, err := identified(bare.Carrier.ID, bare.Events[0])
	if err != nil {
		t.Fatal(err)
	}
	sum, err := sealedEvent{bare.Carrier.ID, 1, plain}.digest()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec("UPDATE events SET id = ?, digest = ? WHERE carrier = ?", plain.ID, sum, bare.Carrier.ID); err != nil {
		t.Fatal(err)
	}
	var dump string
	rows := func(db *sql.DB) string {
		var out strings.Builder
		for _, table := range hashedTables[1:slices.Index(hashedTables, fileLists)] {
			if table == carriers { // they count one event more afterwards
				continue
			}
			if err := eachRow(context.Background(), db, table, func(r row, digest []byte) error {
				_, err := fmt.Fprintf(&out, "%s %q %x\n", table.name, fmt.Sprint(r.v...), digest)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	dump = rows(w)
	w.Close()
	if _, err := OpenReadOnly(t.Context(), path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("it has schema 1 and this program needs %d", latestSchema(t))) {
		t.Errorf("reading an old one: %v", err)
	}
	c := openAt(t, path)
	if got := rows(c.r); got != dump || !strings.Contains(got, rec.Carrier.ID) {
		t.Errorf("before:\n%s\nafter:\n%s", dump, got)
	}
	mustCommit(t, c, in) // no change
	for id, says := range map[string]string{rec.Carrier.ID: `{"state":"stored"}`, bare.Carrier.ID: `{"item":"X","identity":{`} {
		es, err := c.Events(t.Context(), id)
		if err != nil || len(es) == 0 || es[len(es)-1].Changes == nil {
			t.Fatalf("%+v, %v", es, err)
		}
		if b, err := es[len(es)-1].Changes.MarshalJSON(); err != nil || !strings.HasPrefix(string(b), says) {
			t.Errorf("%s, %v; want %s", b, err, says)
		}
	}
	next := aRecord(rec.Carrier.ID, 2)
	mustCommit(t, c, withFiles(t, aCommit(t, next), next, someFiles))
	if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) != 0 {
		t.Errorf("%v, %v", err, ps)
	}
	if got, err := c.FindFiles(t.Context(), FileQuery{Name: "vts_01"}); err != nil || len(got.Files) != 1 || got.Files[0].Version != 2 {
		t.Errorf("%v, %+v", err, got)
	}
}

// manyFiles writes a list of n files without ever holding it.
func manyFiles(w io.Writer, rec Record, n int) error {
	l, err := NewFileListWriter(w, FileList{Carrier: rec.Carrier.ID, ImageVersion: 1, Volumes: []FileVolume{{"UDF", "UDF", "L"}}})
	if err != nil {
		return err
	}
	var sum [32]byte
	for i := range n {
		sum = sha256.Sum256(sum[:])
		name := fmt.Sprintf("photos/album %05d/IMG_%07d.JPG", i/100, i)
		if i == n/2 {
			name = strings.TrimSuffix(name, ".JPG") + "-Zwiebelkuchen.jpg"
		}
		err := l.Add(FileEntry{Path: name, Type: TypeFile, Size: 5, Modified: noon, SHA256: fmt.Sprintf("%x", sum), Extents: []FileExtent{{Offset: int64(i) * 2048, Length: 5}}, Mode: "0644"})
		if err != nil {
			return err
		}
	}
	return l.Close()
}

func commitMany(t testing.TB, c *Catalog, n int) (Record, time.Duration) {
	t.Helper()
	rec := aRecord(NewID(), 1)
	h := sha256.New()
	count := &countingWriter{w: h}
	if err := manyFiles(count, rec, n); err != nil {
		t.Fatal(err)
	}
	in := aCommit(t, rec)
	in.Files = append(in.Files, Object{Role: RoleTag, Path: FilesPath, Size: count.n, SHA256: fmt.Sprintf("%x", h.Sum(nil))})
	in.FileList = func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(manyFiles(w, rec, n)) }()
		return r, nil
	}
	start := time.Now()
	mustCommit(t, c, in)
	return rec, time.Since(start)
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

// A list of many files is committed in one stream: what it takes of memory
// does not grow with it.
func TestCommitFilesMemory(t *testing.T) {
	c := openTemp(t)
	var most, before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var high uint64
		for {
			select {
			case <-done:
				peak <- high
				return
			default:
				runtime.ReadMemStats(&most)
				high = max(high, most.HeapAlloc)
				runtime.Gosched()
			}
		}
	}()
	_, took := commitMany(t, c, 50_000)
	close(done)
	high := <-peak
	t.Logf("50,000 files in %v; heap %d KiB before, at most %d KiB", took, before.HeapAlloc>>10, high>>10)
	if high > before.HeapAlloc+64<<20 {
		t.Errorf("%d MiB of heap", high>>20)
	}
}

func BenchmarkCommitFiles(b *testing.B) {
	for _, n := range []int{50_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				c := openTemp(b)
				_, took := commitMany(b, c, n)
				b.ReportMetric(took.Seconds(), "s/commit")
				b.ReportMetric(float64(n)/took.Seconds(), "files/s")
			}
		})
	}
}

func BenchmarkFindFiles(b *testing.B) {
	c := openTemp(b)
	commitMany(b, c, 1_000_000)
	for name, q := range map[string]FileQuery{"rare": {Name: "zwiebel"}, "one": {Name: "IMG_0777777"}, "common": {Name: "jpg"}, "nothing": {Name: "qqqqq"},
		"almost": {Name: "IMG_zzz"}, "short": {Name: "qq"}, "path": {Name: "album 00777/IMG"}, "digest": {SHA256: hexOf(32, "x")}, "prefix": {SHA256: "12345678"}} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, err := c.FindFiles(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
