package discfs

import (
	"encoding/binary"
	"errors"
	"strings"

	"ripstation/disc"
)

// Tag identifiers of ECMA-167 3/7.2.1.
const (
	tagPrimaryVolume = 1
	tagAnchor        = 2
	tagPointer       = 3
	tagPartition     = 5
	tagLogicalVolume = 6
	tagTerminating   = 8
)

// anchorLBA is where the first anchor stands on every closed volume (ECMA-167
// 3/8.4.2.1).
const anchorLBA = 256

// udfVolume gathers what one volume descriptor sequence says.
type udfVolume struct {
	volume     []byte // primary volume descriptor that prevails, nil if none
	logical    []byte // logical volume descriptor that prevails
	logicalLBA int64
	partitions map[uint16][]byte // partition descriptor that prevails, by partition number
}

// udf finds an anchor and follows it. The anchors at the end are asked for
// only when the first is not there: the last sectors of many recordables
// cannot be read, and on a drive each try costs seconds.
func (s *scan) udf() {
	places := []int64{anchorLBA}
	if n := s.size / disc.SectorSize; s.nsr && n > 2*anchorLBA {
		places = append(places, n-1-anchorLBA, n-1)
	}
	for _, lba := range places {
		p, err := s.sector(lba)
		if err != nil || s.tag(p, lba, false) != tagAnchor {
			continue
		}
		s.keep(lba, p)
		for _, at := range []int{16, 24} { // main, then reserve sequence
			length, start := binary.LittleEndian.Uint32(p[at:]), binary.LittleEndian.Uint32(p[at+4:])
			if v := s.sequence(int64(start), int64(length)/disc.SectorSize); v.logical != nil || len(v.partitions) > 0 {
				s.takeUDF(v)
				return
			}
			s.note("UDF: the volume descriptor sequence at sector %d says nothing", start)
		}
		return
	}
	if s.nsr {
		s.note("UDF: no anchor was found; the volume's size is not known")
	}
}

// sequence reads one volume descriptor sequence (ECMA-167 3/8.4.2) and the
// extents that volume descriptor pointers add to it.
func (s *scan) sequence(start, count int64) udfVolume {
	v := udfVolume{partitions: map[uint16][]byte{}}
	for extents := 0; extents < 4; extents++ {
		next, nextCount := int64(-1), int64(0)
		for i := int64(0); i < min(count, maxSequence); i++ {
			lba := start + i
			p, err := s.sector(lba)
			if errors.Is(err, errOutside) {
				return v
			}
			if err != nil {
				continue
			}
			switch s.tag(p, lba, true) {
			case tagPrimaryVolume:
				s.keep(lba, p)
				prevail(&v.volume, p)
			case tagLogicalVolume:
				s.keep(lba, p)
				if prevail(&v.logical, p) {
					v.logicalLBA = lba
				}
			case tagPartition:
				s.keep(lba, p)
				n := binary.LittleEndian.Uint16(p[22:])
				if q, known := v.partitions[n]; known || len(v.partitions) < 16 {
					prevail(&q, p)
					v.partitions[n] = q
				}
			case tagPointer:
				next, nextCount = int64(binary.LittleEndian.Uint32(p[24:])), int64(binary.LittleEndian.Uint32(p[20:]))/disc.SectorSize
			case tagTerminating:
				return v
			case noTag: // an unrecorded sector ends the sequence
				i = maxSequence
			}
		}
		if next < 0 {
			break
		}
		start, count = next, nextCount
	}
	return v
}

// prevail puts the descriptor with the higher volume descriptor sequence
// number into place (ECMA-167 3/8.4.3).
func prevail(place *[]byte, p []byte) bool {
	if *place != nil && binary.LittleEndian.Uint32(p[16:]) < binary.LittleEndian.Uint32((*place)[16:]) {
		return false
	}
	*place = p
	return true
}

func (s *scan) takeUDF(v udfVolume) {
	out := Volume{System: UDF, LBA: disc.LBA(v.logicalLBA)}
	if v.logical != nil {
		out.Label = cleanLabel(dstring(v.logical[84:212]))
	}
	if out.Label == "" && v.volume != nil {
		out.Label = cleanLabel(dstring(v.volume[24:56]))
	}
	if v.logical != nil && usesVAT(v.logical) {
		s.note("UDF: written piece by piece (virtual allocation table); its partition's length is the room that the blank disc had")
		s.v.Volumes = append(s.v.Volumes, out)
		return
	}
	for _, p := range v.partitions {
		start, length := int64(binary.LittleEndian.Uint32(p[188:])), int64(binary.LittleEndian.Uint32(p[192:]))
		out.Bytes = max(out.Bytes, (start+length)*disc.SectorSize)
	}
	s.v.Volumes = append(s.v.Volumes, out)
}

// usesVAT looks through the partition maps (ECMA-167 3/10.7; UDF 2.60, 2.2.8)
// for a virtual partition.
func usesVAT(lvd []byte) bool {
	maps, n := lvd[440:], int(binary.LittleEndian.Uint32(lvd[268:]))
	for i := 0; i < n && len(maps) >= 2; i++ {
		length := int(maps[1])
		if length < 2 || length > len(maps) {
			return false
		}
		if maps[0] == 2 && length >= 36 && strings.HasPrefix(string(maps[5:28]), "*UDF Virtual Partition") {
			return true
		}
		maps = maps[length:]
	}
	return false
}

// noTag is what tag gives for a sector that holds no descriptor at all.
const noTag = -1

// badTag is what tag gives for a descriptor that does not prove itself.
const badTag = -2

// tag checks a descriptor tag (ECMA-167 3/7.2): its checksum, the CRC of what
// follows, its place. It gives the identifier, badTag or noTag.
func (s *scan) tag(p []byte, lba int64, expected bool) int {
	id := binary.LittleEndian.Uint16(p)
	if id == 0 {
		return noTag
	}
	var sum byte
	for i, b := range p[:16] {
		if i != 4 {
			sum += b
		}
	}
	length := int(binary.LittleEndian.Uint16(p[10:]))
	switch {
	case sum != p[4]:
		if !expected {
			return noTag
		}
		s.note("UDF: the descriptor at sector %d has a wrong tag checksum", lba)
	case length > len(p)-16:
		s.note("UDF: the descriptor at sector %d claims a CRC over more than its sector", lba)
	case crc16(p[16:16+length]) != binary.LittleEndian.Uint16(p[8:]):
		s.note("UDF: the descriptor at sector %d has a wrong CRC", lba)
	case int64(binary.LittleEndian.Uint32(p[12:])) != lba:
		s.note("UDF: the descriptor at sector %d says that it stands at sector %d", lba, binary.LittleEndian.Uint32(p[12:]))
	default:
		return int(id)
	}
	return badTag
}

// crc16 is the CRC of ECMA-167 7.2.6: x^16+x^12+x^5+1, highest bit first, from 0.
func crc16(p []byte) uint16 {
	var crc uint16
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
