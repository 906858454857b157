package ripper

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	const sectors = 1000
	small, free, _, err := Room(dir, 0)
	if err != nil || small != mapRoom || free <= 0 {
		t.Fatalf("%d needed, %d free, %v", small, free, err)
	}
	before, _, begun, err := Room(dir, sectors)
	if err != nil || begun || before != sectors*disc.SectorSize+ledgerRoom(sectors)+mapRoom {
		t.Errorf("%d needed before it is begun (%v), %v", before, begun, err)
	}
	img, err := Create(dir, sectors)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	after, _, begun, err := Room(dir, sectors)
	if err != nil || !begun || after != mapRoom || !img.Reserved() {
		t.Errorf("%d needed once it is begun (%v), reserved %v, %v", after, begun, img.Reserved(), err)
	}
	if _, _, _, err := Room(filepath.Join(dir, "nowhere"), sectors); err == nil {
		t.Error("there is room in a folder that is not there")
	}
}

// Where room cannot be set aside, an image is begun all the same, and known as
// one without.
func TestFileSystemThatCannotReserve(t *testing.T) {
	defer func(f func(int, uint32, int64, int64) error) { fallocate = f }(fallocate)
	fallocate = func(int, uint32, int64, int64) error { return unix.EOPNOTSUPP }
	dir := t.TempDir()
	d := newDisc(1000)
	img, err := Create(dir, 1000)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(img.Path())
	if err != nil || st.Size() != img.Size() || img.Reserved() {
		t.Errorf("%d bytes, reserved %v, %v", st.Size(), img.Reserved(), err)
	}
	if need, _, begun, err := Room(dir, 1000); err != nil || !begun || need < img.Size() {
		t.Errorf("%d needed (%v), %v", need, begun, err)
	}
	mustRip(t, d, img, dvd())
	if need, _, _, err := Room(dir, 1000); err != nil || need >= img.Size() {
		t.Errorf("%d still needed after the reading, %v", need, err)
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
}
