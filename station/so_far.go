package station

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ripstation/disc"
	"ripstation/ripper"
)

// soFar reports whether the disc in the drive has every sector that the spool
// holds of a job's. Samples can miss a file of a few sectors, and recordables may
// differ in no more than that: going on by samples would put two discs into one
// image, or give one back unread as the other. Nor are a few samples of what was
// read in a moment enough. A sector that cannot be read now counts for nothing; an
// image that has left the spool is no evidence.
func (b *bay) soFar(ctx context.Context, d Drive, j *job) (same bool, err error) {
	img, m, err := j.spooled(ctx)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ripper.ErrNoImage) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer img.Close()
	c := m.Counts()
	b.notice(Notice{Word: WordComparing, Text: fmt.Sprintf("%s of a disc that looks the same are in the spool; this one is held against all of them", sectors(c.Read+c.Suspect))})
	most := max(d.MaxSectors(), 1)
	have, got := make([]byte, most*disc.SectorSize), make([]byte, most*disc.SectorSize)
	for e := range m.Extents(disc.BelievedStatuses) {
		for at := e.Start; at < e.End(); {
			n := min(int64(most), int64(e.End()-at))
			if _, err := img.ReadAt(have[:n*disc.SectorSize], int64(at)*disc.SectorSize); err != nil {
				return false, err
			}
			if same, err := sameSectors(ctx, d, at, have[:n*disc.SectorSize], got); !same || err != nil {
				return false, err
			}
			at += disc.LBA(n)
		}
	}
	return true, nil
}

// sameSectors holds a run of sectors against the disc; where the run cannot be
// read as one, sector by sector. got is room for it.
func sameSectors(ctx context.Context, d Drive, at disc.LBA, have, got []byte) (bool, error) {
	got = got[:len(have)]
	err := d.ReadSectors(ctx, at, got)
	switch disc.ClassOf(err) {
	case 0:
		return err == nil && bytes.Equal(have, got), err
	case disc.ClassMedium, disc.ClassProtected, disc.ClassRefused:
	default:
		return false, err
	}
	for i := 0; len(have) > disc.SectorSize && i < len(have); i += disc.SectorSize {
		one := got[i : i+disc.SectorSize]
		if same, err := sameSectors(ctx, d, at+disc.LBA(i/disc.SectorSize), have[i:i+disc.SectorSize], one); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// spooled opens what the spool holds of a job's image, with its map.
func (j *job) spooled(ctx context.Context) (img interface {
	io.ReaderAt
	io.Closer
}, m *disc.SectorMap, err error) {
	if !j.step().atLeast(StepSealed) {
		img, err := ripper.Open(ctx, j.dir)
		if err != nil {
			return nil, nil, err
		}
		return img, img.Map(), nil
	}
	text, err := os.ReadFile(filepath.Join(j.dir, ripper.MapFile))
	if err != nil {
		return nil, nil, err
	}
	if m, err = disc.ParseSectorMap(bytes.NewReader(text)); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", filepath.Join(j.dir, ripper.MapFile), err)
	}
	f, err := os.Open(filepath.Join(j.dir, ripper.ImageFile))
	return f, m, err
}
