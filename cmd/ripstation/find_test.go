package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// listedDisc puts a disc with these files into the catalog.
func listedDisc(t *testing.T, path, item string, entries ...catalog.FileEntry) string {
	t.Helper()
	c, err := catalog.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id, at := catalog.NewID(), time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	record, err := catalog.EncodeRecord(catalog.Record{
		Carrier:  catalog.CarrierInfo{ID: id, Item: item, Title: "Title of " + item},
		Image:    catalog.ImageInfo{Version: 1, State: catalog.Complete, Size: 2048, SectorSize: 2048, Sectors: disc.Counts{Total: 1, Read: 1}, SealedAt: at},
		Objects:  []catalog.Object{{Role: catalog.RoleImage, Path: "data/image.iso", Size: 2048, SHA512: fmt.Sprintf("%x", sha512.Sum512([]byte(id))), SHA256: strings.Repeat("ab", 32)}},
		Captures: []catalog.Capture{{ID: catalog.NewID(), Started: at, Ended: at, Outcome: catalog.Imaged}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var tree catalog.TreeDigest
	for _, e := range entries {
		if e.Type == catalog.TypeFile {
			if err := tree.Add(e.Path, e.SHA256); err != nil {
				t.Fatal(err)
			}
		}
	}
	var list bytes.Buffer
	w, err := catalog.NewFileListWriter(&list, catalog.FileList{Carrier: id, ImageVersion: 1, TreeSHA256: tree.Sum(), Volumes: []catalog.FileVolume{{System: "UDF", View: "UDF", Label: "L"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	err = c.Commit(context.Background(), catalog.Commit{RecordBytes: record,
		Files:    []catalog.Object{{Role: catalog.RoleTag, Path: catalog.FilesPath, Size: int64(list.Len()), SHA256: fmt.Sprintf("%x", sha256.Sum256(list.Bytes()))}},
		FileList: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(list.Bytes())), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func digestOf(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func wholeFile(path, content string) catalog.FileEntry {
	return catalog.FileEntry{Path: path, Type: catalog.TypeFile, Size: int64(len(content)), SHA256: digestOf(content), Extents: []catalog.FileExtent{{Offset: 0, Length: int64(len(content))}}}
}

// Asked of a running station or of the catalog itself, the answers are equal.
func TestFindAndShowFiles(t *testing.T) {
	s := startSim(t, "sim0")
	alone, config := stationFolder(t)
	for _, where := range []struct {
		name, catalog string
		run           func(args ...string) answer
	}{
		{"station", filepath.Join(s.dir, "catalog.db"), func(args ...string) answer { return s.run(t, args...) }},
		{"alone", filepath.Join(alone, "catalog.db"), func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }},
	} {
		t.Run(where.name, func(t *testing.T) {
			run := where.run
			if a := run("find", "readme"); a.code != exitFailed || !strings.Contains(a.talk, "no file in the catalog is named so") || a.out != "" {
				t.Errorf("nothing there yet: exit %d\n%s%s", a.code, a.out, a.talk)
			}
			vob := catalog.FileEntry{Path: "VIDEO_TS/VTS_01_2.VOB", Type: catalog.TypeFile, Size: 4096, Extents: []catalog.FileExtent{{Offset: 0, Length: 4096}},
				Damaged: []catalog.FileExtent{{Offset: 2048, Length: 2048}}, Reason: "1 sector is unreadable"}
			one := listedDisc(t, where.catalog, "B1", catalog.FileEntry{Path: "VIDEO_TS", Type: catalog.TypeDirectory}, vob, wholeFile("readme.txt", "hello"))
			two := listedDisc(t, where.catalog, "B2", wholeFile("100% *\"'\x60\u202e.txt", "x"), wholeFile("README", "hello"))
			three := listedDisc(t, where.catalog, "B3", wholeFile("100% *\"'\x60\u202e.txt", "x"), wholeFile("README", "hello"))

			a := run("find", "ReadMe")
			if a.code != exitDone || strings.Count(a.out, "on 3 discs") != 3 || !strings.Contains(a.out, "Title of B1") || !strings.Contains(a.out, one[:8]) {
				t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
			}
			var f foundFiles
			a = run("find", "--sha256", digestOf("hello"), "--json")
			decode(t, a.out, &f)
			if a.code != exitDone || len(f.Files) != 3 || f.More || f.Files[0].CarrierID != one || f.Files[0].Discs != 3 || *f.Files[2].Item != "B3" || f.Files[0].Size != 5 {
				t.Errorf("exit %d, %+v", a.code, f)
			}
			a = run("find", "README", "--limit", "2", "--json")
			decode(t, a.out, &f)
			if a.code != exitDone || len(f.Files) != 2 || !f.More || !strings.Contains(a.talk, "there are more") {
				t.Errorf("exit %d, %+v\n%s", a.code, f, a.talk)
			}
			if a := run("find", `0% *"'`); a.code != exitDone || strings.Count(a.out, `100% *"'`) != 2 || strings.Contains(a.out, "\u202e") {
				t.Errorf("exit %d\n%s", a.code, a.out)
			}
			if a := run("find", "vts_01"); a.code != exitDone || !strings.Contains(a.out, "DAMAGED, 2048 bytes were not read: 1 sector is unreadable") {
				t.Errorf("exit %d\n%s", a.code, a.out)
			}
			a = run("find", "*", "--json")
			decode(t, a.out, &f)
			if a.code != exitDone || len(f.Files) != 2 {
				t.Errorf("an asterisk finds %+v", f)
			}
			for _, c := range [][]string{{"find", "no such file"}, {"find", `" OR "`}, {"find", "\xff\xfe"}, {"find", "--sha256", digestOf("nothing")}, {"find", "__"}} {
				if a := run(append(c, "--json")...); a.code != exitFailed || !strings.Contains(a.out, `"files": []`) || !strings.Contains(a.talk, "no file in the catalog") {
					t.Errorf("%q: exit %d\n%s%s", c, a.code, a.out, a.talk)
				}
			}
			for _, c := range [][]string{{"find"}, {"find", ""}, {"find", "a", "b"}, {"find", "a", "--sha256", digestOf("a")}, {"find", "--sha256", "abc"}, {"find", "--sha256", ""},
				{"find", "a", "--limit", "0"}, {"find", "a", "--limit", "10001"}, {"find", strings.Repeat("x", 5000)}} {
				if a := run(c...); a.code != exitUsage {
					t.Errorf("%.60q: exit %d\n%s", c, a.code, a.talk)
				}
			}

			a = run("show", one[:9], "--files")
			for _, want := range []string{one + ", version 1: 2 files of 4101 bytes", "1 directories; 1 DAMAGED", "VIDEO_TS/\n", "VTS_01_2.VOB  DAMAGED, 2048 bytes", "readme.txt\n"} {
				if a.code != exitDone || !strings.Contains(a.out, want) {
					t.Errorf("exit %d, no %q in\n%s%s", a.code, want, a.out, a.talk)
				}
			}
			var list struct {
				catalog.ListView
				List []catalog.ListedFile `json:"files"`
			}
			a = run("show", one, "--files", "--json")
			decode(t, a.out, &list)
			if a.code != exitDone || list.CarrierID != one || list.Files != 2 || len(list.List) != 3 || list.List[1].Damaged != 2048 || *list.List[2].SHA256 != digestOf("hello") {
				t.Errorf("exit %d, %+v", a.code, list)
			}
			if a := run("show", two); !strings.Contains(a.out, "same content as") || !strings.Contains(a.out, three) || !strings.Contains(a.out, "2 files of 6 bytes") || strings.Contains(a.out, one) {
				t.Errorf("%s", a.out)
			}
			if a := run("show", "zzzzzz", "--files"); a.code != exitFailed || !strings.Contains(a.talk, "not in the catalog") {
				t.Errorf("exit %d\n%s", a.code, a.talk)
			}

			// What is damaged is told, and the rest is shown.
			db, err := sql.Open("sqlite", where.catalog)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("UPDATE files SET size = 6 WHERE path = 'readme.txt'"); err != nil {
				t.Fatal(err)
			}
			if a := run("find", "readme"); a.code != exitFailed || !strings.Contains(a.talk, "the catalog is damaged") || strings.Count(a.out, "README") != 2 {
				t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
			}
			a = run("show", one, "--files", "--json")
			decode(t, a.out, &list)
			if a.code != exitFailed || !strings.Contains(a.talk, "the catalog is damaged") || len(list.List) != 2 {
				t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
			}
		})
	}
}
