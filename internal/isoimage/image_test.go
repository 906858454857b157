package isoimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func all(t *testing.T, r io.ReaderAt, off, n int64) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(r, off, n))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func make1(t *testing.T, o Options) *Image {
	t.Helper()
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// save writes the image into a file; what is zero stays a hole.
func save(t *testing.T, m *Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.iso")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.NewSectionReader(m, 0, m.Size())); err != nil {
		t.Fatal(err)
	}
	return path
}

func xorriso(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("xorriso", append([]string{"-abort_on", "WARNING", "-return_with", "WARNING", "32"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("xorriso %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var sample = []File{
	{Path: "Readme.txt", Size: 5, Content: strings.NewReader("hello")},
	{Path: "empty", Size: 0},
	{Path: "Sub Folder/deep/Notes (2).html", Size: 70_000},
	{Path: "Sub Folder/a.b.c", Size: 2048},
	{Path: "Sub Folder/Zwölf Boxkämpfer.dat", Size: 2049},
}

// TestForeignReader has xorriso list and extract what was put in: every file
// with its name and its bytes, from both trees.
func TestForeignReader(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     Options
		paths []string
	}{
		{"plain", Options{Label: "Sample_1", Files: sample, Seed: 3},
			[]string{"/README.TXT", "/EMPTY", "/SUB_FOLDER/DEEP/NOTES__2_.HTM", "/SUB_FOLDER/A_B.C", "/SUB_FOLDER/ZW_LF_BOXK_MPFER.DAT"}},
		{"joliet", Options{Label: "Sample_1", Files: sample, Seed: 3, Joliet: true},
			[]string{"/Readme.txt", "/empty", "/Sub Folder/deep/Notes (2).html", "/Sub Folder/a.b.c", "/Sub Folder/Zwölf Boxkämpfer.dat"}},
		{"bridge", Options{Label: "Sample_1", Files: sample, Seed: 3, UDF: true, Sectors: 1000},
			[]string{"/README.TXT", "/EMPTY", "/SUB_FOLDER/DEEP/NOTES__2_.HTM", "/SUB_FOLDER/A_B.C", "/SUB_FOLDER/ZW_LF_BOXK_MPFER.DAT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := make1(t, c.o)
			path := save(t, m)
			out := xorriso(t, "-indev", path, "-pvd_info")
			if !strings.Contains(out, "Volume Id    : SAMPLE_1") && !strings.Contains(out, "Volume Id    : Sample_1") {
				t.Errorf("label is not told:\n%s", out)
			}
			into := t.TempDir()
			xorriso(t, "-osirrox", "on", "-indev", path, "-extract", "/", into)
			for i, p := range c.paths {
				got, err := os.ReadFile(filepath.Join(into, p))
				if err != nil {
					t.Error(err)
					continue
				}
				f := m.Files()[i]
				if want := all(t, m, f.Sector*sectorSize, f.Size); !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes come out, not the %d of the image", p, len(got), len(want))
				}
			}
		})
	}
}

// TestVolumeFillsDisc holds the volume size in the descriptor, in both byte
// orders, against the image, and the last sector against zero: the file that
// fills a volume goes to its very end.
func TestVolumeFillsDisc(t *testing.T) {
	const sectors = 40 + 2*fillSectors
	m := make1(t, Options{Label: "FULL", Sectors: sectors, Seed: 9})
	pvd := all(t, m, 16*sectorSize, sectorSize)
	if le, b := binary.LittleEndian.Uint32(pvd[80:]), binary.BigEndian.Uint32(pvd[84:]); le != sectors || b != sectors || m.Sectors() != sectors {
		t.Errorf("volume has %d and %d sectors, image %d, want %d", le, b, m.Sectors(), sectors)
	}
	last := all(t, m, (sectors-1)*sectorSize, sectorSize)
	if got := binary.BigEndian.Uint64(last); got != sectors-1 {
		t.Errorf("the last sector bears the number %d, want %d", got, sectors-1)
	}
	if n, err := m.ReadAt(make([]byte, 10), m.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("read over the end: %d, %v", n, err)
	}
}

// TestOver4GiB has xorriso add the extents of a file up that needs two.
func TestOver4GiB(t *testing.T) {
	const size = 5<<30 + 77
	m := make1(t, Options{Label: "BIG", Files: []File{{Path: "big.bin", Size: size}}})
	// Only the headers are looked at; the rest is a hole.
	path := filepath.Join(t.TempDir(), "big.iso")
	if err := os.WriteFile(path, all(t, m, 0, 64*sectorSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, m.Size()); err != nil {
		t.Fatal(err)
	}
	out := xorriso(t, "-indev", path, "-lsl", "/")
	if !strings.Contains(out, "5368709197") {
		t.Errorf("size is not told as 5368709197:\n%s", out)
	}
}

func TestRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"label":     {Label: strings.Repeat("A", 33)},
		"collision": {Files: []File{{Path: "a.txt"}, {Path: "A.TXT"}}},
		"dots":      {Files: []File{{Path: "x/../y"}}},
		"depth":     {Files: []File{{Path: "1/2/3/4/5/6/7/8/9"}}},
		"folder":    {Files: []File{{Path: "a"}, {Path: "a/b"}}},
		"too small": {Files: []File{{Path: "a", Size: 100 * sectorSize}}, Sectors: 50},
		"too large": {Sectors: 1 << 31},
		"negative":  {Files: []File{{Path: "a", Size: -1}}},
	} {
		if m, err := New(o); err == nil {
			t.Errorf("%s: an image of %d sectors was made", name, m.Sectors())
		}
	}
}

// TestSameEverywhere fixes the bytes: images of one seed must not change from
// machine to machine or from release to release.
func TestSameEverywhere(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Label: "SAME", Sectors: 400, Seed: 1, Joliet: true, UDF: true}, "f0919ef40a21adac1a1be8a93c1bba3cf7545bc90d555eb7228f3615411d4eb9"},
		{Options{Label: "SAME", Sectors: 400, Seed: 2, Base: 11400}, "a0c35478e2de71073f66026a26d9a8db0752728f20c194718ef855afe77b596a"},
	} {
		m := make1(t, c.o)
		sum := sha256.Sum256(all(t, m, 0, m.Size()))
		if got := hex.EncodeToString(sum[:]); got != c.want {
			t.Errorf("image of seed %d has SHA-256 %s, want %s", c.o.Seed, got, c.want)
		}
	}
}

// TestTags checks every UDF descriptor's tag the way a reader does (ECMA-167,
// 3/7.2): checksum, CRC and location.
func TestTags(t *testing.T) {
	const base = 500
	m := make1(t, Options{Label: "TAGS", Sectors: 400, UDF: true, Base: base})
	want := map[int64]uint16{256: tagAnchor, 399: tagAnchor}
	for _, start := range []int64{udfMain, udfReserve} {
		for i, id := range []uint16{tagPrimary, tagPartition, tagLogical, tagUnallocated, tagTerminating} {
			want[start+int64(i)] = id
		}
	}
	for at, id := range want {
		b := all(t, m, at*sectorSize, sectorSize)
		sum := byte(0)
		for i, v := range b[:16] {
			if i != 4 {
				sum += v
			}
		}
		n := binary.LittleEndian.Uint16(b[10:])
		if got := binary.LittleEndian.Uint16(b); got != id || sum != b[4] ||
			crc16(b[16:16+n]) != binary.LittleEndian.Uint16(b[8:]) || binary.LittleEndian.Uint32(b[12:]) != uint32(base+at) {
			t.Errorf("sector %d: tag % x, want identifier %d", at, b[:16], id)
		}
	}
	if got := crc16([]byte("123456789")); got != 0x31C3 { // the published check value of CRC-16/XMODEM
		t.Errorf("CRC of the check string is %04x", got)
	}
}

func TestNoiseIsOneStream(t *testing.T) {
	n := NewNoise(7)
	whole := make([]byte, 8*sectorSize)
	if _, err := n.ReadAt(whole, 3*sectorSize); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ off, n int64 }{{0, 1}, {5, 2043}, {2047, 2}, {2040, 4100}, {1, 8*sectorSize - 1}} {
		p := make([]byte, c.n)
		if _, err := n.ReadAt(p, 3*sectorSize+c.off); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, whole[c.off:c.off+c.n]) {
			t.Errorf("%d bytes from %d differ from the whole", c.n, c.off)
		}
	}
	if bytes.Equal(whole[16:sectorSize], whole[sectorSize+16:2*sectorSize]) {
		t.Error("two sectors are alike but for their stamps")
	}
}

func BenchmarkNoise(b *testing.B) {
	n := NewNoise(1)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for i := range b.N {
		n.ReadAt(p, int64(i)*int64(len(p)))
	}
}

// FuzzNew lays images out for any name and size: what is accepted must be
// whole, and xorriso's rules of names are held by the other tests.
func FuzzNew(f *testing.F) {
	f.Add("a/b.txt", int64(3), "LABEL", int64(0), true)
	f.Add("Ärger/ü.", int64(2048), "", int64(600), false)
	f.Add("x", int64(5<<30), "L", int64(0), true)
	f.Fuzz(func(t *testing.T, path string, size int64, label string, sectors int64, extra bool) {
		if size > 1<<40 || sectors > 1<<32 {
			return
		}
		m, err := New(Options{Label: label, Sectors: sectors, Joliet: extra, UDF: extra, Files: []File{{Path: path, Size: size}, {Path: "other", Size: 1}}})
		if err != nil {
			return
		}
		pvd := make([]byte, sectorSize)
		if _, err := m.ReadAt(pvd, 16*sectorSize); err != nil || string(pvd[1:6]) != "CD001" {
			t.Fatalf("no primary volume descriptor: %v", err)
		}
		for _, p := range m.Files() {
			if p.Sector < 19 || p.Sector+wholeSectors(p.Size) > m.Sectors() {
				t.Fatalf("file %q lies outside the image: %+v", p.Path, p)
			}
		}
	})
}
