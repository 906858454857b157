package simdrive

import (
	"context"

	"ripstation/disc"
)

// profiles are those the drive reads, in descending order of number.
var profiles = []Profile{
	ProfileBDRE, ProfileBDR, ProfileBDROM,
	ProfileDVDpRDL, ProfileDVDpR, ProfileDVDpRW, ProfileDVDRDL, ProfileDVDRW, ProfileDVDR, ProfileDVDROM,
	ProfileCDRW, ProfileCDR, ProfileCDROM,
}

// feature is one feature descriptor (MMC-6, 5.2.2).
type feature struct {
	code                uint16
	version             byte
	persistent, current bool
	data                []byte // a multiple of 4 bytes
}

func (f feature) encode() []byte {
	b := []byte{byte(f.code >> 8), byte(f.code), f.version << 2, byte(len(f.data))}
	if f.persistent {
		b[2] |= 2
	}
	if f.current {
		b[2] |= 1
	}
	return append(b, f.data...)
}

// runGetConfiguration answers GET CONFIGURATION (MMC-6, 6.6) for RT 0 (all
// features), 1 (current ones) and 2 (the one named).
func runGetConfiguration(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	rt, from, alloc := t.cdb[1]&3, be.Uint16(t.cdb[2:]), alloc16(t.cdb[7:])
	if rt == 3 {
		return nil, refuse(SenseInvalidField), nil
	}
	b := make([]byte, 8)
	be.PutUint16(b[6:], uint16(d.profile()))
	for _, f := range d.features() {
		if f.code < from || rt == 1 && !f.current || rt == 2 && f.code != from {
			continue
		}
		b = append(b, f.encode()...)
	}
	be.PutUint32(b, uint32(len(b)-4))
	return cut(b, alloc), nil, nil
}

// profile is the current profile: that of the medium once it is ready.
func (d *Drive) profile() Profile {
	if d.notReady() != nil {
		return ProfileNone
	}
	return d.disc.Profile
}

// features are the drive's features in order of their codes (MMC-6, 5.3).
func (d *Drive) features() []feature {
	now := d.profile()
	medium := now.Medium()
	cd, dvd, bd := medium == disc.MediumCD, medium == disc.MediumDVD, medium == disc.MediumBD

	var list []byte
	for _, p := range profiles {
		e := []byte{byte(p >> 8), byte(p), 0, 0}
		if p == now {
			e[2] = 1
		}
		list = append(list, e...)
	}
	blocking := uint16(1)
	if m := medium.ECCSectors(); m > 1 {
		blocking = uint16(m)
	}
	random := make([]byte, 8)
	be.PutUint32(random, 2048)
	be.PutUint16(random[4:], blocking)
	random[6] = 1 // PP: the error recovery page is there

	// The classes a BD drive reads (5.3.28): four bitmaps for RE, four for R,
	// four for ROM; class 0 and 1 of every version bit 1 and 2.
	bdRead := make([]byte, 28)
	be.PutUint16(bdRead[4:], 0x0006)
	be.PutUint16(bdRead[12:], 0x0006)
	be.PutUint16(bdRead[20:], 0x0006)

	fs := []feature{
		{0x0000, 0, true, true, list},
		{0x0001, 2, true, true, []byte{0, 0, 0, 1, 0x02, 0, 0, 0}},       // core: SCSI family, INQ2
		{0x0002, 1, true, true, []byte{0x02, 0, 0, 0}},                   // morphing: OCEvent
		{0x0003, 2, true, true, []byte{1<<5 | 1<<4 | 1<<3 | 1, 0, 0, 0}}, // removable: tray, load, eject, lock
		{0x0010, 0, false, medium != disc.MediumUnknown, random},
		{0x001D, 0, false, cd, nil},
		{0x001E, 2, false, cd, []byte{0, 0, 0, 0}},
		{0x001F, 1, false, dvd, []byte{1, 0, 1, 0}}, // MULTI110, Dual-R
		{0x0040, 1, false, bd, bdRead},
		{0x0100, 0, true, true, nil},
		{0x0105, 1, true, true, []byte{0, 0, 0, 0}},
	}
	if dvd && d.disc.Protection == 1 {
		fs = append(fs, feature{0x0106, 0, false, true, []byte{0, 0, 0, 1}})
	} else {
		fs = append(fs, feature{0x0106, 0, false, false, []byte{0, 0, 0, 1}})
	}
	fs = append(fs, feature{0x0107, 4, false, medium != disc.MediumUnknown, []byte{0x08, 0, 0, 0}}) // SCS
	if s := d.opts.Serial; s != "" {
		fs = append(fs, feature{0x0108, 0, true, true, padded(s, (min(len(s), 252)+3)/4*4)})
	}
	return fs
}
