package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOpenSettings(t *testing.T) {
	ctx := context.Background()
	// Every character that means something in a URI.
	c := openAt(t, filepath.Join(t.TempDir(), "a b#c%20?d&e=f.db"))
	if _, err := os.Stat(c.path); err != nil {
		t.Fatal(err)
	}
	ro, err := OpenReadOnly(ctx, c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	for name, db := range map[string]*sql.DB{"writer": c.w, "readers": c.r, "reading only": ro.r} {
		for pragma, want := range map[string]string{"busy_timeout": "10000", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1",
			"trusted_schema": "0", "user_version": fmt.Sprint(latestSchema(t)), "application_id": "1380536403"} {
			var got string
			if err := db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q, want %q (%v)", name, pragma, got, want, err)
			}
		}
	}
	for name, db := range map[string]*sql.DB{"readers": c.r, "reading only": ro.r} {
		if _, err := db.ExecContext(ctx, "CREATE TABLE x (y)"); err == nil {
			t.Errorf("%s can write", name)
		}
	}
	if err := ro.AddEvent(ctx, NewID(), Event{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a change through a read-only catalog gives %v", err)
	}
}

func TestOpenRefusals(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	write := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	foreign := filepath.Join(dir, "foreign.db")
	newer := filepath.Join(dir, "newer.db")
	for path, stmt := range map[string]string{foreign: "CREATE TABLE x (y)",
		newer: "CREATE TABLE x (y); PRAGMA application_id = 1380536403; PRAGMA user_version = 9999"} {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(stmt); err != nil {
			t.Fatal(err)
		}
		db.Close()
	}
	for _, tc := range []struct{ name, path, says string }{
		{"no folder", filepath.Join(dir, "none", "catalog.db"), "make it, or name another place"},
		{"a file for a folder", filepath.Join(write("file", "x"), "catalog.db"), "file is not a folder"},
		{"a folder for a file", dir, "is not a file"},
		{"not a database", write("text", "this is a letter to my grandmother, not a catalog"), "is not a SQLite database"},
		{"a short file", write("short", "SQLite"), "is not a SQLite database"},
		{"another program's", foreign, "belongs to another program"},
		{"newer", newer, fmt.Sprintf("newer ripstation (schema 9999, this program knows schemas up to %d)", latestSchema(t))},
		{"damaged header", write("damaged", "SQLite format 3\x00"+strings.Repeat("\xff", 4096)), "another program (application id 0xffffffff)"},
	} {
		for mode, open := range map[string]func(context.Context, string) (*Catalog, error){"open": Open, "read only": OpenReadOnly} {
			before, _ := os.ReadFile(tc.path)
			c, err := open(ctx, tc.path)
			if err == nil {
				c.Close()
				t.Errorf("%s, %s: opened", tc.name, mode)
				continue
			}
			if !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), tc.path) {
				t.Errorf("%s, %s: %v; want it to say %q", tc.name, mode, err, tc.says)
			}
			if after, _ := os.ReadFile(tc.path); string(after) != string(before) {
				t.Errorf("%s, %s: the file was changed", tc.name, mode)
			}
		}
	}
	if _, err := OpenReadOnly(ctx, filepath.Join(dir, "fresh.db")); !errors.Is(err, ErrAbsent) {
		t.Errorf("an absent catalog gives %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "fresh.db")); err == nil {
		t.Error("looking for a catalog made one")
	}
}

func TestSQLiteVersionFloor(t *testing.T) {
	for v, ok := range map[string]bool{"3.51.3": true, "3.51.4": true, "3.52.0": true, "4.0.0": true, "3.54.1": true,
		"3.51.2": false, "3.50.9": false, "3.7.0": false, "2.99.99": false, "": false, "x.y.z": false, "3.51": false} {
		if err := checkVersion(v); (err == nil) != ok {
			t.Errorf("version %q: %v", v, err)
		}
	}
}

func TestNetworkFileSystems(t *testing.T) {
	for _, tc := range []struct {
		magic int64
		fuse  string
		ok    bool
	}{
		{0xEF53, "", true}, {0x58465342, "", true}, {0x01021994, "", true}, {0x9123683E, "", true}, {0x794c7630, "", true},
		{0x6969, "", false}, {0xFF534D42, "", false}, {0xFE534D42, "", false}, {0x517B, "", false}, {0x01021997, "", false},
		{0x00C36400, "", false}, {0x0BD00BD0, "", false},
		{fuseMagic, "fuse.sshfs", false}, {fuseMagic, "fuse.rclone", false}, {fuseMagic, "virtiofs", false}, {fuseMagic, "", false}, {fuseMagic, "fuseblk", true},
	} {
		err := judgeFileSystem("/srv", tc.magic, tc.fuse)
		if (err == nil) != tc.ok {
			t.Errorf("file system %#x %s: %v", tc.magic, tc.fuse, err)
		}
		if err != nil && !strings.Contains(err.Error(), "keep the catalog on a disk of this machine") {
			t.Errorf("no next step in %q", err)
		}
	}
	const mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
		"40 22 0:35 / /mnt/far rw - fuse.sshfs host:/ rw\nnonsense\n41 22\n"
	for dev, want := range map[[2]uint32]string{{0, 35}: "fuse.sshfs", {8, 1}: "ext4", {9, 9}: ""} {
		if got := mountType(strings.NewReader(mounts), dev[0], dev[1]); got != want {
			t.Errorf("the mount of device %v is %q, want %q", dev, got, want)
		}
	}
}

func TestMigrations(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	db, err := connect(ctx, path, "rw", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	version := func() (v int) {
		_, v, _, err := schema(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := []string{"CREATE TABLE a (x) STRICT_"}
	if err := migrate(ctx, db, first); err == nil || version() != 0 {
		t.Fatalf("a broken step: %v, schema %d", err, version())
	}
	first = []string{"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)"}
	if err := migrate(ctx, db, first); err != nil || version() != 1 {
		t.Fatalf("the first step: %v, schema %d", err, version())
	}
	second := append(first, "ALTER TABLE a ADD y TEXT; INSERT INTO nowhere VALUES (1)")
	if err := migrate(ctx, db, second); err == nil || version() != 1 {
		t.Fatalf("half a step: %v, schema %d", err, version())
	}
	if _, err := db.Exec("SELECT y FROM a"); err == nil {
		t.Fatal("half a step stayed")
	}
	second[1] = "ALTER TABLE a ADD y TEXT"
	for range 2 {
		if err := migrate(ctx, db, second); err != nil || version() != 2 {
			t.Fatalf("the second step: %v, schema %d", err, version())
		}
	}
	if err := migrate(ctx, db, first); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("going back: %v", err)
	}
	if _, err := migrations(fstest.MapFS{"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}}); err == nil {
		t.Fatal("a gap between migrations was taken")
	}
}

func TestReadOnlyNeedsTodaysSchema(t *testing.T) {
	c := openTemp(t)
	tamper(t, c, "UPDATE items SET id = id WHERE 0 OR 1; PRAGMA user_version = 0; INSERT INTO items VALUES ('x', NULL, '', x'00')")
	_, err := OpenReadOnly(context.Background(), c.path)
	if err == nil || !strings.Contains(err.Error(), "start the station once") {
		t.Fatalf("an older schema gives %v", err)
	}
}

func TestLockedCatalogSaysSo(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	other, err := sql.Open("sqlite", c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.w.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	rec := aRecord(NewID(), 1)
	if err := c.Commit(ctx, aCommit(t, rec)); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "try again") {
		t.Errorf("a locked catalog gives %v", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(ctx, aCommit(t, rec)); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func TestFullDiskSaysSo(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	var pages int
	if err := c.w.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := c.w.Exec("PRAGMA max_page_count = 1"); err != nil { // as many as there are
		t.Fatal(err)
	}
	rec := aRecord(NewID(), 1)
	rec.Disc.Blobs = append(rec.Disc.Blobs, disc64k())
	err := c.Commit(ctx, aCommit(t, rec))
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "make room") {
		t.Fatalf("a full disk gives %v", err)
	}
	if _, err := c.Carrier(ctx, rec.Carrier.ID); !errors.Is(err, ErrNotFound) {
		t.Fatalf("half a commit stayed: %v", err)
	}
	if _, err := c.w.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(ctx, aCommit(t, rec)); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

func TestPermissionSaysSo(t *testing.T) {
	err := explain("open catalog x", &os.PathError{Op: "open", Path: "x", Err: os.ErrPermission})
	if !strings.Contains(err.Error(), "run this as the station's user") || !errors.Is(err, os.ErrPermission) {
		t.Errorf("no permission gives %v", err)
	}
	if err := explain("x", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("an end by the caller gives %v", err)
	}
}
