package discfs

import (
	"encoding/binary"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Types of volume descriptor (ECMA-119 8.1.1).
const (
	isoBootRecord    = 0
	isoPrimary       = 1
	isoSupplementary = 2
	isoPartition     = 3
	isoTerminator    = 255
)

// iso takes up one descriptor of the ECMA-119 set. Fields are at byte
// positions one less than the standard's, which count from 1.
func (s *scan) iso(lba int64, p []byte) {
	switch p[0] {
	case isoPrimary, isoSupplementary:
		system, label := ISO9660, string(p[40:72])
		if p[0] == isoSupplementary {
			if !isJoliet(p[88:120]) {
				return // an ECMA-119 enhanced descriptor repeats what the primary says
			}
			system, label = Joliet, tree.UTF16BE(p[40:72])
		}
		s.v.Volumes = append(s.v.Volumes, Volume{System: system, Label: cleanLabel(label), LBA: disc.LBA(lba), Bytes: s.isoBytes(system, p)})
	case isoBootRecord:
		if string(p[7:30]) == "EL TORITO SPECIFICATION" {
			s.v.Bootable = true
		}
	case isoPartition, isoTerminator:
	default:
		s.note("sector %d holds an ISO 9660 descriptor of the unknown type %d", lba, p[0])
	}
}

// isoBytes is volume space size times logical block size (ECMA-119 8.4.8,
// 8.4.12), each recorded in both byte orders. The little-endian one counts
// when they differ, as the systems that wrote and read most discs do.
func (s *scan) isoBytes(system System, p []byte) int64 {
	blocks := int64(binary.LittleEndian.Uint32(p[80:]))
	if be := int64(binary.BigEndian.Uint32(p[84:])); be != blocks {
		s.note("%s: the volume space size is %d in one byte order and %d in the other", system, blocks, be)
	}
	block := int64(binary.LittleEndian.Uint16(p[128:]))
	if be := int64(binary.BigEndian.Uint16(p[130:])); be != block {
		s.note("%s: the logical block size is %d in one byte order and %d in the other", system, block, be)
	}
	switch block {
	case 512, 1024, 2048: // the only ones that a 2048-byte sector allows (ECMA-119 6.2.2)
		return blocks * block
	}
	s.note("%s: the logical block size %d cannot be; the volume's size is not known", system, block)
	return 0
}

// isJoliet looks for one of the UCS-2 escape sequences that Joliet registers.
func isJoliet(escapes []byte) bool {
	return escapes[0] == '%' && escapes[1] == '/' && (escapes[2] == '@' || escapes[2] == 'C' || escapes[2] == 'E')
}
