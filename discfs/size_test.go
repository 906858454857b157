package discfs_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// stretched is an image of as many bytes as one likes: cut, or with zeroes behind
// it.
type stretched struct {
	image []byte
	size  int64
}

func (s stretched) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	clear(p[:n])
	if off < int64(len(s.image)) {
		copy(p[:n], s.image[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sized is an image and what its structures claim: bytes by the check's code.
type sized struct {
	name    string
	image   []byte
	first   int64 // sector of the disc at which it begins
	systems []string
	claims  map[string]int64
}

// hold holds an image against every one of its claims: as large, smaller, larger.
func (s sized) hold(t *testing.T) {
	t.Helper()
	open := func(size int64) *discfs.Image {
		return discfs.OpenSession(stretched{s.image, size}, size, nil, s.first)
	}
	var most int64
	for _, claim := range s.claims {
		most = max(most, claim)
	}
	m := open(most)
	if !slices.Equal(m.Systems, s.systems) {
		t.Errorf("%s: systems %q, want %q", s.name, m.Systems, s.systems)
	}
	for _, c := range []string{"F102", "F103", "F104", "F105", "F106", "F107"} {
		if _, claimed := s.claims[c]; !claimed && outcome(m, c) != disc.NotApplicable {
			t.Errorf("%s: %s is %s, and nothing claims it", s.name, c, outcome(m, c))
		}
	}
	s.claims["F101"] = most
	defer delete(s.claims, "F101")
	for code, claim := range s.claims {
		for _, c := range []struct {
			more int64
			want disc.Outcome
		}{
			{0, disc.Pass}, {-1, disc.Failure}, {-disc.SectorSize, disc.Failure}, {1, disc.Pass},
			{disc.SectorSize, disc.Pass}, {150 * disc.SectorSize, disc.Pass},
		} {
			m := open(claim + c.more)
			if got := outcome(m, code); got != c.want {
				t.Errorf("%s: %s of an image of %d%+d bytes: %s, want %s", s.name, code, claim, c.more, got, c.want)
			}
			if bytes, known := m.Expected(); bytes != most || !known {
				t.Errorf("%s: %d bytes are expected, want %d", s.name, bytes, most)
			}
		}
	}
}

func outcome(m *discfs.Image, code string) disc.Outcome {
	i := slices.IndexFunc(m.Checks, func(c disc.Check) bool { return c.Code == code })
	if i < 0 {
		return "missing"
	}
	return m.Checks[i].Outcome
}

// Where real programs say how large their file systems are; offsets are those of the
// standards, in bytes of the image.
func isoClaim(p []byte) int64 {
	return int64(binary.LittleEndian.Uint32(p[16*2048+80:])) * int64(binary.LittleEndian.Uint16(p[16*2048+128:]))
}

// hfsClaim is drNmAlBlks times drAlBlkSiz.
func hfsClaim(p []byte) int64 {
	return int64(binary.BigEndian.Uint16(p[1024+18:])) * int64(binary.BigEndian.Uint32(p[1024+20:]))
}

// zeroClaim is sbBlkCount times sbBlkSize.
func zeroClaim(p []byte) int64 {
	return int64(binary.BigEndian.Uint32(p[4:])) * int64(binary.BigEndian.Uint16(p[2:]))
}

// udfClaim is the end of the partition that the first partition descriptor tells of.
func udfClaim(t *testing.T, p []byte) int64 {
	t.Helper()
	for lba := 17; (lba+1)*2048 <= len(p); lba++ {
		d := p[lba*2048:]
		if binary.LittleEndian.Uint16(d) == 5 && binary.LittleEndian.Uint32(d[12:]) == uint32(lba) {
			return (int64(binary.LittleEndian.Uint32(d[188:])) + int64(binary.LittleEndian.Uint32(d[192:]))) * 2048
		}
	}
	t.Fatal("there is no partition descriptor")
	return 0
}

// made by a real program, in a directory with the source in tree.
func madeBy(t *testing.T, size int64, name string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range source {
		name = filepath.Join(dir, "tree", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if size > 0 {
		if err := os.WriteFile(filepath.Join(dir, "out"), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program(t, dir, name, args...)
	p, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The size rule on what real programs write.
func TestSizeOfRealImages(t *testing.T) {
	const iso, udf, hfs, plus = "ISO 9660", "UDF", "HFS", "HFS+"
	geniso := func(args ...string) []byte {
		return madeBy(t, 0, "genisoimage", append(append([]string{"-quiet", "-no-pad"}, args...), "-o", "out", "tree")...)
	}
	xo := func(args ...string) []byte {
		return madeBy(t, 0, "xorriso", append(append([]string{"-as", "mkisofs", "-quiet", "-no-pad"}, args...), "-o", "out", "tree")...)
	}
	check := func(name string, p []byte, systems []string, claims map[string]int64) {
		t.Helper()
		sized{name, p, 0, systems, claims}.hold(t)
	}
	size := func(p []byte) int64 { return int64(len(p)) }

	p := xo("-R", "-J")
	check("xorriso", p, []string{iso}, map[string]int64{"F102": size(p)})
	p = geniso("-J")
	check("genisoimage", p, []string{iso}, map[string]int64{"F102": size(p)})
	p = geniso("-udf")
	check("bridge", p, []string{iso, udf}, map[string]int64{"F102": isoClaim(p), "F104": udfClaim(t, p)})
	if isoClaim(p) != size(p) {
		t.Errorf("the bridge has %d bytes and claims %d", size(p), isoClaim(p))
	}
	p = geniso("-hfs")
	check("hybrid", p, []string{iso, hfs}, map[string]int64{"F102": isoClaim(p), "F105": hfsClaim(p)})
	p = geniso("-udf", "-hfs")
	check("bridge and hybrid", p, []string{iso, udf, hfs}, map[string]int64{"F102": isoClaim(p), "F104": udfClaim(t, p), "F105": hfsClaim(p)})

	p = geniso("-hfs", "-part")
	at := 0
	for i := range 2 { // the HFS partition is an entry of the map, and counts blocks of 512 bytes
		if e := p[512*(i+1):]; bytes.HasPrefix(e[48:], []byte("Apple_HFS\x00")) {
			at = int(binary.BigEndian.Uint32(e[8:])) * 512
		}
	}
	most := zeroClaim(p)
	for i := range int(binary.BigEndian.Uint32(p[512+4:])) {
		e := p[512*(i+1):]
		most = max(most, 512*(int64(binary.BigEndian.Uint32(e[8:]))+int64(binary.BigEndian.Uint32(e[12:]))))
	}
	check("hybrid with a map", p, []string{iso, hfs}, map[string]int64{"F102": isoClaim(p), "F105": int64(at) + hfsClaim(p[at:]), "F107": most})

	// This program's block zero claims 2 TB where the image has a few hundred KB: what it
	// says counts as it stands.
	p = xo("-hfsplus")
	head := bytes.Index(p, []byte("H+\x00\x04"))
	plusClaim := int64(head-1024) + int64(binary.BigEndian.Uint32(p[head+40:]))*int64(binary.BigEndian.Uint32(p[head+44:]))
	check("HFS+ of xorriso", p, []string{iso, plus}, map[string]int64{"F102": isoClaim(p), "F106": plusClaim, "F107": zeroClaim(p)})

	p = madeBy(t, 2<<20, "hformat", "-l", "Floppy", "out")
	check("hformat", p, []string{hfs}, map[string]int64{"F105": hfsClaim(p)})
	if hfsClaim(p) != 4090*512 {
		t.Errorf("hformat has %d bytes in allocation blocks; 2 MiB less six blocks are %d", hfsClaim(p), 4090*512)
	}
	for _, rev := range []string{"1.02", "1.50", "2.00", "2.01"} {
		p = madeBy(t, 1200*2048, "mkudffs", "--utf8", "--blocksize=2048", "--media-type=hd", "--udfrev="+rev, "out")
		check("UDF "+rev, p, []string{udf}, map[string]int64{"F104": udfClaim(t, p)})
		if c := udfClaim(t, p); c >= size(p) || c < size(p)-300*2048 {
			t.Errorf("UDF %s of %d bytes claims %d", rev, size(p), c)
		}
	}
}
