package iso9660

import (
	"encoding/binary"
	"fmt"

	"ripstation/discfs/tree"
)

// susp says whether a tree uses the System Use Sharing Protocol (IEEE P1281).
type susp struct {
	on   bool
	skip int // bytes of every system use area that belong to others (SP)
}

const (
	// maxAreas bounds the chain of continuation areas of one record.
	maxAreas = 64
	// maxUse bounds the bytes of all areas of one record.
	maxUse = 128 << 10
)

// begin reads the system use area of the root's first record: an SP entry says
// that the protocol is used (5.3). Some early discs have Rock Ridge without it.
func (s *susp) begin(use []byte) {
	for _, skip := range []int{0, 15} { // 15: behind the attributes of CD-ROM XA
		if len(use) < skip+7 {
			return
		}
		if p := use[skip:]; string(p[:2]) == "SP" && p[2] == 7 && p[4] == 0xbe && p[5] == 0xef {
			s.on, s.skip = true, int(p[6])
			return
		}
	}
	if len(use) >= 4 && (string(use[:2]) == "PX" || string(use[:2]) == "RR") && use[3] == 1 {
		s.on = true
	}
}

// entries gives the entries of a record's system use area, continuation areas
// included. They are cut off where they are malformed, and that is told.
func (w *walker) suspEntries(path string, rec record, root bool, yield func(sig string, version byte, data []byte)) {
	use := rec.use
	if !root {
		use = use[min(w.susp.skip, len(use)):]
	}
	bad := func(format string, a ...any) {
		w.r.sheet.Fail("F301", "%s: %s", path, fmt.Sprintf(format, a...))
	}
	total := 0
	for areas := 0; ; areas++ {
		var next *[3]uint32
		for len(use) >= 4 {
			n := int(use[2])
			if use[0] == 0 {
				break // padding
			}
			if root && areas == 0 && n == 0 { // attributes of CD-ROM XA before SP
				break
			}
			if n < 4 || n > len(use) {
				if string(use[:2]) >= "AA" && string(use[:2]) <= "ZZ" {
					bad("the entry %q has a length of %d in an area of %d bytes", tree.Name(string(use[:2])), n, len(use))
				}
				break
			}
			sig, version, data := string(use[:2]), use[3], use[4:n]
			use = use[n:]
			switch sig {
			case "ST":
				use = nil
			case "CE":
				if len(data) < 24 {
					bad("a continuation entry of %d bytes", n)
					break
				}
				w.orders(path, sig, data[:24])
				next = &[3]uint32{le32(data), le32(data[8:]), le32(data[16:])}
			default:
				yield(sig, version, data)
			}
		}
		if next == nil {
			return
		}
		if areas == maxAreas || total > maxUse {
			bad("its continuation areas have no end")
			return
		}
		off, n := int64(next[0])*w.block+int64(next[1]), int64(next[2])
		if n > maxUse {
			bad("a continuation area of %d bytes", n)
			return
		}
		total += int(n)
		p, err := w.r.src.Read(off, int(n))
		if err != nil {
			w.lostUse(path, err)
			return
		}
		w.area(off, n)
		use = p
	}
}

// orders looks whether the numbers of an entry are the same in both byte orders.
func (w *walker) orders(path, sig string, p []byte) {
	for ; len(p) >= 8; p = p[8:] {
		if le, be := le32(p), binary.BigEndian.Uint32(p[4:]); le != be {
			w.r.sheet.Warn("F203", "%s: the entry %s has %d in one byte order and %d in the other", path, sig, le, be)
		}
	}
}

// storedForm says how the bytes of a file are stored when a ZF entry (zisofs) or
// an SF entry (IEEE P1282, 4.1.7) says that they are not as they were.
func storedForm(sig string, data []byte) string {
	if sig == "SF" {
		return "stored as a sparse file"
	}
	if len(data) < 12 {
		return "stored compressed (zisofs)"
	}
	return fmt.Sprintf("stored compressed (zisofs, %d bytes before)", le32(data[4:]))
}

func (w *walker) lostUse(path string, err error) {
	w.r.sheet.NotRun("F301", "%s: a continuation area: %v", path, err)
}

// area notes a continuation area, by sector and once.
func (w *walker) area(off, n int64) {
	for s := off / sectorSize; s <= (off+max(n, 1)-1)/sectorSize; s++ {
		if w.areas == nil {
			w.areas = map[int64]bool{}
		}
		if !w.areas[s] {
			w.areas[s] = true
			w.r.structure(s*sectorSize, sectorSize, ISO, "Rock Ridge continuation area")
		}
	}
}
