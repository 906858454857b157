package mmc

import (
	"encoding/binary"

	"ripstation/disc"
)

// Media types and format codes of READ DISC STRUCTURE (MMC-6, 6.22).
const (
	mediaDVD = 0x00 // and HD DVD
	mediaBD  = 0x01

	structurePhysical     = 0x00 // DVD physical format, BD disc information
	structureCopyright    = 0x01
	structureBCA          = 0x03
	structureManufacturer = 0x04
	structurePreRecorded  = 0x0E // DVD-R: lead-in, names the maker of the blank
	structureADIP         = 0x11 // DVD+R
)

// structureRoom holds the largest of the structures asked for.
const structureRoom = 4 + 2048 + 4

// READ DISC STRUCTURE (MMC-6, 6.22).
func cdbReadDiscStructure(media, layer, format byte, size uint16) []byte {
	b := cdb(opReadDiscStructure, 12)
	b[1] = media
	b[6] = layer
	b[7] = format
	binary.BigEndian.PutUint16(b[8:], size)
	return b
}

// structureBody is what lies behind the 4-byte head.
func structureBody(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, shortAnswer("READ DISC STRUCTURE", len(b))
	}
	return b[4:max(4, min(len(b), 2+be16(b)))], nil
}

// Book types of DVD physical format information (MMC-6, table 388) that were
// written one by one. A recorder may have set DVD-ROM on a DVD+R.
var recordableBooks = map[byte]bool{0x1: true, 0x2: true, 0x3: true, 0x9: true, 0xA: true, 0xD: true, 0xE: true}

// PhysicalFormat is DVD physical format information (MMC-6, 6.22.3.2.1), of
// one layer. The addresses are physical sector numbers.
type PhysicalFormat struct {
	Book       byte
	Layers     int
	Opposite   bool // opposite track path: layer 1 runs from outside in
	Recordable bool // by the layer type: the layer is recordable or rewritable
	Start, End uint32
	EndLayer0  uint32 // 0 unless Opposite
}

func parsePhysicalFormat(b []byte) (PhysicalFormat, error) {
	body, err := structureBody(b)
	if err != nil {
		return PhysicalFormat{}, err
	}
	if len(body) < 16 {
		return PhysicalFormat{}, shortAnswer("READ DISC STRUCTURE", len(b))
	}
	psn := func(at int) uint32 { return be32(body[at:]) & 0xFFFFFF }
	return PhysicalFormat{
		Book: body[0] >> 4, Layers: int(body[2]>>5&0x03) + 1, Opposite: body[2]&0x10 != 0, Recordable: body[2]&0x06 != 0,
		Start: psn(4), End: psn(8), EndLayer0: psn(12),
	}, nil
}

// sectors is the size of the data area: of both layers with an opposite track
// path, else of the one layer. It is 0 when the addresses contradict.
func (p PhysicalFormat) sectors() int64 {
	span := func(from, to uint32) int64 { return int64(to) - int64(from) + 1 }
	n := span(p.Start, p.End)
	if p.Opposite && p.Layers == 2 && p.EndLayer0 != 0 {
		// Layer 1 starts at layer 0's last address with all bits inverted.
		one := span(p.EndLayer0^0xFFFFFF, p.End)
		if one <= 0 {
			return 0
		}
		n = span(p.Start, p.EndLayer0) + one
	}
	return max(0, n)
}

// recordable reports whether the disc was written one by one.
func (p PhysicalFormat) recordable() bool { return recordableBooks[p.Book] || p.Recordable }

// parseCopyright gives the copyright protection system type (MMC-6,
// 6.22.3.2.2): 0 none, 1 CSS or CPPM, 2 CPRM, 3 AACS.
func parseCopyright(b []byte) (byte, error) {
	body, err := structureBody(b)
	if err != nil {
		return 0, err
	}
	if len(body) < 1 {
		return 0, shortAnswer("READ DISC STRUCTURE", len(b))
	}
	return body[0], nil
}

var protectionNames = map[byte]string{1: "CSS", 2: "CPRM", 3: "AACS", 0x10: "AACS"}

// parseBDType gives the type identifier of BD disc information: "BDO" for
// BD-ROM, "BDR", "BDW" for BD-RE.
func parseBDType(b []byte) (string, error) {
	body, err := structureBody(b)
	if err != nil {
		return "", err
	}
	if len(body) < 11 || body[0] != 'D' || body[1] != 'I' {
		return "", shortAnswer("READ DISC STRUCTURE", len(b))
	}
	return clean(body[8:11]), nil
}

// READ CD (MMC-6, 6.15) of one sector of any type, with everything in it:
// sync, headers, user data, EDC and ECC.
func cdbReadCD(lba disc.LBA) []byte {
	b := cdb(opReadCD, 12)
	binary.BigEndian.PutUint32(b[2:], uint32(lba))
	b[8] = 1
	b[9] = 0xF8
	return b
}

// rawSectorSize is the size of a CD sector with sync, headers, EDC and ECC.
const rawSectorSize = 2352

// sectorHeader is what the headers of a CD sector say (ECMA-130, 14.2; XA
// subheader: CD-ROM XA, 2.4.1).
type sectorHeader struct {
	mode  int // 0, 1, 2
	form2 bool
}

func parseSectorHeader(b []byte) (sectorHeader, error) {
	if len(b) < 24 || b[0] != 0 || b[1] != 0xFF || b[11] != 0 {
		return sectorHeader{}, shortAnswer("READ CD", len(b))
	}
	h := sectorHeader{mode: int(b[15] & 0x03)}
	// The subheader comes twice; the form is bit 5 of its third byte.
	if h.mode == 2 && b[18] == b[22] {
		h.form2 = b[18]&0x20 != 0
	}
	return h, nil
}
