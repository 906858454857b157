package ripper

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// worn is a disc with damage of each kind, ripped: its image is closed.
func worn(t *testing.T) (*fakeDisc, string) {
	d := newDisc(2000).flaw(disc.ClassMedium, -1, 100, 1500).flaw(disc.ClassMedium, 1, 300).flaw(disc.ClassProtected, -1, 700)
	img := begun(t, d)
	mustRip(t, d, img, dvd())
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
	return d, img.dir
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 0x10
		return b
	}
}

func opened(t *testing.T, dir string) *Image {
	t.Helper()
	img, err := open(t.Context(), dir, small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// goneOn rips what the image lacks and wants it as good as an uninterrupted
// one.
func goneOn(t *testing.T, d *fakeDisc, img *Image) {
	t.Helper()
	mustRip(t, d, img, dvd())
	want := disc.Counts{Total: 2000, Unreadable: 2, Protected: 1, Read: 1997}
	if img.Counts() != want {
		t.Errorf("gone on to %+v, want %+v", img.Counts(), want)
	}
	mustSeal(t, img)
	if !bytes.Equal(bytesOf(t, img), d.image(100, 700, 1500)) {
		t.Error("gone on to another image")
	}
}

func TestOpenAsItWasClosed(t *testing.T) {
	d, dir := worn(t)
	img := opened(t, dir)
	if r := img.Recovery(); r.Claimed != 0 || len(r.Lost) != 0 || r.MapRebuilt != "" || r.LedgerBad != 0 || r.Grown != 0 {
		t.Errorf("mended what was whole: %+v", r)
	}
	n := len(d.asked)
	goneOn(t, d, img)
	if len(d.asked) != n {
		t.Errorf("%d reads of a disc that was done", len(d.asked)-n)
	}
}

func TestMapIsRebuiltFromTheLedger(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"gone":  os.Remove,
		"empty": func(p string) error { return os.Truncate(p, 0) },
		"cut":   func(p string) error { return os.Truncate(p, 300) },
		"of another disc": func(p string) error {
			m, err := disc.NewSectorMap(5)
			if err != nil {
				return err
			}
			text, err := m.MarshalText()
			if err != nil {
				return err
			}
			return os.WriteFile(p, text, 0o600)
		},
	} {
		d, dir := worn(t)
		if err := change(filepath.Join(dir, MapFile)); err != nil {
			t.Fatal(err)
		}
		img := opened(t, dir)
		r := img.Recovery()
		if r.MapRebuilt == "" || r.Claimed != 1997 || len(r.Lost) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if n := img.Counts(); n.Read != 1997 || n.Untried != 3 {
			t.Errorf("%s: %+v", name, n)
		}
		if got := img.Map().Drives(); !slices.Equal(got, []string{dvd().Drive}) {
			t.Errorf("%s: drives %q", name, got)
		}
		n := d.reads[50]
		goneOn(t, d, img)
		if d.reads[50] != n {
			t.Errorf("%s: safe sectors were read again", name)
		}
	}
}

func TestChunkThatIsNotInTheImageIsUntried(t *testing.T) {
	d, dir := worn(t)
	// The map does not have the chunk, the ledger has, the image is wrong.
	if err := os.Remove(filepath.Join(dir, MapFile)); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, ImageFile), flip(900*disc.SectorSize+7))
	img := opened(t, dir)
	r := img.Recovery()
	if len(r.Lost) != 1 || !r.Lost[0].Contains(900) || img.Map().At(900).Status != disc.StatusUntried || img.Map().At(r.Lost[0].Start-1).Status != disc.StatusRead {
		t.Errorf("%+v, sector 900 is %s", r, img.Map().At(900).Status)
	}
	// It stays so when nobody has read it since.
	img = reopened(t, img)
	if r := img.Recovery(); len(r.Lost) != 0 || r.LedgerBad != 0 || img.Map().At(900).Status != disc.StatusUntried {
		t.Errorf("opened again: %+v, sector 900 is %s", r, img.Map().At(900).Status)
	}
	goneOn(t, d, img)
}

func TestWhatNoLedgerLineProvesIsUntried(t *testing.T) {
	d, dir := worn(t)
	line := func(b []byte, n int) (from, to int) {
		for range n {
			from += bytes.IndexByte(b[from:], '\n') + 1
		}
		return from, from + bytes.IndexByte(b[from:], '\n') + 1
	}
	// A line in the middle and the torn end.
	edit(t, filepath.Join(dir, LedgerFile), func(b []byte) []byte {
		from, to := line(b, 12)
		b[(from+to)/2] ^= 1
		return append(b, "1900 3"...)
	})
	img := opened(t, dir)
	r := img.Recovery()
	if len(r.Lost) != 1 || r.LedgerBad != 2 || img.Counts().Untried != r.Lost[0].Count || r.Lost[0].Count == 0 {
		t.Errorf("%+v, counts %+v", r, img.Counts())
	}
	goneOn(t, d, img)
	img = reopened(t, img)
	if r := img.Recovery(); len(r.Lost) != 0 || r.LedgerBad != 1 {
		t.Errorf("opened again: %+v", r)
	}
}

func TestImageThatWasCutShort(t *testing.T) {
	d, dir := worn(t)
	if err := os.Truncate(filepath.Join(dir, ImageFile), 1700*disc.SectorSize+100); err != nil {
		t.Fatal(err)
	}
	img := opened(t, dir)
	r := img.Recovery()
	if r.Grown != 300*disc.SectorSize-100 || len(r.Lost) == 0 || img.Map().At(1800).Status != disc.StatusUntried || img.Map().At(1600).Status != disc.StatusRead {
		t.Errorf("%+v; sector 1800 is %s", r, img.Map().At(1800).Status)
	}
	goneOn(t, d, img)
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"no ledger":       {func(dir string) error { return os.Remove(filepath.Join(dir, LedgerFile)) }, "ledger is gone"},
		"no image":        {func(dir string) error { return os.Remove(filepath.Join(dir, ImageFile)) }, "no such file"},
		"longer image":    {func(dir string) error { return os.Truncate(filepath.Join(dir, ImageFile), 1<<30) }, "has 1073741824 bytes"},
		"not a ledger":    {func(dir string) error { return os.WriteFile(filepath.Join(dir, LedgerFile), []byte("x\n"), 0o600) }, "does not begin"},
		"an empty ledger": {func(dir string) error { return os.Truncate(filepath.Join(dir, LedgerFile), 0) }, "does not begin"},
	} {
		_, dir := worn(t)
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir)
		if err == nil || errors.Is(err, ErrNoImage) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, ErrNoImage) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestOneOwner(t *testing.T) {
	d := newDisc(100)
	img := begun(t, d)
	if _, err := Open(t.Context(), img.dir); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := Create(img.dir, 100); !errors.Is(err, ErrExists) {
		t.Errorf("begun twice: %v", err)
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOrCreate(t.Context(), img.dir, 101); err == nil || errors.Is(err, ErrExists) {
		t.Errorf("taken for a disc of another size: %v", err)
	}
	img, err := OpenOrCreate(t.Context(), img.dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	mustRip(t, d, img, dvd())
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoomIsReservedFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	img, err := Create(dir, 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	var st unix.Stat_t
	if err := unix.Stat(img.Path(), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != 5000*disc.SectorSize || st.Blocks*512 < st.Size {
		t.Errorf("%d bytes, of which %d are on the disk", st.Size, st.Blocks*512)
	}
	dir = filepath.Join(t.TempDir(), "too large")
	_, err = Create(dir, disc.MaxSectors)
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "reserve 43") || !strings.Contains(err.Error(), "are free") {
		t.Errorf("4 TiB were reserved: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, n := range []int64{0, -5, disc.MaxSectors + 1} {
		if _, err := Create(dir, n); err == nil {
			t.Errorf("an image of %d sectors was begun", n)
		}
	}
}

// TestCreateThatWasCutOff leaves each file that Create makes, in its order.
func TestCreateThatWasCutOff(t *testing.T) {
	d := newDisc(100)
	dir := t.TempDir()
	for _, name := range []string{"", ImageFile} {
		if name != "" {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 70), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(t.Context(), dir); !errors.Is(err, ErrNoImage) {
			t.Errorf("with %q there: %v", name, err)
		}
	}
	img, err := OpenOrCreate(t.Context(), dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, MapFile)); err != nil {
		t.Fatal(err)
	}
	img, err = OpenOrCreate(t.Context(), dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	mustRip(t, d, img, dvd())
	if img.Counts().Read != 100 {
		t.Errorf("%+v", img.Counts())
	}
}
