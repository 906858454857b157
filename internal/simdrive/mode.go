package simdrive

import (
	"context"
	"slices"
)

// modePages are the pages that can be changed: by page code, with code and
// length.
type modePages map[byte][]byte

const (
	pageErrorRecovery = 0x01
	pageCDAudio       = 0x0E
	pagePower         = 0x1A
	pageTimeout       = 0x1D
	pageCapabilities  = 0x2A
	pageAll           = 0x3F
)

// defaultPages are the pages but for 2Ah, which is made when it is asked for
// (MMC-6, 7.2; MMC-2 for 0Eh).
func defaultPages() modePages {
	recovery := []byte{pageErrorRecovery, 10, 0x00, 20, 0, 0, 0, 0, 1, 0, 0, 0}
	audio := append([]byte{pageCDAudio, 14, 0x04, 0, 0, 0, 0, 75}, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0)
	power := []byte{pagePower, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	timeout := []byte{pageTimeout, 10, 0, 0, 0, 0, 0, 0, 0, 7, 0, 7}
	return modePages{pageErrorRecovery: recovery, pageCDAudio: audio, pagePower: power, pageTimeout: timeout}
}

// changeable masks what MODE SELECT may change: all of the error recovery
// page (parameter and retry counts), nothing of the others.
func changeable(page []byte) []byte {
	m := make([]byte, len(page))
	m[0], m[1] = page[0], page[1]
	if page[0] == pageErrorRecovery {
		m[2], m[3] = 0xFF, 0xFF
	}
	return m
}

// capabilities is page 2Ah, MM capabilities and mechanical status (MMC-3,
// 5.5.10): 24 bytes behind the length, as drives go on giving it.
func (d *Drive) capabilities() []byte {
	b := make([]byte, 26)
	b[0], b[1] = pageCapabilities, byte(len(b)-2)
	b[2] = 0x3F // reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R, DVD-RAM
	b[4] = 0x70 // multi-session, Mode 2 Form 2, Mode 2 Form 1
	b[5] = 0x03 // CD-DA commands, and it reads audio without jitter
	b[6] = 1<<5 | 1<<3 | 1
	if d.locked() {
		b[6] |= 2
	}
	top, now := d.kilobytes(d.opts.Timing.Rate), d.speed()
	be.PutUint16(b[8:], uint16(top))
	be.PutUint16(b[12:], 2048) // kB of buffer
	be.PutUint16(b[14:], uint16(now))
	return b
}

// kilobytes is a rate in kB/s as mode pages and SET CD SPEED have it.
func (d *Drive) kilobytes(rate int64) int {
	if rate <= 0 {
		return 0xFFFF
	}
	return int(min(rate/1000, 0xFFFF))
}

// speed is the current read speed in kB/s.
func (d *Drive) speed() int {
	top := d.kilobytes(d.opts.Timing.Rate)
	if d.head.limit > 0 {
		return min(top, d.kilobytes(d.head.limit))
	}
	return top
}

func (d *Drive) sensePages(control, page byte) ([]byte, *check) {
	if control == 3 {
		return nil, refuse(SenseSavingUnsupported)
	}
	all := defaultPages()
	if control == 0 {
		all = d.pages
	}
	var out []byte
	for _, code := range []byte{pageErrorRecovery, pageCDAudio, pagePower, pageTimeout, pageCapabilities} {
		if page != code && page != pageAll {
			continue
		}
		p := all[code]
		if code == pageCapabilities {
			p = d.capabilities()
		}
		if control == 1 {
			p = changeable(p)
		}
		out = append(out, p...)
	}
	if out == nil {
		return nil, refuse(SenseInvalidField)
	}
	return out, nil
}

// runModeSense10 answers MODE SENSE(10) (SPC-4, 6.12) with pages 01h, 0Eh,
// 1Ah, 1Dh, 2Ah and 3Fh, and never a block descriptor.
func runModeSense10(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	pages, c := d.sensePages(t.cdb[2]>>6, t.cdb[2]&0x3F)
	if c != nil || t.cdb[3] != 0 && t.cdb[3] != 0xFF {
		if c == nil {
			c = refuse(SenseInvalidField)
		}
		return nil, c, nil
	}
	b := append(make([]byte, 8), pages...)
	be.PutUint16(b, uint16(len(b)-2))
	return cut(b, alloc16(t.cdb[7:])), nil, nil
}

// runModeSense6 is the same with the short header. Its write-protect bit
// tells initiators that take the unit for a disk not to write.
func runModeSense6(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	pages, c := d.sensePages(t.cdb[2]>>6, t.cdb[2]&0x3F)
	if c != nil {
		return nil, c, nil
	}
	b := append([]byte{0, 0, 0x80, 0}, pages...)
	b[0] = byte(len(b) - 1)
	return cut(b, int(t.cdb[4])), nil, nil
}

// runModeSelect10 takes MODE SELECT(10) for the error recovery page (SPC-4,
// 6.10): every bit outside the changeable ones must be as it is.
func runModeSelect10(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	if t.cdb[1]&0x10 == 0 || t.cdb[1]&1 != 0 { // page format only, no saving
		return nil, refuse(SenseInvalidField), nil
	}
	n := alloc16(t.cdb[7:])
	t.count = 0
	if n == 0 {
		return nil, nil, nil
	}
	if n > len(t.out) || n < 8 {
		return nil, refuse(SenseListLength), nil
	}
	list := t.out[:n]
	skip := 8 + alloc16(list[6:])
	if skip > n {
		return nil, refuse(SenseListLength), nil
	}
	changed := map[byte][]byte{}
	for list = list[skip:]; len(list) > 0; {
		if len(list) < 2 || len(list) < 2+int(list[1]) {
			return nil, refuse(SenseListLength), nil
		}
		page := slices.Clone(list[:2+int(list[1])])
		list = list[len(page):]
		page[0] &= 0x3F // PS and SPF
		old, ok := d.pages[page[0]]
		if !ok || len(old) != len(page) {
			return nil, refuse(SenseInvalidParameter), nil
		}
		mask := changeable(old)
		for i := 2; i < len(page); i++ {
			if (page[i]^old[i])&^mask[i] != 0 {
				return nil, refuse(SenseInvalidParameter), nil
			}
		}
		changed[page[0]] = page
	}
	for code, page := range changed {
		d.pages[code] = page
	}
	if len(changed) > 0 {
		for _, o := range d.nexuses {
			if o != t.n {
				o.attention(SenseParamsChanged)
			}
		}
	}
	return nil, nil, nil
}

// runSetCDSpeed limits the read speed (MMC-6, 6.48); FFFFh lifts the limit.
func runSetCDSpeed(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	d.head.limit = 0
	if kb := be.Uint16(t.cdb[2:]); kb != 0xFFFF {
		d.head.limit = max(int64(kb), 1) * 1000
	}
	return nil, nil, nil
}

// runSetStreaming takes one 28-byte performance descriptor (MMC-6, 6.49):
// Read Size kilobytes in Read Time milliseconds limit the read speed, RDD
// lifts the limit.
func runSetStreaming(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	if t.cdb[8]&0x0F != 0 {
		return nil, refuse(SenseInvalidField), nil
	}
	n := alloc16(t.cdb[9:])
	if n == 0 {
		return nil, nil, nil
	}
	if n < 28 || len(t.out) < n {
		return nil, refuse(SenseListLength), nil
	}
	p := t.out
	size, ms := int64(be.Uint32(p[12:])), int64(be.Uint32(p[16:]))
	switch {
	case p[0]&4 != 0: // restore drive defaults
		d.head.limit = 0
	case size == 0 || ms == 0:
		return nil, refuse(SenseInvalidParameter), nil
	default:
		d.head.limit = max(size*1_000_000/ms, 1)
	}
	return nil, nil, nil
}

// runGetPerformance answers GET PERFORMANCE, type 0 (MMC-6, 6.8): one
// descriptor of nominal read performance, from the first sector to the last.
func runGetPerformance(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	if t.cdb[10] != 0 || t.cdb[1]&4 != 0 || t.cdb[1]&3 != 0 {
		return nil, refuse(SenseInvalidField), nil
	}
	b := make([]byte, 8)
	if be.Uint16(t.cdb[8:]) > 0 {
		last := max(d.disc.capacity-1, 0)
		tm := d.opts.Timing
		desc := be.AppendUint32(nil, 0)
		desc = be.AppendUint32(desc, uint32(d.kilobytes(tm.rateAt(0, d.disc.capacity, d.head.limit))))
		desc = be.AppendUint32(desc, uint32(last))
		desc = be.AppendUint32(desc, uint32(d.kilobytes(tm.rateAt(last, d.disc.capacity, d.head.limit))))
		b = append(b, desc...)
	}
	be.PutUint32(b, uint32(len(b)-4))
	return b, nil, nil
}
