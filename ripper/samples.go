package ripper

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"ripstation/disc"
)

// probesASample bounds how many sectors are looked at for each sample that is wanted, on
// images that are mostly empty.
const probesASample = 32

// asOften bounds how many samples bear the same bytes, in parts of all: places
// that repeat others have theirs, and one that repeats itself everywhere says little.
const asOften = 8

// Samples takes up to n sample sectors, spread over the image, that were read
// and hold data: not one byte repeated, and few of them alike. It may be asked of an image that is
// not whole. r is the image, m its map.
func Samples(r io.ReaderAt, m *disc.SectorMap, n int) ([]disc.Sample, error) {
	read := disc.SetOf(disc.StatusRead)
	buf := make([]byte, disc.SectorSize)
	var list []disc.Sample
	seen, borne := map[disc.LBA]bool{}, map[[sha256.Size]byte]int{}
	// First one place in each n-th of the image, then the middles between the
	// places looked at, and so on.
	probes := 0
	first := min(int64(n), m.Sectors())
	for parts := first; len(list) < n && probes < n*probesASample && parts < 2*m.Sectors(); parts *= 2 {
		for i := range parts {
			if parts > first && i%2 == 0 {
				continue
			}
			e, ok := m.Next(read, disc.LBA(i*m.Sectors()/parts))
			if !ok {
				break
			}
			if seen[e.Start] {
				continue
			}
			seen[e.Start] = true
			if probes++; probes > n*probesASample {
				break
			}
			if _, err := r.ReadAt(buf, int64(e.Start)*disc.SectorSize); err != nil {
				return nil, fmt.Errorf("sample sector %d: %w", e.Start, err)
			}
			s := disc.Sample{LBA: e.Start, SHA256: sha256.Sum256(buf)}
			if oneByte(buf) || borne[s.SHA256] >= max(1, n/asOften) {
				continue
			}
			borne[s.SHA256]++
			if list = append(list, s); len(list) == n {
				break
			}
		}
	}
	slices.SortFunc(list, func(a, b disc.Sample) int { return int(a.LBA - b.LBA) })
	return list, nil
}

// edgeProbes is how far from an edge a sector with data is looked for.
const edgeProbes = 16

// Edges takes samples at the ends of what was read: up to n, of the longest
// stretches, each as near to its edge as there is data. Where a reading was broken
// off in the midst of a file, they tell whether another disc has the same file
// there, which samples that are spread can miss. r is the image, m its map.
func Edges(r io.ReaderAt, m *disc.SectorMap, n int) ([]disc.Sample, error) {
	all := slices.Collect(m.Extents(disc.SetOf(disc.StatusRead)))
	slices.SortStableFunc(all, func(a, b disc.Extent) int { return cmp.Compare(b.Count, a.Count) })
	var list []disc.Sample
	for _, e := range all[:min(len(all), n/2)] {
		for _, way := range []disc.LBA{1, -1} {
			s, ok, err := edge(r, e, way)
			if err != nil {
				return nil, err
			}
			if ok && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list, nil
}

// edge is the first sample from the start of a stretch on, or with way -1 from
// its end back. ok is false when there is no data near it.
func edge(r io.ReaderAt, e disc.Extent, way disc.LBA) (s disc.Sample, ok bool, err error) {
	at := e.Start
	if way < 0 {
		at = e.End() - 1
	}
	buf := make([]byte, disc.SectorSize)
	for range min(e.Count, edgeProbes) {
		if _, err := r.ReadAt(buf, int64(at)*disc.SectorSize); err != nil {
			return s, false, fmt.Errorf("sample sector %d: %w", at, err)
		}
		if !oneByte(buf) {
			return disc.Sample{LBA: at, SHA256: sha256.Sum256(buf)}, true, nil
		}
		at += way
	}
	return s, false, nil
}

// oneByte reports whether a sector is one byte repeated, as padding is.
func oneByte(p []byte) bool {
	for _, b := range p[1:] {
		if b != p[0] {
			return false
		}
	}
	return true
}
