package station

import (
	"crypto/sha256"
	"slices"

	"ripstation/catalog"
	"ripstation/disc"
)

// How many sectors of directories and of files are samples beside those that
// are spread over the image: with a few files each of them has one, so that a
// disc with one other file does not pass for the same.
const (
	mostDirectorySamples = 16
	mostFileSamples      = 48
	mostAlike            = 8 // of the same bytes
)

// places are where a disc's directories and files stand, in the order of its
// tree.
type places struct{ directories, files [][]catalog.FileExtent }

// placesOf takes them from the file list.
func (c *contents) placesOf(entries []catalog.FileEntry) (p places) {
	for _, v := range c.m.Volumes {
		if v.Root == nil {
			continue
		}
		var root []catalog.FileExtent
		for _, x := range v.Root.Meta {
			root = append(root, catalog.FileExtent(x))
		}
		p.directories = append(p.directories, root)
	}
	for _, e := range entries {
		switch {
		case len(e.Extents) == 0:
		case e.Type == catalog.TypeDirectory:
			p.directories = append(p.directories, e.Extents)
		case e.Type == catalog.TypeFile:
			p.files = append(p.files, e.Extents)
		}
	}
	return p
}

// evidence adds to the samples of an image sectors of its directories, which
// hold the times of all files, and of its files: from the middle of each, from the
// end, and from the beginning, as long as there are not too many.
func (c *contents) evidence(sm *disc.SectorMap, samples []disc.Sample) []disc.Sample {
	t := &taker{c: c, sm: sm, list: slices.Clone(samples)}
	c.guard(func() error {
		for _, x := range spread(c.places.directories, mostDirectorySamples) {
			t.take(x, func(int64) int64 { return 0 })
		}
		most := len(t.list) + mostFileSamples
		files := spread(c.places.files, mostFileSamples)
		for _, where := range []func(size int64) int64{
			func(size int64) int64 { return size / 2 },
			func(size int64) int64 { return size - 1 },
			func(int64) int64 { return 0 },
		} {
			for _, x := range files {
				if len(t.list) < most {
					t.take(x, where)
				}
			}
		}
		return nil
	})
	slices.SortFunc(t.list, func(a, b disc.Sample) int { return int(a.LBA - b.LBA) })
	return t.list
}

// taker takes sample sectors, each once.
type taker struct {
	c    *contents
	sm   *disc.SectorMap
	list []disc.Sample
}

// take takes the sector of one byte of what stands in these extents, if it was read
// and is not one byte repeated, as padding is.
func (t *taker) take(extents []catalog.FileExtent, where func(size int64) int64) {
	var size int64
	for _, x := range extents {
		size += x.Length
	}
	at := where(size)
	for _, x := range extents {
		if at >= x.Length {
			at -= x.Length
			continue
		}
		if x.Offset < 0 || at < 0 {
			return // never recorded
		}
		t.sector(disc.LBA((x.Offset + at) / disc.SectorSize))
		return
	}
}

func (t *taker) sector(lba disc.LBA) {
	buf := make([]byte, disc.SectorSize)
	if e, ok := t.sm.Next(disc.SetOf(disc.StatusRead), lba); !ok || e.Start != lba {
		return
	}
	if _, err := t.c.img.ReadAt(buf, int64(lba)*disc.SectorSize); err != nil {
		return // the seal has what it needs; this is evidence beside it
	}
	s := disc.Sample{LBA: lba, SHA256: sha256.Sum256(buf)}
	alike := 0
	for _, o := range t.list {
		if o.LBA == lba {
			return
		}
		if o.SHA256 == s.SHA256 {
			alike++
		}
	}
	if slices.Max(buf) == slices.Min(buf) || alike >= mostAlike {
		return
	}
	t.list = append(t.list, s)
}

// spread picks up to n of a list, evenly.
func spread[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	out := make([]T, n)
	for i := range out {
		out[i] = list[i*len(list)/n]
	}
	return out
}
