package apple

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// image is made by hand from the standards.
type image []byte

func (m image) put16(at int, n uint16) { binary.BigEndian.PutUint16(m[at:], n) }
func (m image) put32(at int, n uint32) { binary.BigEndian.PutUint32(m[at:], n) }

// mapped is a map of two entries in blocks of 512 bytes, and an HFS volume of 200
// allocation blocks of 512 bytes at block 64.
func mapped() image {
	m := make(image, 300*512)
	copy(m, "ER")
	m.put16(2, 512)
	m.put32(4, 300)
	for i, kind := range []string{"Apple_partition_map", "Apple_HFS"} {
		at := 512 * (i + 1)
		copy(m[at:], "PM")
		m.put32(at+4, 2)
		m.put32(at+8, []uint32{1, 64}[i])
		m.put32(at+12, []uint32{2, 206}[i])
		copy(m[at+48:], kind)
	}
	m.hfs(64*512, 200)
	return m
}

func (m image) hfs(at int, blocks uint16) {
	d := at + 1024
	copy(m[d:], "BD")
	m.put32(d+2, 3_000_000_000)
	m.put16(d+18, blocks)
	m.put32(d+20, 512)
	m.put16(d+28, 4)
	m[d+36] = 4
	copy(m[d+37:], "Caf\x8e")
	copy(m[at+4*512+int(blocks)*512:], "BD")
}

func (m image) plus(at int, blocks, size uint32) {
	d := at + 1024
	copy(m[d:], "H+")
	m.put32(d+40, size)
	m.put32(d+44, blocks)
	if end := at + int(blocks)*int(size); end > 0 && end <= len(m) {
		copy(m[end-1024:], "H+")
	}
}

func outcomes(f tree.Found) map[string]disc.Outcome {
	out := map[string]disc.Outcome{}
	for _, c := range f.Checks {
		out[c.Code] = c.Outcome
	}
	return out
}

const (
	no   = disc.NotApplicable
	pass = disc.Pass
	warn = disc.Warning
	fail = disc.Failure
	not  = disc.NotRun
)

// Each check, in the order F601 to F604, on a sound image and on broken ones.
func TestChecks(t *testing.T) {
	bare := func(change func(m image)) func() image {
		return func() image { m := make(image, 300*512); change(m); return m }
	}
	broken := func(change func(m image)) func() image {
		return func() image { m := mapped(); change(m); return m }
	}
	for _, c := range []struct {
		name    string
		make    func() image
		systems string
		want    [4]disc.Outcome
	}{
		{"nothing", bare(func(image) {}), "", [4]disc.Outcome{no, no, no, no}},
		{"sound", mapped, "HFS", [4]disc.Outcome{pass, pass, pass, pass}},
		{"second entry is none", broken(func(m image) { m[1024] = 'X' }), "", [4]disc.Outcome{fail, pass, no, no}},
		{"more entries than the image has", broken(func(m image) { m.put32(512+4, 200) }), "HFS", [4]disc.Outcome{fail, pass, pass, pass}},
		{"too many entries", broken(func(m image) { m.put32(512+4, 1<<31) }), "", [4]disc.Outcome{fail, pass, no, no}},
		{"no entries", broken(func(m image) { m.put32(512+4, 0) }), "", [4]disc.Outcome{fail, pass, no, no}},
		{"no map", broken(func(m image) { clear(m[512:1536]) }), "", [4]disc.Outcome{warn, no, no, no}},
		{"no block zero", broken(func(m image) { clear(m[:512]) }), "HFS", [4]disc.Outcome{pass, warn, pass, pass}},
		{"wrong block size", broken(func(m image) { m.put16(2, 2048) }), "HFS", [4]disc.Outcome{pass, warn, pass, pass}},
		{"no volume where the map says", broken(func(m image) { m[64*512+1024] = 0 }), "HFS", [4]disc.Outcome{pass, pass, warn, no}},
		{"no second header", broken(func(m image) { clear(m[268*512:]) }), "HFS", [4]disc.Outcome{pass, pass, pass, warn}},
		{"second header behind the end", func() image { return mapped()[:268*512] }, "HFS", [4]disc.Outcome{warn, pass, pass, warn}},
		{"partition outside", broken(func(m image) { m.put32(1024+12, 237) }), "HFS", [4]disc.Outcome{warn, pass, pass, pass}},
		{"partition up to the end", broken(func(m image) { m.put32(1024+12, 236) }), "HFS", [4]disc.Outcome{pass, pass, pass, pass}},
		{"second header where genisoimage has it", broken(func(m image) { clear(m[268*512:]); copy(m[264*512:], "BD") }), "HFS", [4]disc.Outcome{pass, pass, pass, pass}},
		{"allocation blocks of no size", broken(func(m image) { m.put32(64*512+1024+20, 0) }), "HFS", [4]disc.Outcome{pass, pass, fail, no}},
		{"allocation blocks of an odd size", broken(func(m image) { m.put32(64*512+1024+20, 700) }), "HFS", [4]disc.Outcome{pass, pass, fail, no}},
		{"bare HFS", bare(func(m image) { m.hfs(0, 200) }), "HFS", [4]disc.Outcome{no, no, pass, pass}},
		{"letters that look like HFS", bare(func(m image) { copy(m[1024:], "BD is text") }), "", [4]disc.Outcome{no, no, no, no}},
		{"letters that look like HFS+", bare(func(m image) { copy(m[1024:], "H+ is text, and goes on for more than forty-eight bytes") }), "", [4]disc.Outcome{no, no, no, no}},
		{"bare HFS+", bare(func(m image) { m.plus(0, 60, 2048) }), "HFS+", [4]disc.Outcome{no, no, pass, pass}},
		{"HFS+ without its second header", bare(func(m image) { m.plus(0, 60, 2048); clear(m[100*512:]) }), "HFS+", [4]disc.Outcome{no, no, pass, warn}},
		{"wrapped HFS+", bare(func(m image) {
			m.hfs(0, 200)
			copy(m[1024+124:], "H+")
			m.put16(1024+126, 10)
			m.plus(14*512, 20, 2048)
		}), "HFS HFS+", [4]disc.Outcome{no, no, pass, pass}},
		{"wrapped and not there", bare(func(m image) {
			m.hfs(0, 200)
			copy(m[1024+124:], "H+")
			m.put16(1024+126, 10)
		}), "HFS", [4]disc.Outcome{no, no, warn, pass}},
		{"wraps itself", bare(func(m image) {
			m.hfs(0, 200)
			m.put16(1024+28, 0)
			copy(m[1024+124:], "H+")
			copy(m[200*512:], "BD")
		}), "HFS", [4]disc.Outcome{no, no, pass, pass}},
	} {
		m := c.make()
		f := Read(tree.NewSource(bytes.NewReader(m), int64(len(m))))
		got := outcomes(f)
		for i, code := range []string{"F601", "F602", "F603", "F604"} {
			if got[code] != c.want[i] {
				t.Errorf("%s: %s is %s, want %s", c.name, code, got[code], c.want[i])
			}
		}
		if s := strings.Join(f.Systems, " "); s != c.systems {
			t.Errorf("%s: systems %q, want %q", c.name, s, c.systems)
		}
	}
}

// The label is in Mac OS Roman, the date counts from 1904.
func TestVolume(t *testing.T) {
	m := mapped()
	f := Read(tree.NewSource(bytes.NewReader(m), int64(len(m))))
	if len(f.Volumes) != 1 || f.Volumes[0].Label != "Café" || f.Volumes[0].Root != nil || f.Volumes[0].Err == nil {
		t.Fatalf("%+v", f.Volumes)
	}
	if d := f.Volumes[0].Dates; d[0].Time.Format("2006-01-02 15:04:05") != "1999-01-24 05:20:00" || d[1].Time != nil {
		t.Errorf("dates %+v", d)
	}
}

// A claim that no int64 holds stays the largest, wherever the volume stands.
func TestClaimDoesNotWrap(t *testing.T) {
	m := make(image, 300*512)
	m.plus(0, math.MaxUint32, 1<<31)
	m.put32(1024+40, math.MaxUint32)
	copy(m, "ER")
	copy(m[512:], "PM")
	m.put32(512+4, 1)
	copy(m[512+48:], "Apple_HFSX")
	f := Read(tree.NewSource(bytes.NewReader(m), int64(len(m))))
	i := slices.IndexFunc(f.Claims, func(c tree.Claim) bool { return c.System == HFSPlus })
	if i < 0 || f.Claims[i].Bytes != math.MaxInt64 {
		t.Errorf("claims %+v", f.Claims)
	}
}

// What was not read yet is asked for, and is no fault of the disc's.
func TestAbsent(t *testing.T) {
	m := mapped()
	for sector := int64(0); sector < 75; sector++ {
		src := tree.NewSource(bytes.NewReader(m), int64(len(m))).Gate(func(off, n int64) bool {
			return off+n <= sector*2048 || off >= (sector+1)*2048
		})
		for code, o := range outcomes(Read(src)) {
			if o == warn || o == fail {
				t.Errorf("without sector %d, %s is %s", sector, code, o)
			}
		}
		if needed := sector == 0 || sector == 16 || sector == 67; needed != (len(src.Wanted()) > 0) {
			t.Errorf("without sector %d, wanted are %v", sector, src.Wanted())
		}
	}
}

// FuzzRead fills the blocks in which something stands, and the rest is zeroes.
func FuzzRead(f *testing.F) {
	blocks := []int{0, 1, 2, 3, 4, 66, 200, 268, 298}
	seed := func(m image) {
		var p []byte
		for _, b := range blocks {
			p = append(p, m[b*512:][:128]...)
		}
		f.Add(p)
	}
	seed(mapped())
	m := make(image, 300*512)
	m.hfs(0, 200)
	copy(m[1024+124:], "H+")
	seed(m)
	m = make(image, 300*512)
	m.plus(0, 60, 2048)
	seed(m)
	m = make(image, 300*512)
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, b := range blocks {
			clear(m[b*512:][:128])
			p = p[copy(m[b*512:][:128], p):]
		}
		found := Read(tree.NewSource(bytes.NewReader(m), int64(len(m))))
		if len(found.Volumes) > maxEntries || len(found.Structures) > 4*maxEntries || len(found.Claims) > 4*maxEntries {
			t.Errorf("%d volumes, %d structures, %d claims", len(found.Volumes), len(found.Structures), len(found.Claims))
		}
		for _, c := range found.Claims {
			if c.Bytes <= 0 {
				t.Errorf("claim %+v", c)
			}
		}
		for _, v := range found.Volumes {
			if !slices.Contains(found.Systems, v.System) {
				t.Errorf("%s is not listed in %q", v.System, found.Systems)
			}
		}
		if len(found.Checks) != len(Codes) {
			t.Errorf("%d checks", len(found.Checks))
		}
	})
}
