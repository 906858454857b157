// Package apple recognises and sizes the file systems of Apple's that stand on
// discs: HFS, HFS+ and the partition map (Inside Macintosh: Files, Devices;
// Apple Technical Note TN1150). Their trees are not walked.
package apple

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ripstation/discfs/tree"
)

// The systems, and the name under which a partition map makes claims.
const (
	HFS     = "HFS"
	HFSPlus = "HFS+"
	Map     = "Apple partition map"
)

// Codes are the checks of this package.
var Codes = []tree.Code{
	{Number: "F601", Name: "Apple partition map well-formed"},
	{Number: "F602", Name: "Apple block zero against the partition map"},
	{Number: "F603", Name: "HFS and HFS+ volume headers plausible"},
	{Number: "F604", Name: "second copy of the HFS or HFS+ volume header"},
}

// errTree says what this package does not do.
var errTree = errors.New("the files of HFS and HFS+ volumes are not listed")

const maxEntries = 256

func be16(p []byte) int64 { return int64(binary.BigEndian.Uint16(p)) }
func be32(p []byte) int64 { return int64(binary.BigEndian.Uint32(p)) }

// Read looks for what the package knows.
func Read(src *tree.Source) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes)}
	r.read()
	r.found.Checks = r.sheet.Checks()
	return r.found
}

type reader struct {
	src   *tree.Source
	sheet *tree.Sheet
	found tree.Found
	seen  []int64 // where volumes were found
}

func (r *reader) read() {
	zero, err := r.src.Read(0, 512)
	if err != nil {
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F601", "sector 0: %v", err)
		}
		return
	}
	if p, err := r.src.Read(1024, 512); err == nil && plausible(p) {
		_, _ = r.volumeAt(0) // it was read just now
	}
	er := string(zero[:2]) == "ER"
	claimed := be16(zero[2:])
	sizes := []int64{512, 1024, 1536, 2048}
	if er && claimed > 0 && !slices.Contains(sizes, claimed) {
		sizes = append(sizes, claimed)
		slices.Sort(sizes)
	}
	// What block zero says of its block size can be wrong; the map stands in the
	// second block.
	var absent error
	for _, block := range sizes {
		p, err := r.src.Read(block, 512)
		if errors.Is(err, tree.ErrAbsent) {
			absent = err
		}
		if err == nil && string(p[:2]) == "PM" {
			if er {
				r.blockZero(zero, block)
			} else {
				r.sheet.Warn("F602", "there is a partition map and no block zero")
			}
			r.partitions(block, claimed)
			return
		}
	}
	switch {
	case er && absent != nil:
		r.sheet.NotRun("F601", "there is a block zero; behind it: %v", absent)
	case er:
		r.sheet.Warn("F601", "there is a block zero and no partition map")
	}
}

// plausible tells a volume header from two bytes that look like its signature,
// where no partition map says that one stands there.
func plausible(p []byte) bool {
	switch string(p[:2]) {
	case "BD":
		size := be32(p[20:])
		return size > 0 && size%512 == 0
	case "H+", "HX":
		size := be32(p[40:])
		return size >= 512 && size&(size-1) == 0
	}
	return false
}

func (r *reader) structure(off, n int64, system, what string) {
	r.found.Structures = append(r.found.Structures, tree.Structure{Extent: tree.Extent{Offset: off, Length: n}, System: system, What: what})
}

func (r *reader) claim(system, source string, bytes int64) {
	if bytes > 0 {
		r.found.Claims = append(r.found.Claims, tree.Claim{System: system, Source: source, Bytes: bytes})
	}
}

func (r *reader) blockZero(p []byte, block int64) {
	size, count := be16(p[2:]), be32(p[4:])
	r.structure(0, 512, Map, "Apple block zero")
	r.claim(Map, "Apple block zero", size*count)
	if size != block {
		r.sheet.Warn("F602", "it says that blocks have %d bytes, the map stands as in blocks of %d", size, block)
	} else {
		r.sheet.Pass("F602", "%d blocks of %d bytes", count, size)
	}
}

// partitions reads the map's entries, one a block.
func (r *reader) partitions(block, claimed int64) {
	count := int64(1)
	for i := int64(0); i < count; i++ {
		p, err := r.src.Read(block*(i+1), 512)
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F601", "entry %d of %d: %v", i+1, count, err)
			continue
		}
		if err != nil {
			r.sheet.Fail("F601", "entry %d of %d: %v", i+1, count, err)
			return
		}
		if string(p[:2]) != "PM" {
			r.sheet.Fail("F601", "entry %d of %d is none", i+1, count)
			return
		}
		if i == 0 {
			if count = be32(p[4:]); count < 1 || count > maxEntries {
				r.sheet.Fail("F601", "it says that it has %d entries", count)
				count = 1
			}
		}
		start, n := be32(p[8:]), be32(p[12:])
		r.structure(block*(i+1), block, Map, fmt.Sprintf("Apple partition map entry %d", i+1))
		r.claim(Map, fmt.Sprintf("Apple partition map entry %d", i+1), (start+n)*block)
		if end := (start + n) * block; end > r.src.Size() {
			r.sheet.Warn("F601", "the partition of entry %d reaches to byte %d, the image has %d", i+1, end, r.src.Size())
		}
		r.partition(text(p[48:80]), start, block, claimed)
	}
	r.sheet.Pass("F601", "%d entries", count)
}

// partition looks for the volume in a partition. Its start counts in blocks of the
// map, but maps exist that count otherwise.
func (r *reader) partition(kind string, start, block, claimed int64) {
	system := map[string]string{"Apple_HFS": HFS, "Apple_HFSX": HFSPlus}[kind]
	if system == "" {
		return
	}
	var absent error
	for _, unit := range []int64{block, 512, claimed} {
		if unit == 0 {
			continue
		}
		found, err := r.volumeAt(start * unit)
		if found {
			return
		}
		if errors.Is(err, tree.ErrAbsent) {
			absent = err
		}
	}
	// The map is a descriptor too, and says that there is one.
	r.system(system)
	if absent != nil {
		r.sheet.NotRun("F603", "the header of the %s partition at block %d: %v", kind, start, absent)
		return
	}
	r.sheet.Warn("F603", "the partition map names an %s partition at block %d, where no volume header stands", kind, start)
}

func (r *reader) system(name string) {
	if !slices.Contains(r.found.Systems, name) {
		r.found.Systems = append(r.found.Systems, name)
	}
}

// volumeAt takes up the volume that begins at a byte, if there is one. One volume
// can lead to the next, so that each is taken up once, and not more than
// maxEntries of them.
func (r *reader) volumeAt(off int64) (found bool, err error) {
	if slices.Contains(r.seen, off) {
		return true, nil
	}
	if len(r.seen) >= maxEntries {
		return false, nil
	}
	p, err := r.src.Read(off+1024, 512)
	if err != nil {
		return false, err
	}
	switch string(p[:2]) {
	case "BD":
		r.seen = append(r.seen, off)
		r.hfs(off, p)
	case "H+", "HX":
		r.seen = append(r.seen, off)
		r.hfsPlus(off, p)
	default:
		return false, nil
	}
	return true, nil
}

// reach is where blocks of a size end that begin at a byte. What no int64 holds
// is the largest of them: such a claim must not become a small one.
func reach(off, blocks, size int64) int64 {
	if size > 0 && blocks > (math.MaxInt64-off)/size {
		return math.MaxInt64
	}
	return off + blocks*size
}

// hfs takes up a master directory block.
func (r *reader) hfs(off int64, p []byte) {
	blocks, size, first := be16(p[18:]), be32(p[20:]), be16(p[28:])
	r.system(HFS)
	r.structure(off+1024, 512, HFS, "master directory block")
	r.claim(HFS, "master directory block", off+blocks*size)
	name := p[37:min(37+int(p[36]), 64)]
	r.found.Volumes = append(r.found.Volumes, &tree.Volume{System: HFS, View: HFS, Label: tree.CleanText(macRoman(name), 128), Err: errTree,
		Dates: []tree.Date{date("volume creation date", p[2:6]), date("volume modification date", p[6:10])}})
	if size == 0 || size%512 != 0 {
		r.sheet.Fail("F603", "HFS: an allocation block of %d bytes cannot be", size)
		return
	}
	r.sheet.Pass("F603", "%d allocation blocks of %d bytes", blocks, size)
	// The second copy stands in the second last 512 bytes of the volume, which end two
	// blocks behind the allocation blocks. genisoimage puts it where these would end
	// if they began with the volume.
	r.second(HFS, "BD", off+first*512+blocks*size, off+blocks*size)
	if string(p[124:126]) == "H+" { // an HFS volume that wraps an HFS+ one
		if found, err := r.volumeAt(off + first*512 + be16(p[126:])*size); err != nil {
			r.sheet.NotRun("F603", "the HFS+ volume in the HFS volume: %v", err)
		} else if !found {
			r.sheet.Warn("F603", "the HFS volume says that it wraps an HFS+ one, which is not there")
		}
	}
}

// hfsPlus takes up a volume header (TN1150).
func (r *reader) hfsPlus(off int64, p []byte) {
	size, blocks := be32(p[40:]), be32(p[44:])
	r.system(HFSPlus)
	r.structure(off+1024, 512, HFSPlus, "volume header")
	r.claim(HFSPlus, "volume header", reach(off, blocks, size))
	r.found.Volumes = append(r.found.Volumes, &tree.Volume{System: HFSPlus, View: HFSPlus, Err: errTree,
		Dates: []tree.Date{date("volume creation date", p[16:20]), date("volume modification date", p[20:24])}})
	if size < 512 || size&(size-1) != 0 {
		r.sheet.Fail("F603", "HFS+: an allocation block of %d bytes cannot be", size)
		return
	}
	r.sheet.Pass("F603", "%d allocation blocks of %d bytes", blocks, size)
	r.second(HFSPlus, string(p[:2]), reach(off, blocks, size)-1024)
}

// second looks for the second copy of a volume's header, which may stand at any of
// these places. Only the first is told where it is at none.
func (r *reader) second(system, signature string, places ...int64) {
	var fault func()
	for i, at := range places {
		p, err := r.src.Read(at, 512)
		switch {
		case errors.Is(err, tree.ErrAbsent):
			fault = func() { r.sheet.NotRun("F604", "%s: %v", system, err) }
		case err == nil && string(p[:2]) == signature:
			r.structure(at, 512, system, "second copy of the volume header")
			r.sheet.Pass("F604", "it is there")
			return
		case i > 0:
		case err != nil:
			fault = func() {
				r.sheet.Warn("F604", "%s: it should stand at byte %d, which is behind the end of the image", system, at)
			}
		default:
			fault = func() { r.sheet.Warn("F604", "%s: it does not stand at byte %d", system, at) }
		}
	}
	fault()
}

// date counts seconds from 1904, in HFS in the time of the place.
func date(name string, p []byte) tree.Date {
	d := tree.Date{Name: name, Raw: fmt.Sprintf("%x", p)}
	if n := be32(p); n > 0 {
		t := time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
		d.Time = &t
	}
	return d
}

func text(p []byte) string {
	for i, b := range p {
		if b == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}

// roman are the characters of Mac OS Roman from 80h.
var roman = []rune("ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ")

func macRoman(p []byte) string {
	out := make([]rune, len(p))
	for i, b := range p {
		if out[i] = rune(b); b >= 0x80 {
			out[i] = roman[b-0x80]
		}
	}
	return string(out)
}
