// Package iso9660 reads ISO 9660 (ECMA-119) with SUSP and Rock Ridge (IEEE
// P1281, P1282), Joliet and ISO 9660:1999, and High Sierra, from which
// ISO 9660 came.
//
// Byte positions in the code count from 0; the standard's count from 1. Of a
// number in both byte orders the little-endian one counts, as for most
// systems that wrote and read discs; where they differ a check says so.
package iso9660

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

const (
	sectorSize = disc.SectorSize
	// The volume descriptor set begins at this sector of its session (ECMA-119, 6.2.1).
	firstDescriptor = 16
	// maxDescriptors bounds a set; real ones have two to five.
	maxDescriptors = 64
)

// The systems and views that this package gives.
const (
	ISO        = "ISO 9660"
	HighSierra = "High Sierra"
	RockRidge  = "Rock Ridge"
	Joliet     = "Joliet"
	Enhanced   = "ISO 9660:1999"
)

// Types of volume descriptor (ECMA-119, 8.1.1).
const (
	typeBoot          = 0
	typePrimary       = 1
	typeSupplementary = 2
	typePartition     = 3
	typeTerminator    = 255
)

// Read reads the first session: the volume descriptor set from sector 16 and
// all trees that it leads to.
func Read(src *tree.Source) tree.Found { return ReadSession(src, 0, 0) }

// ReadSession reads the session that begins at sector start, the session-th of
// its disc, from 1; 0 when nobody counted.
func ReadSession(src *tree.Source, start int64, session int) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes), session: session}
	r.descriptors(start)
	for _, d := range r.set {
		r.volume(d)
	}
	r.compareViews()
	r.found.Checks = r.sheet.Checks()
	return r.found
}

// ReadTree reads one tree of the first session, without checks: that of a view,
// or, where view is "", the first there is of Rock Ridge, Joliet, ISO 9660:1999
// and the primary one.
func ReadTree(src *tree.Source, view string) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes), single: true}
	r.descriptors(0)
	for _, want := range []string{ISO, HighSierra, Joliet, Enhanced} {
		for _, d := range r.set {
			if d.view != want || view != "" && view != want && !(view == RockRidge && want == ISO) {
				continue
			}
			r.volume(d)
			if last := r.found.Volumes[len(r.found.Volumes)-1]; last.Root != nil && want != ISO || last.View == RockRidge {
				return r.found
			}
		}
	}
	return r.found
}

// reader is one reading of one session.
type reader struct {
	src     *tree.Source
	sheet   *tree.Sheet
	session int
	found   tree.Found
	set     []descriptor
	single  bool // one tree is wanted, and no checks of it against others
}

// descriptor is one volume descriptor that leads to a tree.
type descriptor struct {
	p      []byte
	sector int64
	view   string
	hs     bool
}

// descriptors reads the set. What ends it is its terminator, or the first
// sector that holds no descriptor.
func (r *reader) descriptors(start int64) {
	var kinds []string
	terminated, absent := false, false
set:
	for i := int64(0); i < maxDescriptors && !terminated; i++ {
		sector := start + firstDescriptor + i
		p, err := r.src.Read(sector*sectorSize, sectorSize)
		if err != nil {
			if errors.Is(err, tree.ErrOutside) && i > 0 {
				r.sheet.Fail("F201", "the volume descriptor set runs over the end of the image at sector %d", sector)
			} else if !errors.Is(err, tree.ErrOutside) {
				absent = true
				r.sheet.NotRun("F201", "sector %d of the volume descriptor set: %v", sector, err)
				if i < 4 {
					continue // others of the set may tell
				}
			}
			break
		}
		var kind byte
		hs := false
		switch {
		case string(p[1:6]) == "CD001":
			kind = p[0]
		case string(p[9:14]) == "CDROM":
			kind, hs = p[8], true
		default:
			if len(kinds) == 0 && i < 4 && absent {
				continue
			}
			if len(kinds) > 0 && !absent {
				r.sheet.Warn("F201", "the volume descriptor set has no terminator before sector %d", sector)
			}
			break set
		}
		system := ISO
		if hs {
			system = HighSierra
		}
		r.system(system)
		kinds = append(kinds, fmt.Sprintf("%d", kind))
		r.structure(sector*sectorSize, sectorSize, system, descriptorName(kind, hs))
		terminated = r.take(p, sector, kind, hs)
	}
	if terminated {
		r.sheet.Pass("F201", "types %v, terminated", kinds)
	}
	switch {
	case len(kinds) == 0 || r.has(ISO) || r.has(HighSierra):
	case absent:
		r.sheet.NotRun("F202", "the primary volume descriptor may stand in a sector that was not read")
	default:
		r.sheet.Fail("F202", "the volume descriptor set has no primary volume descriptor")
	}
}

func descriptorName(kind byte, hs bool) string {
	switch {
	case kind == typePrimary && hs:
		return "standard file structure volume descriptor"
	case kind == typePrimary:
		return "primary volume descriptor"
	case kind == typeSupplementary:
		return "supplementary volume descriptor"
	case kind == typeBoot:
		return "boot record"
	case kind == typePartition:
		return "volume partition descriptor"
	case kind == typeTerminator:
		return "volume descriptor set terminator"
	}
	return fmt.Sprintf("volume descriptor of type %d", kind)
}

// take takes up one descriptor, and reports whether it ends the set.
func (r *reader) take(p []byte, sector int64, kind byte, hs bool) (end bool) {
	switch kind {
	case typeTerminator:
		return true
	case typePrimary:
		view := ISO
		if hs {
			view = HighSierra
		}
		r.claim(p, view, sector, hs)
		if r.has(view) {
			r.sheet.Warn("F202", "a second primary volume descriptor stands at sector %d; the first counts", sector)
			return false
		}
		r.sheet.Pass("F202", "they are")
		r.set = append(r.set, descriptor{p, sector, view, hs})
	case typeSupplementary:
		system := ISO
		if hs {
			system = HighSierra
		}
		r.claim(p, system, sector, hs)
		switch {
		case hs:
			r.sheet.Warn("F202", "the supplementary descriptor at sector %d was not followed", sector)
		case isJoliet(p[88:120]) && !r.has(Joliet):
			r.set = append(r.set, descriptor{p, sector, Joliet, false})
		case p[6] == 2 && !r.has(Enhanced): // version of an enhanced descriptor (ECMA-119 4th edition, 8.5.3)
			r.set = append(r.set, descriptor{p, sector, Enhanced, false})
		default:
			r.sheet.Warn("F202", "the supplementary descriptor at sector %d is of no known character set, and was not followed", sector)
		}
	case typeBoot, typePartition:
	default:
		r.sheet.Warn("F202", "the descriptor at sector %d has the unknown type %d", sector, kind)
	}
	return false
}

// has reports whether the set has a tree of that view.
func (r *reader) has(view string) bool {
	for _, d := range r.set {
		if d.view == view {
			return true
		}
	}
	return false
}

func (r *reader) system(name string) {
	for _, s := range r.found.Systems {
		if s == name {
			return
		}
	}
	r.found.Systems = append(r.found.Systems, name)
}

func (r *reader) structure(off, n int64, system, what string) {
	r.found.Structures = append(r.found.Structures, tree.Structure{Extent: tree.Extent{Offset: off, Length: n}, System: system, What: what})
}

// isJoliet looks for one of the UCS-2 escape sequences that Joliet registers.
func isJoliet(escapes []byte) bool {
	return escapes[0] == '%' && escapes[1] == '/' && (escapes[2] == '@' || escapes[2] == 'C' || escapes[2] == 'E')
}

// fields are where a descriptor has what differs between the two standards.
type fields struct {
	space, block, tableSize, tableL, optL, tableM, optM, root int
}

var (
	isoFields = fields{80, 128, 132, 140, 144, 148, 152, 156}
	// High Sierra has four path tables of each order; the first two count.
	hsFields = fields{88, 136, 140, 148, 152, 164, 168, 180}
)

func fieldsOf(hs bool) fields {
	if hs {
		return hsFields
	}
	return isoFields
}

// claim takes the volume space size literally (ECMA-119, 8.4.8 and 8.4.12).
func (r *reader) claim(p []byte, system string, sector int64, hs bool) {
	f := fieldsOf(hs)
	blocks := max(r.both32(p[f.space:], sector, "volume space size"), int64(binary.BigEndian.Uint32(p[f.space+4:])))
	block := max(r.both16(p[f.block:], sector, "logical block size"), int64(binary.BigEndian.Uint16(p[f.block+2:])))
	r.found.Claims = append(r.found.Claims, tree.Claim{System: system, Source: fmt.Sprintf("%s at sector %d", descriptorName(p[kindAt(hs)], hs), sector), Bytes: blocks * block})
}

func kindAt(hs bool) int {
	if hs {
		return 8
	}
	return 0
}

// both32 reads a number in both byte orders (ECMA-119, 7.3.3).
func (r *reader) both32(p []byte, sector int64, what string) int64 {
	le, be := binary.LittleEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
	if le == be {
		r.sheet.Pass("F203", "they agree wherever one stands in both")
	} else {
		r.sheet.Fail("F203", "sector %d: %s is %d in one byte order and %d in the other", sector, what, le, be)
	}
	return int64(le)
}

// both16 reads a number in both byte orders (ECMA-119, 7.2.3).
func (r *reader) both16(p []byte, sector int64, what string) int64 {
	le, be := binary.LittleEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	if le != be {
		r.sheet.Fail("F203", "sector %d: %s is %d in one byte order and %d in the other", sector, what, le, be)
	}
	return int64(le)
}
