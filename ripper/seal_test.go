package ripper

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc64"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/minio/crc64nvme"

	"ripstation/disc"
)

func TestSeal(t *testing.T) {
	d := newDisc(3001).flaw(disc.ClassMedium, -1, 100, 1500)
	img := begun(t, d)
	opt := dvd()
	opt.Unrecorded = []disc.Extent{{Start: 2000, Count: 100}}
	mustRip(t, d, img, opt)
	var last [2]int64
	s, err := Seal(t.Context(), img, SealOptions{Progress: func(done, total int64) { last = [2]int64{done, total} }})
	if err != nil {
		t.Fatal(err)
	}
	missing := []disc.LBA{100, 1500}
	for l := disc.LBA(2000); l < 2100; l++ {
		missing = append(missing, l)
	}
	want := d.image(missing...)
	if !bytes.Equal(bytesOf(t, img), want) {
		t.Fatal("the image is not the disc")
	}
	a, b, c, e := sha512.Sum512(want), sha256.Sum256(want), sha1.Sum(want), md5.Sum(want)
	// The CRC by the definition: NVMe's polynomial, reflected, in the standard
	// library's table-driven form.
	f := crc64.Checksum(want, crc64.MakeTable(0x9a6c9329ac4bc9b5))
	crc := base64.StdEncoding.EncodeToString([]byte{byte(f >> 56), byte(f >> 48), byte(f >> 40), byte(f >> 32), byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)})
	digests := Digests{hex.EncodeToString(a[:]), hex.EncodeToString(b[:]), hex.EncodeToString(c[:]), hex.EncodeToString(e[:]), crc}
	if s.Digests != digests {
		t.Errorf("digests %+v\nwant %+v", s.Digests, digests)
	}
	size := int64(3001 * disc.SectorSize)
	if s.State != disc.ImageIncomplete || s.Size != size || s.SectorSize != 2048 || last != [2]int64{size, size} {
		t.Errorf("state %s, %d bytes, progress %v", s.State, s.Size, last)
	}
	if !reflect.DeepEqual(s.Missing, []disc.Extent{{Start: 100, Count: 1}, {Start: 1500, Count: 1}}) {
		t.Errorf("missing %v", s.Missing)
	}
	for _, c := range s.Checks {
		if c.Outcome != disc.Pass && !(c.Code == "ledger-equals-spool" && s.ReadBack == ReadCached) {
			t.Errorf("check %+v", c)
		}
	}
	if len(s.Samples) != 32 {
		t.Errorf("%d samples", len(s.Samples))
	}
	for i, x := range s.Samples {
		if img.Map().At(x.LBA).Status != disc.StatusRead || x.SHA256 != sha256.Sum256(want[int64(x.LBA)*2048:][:2048]) || i > 0 && x.LBA <= s.Samples[i-1].LBA {
			t.Errorf("sample %+v", x)
		}
	}
	again := mustSeal(t, reopened(t, img))
	if !reflect.DeepEqual(again, s) {
		t.Errorf("sealed again:\n%+v\n%+v", again, s)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, sum := range s.Sums {
		if sum != crc64nvme.Checksum(want[i<<20:min((i+1)<<20, len(want))]) {
			t.Errorf("MiB %d has the sum %x", i, sum)
		}
	}
	if n := (len(want) + 1<<20 - 1) >> 20; len(s.Sums) != n {
		t.Errorf("%d sums of %d MiB", len(s.Sums), n)
	}
	s.Sums = nil // is not kept
	var back Sealed
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("as JSON and back: %v\n%+v", err, back)
	}
}

// TestSealFindsWhatTheDiskLost changes bytes on the disk behind the program.
func TestSealFindsWhatTheDiskLost(t *testing.T) {
	for _, at := range []int64{0, 2047, 32 * 2048, 1<<20 - 1, 1 << 20, 2000*2048 - 1} {
		d, dir := worn(t)
		edit(t, filepath.Join(dir, ImageFile), flip(int(at)))
		img := opened(t, dir)
		lba := disc.LBA(at / disc.SectorSize)
		v, err := Verify(t.Context(), img, nil)
		if err != nil || len(v.Damaged) != 1 || !v.Damaged[0].Contains(lba) {
			t.Errorf("byte %d: verified: %+v, %v", at, v, err)
		}
		_, err = Seal(t.Context(), img, SealOptions{})
		if !errors.Is(err, ErrSpoolDamaged) || !strings.Contains(err.Error(), name(v.Damaged[0])) {
			t.Fatalf("byte %d: sealed with error %v", at, err)
		}
		if n := img.Counts(); n.Untried != v.Damaged[0].Count || img.Map().At(lba).Status != disc.StatusUntried {
			t.Errorf("byte %d: counts %+v", at, n)
		}
		goneOn(t, d, reopened(t, img))
	}
}

// TestSealZeroesWhatNobodyAnswersFor: bytes of a reading that was cut off, or
// of a chunk that was lost and did not read again.
func TestSealZeroesWhatNobodyAnswersFor(t *testing.T) {
	d, dir := worn(t)
	edit(t, filepath.Join(dir, ImageFile), func(b []byte) []byte {
		copy(b[100*2048:], "what a cut-off reading left")
		b[1500*2048+2047] = 1
		b[900*2048] ^= 1
		return b
	})
	img := opened(t, dir)
	if _, err := Seal(t.Context(), img, SealOptions{}); !errors.Is(err, ErrSpoolDamaged) {
		t.Fatal(err)
	}
	lost := img.Map().Missing()
	for l := disc.LBA(0); l < 2000; l++ {
		d.flaw(disc.ClassMedium, -1, l)
	}
	mustRip(t, d, img, dvd())
	s := mustSeal(t, img)
	var missing []disc.LBA
	for _, e := range lost {
		for l := e.Start; l < e.End(); l++ {
			missing = append(missing, l)
		}
	}
	if s.Sectors.Missing() != int64(len(missing)) || len(missing) < 10 {
		t.Errorf("missing %v, counts %+v", missing, s.Sectors)
	}
	if !bytes.Equal(bytesOf(t, img), d.image(missing...)) {
		t.Error("the image is not the disc with zeroes")
	}
}

func TestSealOfAnImageThatWasNeverRead(t *testing.T) {
	s := mustSeal(t, begun(t, newDisc(10)))
	if s.State != disc.ImageIncomplete || len(s.Missing) != 1 || s.Checks[0].Outcome != disc.Failure {
		t.Errorf("%+v", s)
	}
}

// TestReadBackSaysHow reads where the page cache is the disk.
func TestReadBackSaysHow(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "ripper")
	if err != nil {
		t.Fatalf("this test needs /dev/shm: %v", err)
	}
	defer os.RemoveAll(dir)
	d := newDisc(600)
	img, err := create(filepath.Join(dir, "x"), 600, small)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	mustRip(t, d, img, dvd())
	s := mustSeal(t, img)
	if s.ReadBack != ReadCached || s.Checks[1].Outcome != disc.Warning || s.State != disc.ImageComplete {
		t.Errorf("read from memory: %q, %+v", s.ReadBack, s.Checks[1])
	}
}

func TestSamplesOfAMostlyEmptyDisc(t *testing.T) {
	d := newDisc(4000)
	img := begun(t, d)
	mustRip(t, d, img, dvd())
	data := make([]byte, 4000*disc.SectorSize)
	for l := disc.LBA(100); l < 400; l++ {
		d.fill(l, data[int64(l)*2048:][:2048])
	}
	d.fill(7, data[3000*2048:][:2048])
	for l := 3400; l < 3600; l++ {
		d.fill(7, data[l*2048:][:2048]) // like the one before: all together say little
	}
	copy(data[3700*2048:], bytes.Repeat([]byte{0xFF}, 100*2048))
	list, err := Samples(bytes.NewReader(data), img.Map(), 32)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[32]byte]int{}
	for _, s := range list {
		if seen[s.SHA256]++; (s.LBA < 100 || s.LBA >= 400) && s.LBA != 3000 && (s.LBA < 3400 || s.LBA >= 3600) || seen[s.SHA256] > 32/asOften {
			t.Errorf("sample of sector %d", s.LBA)
		}
	}
	if len(list) < disc.EnoughSamples {
		t.Errorf("%d samples of 301 sectors with data", len(list))
	}
	m, err := disc.NewSectorMap(5)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := Samples(bytes.NewReader(nil), m, 32); err != nil || len(list) != 0 {
		t.Errorf("of nothing: %v, %v", list, err)
	}
	if err := m.Mark(disc.Extent{Start: 0, Count: 5}, disc.StatusRead, disc.Evidence{}); err != nil {
		t.Fatal(err)
	}
	if list, err := Samples(bytes.NewReader(d.image()[:5*2048]), m, 32); err != nil || len(list) != 5 {
		t.Errorf("of five sectors: %v, %v", list, err)
	}
}

// The second half of an image that bears the bytes of the first has its samples:
// a disc that looks like it may differ there.
func TestSamplesOfWhatStandsTwice(t *testing.T) {
	d := newDisc(64)
	data := make([]byte, 64*disc.SectorSize)
	for l := range disc.LBA(64) {
		d.fill(l%32, data[int64(l)*2048:][:2048])
	}
	m, err := disc.NewSectorMap(64)
	if err == nil {
		err = m.Mark(disc.Extent{Start: 0, Count: 64}, disc.StatusRead, disc.Evidence{})
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := Samples(bytes.NewReader(data), m, 32)
	if err != nil {
		t.Fatal(err)
	}
	second := 0
	for _, s := range list {
		if s.LBA >= 32 {
			second++
		}
	}
	if len(list) != 32 || second < 8 {
		t.Errorf("%d samples, %d of them in the second half", len(list), second)
	}
}

// deafDisk does not take zeroes.
type deafDisk struct{ *folder }

func (d deafDisk) WriteImage(p []byte, off int64) error {
	if isZero(p) {
		return nil
	}
	return d.folder.WriteImage(p, off)
}

func TestSealSaysWhenZeroesDoNotStay(t *testing.T) {
	_, dir := worn(t)
	edit(t, filepath.Join(dir, ImageFile), flip(100*disc.SectorSize))
	img := opened(t, dir)
	img.disk = deafDisk{img.disk.(*folder)}
	if _, err := Seal(t.Context(), img, SealOptions{}); err == nil || !strings.Contains(err.Error(), "sector 100") {
		t.Errorf("sealed over a sector that is missing and not zero: %v", err)
	}
}

// TestConfirmLooksAtTheSpoolFirst: what the disk has lost meanwhile must not
// be taken for a disc that reads differently.
func TestConfirmLooksAtTheSpoolFirst(t *testing.T) {
	d := newDisc(2000).flaw(disc.ClassMedium, 1, 300)
	img := begun(t, d)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}, Fill{}, Retry{Last: true}, losing{img.Path(), 301}, Confirm{}}
	if _, err := Rip(t.Context(), d, img, opt); !errors.Is(err, ErrSpoolDamaged) {
		t.Fatalf("error %v", err)
	}
	if got := img.Map().At(301).Status; got != disc.StatusUntried {
		t.Errorf("the lost sector is %s", got)
	}
	mustRip(t, d, img, dvd())
	s := mustSeal(t, img)
	if s.Sectors.Read != 2000 || !bytes.Equal(bytesOf(t, img), d.image()) {
		t.Errorf("read again: %+v", s.Sectors)
	}
}

// losing is a pass in which the disk loses a bit.
type losing struct {
	path string
	lba  int64
}

func (losing) Name() string { return "losing" }

func (l losing) Run(context.Context, *Reader) error {
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, l.lba*disc.SectorSize); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b, l.lba*disc.SectorSize)
	return err
}

// Edges lie where a reading was broken off, however long the stretch is, and as
// near to it as there is data.
func TestEdges(t *testing.T) {
	d := newDisc(4000)
	data := make([]byte, 4000*disc.SectorSize)
	for l := range disc.LBA(4000) {
		d.fill(l, data[int64(l)*2048:][:2048])
	}
	clear(data[2997*2048 : 3000*2048]) // nothing is told by zeroes
	clear(data[3500*2048 : 3600*2048])
	m, err := disc.NewSectorMap(4000)
	for _, e := range []disc.Extent{{Start: 0, Count: 20}, {Start: 100, Count: 2900}, {Start: 3500, Count: 100}, {Start: 3999, Count: 1}} {
		if err == nil {
			err = m.Mark(e, disc.StatusRead, disc.Evidence{})
		}
	}
	if err == nil {
		err = m.Mark(disc.Extent{Start: 3100, Count: 50}, disc.StatusUnreadable, disc.Evidence{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int][]disc.LBA{64: {100, 2996, 0, 19, 3999}, 2: {100, 2996}, 1: nil} {
		list, err := Edges(bytes.NewReader(data), m, n)
		if err != nil {
			t.Fatal(err)
		}
		var got []disc.LBA
		for _, s := range list {
			got = append(got, s.LBA)
			if s.SHA256 != sha256.Sum256(data[int64(s.LBA)*2048:][:2048]) {
				t.Errorf("sector %d has another digest", s.LBA)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d edges: %v, want %v", n, got, want)
		}
	}
	if _, err := Edges(bytes.NewReader(nil), m, 8); err == nil {
		t.Error("an image that is not there has edges")
	}
}
