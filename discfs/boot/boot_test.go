package boot

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// image is made by hand from the standards: El Torito with its catalogue at
// sector 20 and two boot images, an MBR with one partition, a GPT with its second
// copy in the last block.
type image []byte

const sectors = 64

func (m image) put16(at int, n uint16) { binary.LittleEndian.PutUint16(m[at:], n) }
func (m image) put32(at int, n uint32) { binary.LittleEndian.PutUint32(m[at:], n) }
func (m image) put64(at int, n uint64) { binary.LittleEndian.PutUint64(m[at:], n) }

func sound() image {
	m := make(image, sectors*sector)
	copy(m[16*sector:], "\x01CD001\x01")
	copy(m[17*sector:], "\x00CD001\x01EL TORITO SPECIFICATION")
	m.put32(17*sector+71, 20)
	copy(m[18*sector:], "\xffCD001\x01")
	at := 20 * sector
	copy(m[at:], []byte{1, 0, 0, 0, 'm', 'e'})
	m[at+30], m[at+31] = 0x55, 0xaa
	m.sum()
	m.boot(at+32, 4, 22)
	m[at+64], m[at+65], m[at+66] = 0x91, 0xef, 1
	m.boot(at+96, 8, 24)
	m.put16(510, 0xaa55)
	m[446], m[446+4] = 0x80, 0x17
	m.put32(446+8, 64)
	m.put32(446+12, 64)
	blocks := len(m) / 512
	m.table(1, blocks-1, 2)
	m.table(blocks-1, 1, blocks-3)
	return m
}

// sum makes the words of the validation entry add up to 0.
func (m image) sum() {
	at := 20 * sector
	m.put16(at+28, 0)
	var n uint16
	for i := 0; i < 32; i += 2 {
		n += binary.LittleEndian.Uint16(m[at+i:])
	}
	m.put16(at+28, -n)
}

func (m image) boot(at int, blocks uint16, lba uint32) {
	m[at] = 0x88
	m.put16(at+6, blocks)
	m.put32(at+8, lba)
}

// table puts a header at a block, with four entries at another.
func (m image) table(at, other, entries int) {
	h := at * 512
	copy(m[h:], "EFI PART\x00\x00\x01\x00")
	m.put32(h+12, 92)
	m.put64(h+24, uint64(at))
	m.put64(h+32, uint64(other))
	m.put64(h+72, uint64(entries))
	m.put32(h+80, 4)
	m.put32(h+84, 128)
	m[entries*512] = 1
	m.put32(h+88, crc32.ChecksumIEEE(m[entries*512:][:512]))
	m.seal(at)
}

func (m image) seal(at int) {
	h := at * 512
	m.put32(h+16, 0)
	m.put32(h+16, crc32.ChecksumIEEE(m[h:][:92]))
}

func outcomes(f tree.Found) map[string]disc.Outcome {
	out := map[string]disc.Outcome{}
	for _, c := range f.Checks {
		out[c.Code] = c.Outcome
	}
	return out
}

// Each check, in the order F401 to F404, on a sound image and on broken ones.
func TestChecks(t *testing.T) {
	const no, pass, warn, fail = disc.NotApplicable, disc.Pass, disc.Warning, disc.Failure
	const cat, last = 20 * sector, sectors*4 - 1
	for _, c := range []struct {
		name   string
		change func(m image) image
		want   [4]disc.Outcome
	}{
		{"sound", func(m image) image { return m }, [4]disc.Outcome{pass, pass, pass, pass}},
		{"nothing", func(m image) image { return m[:0] }, [4]disc.Outcome{no, no, no, no}},
		{"sum", func(m image) image { m[cat+5]++; return m }, [4]disc.Outcome{fail, pass, pass, pass}},
		{"key bytes", func(m image) image { m[cat+30] = 0; m.sum(); return m }, [4]disc.Outcome{fail, pass, pass, pass}},
		{"header", func(m image) image { m[cat] = 2; m.sum(); return m }, [4]disc.Outcome{fail, pass, pass, pass}},
		{"entry", func(m image) image { m[cat+32] = 7; return m }, [4]disc.Outcome{warn, pass, pass, pass}},
		{"catalogue outside", func(m image) image { m.put32(17*sector+71, sectors); return m }, [4]disc.Outcome{fail, no, pass, pass}},
		{"boot image outside", func(m image) image { m.put32(cat+32+8, sectors+1); return m }, [4]disc.Outcome{pass, fail, pass, pass}},
		{"end of a boot image outside", func(m image) image { m.put32(cat+96+8, sectors-1); return m }, [4]disc.Outcome{pass, fail, pass, pass}},
		{"boot image up to the end", func(m image) image { m.put32(cat+96+8, sectors-2); return m }, [4]disc.Outcome{pass, pass, pass, pass}},
		{"emulated floppy larger than the image", func(m image) image { m[cat+33] = 2; return m }, [4]disc.Outcome{pass, fail, pass, pass}},
		{"no El Torito", func(m image) image { m[17*sector] = 2; return m }, [4]disc.Outcome{no, no, pass, pass}},
		{"partition outside", func(m image) image { m.put32(446+12, 1000); return m }, [4]disc.Outcome{pass, pass, warn, pass}},
		{"protective partition", func(m image) image { m[446+4] = 0xee; m.put32(446+12, 1<<32-1); return m }, [4]disc.Outcome{pass, pass, pass, pass}},
		{"boot code alone", func(m image) image { m[446] = 0x33; return m }, [4]disc.Outcome{pass, pass, no, pass}},
		{"no MBR", func(m image) image { m[511] = 0; return m }, [4]disc.Outcome{pass, pass, no, pass}},
		{"checksum of the GPT", func(m image) image { m[512+56]++; return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"checksum of the entries", func(m image) image { m[1024+8]++; return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"place of the GPT", func(m image) image { m[512+24]++; m.seal(1); return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"length of the GPT", func(m image) image { m.put32(512+12, 1<<31); return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"too many entries", func(m image) image { m.put32(512+80, 1<<32-1); m.put32(512+84, 1<<32-1); m.seal(1); return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"entries outside", func(m image) image { m.put64(512+72, 1<<63); m.seal(1); return m }, [4]disc.Outcome{pass, pass, pass, fail}},
		{"no second copy", func(m image) image { clear(m[last*512:]); return m }, [4]disc.Outcome{pass, pass, pass, warn}},
		{"second copy outside", func(m image) image { m.put64(512+32, 1<<63); m.seal(1); return m }, [4]disc.Outcome{pass, pass, pass, warn}},
		{"second copy broken", func(m image) image { m[last*512+56]++; return m }, [4]disc.Outcome{pass, pass, pass, warn}},
		{"entries of the second copy broken", func(m image) image { m[(last-2)*512+8]++; return m }, [4]disc.Outcome{pass, pass, pass, warn}},
		{"cut", func(m image) image { return m[:len(m)-sector] }, [4]disc.Outcome{pass, pass, pass, warn}},
	} {
		m := c.change(sound())
		got := outcomes(Read(tree.NewSource(bytes.NewReader(m), int64(len(m)))))
		for i, code := range []string{"F401", "F402", "F403", "F404"} {
			if got[code] != c.want[i] {
				t.Errorf("%s: %s is %s, want %s", c.name, code, got[code], c.want[i])
			}
		}
	}
}

// long gives the catalogue a section of so many entries behind the default one,
// each with an extension, and one more section; all but the last entry begin at
// sector 22.
func (m image) long(entries int, last uint32) {
	at := 20*sector + 64
	m[at], m[at+1] = 0x90, 0xef
	m.put16(at+2, uint16(entries))
	for range entries {
		at += 32
		m.boot(at, 1, 22)
		at += 32
		m[at] = 0x44
	}
	at += 32
	m[at], m[at+1], m[at+2] = 0x91, 0xef, 1
	m.boot(at+32, 1, last)
}

// A catalogue goes on in the next sector where its sections do.
func TestLongCatalogue(t *testing.T) {
	read := func(m image, gone int64) (map[string]disc.Outcome, int, int64) {
		src := tree.NewSource(bytes.NewReader(m), int64(len(m))).Gate(func(off, n int64) bool {
			return off+n <= gone*sector || off >= (gone+1)*sector
		})
		f := Read(src)
		images, size := 0, int64(0)
		for _, s := range f.Structures {
			if strings.HasPrefix(s.What, "boot image") {
				images++
			}
			if s.What == "boot catalogue" {
				size = s.Length
			}
		}
		return outcomes(f), images, size
	}
	for name, c := range map[string]struct {
		entries, images int
		last            uint32
		gone, size      int64
		f401, f402      disc.Outcome
	}{
		"one sector":                 {10, 12, 22, -1, sector, disc.Pass, disc.Pass},
		"two sectors":                {40, 42, 22, -1, 2 * sector, disc.Pass, disc.Pass},
		"an image outside":           {40, 42, sectors, -1, 2 * sector, disc.Pass, disc.Failure},
		"the second sector not read": {40, 32, sectors, 21, sector, disc.NotRun, disc.Pass},
		"more than is looked at":     {80, 64, sectors, -1, 2 * sector, disc.Warning, disc.Pass},
	} {
		m := sound()
		m.long(c.entries, c.last)
		got, images, size := read(m, c.gone)
		if got["F401"] != c.f401 || got["F402"] != c.f402 || images != c.images || size != c.size {
			t.Errorf("%s: F401 %s, F402 %s, %d images in a catalogue of %d bytes", name, got["F401"], got["F402"], images, size)
		}
	}
	// One that is all extensions has no end of its own.
	m := sound()
	m.long(1, 22)
	for at := 20*sector + 128; at < 40*sector; at += 32 {
		m[at] = 0x44
	}
	if got, _, size := read(m, -1); got["F401"] != disc.Warning || size != maxCatalogue*sector {
		t.Errorf("without end: F401 %s, %d bytes", got["F401"], size)
	}
	// And one at the end of the image may run over it.
	m = sound()
	m.long(40, 22)
	m = m[:21*sector]
	if got, _, _ := read(m, -1); got["F401"] != disc.Failure {
		t.Errorf("over the end: F401 %s", got["F401"])
	}
}

// A partition that protects a GUID partition table is none.
func TestProtectivePartition(t *testing.T) {
	for want, kinds := range map[string][]byte{"1 partitions inside the image": {0x17, 0xee}, "it has no partitions but one that protects a GUID partition table": {0xee}} {
		m := sound()
		for i, kind := range kinds {
			m[446+16*i+4] = kind
			m.put32(446+16*i+12, 64)
		}
		for _, c := range Read(tree.NewSource(bytes.NewReader(m), int64(len(m)))).Checks {
			if c.Code == "F403" && (c.Message != want || c.Outcome != disc.Pass) {
				t.Errorf("%s: %s, want %s", c.Outcome, c.Message, want)
			}
		}
	}
}

// What was not read yet is asked for, and is no fault of the disc's.
func TestAbsent(t *testing.T) {
	m := sound()
	needed := map[int64]string{0: "F403", 16: "F401", 17: "F401", 18: "", 20: "F401", sectors - 1: "F404"}
	for absent := int64(0); absent < sectors; absent++ {
		src := tree.NewSource(bytes.NewReader(m), int64(len(m))).Gate(func(off, n int64) bool {
			return off+n <= absent*sector || off >= (absent+1)*sector
		})
		got := outcomes(Read(src))
		for code, o := range got {
			if o == disc.Warning || o == disc.Failure {
				t.Errorf("without sector %d, %s is %s", absent, code, o)
			}
		}
		if code := needed[absent]; code != "" && (got[code] != disc.NotRun || len(src.Wanted()) == 0) {
			t.Errorf("without sector %d, %s is %s, wanted are %v", absent, code, got[code], src.Wanted())
		}
	}
}

// FuzzRead fills the places in which something stands, and seals the GPT, so that
// what lies behind its checksum is tried too.
func FuzzRead(f *testing.F) {
	places := []struct{ at, n int }{{446, 66}, {512, 92}, {1024, 128}, {17 * sector, 80}, {20 * sector, 256}, {(sectors*4 - 1) * 512, 92}}
	m := sound()
	var seed []byte
	for _, p := range places {
		seed = append(seed, m[p.at:][:p.n]...)
	}
	f.Add(seed, true)
	f.Add(seed[:300], false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		for _, p := range places {
			clear(m[p.at:][:p.n])
			data = data[copy(m[p.at:][:p.n], data):]
		}
		if seal {
			m.put32(512+12, 92)
			m.seal(1)
			m.seal(sectors*4 - 1)
		}
		found := Read(tree.NewSource(bytes.NewReader(m), int64(len(m))))
		if len(found.Structures) > maxEntries+8 {
			t.Errorf("%d structures", len(found.Structures))
		}
		if len(found.Checks) != len(Codes) || len(found.Systems)+len(found.Claims) > 0 {
			t.Errorf("%d checks, systems %q, claims %v", len(found.Checks), found.Systems, found.Claims)
		}
	})
}
