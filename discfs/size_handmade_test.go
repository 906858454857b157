package discfs_test

import (
	"encoding/binary"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// blank is an image of zeroes.
func blank(sectors int) []byte { return make([]byte, sectors*disc.SectorSize) }

// isoSet puts a primary descriptor and a terminator where ECMA-119 wants them.
func isoSet(p []byte, blocks uint32, block uint16) {
	d := p[16*2048:]
	copy(d, "\x01CD001\x01")
	binary.LittleEndian.PutUint32(d[80:], blocks)
	binary.BigEndian.PutUint32(d[84:], blocks)
	binary.LittleEndian.PutUint16(d[128:], block)
	binary.BigEndian.PutUint16(d[130:], block)
	copy(p[17*2048:], "\xffCD001\x01")
}

// sierraSet does it for High Sierra, where eight bytes stand before.
func sierraSet(p []byte, blocks uint32, block uint16) {
	d := p[16*2048:]
	copy(d[8:], "\x01CDROM\x01")
	binary.LittleEndian.PutUint32(d[88:], blocks)
	binary.BigEndian.PutUint32(d[92:], blocks)
	binary.LittleEndian.PutUint16(d[136:], block)
	binary.BigEndian.PutUint16(d[138:], block)
	copy(p[17*2048+8:], "\xffCDROM\x01")
}

// hfsAt puts a master directory block into the volume that begins at a byte.
func hfsAt(p []byte, at int, blocks uint16, size uint32) {
	d := p[at+1024:]
	copy(d, "BD")
	binary.BigEndian.PutUint16(d[18:], blocks)
	binary.BigEndian.PutUint32(d[20:], size)
}

// plusAt puts a volume header there.
func plusAt(p []byte, at int, signature string, blocks, size uint32) {
	d := p[at+1024:]
	copy(d, signature)
	binary.BigEndian.PutUint32(d[40:], size)
	binary.BigEndian.PutUint32(d[44:], blocks)
}

// entry is one of a partition map.
type entry struct {
	kind         string
	start, count uint32
}

// mapAt puts block zero, which says that blocks have size bytes, and a map in
// blocks of block bytes.
func mapAt(p []byte, block int, size uint16, count uint32, entries ...entry) {
	copy(p, "ER")
	binary.BigEndian.PutUint16(p[2:], size)
	binary.BigEndian.PutUint32(p[4:], count)
	for i, e := range entries {
		d := p[block*(i+1):]
		copy(d, "PM")
		binary.BigEndian.PutUint32(d[4:], uint32(len(entries)))
		binary.BigEndian.PutUint32(d[8:], e.start)
		binary.BigEndian.PutUint32(d[12:], e.count)
		copy(d[48:80], e.kind)
	}
}

// The size rule on structures made by hand, whose claims are known to the byte.
func TestSizeOfHandmadeImages(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(p []byte)
		first   int64
		systems []string
		claims  map[string]int64
	}{
		{"ISO 9660", func(p []byte) { isoSet(p, 150, 2048) }, 0, []string{"ISO 9660"}, map[string]int64{"F102": 307200}},
		{"ISO 9660 in small blocks", func(p []byte) { isoSet(p, 301, 512) }, 0, []string{"ISO 9660"}, map[string]int64{"F102": 154112}},
		{"High Sierra", func(p []byte) { sierraSet(p, 150, 2048) }, 0, []string{"High Sierra"}, map[string]int64{"F103": 307200}},
		{"later session", func(p []byte) { isoSet(p, 11_702+200, 2048) }, 11_702, []string{"ISO 9660"}, map[string]int64{"F102": 409600}},
		{"later session of High Sierra", func(p []byte) { sierraSet(p, 11_702+200, 2048) }, 11_702, []string{"High Sierra"}, map[string]int64{"F103": 409600}},
		{"HFS", func(p []byte) { hfsAt(p, 0, 500, 1024) }, 0, []string{"HFS"}, map[string]int64{"F105": 512000}},
		{"HFS+", func(p []byte) { plusAt(p, 0, "H+", 100, 4096) }, 0, []string{"HFS+"}, map[string]int64{"F106": 409600}},
		{"HFSX", func(p []byte) { plusAt(p, 0, "HX", 801, 512) }, 0, []string{"HFS+"}, map[string]int64{"F106": 410112}},
		{"HFS+ wrapped in HFS", func(p []byte) {
			hfsAt(p, 0, 100, 4096)
			d := p[1024:]
			binary.BigEndian.PutUint16(d[28:], 8) // the first allocation block, in blocks of 512 bytes
			copy(d[124:], "H+")
			binary.BigEndian.PutUint16(d[126:], 3) // the wrapped one begins in the fourth allocation block
			plusAt(p, 8*512+3*4096, "H+", 90, 4096)
		}, 0, []string{"HFS", "HFS+"}, map[string]int64{"F105": 409600, "F106": 8*512 + 3*4096 + 368640}},
		{"map", func(p []byte) {
			mapAt(p, 512, 512, 1000, entry{"Apple_partition_map", 1, 63}, entry{"Apple_HFS", 64, 900})
			hfsAt(p, 64*512, 400, 1024)
		}, 0, []string{"HFS"}, map[string]int64{"F105": 64*512 + 409600, "F107": 512000}},
		{"map whose last partition is larger than block zero says", func(p []byte) {
			mapAt(p, 512, 512, 1000, entry{"Apple_partition_map", 1, 63}, entry{"Apple_HFSX", 64, 1000})
			plusAt(p, 64*512, "HX", 100, 4096)
		}, 0, []string{"HFS+"}, map[string]int64{"F106": 64*512 + 409600, "F107": 1064 * 512}},
		{"map in blocks of a sector", func(p []byte) {
			mapAt(p, 2048, 2048, 200, entry{"Apple_partition_map", 1, 63}, entry{"Apple_HFS", 64, 100})
			hfsAt(p, 64*2048, 50, 2048)
		}, 0, []string{"HFS"}, map[string]int64{"F105": 114 * 2048, "F107": 409600}},
		{"block zero with the wrong block size", func(p []byte) {
			mapAt(p, 512, 2048, 1000, entry{"Apple_partition_map", 1, 63}, entry{"Apple_HFS", 64, 900})
			hfsAt(p, 64*512, 400, 1024)
		}, 0, []string{"HFS"}, map[string]int64{"F105": 64*512 + 409600, "F107": 2_048_000}},
		{"hybrid", func(p []byte) {
			isoSet(p, 150, 2048)
			mapAt(p, 512, 512, 1000, entry{"Apple_partition_map", 1, 2}, entry{"Apple_HFS", 160, 800})
			hfsAt(p, 160*512, 800, 512)
		}, 0, []string{"ISO 9660", "HFS"}, map[string]int64{"F102": 307200, "F105": 960 * 512, "F107": 512000}},
		{"map that names a volume which is not there", func(p []byte) {
			mapAt(p, 512, 512, 1000, entry{"Apple_partition_map", 1, 63}, entry{"Apple_HFS", 64, 900})
		}, 0, []string{"HFS"}, map[string]int64{"F107": 512000}},
	} {
		p := blank(100)
		c.make(p)
		sized{c.name, p, c.first, c.systems, c.claims}.hold(t)
	}
}

// Without its offset a later session is too small by what lies before it; and a
// session that is added to a whole image counts as it stands.
func TestSizeOfSessions(t *testing.T) {
	p := blank(200)
	isoSet(p, 11_902, 2048)
	m := discfs.Open(stretched{p, 200 * 2048}, 200*2048, nil)
	if bytes, _ := m.Expected(); bytes != 11_902*2048 || outcome(m, "F102") != disc.Failure || outcome(m, "F101") != disc.Failure {
		t.Errorf("a session without its offset: %d bytes expected, F102 %s", bytes, outcome(m, "F102"))
	}
	whole := blank(500)
	isoSet(whole, 150, 2048)
	isoSet(whole[300*2048:], 501, 2048)
	for size, want := range map[int64]disc.Outcome{501 * 2048: disc.Pass, 500 * 2048: disc.Failure, 502 * 2048: disc.Pass} {
		m = discfs.Open(stretched{whole, size}, size, nil)
		if got := outcome(m, "F102"); got != disc.Pass {
			t.Errorf("the first session alone: %s", got)
		}
		m.AddSession(300, 2)
		if bytes, _ := m.Expected(); bytes != 501*2048 || outcome(m, "F102") != want || outcome(m, "F101") != want {
			t.Errorf("two sessions in %d bytes: %d expected, F102 %s, F101 %s, want %s", size, bytes, outcome(m, "F102"), outcome(m, "F101"), want)
		}
	}
}

// Descriptors make a file system, though none says how large it is; without
// any, nothing is expected.
func TestSizeOfNothing(t *testing.T) {
	p := blank(100)
	copy(p[16*2048:], "\x00CD001\x01")
	copy(p[17*2048:], "\xffCD001\x01")
	m := discfs.Open(stretched{p, 204800}, 204800, nil)
	if bytes, known := m.Expected(); bytes != 0 || !known || len(m.Systems) != 1 || m.Systems[0] != "ISO 9660" || outcome(m, "F202") != disc.Failure {
		t.Errorf("no primary descriptor: %d bytes, %t, %q, F202 %s", bytes, known, m.Systems, outcome(m, "F202"))
	}
	if outcome(m, "F101") != disc.NotRun || outcome(m, "F102") == disc.Failure {
		t.Errorf("no primary descriptor: F101 %s, F102 %s", outcome(m, "F101"), outcome(m, "F102"))
	}
	for _, size := range []int64{0, 1, 2048, 204800} {
		m := discfs.Open(stretched{nil, size}, size, nil)
		if bytes, known := m.Expected(); bytes != 0 || known || len(m.Systems) != 0 || outcome(m, "F101") != disc.NotApplicable {
			t.Errorf("%d zeroes: %d bytes, %t, %q, F101 %s", size, bytes, known, m.Systems, outcome(m, "F101"))
		}
	}
}
