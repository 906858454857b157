package boot

import (
	"errors"

	"ripstation/discfs/tree"
)

// elTorito looks for the boot record in the volume descriptor set.
func (r *reader) elTorito() {
	for i := int64(firstVolDesc); i < firstVolDesc+maxSet; i++ {
		p, err := r.src.Read(i*sector, sector)
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F401", "sector %d: %v", i, err)
			continue
		}
		if err != nil || string(p[1:6]) != "CD001" || p[0] == 255 {
			return
		}
		if p[0] == 0 && string(p[7:30]) == "EL TORITO SPECIFICATION" {
			r.catalogue(int64(le32(p[71:])))
			return
		}
	}
}

// catalogue reads the booting catalogue: a validation entry, the default
// entry, then sections (2.1 to 2.5).
func (r *reader) catalogue(at int64) {
	p, err := r.src.Read(at*sector, sector)
	if err != nil {
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F401", "catalogue at sector %d: %v", at, err)
		} else {
			r.sheet.Fail("F401", "catalogue at sector %d: %v", at, err)
		}
		return
	}
	var sum uint16
	for i := 0; i < 32; i += 2 {
		sum += le16(p[i:])
	}
	switch {
	case p[0] != 1:
		r.sheet.Fail("F401", "the validation entry begins with %d, not 1", p[0])
	case p[30] != 0x55 || p[31] != 0xaa:
		r.sheet.Fail("F401", "the validation entry lacks its key bytes 55 AA")
	case sum != 0:
		r.sheet.Fail("F401", "the words of the validation entry add up to %04x, not 0", sum)
	default:
		r.sheet.Pass("F401", "the validation entry proves itself")
	}
	r.entries(at, p)
}

// entries reads those of a catalogue behind its first. It goes on into further
// sectors for as long as section headers say that entries follow.
func (r *reader) entries(at int64, first []byte) {
	p, read, more := first, int64(1), true
	next := func(i int) []byte {
		for ; more && 32*i+32 > len(p); read++ {
			if read == maxCatalogue {
				r.sheet.Warn("F401", "the catalogue has more than %d sectors; the rest was not looked at", maxCatalogue)
				more = false
				break
			}
			q, err := r.src.Read((at+read)*sector, sector)
			switch {
			case errors.Is(err, tree.ErrAbsent):
				r.sheet.NotRun("F401", "catalogue at sector %d: %v", at+read, err)
				more = false
			case err != nil:
				r.sheet.Fail("F401", "catalogue at sector %d: %v", at+read, err)
				more = false
			default:
				p = append(p, q...)
			}
		}
		if !more {
			return nil
		}
		return p[32*i : 32*i+32]
	}
	defer func() { r.structure(at*sector, int64(len(p)), "boot catalogue") }()
	n := 0
	r.image(&n, p[32:64])
	i := 2
	for n < maxEntries {
		head := next(i)
		if head != nil && head[0] == 0x44 { // of the last entry of a section
			i++
			continue
		}
		if head == nil || head[0] != 0x90 && head[0] != 0x91 {
			return
		}
		i++
		for k := 0; k < int(le16(head[2:])) && n < maxEntries; i++ {
			e := next(i)
			if e == nil {
				return
			}
			if e[0] == 0x44 { // an extension of the entry before it
				continue
			}
			r.image(&n, e)
			k++
		}
		if head[0] == 0x91 {
			return
		}
	}
	r.sheet.Warn("F401", "the catalogue has more than %d boot images; the rest was not looked at", maxEntries)
}

// image takes up one entry. Its sectors are of 512 bytes; a size of 1 stands for
// whatever an emulated floppy or disk has.
func (r *reader) image(n *int, e []byte) {
	if e[0] != 0x88 && e[0] != 0 {
		r.sheet.Warn("F401", "boot entry %d begins with %02x, not with 88 or 00", *n+1, e[0])
		return
	}
	*n++
	size := int64(le16(e[6:])) * 512
	switch e[1] & 15 {
	case 1:
		size = 1200 << 10
	case 2:
		size = 1440 << 10
	case 3:
		size = 2880 << 10
	}
	off := int64(le32(e[8:])) * sector
	if off == 0 && e[0] == 0 {
		return
	}
	r.structure(off, size, "boot image %d", *n)
	if off > r.src.Size() || size > r.src.Size()-off {
		r.sheet.Fail("F402", "boot image %d reaches to byte %d, the image has %d", *n, off+size, r.src.Size())
		return
	}
	r.sheet.Pass("F402", "they are")
}
