package archive

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Marker is the file that makes a folder a store, and tells one drive from
// another. An external drive that is not mounted leaves an empty folder behind,
// which has none. No key can have this name.
const Marker = ".ripstation-store"

// ErrAway says that what lies at a directory store's path is not the store: no
// drive, or another one. It may come back at any moment.
var ErrAway = errors.New("the store is not there")

// marker is what the file holds. Those of earlier days held a sentence or
// nothing: they mark a store, and not which.
type marker struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	ID      string `json:"id"`
	Note    string `json:"note"`
}

const (
	markerFormat  = "ripstation store marker"
	markerVersion = 1
	markerNote    = "This folder is a ripstation archive store. Keep this file: without it the store counts as not there."
	maxMarker     = 4096 // bytes
)

// parseMarker gives the id in a marker file's bytes, empty for one of earlier
// days.
func parseMarker(b []byte) (id string, err error) {
	if len(b) == 0 || strings.HasPrefix(string(b), "This folder is a ripstation archive store, format 1.") {
		return "", nil
	}
	if len(b) > maxMarker {
		return "", fmt.Errorf("it is larger than %d bytes", maxMarker)
	}
	var m marker
	if err := json.Unmarshal(b, &m); err != nil {
		return "", errors.New("it cannot be read")
	}
	if m.Format != markerFormat || m.Version != markerVersion {
		return "", fmt.Errorf("it is %.40q version %d, not %q version %d", m.Format, m.Version, markerFormat, markerVersion)
	}
	return m.ID, CheckMarker(m.ID)
}

// CheckMarker reports what is wrong with a marker's id, or nil.
func CheckMarker(id string) error {
	if len(id) != 26 || strings.ContainsFunc(id, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') }) {
		return fmt.Errorf("%.40q is no marker's id: it has 26 of the characters a-z and 2-7", id)
	}
	return nil
}

// markerOf reads the marker in a folder. fs.ErrNotExist means that there is
// none.
func markerOf(root *os.Root) (id string, err error) {
	f, err := root.Open(Marker)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMarker+1))
	if err != nil {
		return "", err
	}
	return parseMarker(b)
}

// judge says what to make of a folder whose marker was read, or of the error of
// that: nil and false for the store, found when one is to be made there first.
func (d *Dir) judge(id string, err error, founded bool) (found bool, refused error) {
	switch {
	case err == nil && d.cfg.Marker != "" && id != d.cfg.Marker:
		other := "one without an id"
		if id != "" {
			other = id
		}
		return false, d.away(fmt.Errorf("the marker there is %s", other), "plug in the right one; it is gone on with by itself")
	case err == nil:
		d.seen.Store(true)
		return false, nil
	case absent(err):
	case errors.Is(err, fs.ErrPermission), d.cfg.Marker == "":
		return false, d.fail("open folder", d.cfg.Root, fmt.Errorf("file %s: %w", Marker, err))
	default:
		return false, d.away(fmt.Errorf("file %s there: %w", Marker, err), "is it the right drive, and whole?")
	}
	if d.cfg.Create && d.cfg.Marker == "" && !d.seen.Load() && !founded {
		return true, nil
	}
	if _, err := os.Lstat(d.cfg.Root); errors.Is(err, fs.ErrNotExist) {
		return false, d.away(errors.New("there is no such folder"), "is the drive plugged in and mounted?")
	}
	return false, d.away(fmt.Errorf("the folder has no file %s, so it is not the store", Marker),
		fmt.Sprintf("is the drive plugged in and mounted? `ripstation store init %s` makes a new store there", d.cfg.Name))
}

// away says which drive is wanted.
func (d *Dir) away(why error, hint string) error {
	if d.cfg.Marker != "" {
		why = fmt.Errorf("the drive with marker %s is wanted; %w", d.cfg.Marker, why)
	}
	return &fault{store: d.cfg.Name, op: "open folder", key: d.cfg.Root, kind: ErrAway, err: why, hint: hint}
}

// Marker gives the id of the store that lies at the folder, empty for one
// without; ErrAway when it is not the one that is wanted, or none.
func (d *Dir) Marker(ctx context.Context) (id string, err error) {
	r, err := d.enter(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return markerOf(r.Root)
}

// Init makes the folder a store with a marker of its own, or gives the id of the
// marker that is there. The folder has to be there, and empty unless it is a
// store already: a store of earlier days gets its id.
func (d *Dir) Init(ctx context.Context) (id string, made bool, err error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	root := d.cfg.Root
	info, err := os.Stat(root)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, &fault{store: d.cfg.Name, op: "open folder", key: root, kind: ErrPermanent, err: errors.New("there is no such folder"),
			hint: "mount the drive, or create the folder, first: a store is never made where its drive is not"}
	}
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err != nil {
		return "", false, d.fail("open folder", root, err)
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		return "", false, d.fail("open folder", root, err)
	}
	r := &rooted{opened, d}
	defer r.Close()
	id, err = markerOf(r.Root)
	switch {
	case err == nil && id != "":
		return id, false, nil
	case err != nil && !absent(err):
		return "", false, d.fail("read", filepath.Join(root, Marker), err)
	case err != nil:
		if err := r.mustBeEmpty(); err != nil {
			return "", false, err
		}
	}
	id, err = r.mark()
	return id, err == nil, err
}

// mark writes a marker with a new id, over one of earlier days.
func (r *rooted) mark() (id string, err error) {
	id = strings.ToLower(rand.Text())
	b, err := json.MarshalIndent(marker{markerFormat, markerVersion, id, markerNote}, "", "  ")
	if err != nil {
		return "", err
	}
	tmp := Marker + "." + id + ".part"
	err = r.write(tmp, append(b, '\n'), 0o644)
	if err == nil {
		err = r.Rename(tmp, Marker)
	}
	if err == nil {
		err = errors.Join(r.syncDir("."), syncDir(filepath.Dir(r.d.cfg.Root)))
	}
	return id, r.d.fail("create store", r.d.cfg.Root, err)
}

// found makes a new store, in a folder that is not there yet or empty.
func (d *Dir) found() error {
	if err := os.MkdirAll(d.cfg.Root, 0o755); err != nil {
		return d.fail("create folder", d.cfg.Root, err)
	}
	d.founding.Lock()
	defer d.founding.Unlock()
	root, err := os.OpenRoot(d.cfg.Root)
	if err != nil {
		return d.fail("open folder", d.cfg.Root, err)
	}
	r := &rooted{root, d}
	defer r.Close()
	if _, err := markerOf(root); err == nil {
		return nil // made by another goroutine since we looked
	}
	if err := r.mustBeEmpty(); err != nil {
		if _, again := markerOf(root); again == nil {
			return nil // made, and used, by another process since we looked
		}
		return err
	}
	_, err = r.mark()
	return err
}

// mustBeEmpty refuses a folder with anything in it. What starts with a dot, and
// lost+found, comes with a fresh drive.
func (r *rooted) mustBeEmpty() error {
	d := r.d
	entries, err := r.readDir(".")
	if err != nil {
		return d.fail("open folder", d.cfg.Root, err)
	}
	for _, e := range entries {
		if n := e.Name(); !strings.HasPrefix(n, ".") && n != "lost+found" {
			return &fault{store: d.cfg.Name, op: "open folder", key: d.cfg.Root,
				err:  fmt.Errorf("it holds %q and has no file %s, so it is not a store", n, Marker),
				hint: "choose an empty folder, or create an empty file of that name to use this one"}
		}
	}
	return nil
}
