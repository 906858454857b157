package discfs

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ripstation/disc"
)

// places are the sectors that the fuzzer fills, with head bytes each; all
// others are zero. It keeps inputs small and the fuzzer fast.
var places = []int64{16, 17, 18, 19, 32, 33, 34, 35, 48, 49, 50, 256, 599}

const head = 512

// sparse is an image of 600 sectors of which only places hold anything.
type sparse map[int64][]byte

func newSparse(data []byte) sparse {
	m := sparse{}
	for _, lba := range places {
		p := make([]byte, disc.SectorSize)
		data = data[copy(p[:head], data):]
		m[lba] = p
	}
	return m
}

var zero [disc.SectorSize]byte

func (m sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= 600*disc.SectorSize {
		return 0, io.EOF
	}
	if s := m[off/disc.SectorSize]; s != nil {
		return copy(p, s), nil
	}
	return copy(p, zero[:]), nil
}

func FuzzRead(f *testing.F) {
	iso := newImage(600)
	iso.isoVD(16, isoPrimary, "FUZZ", 30)
	copy(iso.isoVD(17, isoSupplementary, "\x00F\x00u\x00z", 30)[88:], "%/E")
	iso.isoVD(18, isoTerminator, "", 0)
	loop := udfImage("LOOP", 257, 300)
	binary.LittleEndian.PutUint32(loop.at(34)[20:], 16*disc.SectorSize)
	binary.LittleEndian.PutUint32(loop.at(34)[24:], 48)
	seal(loop.at(34), tagPointer, 34)
	for _, m := range []image{iso, loop, udfImage("LABEL", 257, 300)} {
		var data []byte
		for _, lba := range places {
			data = append(data, m.at(int(lba))[:head]...)
		}
		f.Add(data, true)
		f.Add(data, false)
	}
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, tagged bool) {
		m := newSparse(data)
		if tagged { // give tags that prove themselves, so that what is behind them is reached
			for _, lba := range places[4:] {
				if id := binary.LittleEndian.Uint16(m[lba]); id != 0 {
					seal(m[lba], id, int(lba))
				}
			}
		}
		v, err := Read(m, 600*disc.SectorSize)
		if err != nil {
			t.Fatalf("an image that can be read gives an error: %v", err)
		}
		if len(v.Descriptors) > maxDescriptors || len(v.Notes) > maxNotes || len(v.Label) > 20*maxLabel {
			t.Fatalf("unbounded: %d descriptors, %d notes, label of %d bytes", len(v.Descriptors), len(v.Notes), len(v.Label))
		}
		if strings.ContainsFunc(v.Label, unicode.IsControl) || !utf8.ValidString(v.Label) {
			t.Fatalf("label %q", v.Label)
		}
		for _, vol := range v.Volumes {
			if vol.Bytes < 0 {
				t.Fatalf("negative size: %+v", vol)
			}
		}
	})
}
