package mmc

import (
	"context"
	"fmt"
	"strings"

	"ripstation/disc"
)

// typeMultimedia is the peripheral device type of an optical drive (SPC-4,
// table 155).
const typeMultimedia = 0x05

// inquirySize is the standard part of INQUIRY data. Some USB bridges hang when
// they are asked for more.
const inquirySize = 36

// Vital product data pages (SPC-4, 7.8).
const (
	vpdSerial      = 0x80
	vpdDesignators = 0x83
)

// INQUIRY (SPC-4, 6.6).
func cdbInquiry(size uint16) []byte {
	b := cdb(opInquiry, 6)
	b[3], b[4] = byte(size>>8), byte(size)
	return b
}

func cdbInquiryPage(page byte, size uint16) []byte {
	b := cdbInquiry(size)
	b[1], b[2] = 0x01, page
	return b
}

// Inquiry is the standard answer to INQUIRY (SPC-4, 6.6.2). The strings are
// cleaned and trimmed.
type Inquiry struct {
	Type                    byte // peripheral device type, 05h for an optical drive
	Removable               bool
	Vendor, Model, Revision string
}

func parseInquiry(b []byte) (Inquiry, error) {
	if len(b) < inquirySize {
		return Inquiry{}, shortAnswer("INQUIRY", len(b))
	}
	return Inquiry{
		Type: b[0] & 0x1F, Removable: b[1]&0x80 != 0,
		Vendor: clean(b[8:16]), Model: clean(b[16:32]), Revision: clean(b[32:36]),
	}, nil
}

// Inquiry asks what kind of device this is.
func (d *Drive) Inquiry(ctx context.Context) (Inquiry, error) {
	a, err := d.do(ctx, cdbInquiry(inquirySize), make([]byte, inquirySize), noAddress)
	if err != nil {
		return Inquiry{}, err
	}
	return parseInquiry(a.data)
}

// parseVPD gives the payload of a vital product data page.
func parseVPD(page byte, b []byte) ([]byte, error) {
	if len(b) < 4 || b[1] != page {
		return nil, fmt.Errorf("vital product data: %d bytes, not page %02Xh", len(b), page)
	}
	return b[4:min(len(b), 4+be16(b[2:]))], nil
}

// vpd asks for one vital product data page. A drive that does not have it gives
// an error of class refused.
func (d *Drive) vpd(ctx context.Context, page byte) ([]byte, error) {
	const room = 252
	a, err := d.do(ctx, cdbInquiryPage(page, room), make([]byte, room), noAddress)
	if err != nil {
		return nil, err
	}
	p, err := parseVPD(page, a.data)
	if err != nil {
		return nil, badAnswer("INQUIRY", err)
	}
	return p, nil
}

// Designator is one name of the drive from the device identification page
// (SPC-4, 7.8.6).
type Designator struct {
	CodeSet     byte // 1 binary, 2 ASCII, 3 UTF-8
	Association byte // 0 the logical unit, 1 the port, 2 the device
	Type        byte // 1 T10 vendor, 2 EUI-64, 3 NAA, 8 SCSI name
	Data        []byte
}

func parseDesignators(b []byte) []Designator {
	var out []Designator
	for len(b) >= 4 {
		n := 4 + int(b[3])
		if n > len(b) {
			break
		}
		out = append(out, Designator{CodeSet: b[0] & 0x0F, Association: b[1] >> 4 & 0x03, Type: b[1] & 0x0F, Data: b[4:n:n]})
		b = b[n:]
	}
	return out
}

// Designators asks for the names of the drive (page 83h).
func (d *Drive) Designators(ctx context.Context) ([]Designator, error) {
	p, err := d.vpd(ctx, vpdDesignators)
	if err != nil {
		return nil, err
	}
	return parseDesignators(p), nil
}

// Info asks the drive who it is. Key, KeyByPlace and Node are left to the
// caller, who alone sees all drives. Serial is empty when the drive tells none.
// A device that is no optical drive is an error of class refused.
func (d *Drive) Info(ctx context.Context) (disc.Drive, error) {
	inq, err := d.Inquiry(ctx)
	if err != nil {
		return disc.Drive{}, err
	}
	if inq.Type != typeMultimedia {
		return disc.Drive{}, &disc.ReadError{Op: "INQUIRY", Class: disc.ClassRefused, LBA: -1,
			Err: fmt.Errorf("%s %s is not an optical drive (peripheral device type %02Xh)", inq.Vendor, inq.Model, inq.Type)}
	}
	info := disc.Drive{Vendor: inq.Vendor, Model: inq.Model, Firmware: inq.Revision}
	info.Serial, err = d.serial(ctx)
	return info, err
}

// serial is the drive's serial number: feature 0108h, else VPD page 80h, else
// empty. Many USB bridges have none, or all the same.
func (d *Drive) serial(ctx context.Context) (string, error) {
	conf, err := d.configuration(ctx, oneFeature, featureSerial)
	if fatal(err) {
		return "", err
	}
	if f, ok := conf.Feature(featureSerial); ok && clean(f.Data) != "" {
		return clean(f.Data), nil
	}
	page, err := d.vpd(ctx, vpdSerial)
	if fatal(err) {
		return "", err
	}
	return clean(page), nil
}

// clean makes text of a field that the drive fills as it likes: printable
// ASCII, everything else a space, spaces run together and trimmed.
func clean(b []byte) string {
	text := make([]byte, len(b))
	for i, c := range b {
		if c <= ' ' || c > '~' {
			c = ' '
		}
		text[i] = c
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
