package udf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"ripstation/discfs/tree"
)

const (
	vrsStart     = 32768 // byte at which the recognition sequence begins (ECMA-167 2/8.3)
	maxVRS       = 64
	maxSequence  = 256 // descriptors of one sequence extent
	maxPointers  = 16
	anchorSector = 256
	// What a drive takes for the last block of a disc that was written in packets
	// or track at once may be this many behind the last that was written.
	runOut = 2
	gap    = 150
)

// recognition walks the volume recognition sequence (2/8.3), which may follow
// an ISO 9660 descriptor set, and reports whether it holds an NSR descriptor.
func (r *reader) recognition() bool {
	began, ended := false, false
	step := int64(2048)
	for i := 0; i < maxVRS; i++ {
		off := vrsStart + int64(i)*step
		p, err := r.src.Read(off, 2048)
		if err != nil {
			if errors.Is(err, tree.ErrAbsent) {
				r.sheet.NotRun("F501", "sector %d: %v", off/2048, err)
				continue
			}
			break
		}
		id := string(p[1:6])
		switch id {
		case "CD001":
			continue
		case "BEA01":
			began = true
		case "NSR02", "NSR03":
			r.nsr = id
		case "BOOT2", "CDW02":
		case "TEA01":
			ended = true
		default:
			if i == 1 && began { // blocks of 4096 bytes
				step, i = 4096, 0
				continue
			}
			if i < 4 && len(r.src.Wanted()) > 0 {
				continue
			}
			i = maxVRS
			continue
		}
		r.structure(off, 2048, "recognition descriptor %s", id)
		if ended {
			break
		}
	}
	switch {
	case r.nsr == "":
	case !began || !ended:
		r.sheet.Warn("F501", "%s is not enclosed by BEA01 and TEA01", r.nsr)
	default:
		r.sheet.Pass("F501", "%s", r.nsr)
	}
	return r.nsr != ""
}

// anchors finds the size of a block and the anchors (3/10.2), and reports
// whether there is one.
func (r *reader) anchors() bool {
	sizes := []int64{2048}
	if r.nsr != "" {
		sizes = append(sizes, 512, 1024, 4096)
	}
	for _, bs := range sizes {
		blocks := r.src.Size() / bs
		if blocks <= anchorSector {
			continue
		}
		var found, places []int64
		last := blocks - 1
		for i, at := range []int64{anchorSector, last, last - anchorSector, last - runOut, last - runOut - anchorSector, last - gap, last - gap - anchorSector, 512} {
			if at <= 0 || slices.Contains(places, at) {
				continue
			}
			if i > 2 && len(found) > 1 {
				break
			}
			if at == 512 && len(found) > 0 { // a track written open has one there (UDF 2.60, 2.2.3)
				continue
			}
			if r.nsr == "" && at != anchorSector {
				continue
			}
			places = append(places, at)
			p, err := r.src.Read(at*bs, int(min(bs, 2048)))
			if err != nil {
				if errors.Is(err, tree.ErrAbsent) {
					r.sheet.NotRun("F502", "sector %d: %v", at, err)
				}
				continue
			}
			if id, err := checkTag(p[:512], at); id == tagAnchor && err == nil {
				found = append(found, at)
				r.structure(at*bs, bs, "anchor at block %d", at)
				if r.anchor == nil {
					r.anchor, r.bs = p, bs
				} else if !bytes.Equal(r.anchor[16:32], p[16:32]) {
					r.sheet.Warn("F502", "the anchors at blocks %d and %d name different sequences", found[0], at)
				}
			}
		}
		if len(found) > 0 {
			if len(found) == 1 {
				r.sheet.Warn("F502", "one anchor, at block %d; a closed volume has two", found[0])
			} else {
				r.sheet.Pass("F502", "at blocks %v", found)
			}
			return true
		}
	}
	return false
}

// sequence is what one volume descriptor sequence says.
type sequence struct {
	primary, logical []byte
	partitions       map[uint16][]byte
	logicalAt        int64
	terminated       bool
}

// sequences reads the main sequence, and the reserve one to hold against it,
// or in its place (3/8.4.2).
func (r *reader) sequences() {
	main := r.sequence("main", int64(le32(r.anchor[20:])), int64(le32(r.anchor[16:])))
	reserve := r.sequence("reserve", int64(le32(r.anchor[28:])), int64(le32(r.anchor[24:])))
	r.vol = main
	if main.logical == nil || len(main.partitions) == 0 {
		if reserve.logical != nil {
			r.silent("F504", "the main sequence is of no use; the reserve one was taken")
			r.vol = reserve
		} else {
			r.silent("F504", "neither the main nor the reserve sequence has a logical volume descriptor")
		}
		return
	}
	// What counts is behind the number of the descriptor in its sequence; of the
	// primary one its name, since some programs make up the rest twice.
	same := func(a, b []byte) bool { return len(a) == len(b) && (a == nil || bytes.Equal(a[20:], b[20:])) }
	named := func(a, b []byte) bool { return len(a) == len(b) && (a == nil || bytes.Equal(a[20:56], b[20:56])) }
	switch {
	case reserve.logical == nil:
		r.sheet.Warn("F504", "there is no reserve sequence that could be read")
	case !same(main.logical, reserve.logical) || !named(main.primary, reserve.primary):
		r.sheet.Warn("F504", "they describe the volume differently; the main one was taken")
	default:
		for n, p := range main.partitions {
			if !same(p, reserve.partitions[n]) {
				r.sheet.Warn("F504", "they describe a partition differently; the main one was taken")
				return
			}
		}
		r.sheet.Pass("F504", "they agree")
	}
}

// sequence reads an extent of descriptors and those that pointers add to it.
func (r *reader) sequence(name string, start, size int64) sequence {
	v := sequence{partitions: map[uint16][]byte{}}
	seen := map[int64]bool{}
	for range maxPointers {
		if seen[start] || size < r.bs {
			return v
		}
		seen[start] = true
		r.structure(start*r.bs, min(size, maxSequence*r.bs), "%s volume descriptor sequence", name)
		next := int64(-1)
		for i := int64(0); i < min(size/r.bs, maxSequence); i++ {
			p, err := r.src.Read((start+i)*r.bs, int(r.bs))
			if err != nil {
				if !errors.Is(err, tree.ErrOutside) {
					r.sheet.NotRun("F503", "block %d of the %s sequence: %v", start+i, name, err)
					continue
				}
				r.sheet.Fail("F503", "the %s sequence reaches over the end of the image", name)
				break
			}
			id, err := checkTag(p, start+i)
			if errors.Is(err, errTag) {
				break // an unrecorded sector ends it (3/8.4.2)
			}
			if err != nil {
				r.sheet.Fail("F503", "block %d of the %s sequence: %v", start+i, name, err)
				continue
			}
			r.sheet.Pass("F503", "every descriptor that was read proves itself")
			switch id {
			case tagPrimary:
				prevail(&v.primary, p)
			case tagLogical:
				if prevail(&v.logical, p) {
					v.logicalAt = start + i
				}
			case tagPartition:
				n := le16(p[22:])
				if len(v.partitions) < 64 || v.partitions[n] != nil {
					old := v.partitions[n]
					prevail(&old, p)
					v.partitions[n] = old
				}
			case tagPointer:
				size, next = int64(le32(p[20:])), int64(le32(p[24:]))
			case tagTerminating:
				v.terminated = true
			}
			if v.terminated || next >= 0 {
				break
			}
		}
		if next < 0 {
			return v
		}
		start = next
	}
	return v
}

// prevail takes p when its volume descriptor sequence number is not lower
// (3/8.4.3).
func prevail(old *[]byte, p []byte) bool {
	if *old != nil && le32((*old)[16:]) > le32(p[16:]) {
		return false
	}
	*old = p
	return true
}

// volume turns the descriptors into a volume, its partitions and their maps.
func (r *reader) volume() *tree.Volume {
	v := &tree.Volume{System: UDF, View: UDF, Identifiers: map[string]string{}}
	r.claims()
	l := r.vol.logical
	if l == nil {
		v.Err = errors.New("it has no logical volume descriptor")
		return v
	}
	text := func(name, s string) {
		if s = tree.CleanText(s, maxLabel); s != "" {
			v.Identifiers[name] = s
		}
	}
	v.Label = tree.CleanText(dstring(l[84:212]), maxLabel)
	r.rev = le16(l[216+24:])
	text("udf revision", fmt.Sprintf("%x.%02x", r.rev>>8, r.rev&0xff))
	text("implementation identifier", string(bytes.TrimRight(l[273:296], "\x00")))
	if p := r.vol.primary; p != nil {
		text("volume identifier", dstring(p[24:56]))
		text("volume set identifier", dstring(p[72:200]))
		text("application identifier", string(bytes.TrimRight(p[345:368], "\x00")))
		date(v, "recording date", p[376:388])
	}
	if bs := int64(le32(l[212:])); bs != r.bs {
		v.Err = fmt.Errorf("its logical blocks have %d bytes and its sectors %d", bs, r.bs)
		r.sheet.Fail("F506", "%v", v.Err)
		return v
	}
	if err := r.partitions(); err != nil {
		v.Err = err
		r.silent("F506", "%v", err)
		return v
	}
	r.sheet.Pass("F506", "%d partitions, %d maps", len(r.parts), len(r.maps))
	return v
}

const maxLabel = 128

func date(v *tree.Volume, name string, p []byte) {
	d := tree.Date{Name: name, Raw: fmt.Sprintf("%x", p[:12])}
	if t := stamp(p); !t.IsZero() {
		d.Time = &t
	}
	v.Dates = append(v.Dates, d)
}

// claims takes every partition's start and length literally.
func (r *reader) claims() {
	bs := r.bs
	if l := r.vol.logical; l != nil {
		bs = int64(le32(l[212:]))
	}
	var numbers []uint16
	for n := range r.vol.partitions {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		p := r.vol.partitions[n]
		blocks, claim := int64(le32(p[188:]))+int64(le32(p[192:])), int64(math.MaxInt64)
		if bs == 0 || blocks <= math.MaxInt64/bs { // what no int64 holds must not become a small claim
			claim = blocks * bs
		}
		r.found.Claims = append(r.found.Claims, tree.Claim{System: UDF, Source: fmt.Sprintf("partition descriptor %d", n), Bytes: claim})
	}
}
