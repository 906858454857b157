package station

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/internal/isoimage"
	"ripstation/ripper"
)

// plain is a drive over an image. before is told of every read, and may have
// another answer.
type plain struct {
	io.ReaderAt
	sectors int64
	before  func(lba disc.LBA, p []byte) error
}

func (s *plain) Capacity(context.Context) (int64, error) { return s.sectors, nil }
func (s *plain) MaxSectors() int                         { return 32 }
func (s *plain) ReadSectors(_ context.Context, lba disc.LBA, p []byte) error {
	if err := s.before(lba, p); err != nil {
		return err
	}
	_, err := s.ReadAt(p, int64(lba)*disc.SectorSize)
	return err
}

// TestFilesAreDigestedBehindTheReader: a clean disc leaves nothing to be read
// again at the seal, a damaged one little, and one that changes is read again as
// a whole; what is said of the files is the same as without.
func TestFilesAreDigestedBehindTheReader(t *testing.T) {
	const sectors = 4000
	var files []isoimage.File
	for i := range 40 {
		files = append(files, isoimage.File{Path: fmt.Sprintf("DIR%d/FILE%d.BIN", i%3, i), Size: int64(i) * 9000})
	}
	m := listing(t, isoimage.Options{Label: "AHEAD", Sectors: sectors, Files: files})
	for _, c := range []struct {
		name          string
		bad           disc.LBA
		changes       bool
		leastToReRead int64
		most          int64
	}{
		{name: "clean"},
		{name: "damaged", bad: 2222},
		{name: "read anew with other bytes", changes: true, leastToReRead: 1 << 20, most: sectors * disc.SectorSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &plain{m, sectors, func(lba disc.LBA, p []byte) error {
				if c.bad > 0 && lba <= c.bad && c.bad < lba+disc.LBA(len(p)/disc.SectorSize) {
					return &disc.ReadError{Op: "READ(10)", Class: disc.ClassMedium, LBA: c.bad}
				}
				return nil
			}}
			img, err := ripper.Create(filepath.Join(t.TempDir(), "x"), sectors)
			if err != nil {
				t.Fatal(err)
			}
			in := &intake{img: img}
			defer in.close()
			rip := func() {
				_, err := ripper.Rip(t.Context(), src, img, ripper.Options{Drive: "D", Medium: disc.MediumDVD, Wanted: wanted(disc.TOC{}),
					PassDone: func(ripper.PassResult) { in.follow(t.Context(), disc.TOC{}) }})
				if err != nil {
					t.Fatal(err)
				}
			}
			rip()
			<-in.looked
			if c.changes {
				turned(t, in, src)
				rip()
			}
			if err := in.halt(); err != nil {
				t.Fatal(err)
			}
			look := lookAt(t.Context(), img, img.Map(), disc.TOC{}, time.Minute)
			alone := lookAt(t.Context(), img, img.Map(), disc.TOC{}, time.Minute)
			if _, err := ripper.Seal(t.Context(), img, ripper.SealOptions{Follower: in.behind}); err != nil {
				t.Fatal(err)
			}
			look.adopt(in.ahead)
			read := &counted{ReaderAt: img}
			look.img = read
			got, want := look.finish(t.Context()), alone.finish(t.Context())
			if !reflect.DeepEqual(got, want) {
				t.Errorf("checks %+v\nwant %+v", got, want)
			}
			if i := slices.IndexFunc(got, func(c disc.Check) bool { return c.Code == "F703" }); c.name == "clean" && got[i].Outcome != disc.Pass {
				t.Errorf("the publisher's list: %+v", got[i])
			}
			if read.n < c.leastToReRead || read.n > c.most {
				t.Errorf("%d bytes were read again, want %d to %d", read.n, c.leastToReRead, c.most)
			}
			has, all := listed(look, img.Map()), listed(alone, img.Map())
			if !reflect.DeepEqual(has, all) || len(all) < 40 {
				t.Errorf("files %+v\nwant %+v", has, all)
			}
			damaged := 0
			for _, e := range all {
				if e.Node.Mode.IsRegular() && e.SHA256 == "" {
					damaged++
				}
			}
			if wantDamaged := map[bool]int{true: 1}[c.bad > 0]; damaged != wantDamaged {
				t.Errorf("%d files without a digest, want %d", damaged, wantDamaged)
			}
		})
	}
}

// listing is an image with a publisher's list of MD5s of its files.
func listing(t *testing.T, opt isoimage.Options) *isoimage.Image {
	t.Helper()
	text := strings.Repeat("x", 4000)
	for {
		files := append(opt.Files[:len(opt.Files):len(opt.Files)], isoimage.File{Path: "ZLAST/MD5SUM", Size: int64(len(text)), Content: strings.NewReader(text)})
		with := opt
		with.Files = files
		m, err := isoimage.New(with)
		if err != nil {
			t.Fatal(err)
		}
		if text[0] != 'x' {
			return m
		}
		var list strings.Builder
		for _, f := range m.Files() {
			if strings.HasPrefix(f.Path, "DIR") {
				h := md5.New()
				if _, err := io.Copy(h, io.NewSectionReader(m, f.Sector*disc.SectorSize, f.Size)); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&list, "%x  ../%s\n", h.Sum(nil), f.Path)
			}
		}
		text = list.String() + strings.Repeat("\n", 4000-list.Len())
	}
}

func listed(c *contents, sm *disc.SectorMap) []discfs.Entry {
	_, list := c.m.Listed(c.digests, sm)
	for i := range list {
		n := *list[i].Node // its parents and children are the other look's
		n.Children = nil
		list[i].Node = &n
	}
	return list
}

// counted counts the bytes that are asked for.
type counted struct {
	io.ReaderAt
	n int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.n += int64(len(p))
	return c.ReaderAt.ReadAt(p, off)
}

// turned has the spool lose a chunk behind the follower, and the disc give other
// bytes for it from now on.
func turned(t *testing.T, in *intake, src *plain) {
	t.Helper()
	if err := in.halt(); err != nil {
		t.Fatal(err)
	}
	img := in.img
	in.ahead.close()
	in.ahead = lookAhead(t.Context(), img, disc.TOC{})
	ctx, cancel := context.WithCancel(t.Context())
	in.behind = ripper.NewFollower(img, func(off, n int64, data []byte) error {
		if off+n == img.Size() {
			cancel()
		}
		return in.ahead.block(off, n, data)
	})
	if err := in.behind.Run(ctx); err != nil {
		t.Fatal(err)
	}
	const lost = 1000 * disc.SectorSize
	b := make([]byte, 1)
	if _, err := img.ReadAt(b, lost); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(img.Path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{b[0] ^ 1}, lost); err != nil {
		t.Fatal(err)
	}
	if _, err := ripper.Seal(t.Context(), img, ripper.SealOptions{}); err == nil {
		t.Fatal("sealed over a chunk that was lost")
	}
	whole, err := io.ReadAll(io.NewSectionReader(src.ReaderAt, 0, src.sectors*disc.SectorSize))
	if err != nil {
		t.Fatal(err)
	}
	whole[lost] ^= 0x55
	src.ReaderAt = bytes.NewReader(whole)
}
