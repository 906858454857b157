// Package catalog keeps the record of every carrier, capture, image, object,
// copy and event in one SQLite database.
//
// Every row carries a digest of its own values, because SQLite notices a
// damaged page structure but not a changed value. What is read is held against
// it: a method that meets damaged rows gives what is whole, together with an
// error that wraps ErrDamaged and names the rest.
package catalog

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// minSQLite is the first version without the fault that damages a WAL database
// when two connections write and checkpoint at once.
const minSQLite = "3.51.3"

// busyMilliseconds is how long a connection waits for another's lock.
const busyMilliseconds = 10_000

const readers = 4

// Catalog is an open catalog. Its methods may be called from several
// goroutines.
type Catalog struct {
	path string
	w    *sql.DB // one connection; nil when open for reading only
	r    *sql.DB
	bell bell // rings when events were recorded
}

// Open opens the catalog at path, makes it if it is not there, and brings an
// older one up to date. The folder must exist, on a disk of this machine.
func Open(ctx context.Context, path string) (*Catalog, error) {
	op := "open catalog " + path
	path, err := prepare(path)
	if err != nil {
		return nil, explain(op, err)
	}
	if err := create(path); err != nil {
		return nil, explain(op, err)
	}
	steps, err := migrations(migrationFiles)
	if err != nil {
		return nil, err
	}
	c := &Catalog{path: path}
	if c.w, err = connect(ctx, path, "rw", 1); err == nil {
		if err = migrate(ctx, c.w, steps); err == nil {
			c.r, err = connect(ctx, path, "rw", readers)
		}
	}
	if err != nil {
		c.Close()
		return nil, explain(op, err)
	}
	return c, nil
}

// OpenReadOnly opens the catalog at path beside whoever writes it. It gives
// ErrAbsent where there is none.
func OpenReadOnly(ctx context.Context, path string) (*Catalog, error) {
	op := "open catalog " + path + " for reading"
	path, err := prepare(path)
	if err != nil {
		return nil, explain(op, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil, fmt.Errorf("%s: %w; it is made when the station runs for the first time", op, ErrAbsent)
	}
	if err == nil {
		err = sniff(path)
	}
	if err != nil {
		return nil, explain(op, err)
	}
	c := &Catalog{path: path}
	if c.r, err = connect(ctx, path, "ro", readers); err == nil {
		err = c.readable(ctx)
	}
	if err != nil {
		c.Close()
		return nil, explain(op, err)
	}
	return c, nil
}

// readable says whether a catalog that may not be migrated can be read.
func (c *Catalog) readable(ctx context.Context) error {
	steps, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	app, version, empty, err := schema(ctx, c.r)
	if err != nil {
		return err
	}
	if err := recognise(app, version, empty, len(steps)); err != nil {
		return err
	}
	if version < len(steps) {
		return fmt.Errorf("it has schema %d and this program needs %d; start the station once, which brings it up to date", version, len(steps))
	}
	return nil
}

// Close closes the database.
func (c *Catalog) Close() error {
	var errs []error
	for _, db := range []*sql.DB{c.r, c.w} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return explain("close catalog "+c.path, errors.Join(errs...))
}

func prepare(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(abs)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the folder %s is not there; make it, or name another place in the configuration", dir)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a folder; name another place in the configuration", dir)
	}
	return abs, checkFileSystem(dir)
}

// create makes the file, and its name durable, before SQLite sees it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return sniff(path)
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// sniff tells a wrong file by its header (100 bytes, SQLite's file format 1.3)
// before any lock is taken on it or a byte of it is changed.
func sniff(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file; name another place in the configuration", path)
	}
	if info.Size() == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%s is not a SQLite database; it was left as it is: name another file, or restore the catalog from a backup", path)
	}
	steps, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	word := func(at int) int { return int(binary.BigEndian.Uint32(head[at:])) }
	pages, version, app := word(28), word(60), word(68)
	// A catalog whose first writer was cut off has one page and no numbers yet.
	return recognise(app, version, pages <= 1, len(steps))
}

// connect opens a pool. mode is SQLite's: "rw" or "ro". The order of the
// settings matters: the lock's patience comes first, since the others may
// have to wait.
func connect(ctx context.Context, path, mode string, conns int) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_pragma": {
		"busy_timeout(" + strconv.Itoa(busyMilliseconds) + ")",
		"trusted_schema(off)",
		"cell_size_check(on)",
		"foreign_keys(on)",
	}}
	if mode == "rw" {
		q["_pragma"] = append(q["_pragma"], "journal_mode(wal)", "synchronous(full)")
	}
	if conns == 1 {
		q.Set("_txlock", "immediate")
		q["_pragma"] = append(q["_pragma"], "cache_size(-32768)") // KiB: the list of a disc's files comes in one transaction
	} else {
		q.Set("_query_only", "1")
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := checkEngine(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// checkEngine makes sure that what was asked for is so.
func checkEngine(ctx context.Context, db *sql.DB) error {
	var version, journal string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if journal != "wal" {
		return fmt.Errorf("the database's journal mode is %q and cannot be made \"wal\"; a file system without shared memory cannot hold the catalog", journal)
	}
	return nil
}

func checkVersion(version string) error {
	have, want := versionNumbers(version), versionNumbers(minSQLite)
	for i := range want {
		if have[i] != want[i] {
			if have[i] < want[i] {
				return fmt.Errorf("SQLite %s can damage the catalog; %s or newer is needed: build ripstation anew", version, minSQLite)
			}
			break
		}
	}
	return nil
}

// versionNumbers reads "3.51.3"; what is no number counts as 0.
func versionNumbers(s string) (n [3]int) {
	for i, part := range strings.SplitN(s, ".", 3) {
		n[i], _ = strconv.Atoi(part)
	}
	return n
}
