package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func found(t *testing.T, c *Catalog, q FileQuery) Found {
	t.Helper()
	f, err := c.FindFiles(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return f
}

func paths(f Found) string {
	var out []string
	for _, f := range f.Files {
		out = append(out, f.Path)
	}
	return strings.Join(out, "|")
}

func TestFindFiles(t *testing.T) {
	c := openTemp(t)
	a, b := aRecord(NewID(), 1), aRecord(NewID(), 1)
	mustCommit(t, c, withFiles(t, aCommit(t, a), a, someFiles))
	mustCommit(t, c, withFiles(t, aCommit(t, b), b, []FileEntry{aFile("BACKUP/ReadMe.TXT", "readme"), aFile("Käse.txt", "k"), aFile("copy of readme.txt", "readme")}))
	again := aRecord(b.Carrier.ID, 2)
	mustCommit(t, c, withFiles(t, aCommit(t, again), again, []FileEntry{aFile("README", "readme")}))
	for name, want := range map[string]string{
		"readme":      "README|copy of readme.txt|BACKUP/ReadMe.TXT|readme.txt",
		"README.TXT":  "copy of readme.txt|BACKUP/ReadMe.TXT|readme.txt",
		"vts_01_2":    "VIDEO_TS/VTS_01_2.VOB",
		"video_ts":    "VIDEO_TS/VIDEO_TS.IFO|VIDEO_TS",
		"backup":      "", // a directory that is not listed
		"up/read":     "BACKUP/ReadMe.TXT",
		"TS/VTS_01_2": "VIDEO_TS/VTS_01_2.VOB",
		"video_ts/":   "VIDEO_TS/VTS_01_2.VOB|VIDEO_TS/VIDEO_TS.IFO",
		"ts/v":        "VIDEO_TS/VTS_01_2.VOB|VIDEO_TS/VIDEO_TS.IFO",
		"KÄSE":        "Käse.txt",
		"ä":           "Käse.txt",
		"xt":          "copy of readme.txt|Käse.txt|BACKUP/ReadMe.TXT|readme.txt",
		"readme.txt ": "",
	} {
		if got := paths(found(t, c, FileQuery{Name: name})); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	f := found(t, c, FileQuery{Name: "backup/"}).Files
	if len(f) != 1 || f[0].CarrierID != b.Carrier.ID || *f[0].Item != "B-1001" || *f[0].Title != "The Atlas" || f[0].Label != "ATLAS_2" || f[0].Version != 1 || f[0].Size != 6 || f[0].Discs != 2 {
		t.Errorf("%+v", f)
	}
	if f := found(t, c, FileQuery{Name: ".vob"}).Files; len(f) != 1 || f[0].Damaged != 4096 || f[0].Discs != 0 || f[0].SHA256 != nil {
		t.Errorf("%+v", f)
	}
	sum := hexOf(32, "readme")
	for _, q := range []string{sum, strings.ToUpper(sum), sum[:8], sum[:9], " " + sum[:63]} {
		if got := found(t, c, FileQuery{SHA256: q}); len(got.Files) != 4 || got.Files[0].Discs != 2 || got.More {
			t.Errorf("%s: %+v", q, got)
		}
	}
	for _, q := range []FileQuery{{}, {Name: "a", SHA256: sum}, {SHA256: sum[:7]}, {SHA256: sum + "0"}, {SHA256: "xyz45678"}, {SHA256: "12345678' OR 1"}, {Name: "a", Limit: -1},
		{Name: "a", Limit: MaxFound + 1}, {Name: strings.Repeat("x", maxNeedle+1)}} {
		if _, err := c.FindFiles(t.Context(), q); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if got := found(t, c, FileQuery{Name: "readme", Limit: 3}); len(got.Files) != 3 || !got.More {
		t.Errorf("%+v", got)
	}
	if got := found(t, c, FileQuery{Name: "readme", Limit: 4}); len(got.Files) != 4 || got.More || got.Unsearched != "" {
		t.Errorf("%+v", got)
	}
	// A damaged row is not shown and told, also when its name is what was changed.
	tamper(t, c, "UPDATE files SET path = 'other' WHERE path = 'readme.txt'")
	got, err := c.FindFiles(t.Context(), FileQuery{Name: "readme.txt"})
	if !errors.Is(err, ErrDamaged) || paths(got) != "copy of readme.txt|BACKUP/ReadMe.TXT" {
		t.Errorf("%v, %+v", err, got)
	}
	tamper(t, c, "UPDATE file_lists SET files = 7 WHERE carrier = ? AND version = 1", b.Carrier.ID)
	if got, err := c.FindFiles(t.Context(), FileQuery{Name: "readme"}); !errors.Is(err, ErrDamaged) || paths(got) != "README" {
		t.Errorf("%v, %+v", err, got)
	}
}

// Whatever stands in a name, or is asked for, is plain text.
func TestFindHostileNames(t *testing.T) {
	c := openTemp(t)
	names := []string{`" OR "x`, `'; DROP TABLE files; --`, `%%%`, `100% sure_`, `a*b*c`, `name:x`, `^abc`, `NEAR(a b)`, `a AND b`, `a OR b`, `a NOT b`, `-abc`, `{abc}`,
		`abc"`, `"""`, `\xff\x00`, `[abc]`, `a?b`, `___`, `日本語テキスト`, strings.Repeat("long", 60), "  a  ", "İstanbul", "ﬁle", "e\u0301tude", "😀😀😀"}
	var entries []FileEntry
	rec := aRecord(NewID(), 1)
	for i, n := range names {
		entries = append(entries, aFile(fmt.Sprintf("%03d/%s", i, n), n))
	}
	mustCommit(t, c, withFiles(t, aCommit(t, rec), rec, entries))
	for i, n := range names {
		want := fmt.Sprintf("%03d/%s", i, n)
		if got := paths(found(t, c, FileQuery{Name: n})); got != want {
			t.Errorf("%q finds %s", n, got)
		}
		if got := paths(found(t, c, FileQuery{Name: want})); got != want {
			t.Errorf("%q finds %s", want, got)
		}
	}
	for _, q := range []string{"\x00", "abc\x00def", "\xff\xfe\xfd", "abc\n", "zzz%", `x" OR name MATCH "a`, "abc*", "file_names", strings.Repeat("x", maxNeedle), "//", "/////"} {
		if got := found(t, c, FileQuery{Name: q}); len(got.Files) != 0 {
			t.Errorf("%q finds %s", q, paths(got))
		}
	}
	if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) != 0 {
		t.Errorf("%v, %v", err, ps)
	}
}

// A search by name or digest goes through an index at any size, and in order,
// so that it can stop at its limit.
func TestFindPlans(t *testing.T) {
	c := openTemp(t)
	cols := strings.Join(files.cols, ", ")
	for query, want := range map[string]string{
		fmt.Sprintf(fileNameQuery, cols):                       "SCAN file_names VIRTUAL TABLE INDEX 192:M1|SEARCH files USING INTEGER PRIMARY KEY (rowid=?)",
		fmt.Sprintf(filePathQuery, cols):                       "SCAN file_names VIRTUAL TABLE INDEX 192:M1|SEARCH files USING INTEGER PRIMARY KEY (rowid=?)",
		fmt.Sprintf(fileScanQuery, cols):                       "SEARCH files USING INTEGER PRIMARY KEY (rowid>?)",
		fmt.Sprintf(fileDigestQuery, cols):                     "SEARCH files USING INDEX files_sha256 (sha256>? AND sha256<?)",
		fileNextQuery:                                          "SEARCH f USING COVERING INDEX files_sha256 (sha256=? AND rowid>?)|CORRELATED SCALAR SUBQUERY 1|SEARCH l USING INTEGER PRIMARY KEY (rowid=?)",
		"SELECT n FROM file_lists WHERE tree_sha256 = ?":       "SEARCH file_lists USING COVERING INDEX file_lists_tree (tree_sha256=?)",
		"SELECT 1 FROM file_lists WHERE carrier = ?":           "SEARCH file_lists USING COVERING INDEX sqlite_autoindex_file_lists_1 (carrier=?)",
		"SELECT digest FROM files WHERE n >= ? AND n < ?":      "SEARCH files USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		"SELECT n FROM files ORDER BY n DESC LIMIT 1 OFFSET ?": "SCAN files",
	} {
		rs, err := c.r.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rs.Next() {
			var id, parent, unused int
			var detail string
			if err := rs.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		rs.Close()
		if got := strings.Join(plan, "|"); got != want {
			t.Errorf("%s\n  is %s\nwant %s", query, got, want)
		}
	}
}
