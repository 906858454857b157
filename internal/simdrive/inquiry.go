package simdrive

import "context"

// runInquiry answers INQUIRY (SPC-4, 6.6): 96 bytes of standard data, or the
// vital product data pages 00h, 80h (only with a serial number) and 83h.
func runInquiry(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	evpd, page, alloc := t.cdb[1]&1 != 0, t.cdb[2], alloc16(t.cdb[3:])
	if !evpd {
		if page != 0 {
			return nil, refuse(SenseInvalidField), nil
		}
		return cut(d.inquiry(), alloc), nil, nil
	}
	serial := d.opts.Serial
	var body []byte
	switch {
	case page == 0x00 && serial == "":
		body = []byte{0x00, 0x83}
	case page == 0x00:
		body = []byte{0x00, 0x80, 0x83}
	case page == 0x80 && serial != "":
		body = []byte(serial)
	case page == 0x83:
		// One designator, T10 vendor identification in ASCII (SPC-4, 7.8.6.4).
		id := append(padded(d.opts.Vendor, 8), padded(d.opts.Model, 16)...)
		id = append(id, serial...)
		id = id[:min(len(id), 255)]
		body = append([]byte{0x02, 0x01, 0x00, byte(len(id))}, id...)
	default:
		return nil, refuse(SenseInvalidField), nil
	}
	b := append([]byte{0x05, page, 0, 0}, body...)
	be.PutUint16(b[2:], uint16(len(body)))
	return cut(b, alloc), nil, nil
}

func (d *Drive) inquiry() []byte {
	b := make([]byte, 96)
	b[0] = 0x05 // CD/DVD device
	b[1] = 0x80 // removable medium
	b[2] = 0x06 // SPC-4
	b[3] = 0x02 // response data format
	b[4] = byte(len(b) - 5)
	copy(b[8:], padded(d.opts.Vendor, 8))
	copy(b[16:], padded(d.opts.Model, 16))
	copy(b[32:], padded(d.opts.Firmware, 4))
	be.PutUint16(b[58:], 0x00A0) // SAM-5
	be.PutUint16(b[60:], 0x0460) // SPC-4
	be.PutUint16(b[62:], 0x04E0) // MMC-6
	return b
}

// padded is s as left-aligned ASCII of exactly n bytes.
func padded(s string, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' '
		if i < len(s) && s[i] >= 0x20 && s[i] < 0x7F {
			b[i] = s[i]
		}
	}
	return b
}
