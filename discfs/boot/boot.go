// Package boot checks what a computer would boot from: El Torito (Bootable
// CD-ROM Format Specification 1.0), a master boot record and a GUID partition
// table (UEFI 2.10, chapter 5) as hybrid images carry them.
package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Codes are the checks of this package.
var Codes = []tree.Code{
	{Number: "F401", Name: "El Torito boot catalogue"},
	{Number: "F402", Name: "El Torito boot images inside the image"},
	{Number: "F403", Name: "master boot record"},
	{Number: "F404", Name: "GUID partition table"},
}

const (
	sector       = disc.SectorSize
	system       = "boot"
	maxSet       = 64
	maxEntries   = 64
	maxCatalogue = 16 // sectors
	maxGPTBytes  = 1 << 20
	firstVolDesc = 16
)

func le16(p []byte) uint16 { return binary.LittleEndian.Uint16(p) }
func le32(p []byte) uint32 { return binary.LittleEndian.Uint32(p) }
func le64(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

// Read looks for what the package knows.
func Read(src *tree.Source) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes)}
	r.elTorito()
	r.mbr()
	r.gpt()
	r.found.Checks = r.sheet.Checks()
	return r.found
}

type reader struct {
	src   *tree.Source
	sheet *tree.Sheet
	found tree.Found
}

func (r *reader) structure(off, n int64, format string, a ...any) {
	r.found.Structures = append(r.found.Structures, tree.Structure{Extent: tree.Extent{Offset: off, Length: n}, System: system, What: fmt.Sprintf(format, a...)})
}

// mbr checks the partitions of a master boot record (UEFI 2.10, 5.2).
func (r *reader) mbr() {
	p, err := r.src.Read(0, 512)
	if errors.Is(err, tree.ErrAbsent) {
		r.sheet.NotRun("F403", "sector 0: %v", err)
	}
	if err != nil || p[510] != 0x55 || p[511] != 0xaa {
		return
	}
	used, protective := 0, false
	for i := range 4 {
		e := p[446+16*i:][:16]
		if e[4] == 0 {
			continue
		}
		if e[0] != 0 && e[0] != 0x80 {
			return // boot code that happens to end in 55 AA
		}
		if e[4] == 0xee { // it keeps others away from a GUID partition table, and holds nothing
			protective = true
			continue
		}
		used++
		start, n := int64(le32(e[8:])), int64(le32(e[12:]))
		if (start+n)*512 > r.src.Size() {
			r.sheet.Warn("F403", "partition %d reaches to byte %d, the image has %d", i+1, (start+n)*512, r.src.Size())
		}
	}
	if used > 0 || protective {
		r.structure(0, 512, "master boot record")
	}
	switch {
	case used > 0:
		r.sheet.Pass("F403", "%d partitions inside the image", used)
	case protective:
		r.sheet.Pass("F403", "it has no partitions but one that protects a GUID partition table")
	}
}

// gpt checks the GUID partition table and its second copy (5.3).
func (r *reader) gpt() {
	for _, bs := range []int64{512, 2048} {
		p, err := r.src.Read(bs, 512)
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F404", "block 1 of %d bytes: %v", bs, err)
		}
		if err != nil || string(p[:8]) != "EFI PART" {
			continue
		}
		r.structure(bs, bs, "GUID partition table")
		if err := r.header(p, 1, bs); errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F404", "%v", err)
			return
		} else if err != nil {
			r.sheet.Fail("F404", "%v", err)
			return
		}
		at := int64(min(le64(p[32:]), 1<<40))
		q, err := r.src.Read(at*bs, 512)
		switch {
		case errors.Is(err, tree.ErrAbsent):
			r.sheet.NotRun("F404", "its second copy at block %d: %v", at, err)
		case err != nil:
			r.sheet.Warn("F404", "its second copy at block %d: %v", at, err)
		case string(q[:8]) != "EFI PART":
			r.sheet.Warn("F404", "its second copy is not at block %d", at)
		default:
			r.structure(at*bs, bs, "second copy of the GUID partition table")
			if err := r.header(q, at, bs); errors.Is(err, tree.ErrAbsent) {
				r.sheet.NotRun("F404", "its second copy: %v", err)
			} else if err != nil {
				r.sheet.Warn("F404", "its second copy: %v", err)
			}
		}
		r.sheet.Pass("F404", "it and its second copy prove themselves")
		return
	}
}

// header proves a header and the entries that it leads to.
func (r *reader) header(p []byte, at, bs int64) error {
	n := le32(p[12:])
	if n < 92 || n > 512 {
		return fmt.Errorf("a header of %d bytes cannot be", n)
	}
	h := append([]byte(nil), p[:n]...)
	clear(h[16:20])
	if crc32.ChecksumIEEE(h) != le32(p[16:]) {
		return errors.New("the checksum of its header is wrong")
	}
	if le64(p[24:]) != uint64(at) {
		return fmt.Errorf("it says that it stands at block %d", le64(p[24:]))
	}
	size := int64(le32(p[80:])) * int64(le32(p[84:]))
	if size > maxGPTBytes {
		return fmt.Errorf("entries of %d bytes are more than was looked at", size)
	}
	off := int64(min(le64(p[72:]), 1<<40)) * bs
	e, err := r.src.Read(off, int(size))
	if err != nil {
		return fmt.Errorf("its entries: %w", err)
	}
	r.structure(off, size, "entries of the GUID partition table")
	if crc32.ChecksumIEEE(e) != le32(p[88:]) {
		return errors.New("the checksum of its entries is wrong")
	}
	return nil
}
