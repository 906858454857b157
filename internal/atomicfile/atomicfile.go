// Package atomicfile writes small files and makes folders so that a power cut
// at any moment leaves the old state or the new one, and so that what has been
// returned from is on the disk.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// tempSuffix ends the name of every temporary file, so that somebody who finds
// one after a power cut can tell what it is.
const tempSuffix = ".part"

// WriteFile puts data under path: written to a temporary file of the same
// folder, synced, renamed over whatever was there, the folder synced. After an
// error the old file is untouched; only when the error is from the last sync
// may the new one be there already.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that fill writes piece by piece. An error of
// fill is returned as it is, and leaves the old file in place.
func Write(path string, perm fs.FileMode, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*"+tempSuffix)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, unnamed(err))
	}
	tmp := f.Name()
	defer func() {
		if tmp != "" {
			err = errors.Join(err, remove(tmp))
		}
	}()
	err = fill(f)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, unnamed(err))
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	tmp = ""
	return SyncDir(dir)
}

// unnamed is an error without the name of the temporary file, which says nothing
// to anybody.
func unnamed(err error) error {
	if e, ok := err.(*fs.PathError); ok && filepath.Ext(e.Path) == tempSuffix {
		return e.Err
	}
	return err
}

// Rename moves a file or folder within one file system and syncs both folders
// that it concerns. A file at newpath is replaced.
func Rename(oldpath, newpath string) error {
	if err := os.Rename(oldpath, newpath); err != nil {
		return err
	}
	to := filepath.Dir(newpath)
	if err := SyncDir(to); err != nil {
		return err
	}
	if from := filepath.Dir(oldpath); from != to {
		return SyncDir(from)
	}
	return nil
}

// SyncDir makes the names in a folder durable: without it a file that is
// synced can still be without a name after a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// MkdirAll is os.MkdirAll, with the parent of every folder that it made
// synced. A folder that is there already is left as it is.
func MkdirAll(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	st, err := os.Stat(path)
	if err == nil {
		if !st.IsDir() {
			return fmt.Errorf("make folder %s: there is a file of that name", path)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make folder %s: %w", path, err)
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	// Somebody else may make it at the same moment.
	if err := os.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder %s: %w", path, err)
	}
	return SyncDir(parent)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
