package archive

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Stranger is something that lies in a store's folders and can be no object: its
// name is none that a key can have, or it is no regular file.
type Stranger struct {
	Path string // below the prefix that was asked for, as it is on the disk: any bytes
	What string // "a file", "a folder", "a symbolic link"
}

// Folders is a store whose keys are names in a file system, where more may lie
// than objects.
type Folders interface {
	// Strangers gives what lies below prefix, a key or the beginning of keys that
	// ends in a slash, and can be no object. The store's own unfinished writes lie
	// elsewhere, so that none of it is the store's.
	Strangers(ctx context.Context, prefix string) ([]Stranger, error)
	// InPlaceOf says what lies under a key and is no object ("a folder"), or what
	// is in the place of one of its folders ("a file"), and where: at is the key or
	// that folder's. Both are empty when nothing does, or an object.
	InPlaceOf(ctx context.Context, key string) (what, at string, err error)
}

// FoldersOf is the store as one in a file system.
func FoldersOf(s Store) (Folders, bool) {
	f, ok := bare(s).(Folders)
	return f, ok
}

// Strangers walks the folders below prefix. A folder whose name is none is told of
// and not looked into; a link is never followed.
func (d *Dir) Strangers(ctx context.Context, prefix string) ([]Stranger, error) {
	if err := CheckKey(strings.TrimSuffix(prefix, "/")); err != nil {
		return nil, d.badKey("list", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	top := path.Clean(prefix)
	found, folders := []Stranger{}, []string{top}
	for len(folders) > 0 {
		folder := folders[0]
		folders = folders[1:]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := r.readDir(folder)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, d.fail("list", folder, err)
		}
		for _, e := range entries {
			name := folder + "/" + e.Name()
			switch {
			case checkSegment(e.Name()) == nil && e.IsDir():
				folders = append(folders, name)
			case checkSegment(e.Name()) != nil, !e.Type().IsRegular():
				found = append(found, Stranger{strings.TrimPrefix(name, top+"/"), kindOf(e.Type())})
			}
		}
	}
	slices.SortFunc(found, func(a, b Stranger) int { return strings.Compare(a.Path, b.Path) })
	return found, nil
}

// InPlaceOf looks at what has the key's name, and at its folders. A link to a
// folder is taken for one, as everywhere.
func (d *Dir) InPlaceOf(ctx context.Context, key string) (what, at string, err error) {
	if err := CheckKey(key); err != nil {
		return "", "", d.badKey("stat", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return "", "", err
	}
	defer r.Close()
	for i, c := range key + "/" {
		if c != '/' {
			continue
		}
		at = key[:i]
		info, err := r.Lstat(at)
		if absent(err) {
			return "", "", nil
		}
		if err != nil {
			return "", "", d.fail("stat", at, err)
		}
		fits := info.IsDir() || info.Mode().Type() == fs.ModeSymlink
		if i == len(key) {
			fits = info.Mode().IsRegular()
		}
		if !fits {
			return kindOf(info.Mode()), at, nil
		}
	}
	return "", "", nil
}

func kindOf(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "a file"
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	case fs.ModeSocket:
		return "a socket"
	}
	return fmt.Sprintf("a device (%s)", m.Type())
}
