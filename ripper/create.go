package ripper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ripstation/disc"
	"ripstation/internal/atomicfile"
)

// Create begins an image of that many sectors in dir, which is made when it is
// not there. The room for all of it is reserved first: ErrNoSpace when there is
// not enough, ErrExists when an image was begun there already.
func Create(dir string, sectors int64) (*Image, error) { return create(dir, sectors, normal) }

func create(dir string, sectors int64, t tuning) (_ *Image, err error) {
	m, err := disc.NewSectorMap(sectors)
	if err != nil {
		return nil, fmt.Errorf("begin image in %s: %w", dir, err)
	}
	if err := atomicfile.MkdirAll(dir, dirPerm); err != nil {
		return nil, fmt.Errorf("begin image in %s: %w", dir, err)
	}
	for _, name := range []string{LedgerFile, MapFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("begin image in %s: %w: there is a file %s", dir, ErrExists, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("begin image in %s: %w", dir, err)
		}
	}
	path := filepath.Join(dir, ImageFile)
	_, serr := os.Lstat(path)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, fmt.Errorf("begin image: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := lock(file); err != nil {
		return nil, err
	}
	if st, err := file.Stat(); err != nil {
		return nil, fmt.Errorf("begin image in %s: %w", dir, err)
	} else if st.Size() > sectors*disc.SectorSize {
		return nil, fmt.Errorf("begin image in %s: there is a larger %s already, and no ledger of it: move it away", dir, ImageFile)
	}
	if err := reserve(file, 0, sectors*disc.SectorSize, ledgerRoom(sectors)+mapRoom); err != nil {
		if errors.Is(serr, fs.ErrNotExist) {
			// It was made a moment ago and holds nothing but the room that others need.
			err = errors.Join(err, os.Remove(path))
		}
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, fmt.Errorf("begin image in %s: %w", dir, err)
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, LedgerFile), ledgerHeader(sectors), filePerm); err != nil {
		return nil, err
	}
	img, err := assemble(dir, file, sectors, t)
	if err != nil {
		return nil, err
	}
	img.m = m
	img.stale = true
	if err := img.saveMap(); err != nil {
		return nil, errors.Join(err, img.ledger.Close())
	}
	return img, nil
}

// assemble is an Image over an open image file and the ledger beside it.
func assemble(dir string, file *os.File, sectors int64, t tuning) (*Image, error) {
	ledger, err := os.OpenFile(filepath.Join(dir, LedgerFile), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("open image %s: %w", dir, err)
	}
	if err := reserve(ledger, unix.FALLOC_FL_KEEP_SIZE, ledgerRoom(sectors), 0); err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return &Image{
		dir: dir, sectors: sectors, file: file, ledger: ledger, tune: t,
		disk: &folder{dir: dir, image: file, ledger: ledger},
	}, nil
}

// ledgerRoom is what the ledger of an image has reserved, so that a disk that
// others fill does not stop it: a line a chunk, of at most 160 bytes, twice
// over, and something for damage.
func ledgerRoom(sectors int64) int64 { return 1<<20 + sectors/maxChunk*320 }

// mapRoom is what must be free for the map when an image is begun.
const mapRoom = 1 << 20

// OpenOrCreate opens the image in dir, or begins one when there is none. An
// image that has another number of sectors is an error.
func OpenOrCreate(ctx context.Context, dir string, sectors int64) (*Image, error) {
	img, err := Open(ctx, dir)
	if errors.Is(err, ErrNoImage) {
		return Create(dir, sectors)
	} else if err != nil {
		return nil, err
	}
	if img.Sectors() != sectors {
		err := fmt.Errorf("open image %s: it has %d sectors, the disc %d: it is of another disc", dir, img.Sectors(), sectors)
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

// readFully reads all of e's bytes from r, in pieces that fit buf, and hands
// them to each.
func readFully(r io.ReaderAt, e disc.Extent, buf []byte, each func([]byte)) error {
	off, left := int64(e.Start)*disc.SectorSize, e.Count*disc.SectorSize
	for left > 0 {
		p := buf[:min(left, int64(len(buf)))]
		if _, err := r.ReadAt(p, off); err != nil {
			return err
		}
		each(p)
		off, left = off+int64(len(p)), left-int64(len(p))
	}
	return nil
}
