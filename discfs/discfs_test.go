package discfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"ripstation/disc"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// image is a disc in memory, all zero but for what is put on it.
type image []byte

func newImage(sectors int) image { return make(image, sectors*disc.SectorSize) }

func (m image) at(lba int) []byte { return m[lba*disc.SectorSize : (lba+1)*disc.SectorSize] }

// isoVD lays down an ECMA-119 volume descriptor.
func (m image) isoVD(lba int, kind byte, label string, blocks uint32) []byte {
	p := m.at(lba)
	p[0], p[6] = kind, 1
	copy(p[1:], "CD001")
	copy(p[40:72], label+strings.Repeat(" ", 32))
	binary.LittleEndian.PutUint32(p[80:], blocks)
	binary.BigEndian.PutUint32(p[84:], blocks)
	binary.LittleEndian.PutUint16(p[128:], 2048)
	binary.BigEndian.PutUint16(p[130:], 2048)
	return p
}

func (m image) vrs(lba int, id string) { copy(m.at(lba)[1:], id) }

// seal gives a descriptor its tag: identifier, CRC over 496 bytes, place, checksum.
func seal(p []byte, id uint16, lba int) {
	binary.LittleEndian.PutUint16(p, id)
	binary.LittleEndian.PutUint16(p[2:], 2)
	binary.LittleEndian.PutUint16(p[10:], 496)
	binary.LittleEndian.PutUint16(p[8:], crc16(p[16:16+496]))
	binary.LittleEndian.PutUint32(p[12:], uint32(lba))
	p[4] = 0
	var sum byte
	for _, b := range p[:16] {
		sum += b
	}
	p[4] = sum
}

// udfImage is the least UDF that says what Read wants to know: a main
// sequence at 32 and a reserve at 48.
func udfImage(label string, start, length uint32) image {
	m := newImage(600)
	m.vrs(16, "BEA01")
	m.vrs(17, "NSR02")
	m.vrs(18, "TEA01")
	for _, at := range []int{32, 48} {
		lvd := m.at(at)
		lvd[84] = 8
		copy(lvd[85:], label)
		lvd[84+127] = byte(len(label) + 1)
		seal(lvd, tagLogicalVolume, at)
		pd := m.at(at + 1)
		binary.LittleEndian.PutUint32(pd[188:], start)
		binary.LittleEndian.PutUint32(pd[192:], length)
		seal(pd, tagPartition, at+1)
		seal(m.at(at+2), tagTerminating, at+2)
	}
	m.anchor(256)
	return m
}

func (m image) anchor(lba int) {
	p := m.at(lba)
	binary.LittleEndian.PutUint32(p[16:], 16*disc.SectorSize)
	binary.LittleEndian.PutUint32(p[20:], 32)
	binary.LittleEndian.PutUint32(p[24:], 16*disc.SectorSize)
	binary.LittleEndian.PutUint32(p[28:], 48)
	seal(p, tagAnchor, lba)
}

func read(t *testing.T, m image) Volumes {
	t.Helper()
	v, err := Read(bytes.NewReader(m), int64(len(m)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNothingKnown(t *testing.T) {
	for _, sectors := range []int{0, 1, 17, 300} {
		v := read(t, newImage(sectors))
		if v.Label != "" || len(v.Volumes) != 0 || len(v.Descriptors) != 0 {
			t.Errorf("%d zero sectors give %+v", sectors, v)
		}
	}
}

func TestByteOrdersThatDisagreeAreNoted(t *testing.T) {
	m := newImage(40)
	p := m.isoVD(16, isoPrimary, "X", 30)
	binary.BigEndian.PutUint32(p[84:], 31)
	m.isoVD(17, isoTerminator, "", 0)
	v := read(t, m)
	if len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "30 in one byte order and 31") || v.Volumes[0].Bytes != 30*2048 {
		t.Errorf("%+v", v)
	}
	binary.LittleEndian.PutUint16(p[128:], 77)
	if v := read(t, m); v.Volumes[0].Bytes != 0 {
		t.Errorf("a block size of 77 gives %+v", v)
	}
}

func TestElToritoIsSeen(t *testing.T) {
	m := newImage(40)
	m.isoVD(16, isoPrimary, "X", 30)
	p := m.at(17)
	copy(p[1:], "CD001")
	copy(p[7:], "EL TORITO SPECIFICATION")
	if v := read(t, m); !v.Bootable || len(v.Descriptors) != 2 {
		t.Errorf("%+v", v)
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"PLAIN   ", "PLAIN"},
		{"\x00\x00", ""},
		{"a\x1b[31mb\nc", `a\u{001b}[31mb\u{000a}c`},
		{"caf\xe9", `caf\xe9`},
		{"x\u202egnp", `x\u{202e}gnp`},
		{"日本", "日本"},
		{strings.Repeat("é", 200), strings.Repeat("é", maxLabel) + "…"},
	} {
		if got := cleanLabel(c.raw); got != c.want {
			t.Errorf("cleanLabel(%q) = %q, want %q", c.raw, got, c.want)
		}
	}
	for _, c := range []struct{ udf, joliet, iso, want string }{
		{"U", "J", "I", "U"},
		{"", "My Disc", "MY_DISC", "My Disc"},
		{"", "My Long Volume L", "MY_LONG_VOLUME_LABEL", "MY_LONG_VOLUME_LABEL"},
		{"", "", "I", "I"},
		{"", "", "", ""},
	} {
		vols := []Volume{{System: ISO9660, Label: c.iso}, {System: Joliet, Label: c.joliet}, {System: UDF, Label: c.udf}}
		if got := bestLabel(vols); got != c.want {
			t.Errorf("%+v gives %q", c, got)
		}
	}
}

func TestUDFClaimAndDamage(t *testing.T) {
	m := udfImage("LABEL", 257, 300)
	v := read(t, m)
	if v.Label != "LABEL" || len(v.Volumes) != 1 || v.Volumes[0].Bytes != 557*2048 || len(v.Notes) != 0 {
		t.Fatalf("%+v", v)
	}
	for name, c := range map[string]struct {
		flip int // byte of the image that is changed
		note string
	}{
		"checksum": {32*2048 + 7, "wrong tag checksum"},
		"CRC":      {32*2048 + 90, "wrong CRC"},
	} {
		m := udfImage("LABEL", 257, 300)
		m[c.flip] ^= 0x40
		v := read(t, m)
		if len(v.Notes) != 1 || !strings.Contains(v.Notes[0], c.note) || !strings.Contains(v.Notes[0], "sector 32") {
			t.Errorf("%s: notes %q", name, v.Notes)
		}
		if v.Label == "LABEL" {
			t.Errorf("%s: the damaged descriptor is believed", name)
		}
	}
	// A descriptor of elsewhere proves itself by everything but its place.
	m = udfImage("LABEL", 257, 300)
	copy(m.at(32), m.at(48))
	if v := read(t, m); len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "says that it stands at sector 48") {
		t.Errorf("moved descriptor: %q", v.Notes)
	}
	// With the main sequence gone the reserve one is taken.
	m = udfImage("LABEL", 257, 300)
	clear(m.at(32))
	clear(m.at(33))
	if v := read(t, m); v.Label != "LABEL" || v.Volumes[0].LBA != 48 {
		t.Errorf("reserve sequence: %+v", v)
	}
	// With the first anchor gone the last sector's is taken, and the one before.
	for _, lba := range []int{599, 599 - 256} {
		m = udfImage("LABEL", 257, 300)
		clear(m.at(256))
		m.anchor(lba)
		if v := read(t, m); v.Label != "LABEL" {
			t.Errorf("anchor at %d: %+v", lba, v)
		}
	}
	m = udfImage("LABEL", 257, 300)
	clear(m.at(256))
	if v := read(t, m); len(v.Volumes) != 0 || len(v.Notes) != 1 {
		t.Errorf("no anchor: %+v", v)
	}
}

func TestHigherSequenceNumberPrevails(t *testing.T) {
	m := udfImage("OLD", 257, 300)
	lvd := m.at(34)
	clear(lvd)
	binary.LittleEndian.PutUint32(lvd[16:], 5)
	lvd[84] = 8
	copy(lvd[85:], "NEW")
	lvd[84+127] = 4
	seal(lvd, tagLogicalVolume, 34)
	if v := read(t, m); v.Label != "NEW" {
		t.Errorf("label %q", v.Label)
	}
}

// A sequence that points at itself ends.
func TestPointerLoopEnds(t *testing.T) {
	m := udfImage("L", 257, 300)
	p := m.at(34)
	clear(p)
	binary.LittleEndian.PutUint32(p[20:], 16*2048)
	binary.LittleEndian.PutUint32(p[24:], 32)
	seal(p, tagPointer, 34)
	n := 0
	v, err := Read(flaky{m, nil, &n}, int64(len(m)))
	if err != nil || v.Label != "L" || len(v.Descriptors) > 10 || n > 100 {
		t.Errorf("%d reads, %v: label %q, %d descriptors", n, err, v.Label, len(v.Descriptors))
	}
}

func TestEndlessDescriptorSetIsBounded(t *testing.T) {
	m := newImage(2000)
	for lba := 16; lba < 2000; lba++ {
		m.isoVD(lba, isoPrimary, "X", 30)
	}
	if v := read(t, m); len(v.Descriptors) != maxRecognition || len(v.Notes) != 1 {
		t.Errorf("%d descriptors, notes %q", len(v.Descriptors), v.Notes)
	}
}

// flaky fails for some sectors, as a drive does.
type flaky struct {
	image
	bad   map[int64]bool
	reads *int
}

var errBad = errors.New("medium error")

func (f flaky) ReadAt(p []byte, off int64) (int, error) {
	*f.reads++
	if f.bad[off/disc.SectorSize] {
		return 0, errBad
	}
	if off+int64(len(p)) > int64(len(f.image)) {
		return 0, io.EOF
	}
	return copy(p, f.image[off:]), nil
}

func TestBadSectorsLeaveTheRest(t *testing.T) {
	m := newImage(300)
	m.isoVD(16, isoPrimary, "STILL_HERE", 30)
	m.isoVD(17, isoTerminator, "", 0)
	n := 0
	v, err := Read(flaky{m, map[int64]bool{17: true}, &n}, int64(len(m)))
	if !errors.Is(err, errBad) || !strings.Contains(err.Error(), "sector 17") || v.Label != "STILL_HERE" {
		t.Errorf("%+v, %v", v, err)
	}
	m = udfImage("U", 257, 300)
	v, err = Read(flaky{m, map[int64]bool{16: true, 32: true}, &n}, -1)
	if !errors.Is(err, errBad) || len(v.Volumes) != 1 || v.Volumes[0].Bytes != 557*2048 {
		t.Errorf("%+v, %v", v, err)
	}
	// Where all the rest is bad, it gives up soon.
	bad := map[int64]bool{}
	for i := int64(32); i < 600; i++ {
		bad[i] = i != anchorLBA
	}
	n = 0
	if _, err := Read(flaky{m, bad, &n}, int64(len(m))); err == nil || n > 5+maxReadErrors {
		t.Errorf("%d reads, %v", n, err)
	}
}

// A disc without UDF costs a drive no reads beyond the descriptor set.
func TestReadsNoMoreThanItNeeds(t *testing.T) {
	m := newImage(4000)
	m.isoVD(16, isoPrimary, "X", 30)
	m.isoVD(17, isoTerminator, "", 0)
	n := 0
	if _, err := Read(flaky{m, nil, &n}, int64(len(m))); err != nil || n != 3 {
		t.Errorf("%d reads, %v", n, err)
	}
}

func TestCRC16(t *testing.T) {
	// The worked example of ECMA-167 7.2.6.
	if got := crc16([]byte{0x70, 0x6a, 0x77}); got != 0x3299 {
		t.Errorf("%04x, want 3299", got)
	}
}
