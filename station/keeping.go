package station

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ripstation/catalog"
	"ripstation/internal/atomicfile"
)

// keepingDir is the folder of the spool in which files that people added wait
// until the stores have them.
const keepingDir = "added"

// Keeping holds the files that people added, as <spool>/added/<id>/<sha256>,
// from before their event is recorded until the stores have them. The catalog
// says what each is.
type Keeping struct{ dir string }

// KeepingOf is the keeping of a spool.
func KeepingOf(spool string) Keeping { return Keeping{filepath.Join(spool, keepingDir)} }

func (k Keeping) path(id, sum string) (string, error) {
	if !catalog.ValidID(id) || !catalog.ValidSHA256(sum) {
		return "", fmt.Errorf("%.80q of disc %.40q: %w", sum, id, fs.ErrInvalid)
	}
	return filepath.Join(k.dir, id, sum), nil
}

// Put keeps a file of a carrier. When it returns, the bytes are on the disk
// under their SHA-256.
func (k Keeping) Put(id string, body []byte) (sum string, err error) {
	h := sha256.Sum256(body)
	sum = hex.EncodeToString(h[:])
	path, err := k.path(id, sum)
	if err != nil {
		return "", err
	}
	if f, err := k.Open(id, sum); err == nil { // whole, and of another time
		return sum, f.Close()
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", err
	}
	return sum, atomicfile.WriteFile(path, body, 0o640)
}

// Open gives a file whose bytes were just read and are those of its name.
// fs.ErrNotExist when it is not kept, or is not what it was.
func (k Keeping) Open(id, sum string) (*os.File, error) {
	path, err := k.path(id, sum)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err = io.Copy(h, io.LimitReader(f, catalog.MaxAdded+1)); err == nil && hex.EncodeToString(h.Sum(nil)) != sum {
		err = fmt.Errorf("%s is not what it was: %w", path, fs.ErrNotExist)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// laggard is how long a file waits for a best-effort store after every required
// one has it. From then on that store gets it out of another one.
const laggard = 7 * 24 * time.Hour

// letGo takes the files away that the stores have. has says whether a store has
// one.
func (k Keeping) letGo(files []catalog.AddedFile, stores []Store, has func(store string, f catalog.AddedFile) bool, now time.Time) error {
	var bad []error
	for _, f := range files {
		path, err := k.path(f.CarrierID, f.SHA256)
		if err != nil {
			continue // no file of ours
		}
		wanted := false
		for _, st := range stores {
			wanted = wanted || (st.Required || now.Sub(f.At) < laggard) && !has(st.Name(), f)
		}
		if wanted {
			continue
		}
		if err := os.Remove(path); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				bad = append(bad, err)
			}
			continue
		}
		_ = os.Remove(filepath.Dir(path)) // when it is empty
	}
	return errors.Join(bad...)
}
