package mmc

import (
	"encoding/binary"

	"ripstation/disc"
)

// READ DISC INFORMATION (MMC-6, 6.21), standard disc information.
func cdbReadDiscInfo(size uint16) []byte {
	b := cdb(opReadDiscInfo, 10)
	binary.BigEndian.PutUint16(b[7:], size)
	return b
}

// DiscStatus is how far the disc has been written (MMC-6, table 371).
type DiscStatus byte

const (
	DiscEmpty      DiscStatus = 0
	DiscIncomplete DiscStatus = 1 // appendable
	DiscFinalized  DiscStatus = 2
	DiscOther      DiscStatus = 3 // random access: DVD-RAM, DVD+RW, BD-RE
)

// DiscInformation is standard disc information (MMC-6, 6.21.3.1).
type DiscInformation struct {
	Status           DiscStatus
	Erasable         bool
	Sessions         int
	FirstTrack       int // of the disc
	LastSessionFirst int // first track of the last session, which may be empty
	LastSessionLast  int // last track of the last session
	Type             byte
	LastLeadOut      disc.LBA // last possible start of the lead-out, a CD's size as a blank; 0 when not told
}

const discInfoRoom = 2048

func parseDiscInformation(b []byte) (DiscInformation, error) {
	if len(b) < 12 || 2+be16(b) < 12 {
		return DiscInformation{}, shortAnswer("READ DISC INFORMATION", len(b))
	}
	b = b[:min(len(b), 2+be16(b))]
	info := DiscInformation{
		Status: DiscStatus(b[2] & 0x03), Erasable: b[2]&0x10 != 0,
		FirstTrack:       int(b[3]),
		Sessions:         int(b[9])<<8 | int(b[4]),
		LastSessionFirst: int(b[10])<<8 | int(b[5]),
		LastSessionLast:  int(b[11])<<8 | int(b[6]),
		Type:             b[8],
	}
	if len(b) >= 24 && b[21] < 100 && b[22] < 60 && b[23] < 75 && b[21]|b[22]|b[23] != 0 {
		info.LastLeadOut = fromMSF(b[21], b[22], b[23])
	}
	return info, nil
}

// READ TRACK INFORMATION (MMC-6, 6.27) of a track by its number.
func cdbReadTrackInfo(track uint32, size uint16) []byte {
	b := cdb(opReadTrackInfo, 10)
	b[1] = 0x01
	binary.BigEndian.PutUint32(b[2:], track)
	binary.BigEndian.PutUint16(b[7:], size)
	return b
}

// TrackInformation is the track information block (MMC-6, 6.27.3).
type TrackInformation struct {
	Track, Session int
	Control        byte // track mode: the four CONTROL bits
	DataMode       byte // 1, 2; 0Fh not known
	Reserved       bool
	Blank          bool // nothing is recorded in it
	Packet         bool // written in packets or incrementally
	Damage         bool // closed badly
	Start          disc.LBA
	Size           int64    // sectors
	LastRecorded   disc.LBA // -1 when not told
}

const trackInfoRoom = 48

func parseTrackInformation(b []byte) (TrackInformation, error) {
	if len(b) < 28 || 2+be16(b) < 28 {
		return TrackInformation{}, shortAnswer("READ TRACK INFORMATION", len(b))
	}
	b = b[:min(len(b), 2+be16(b))]
	t := TrackInformation{
		Track: int(b[2]), Session: int(b[3]), Control: b[5] & 0x0F, Damage: b[5]&0x20 != 0,
		DataMode: b[6] & 0x0F, Packet: b[6]&0x20 != 0, Blank: b[6]&0x40 != 0, Reserved: b[6]&0x80 != 0,
		Start: disc.LBA(int32(be32(b[8:]))), Size: int64(be32(b[24:])), LastRecorded: -1,
	}
	if b[7]&0x02 != 0 && len(b) >= 32 {
		t.LastRecorded = disc.LBA(int32(be32(b[28:])))
	}
	if len(b) >= 34 {
		t.Track |= int(b[32]) << 8
		t.Session |= int(b[33]) << 8
	}
	return t, nil
}

// end is the first sector behind the track.
func (t TrackInformation) end() int64 { return int64(t.Start) + t.Size }
