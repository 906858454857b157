package ripper

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func openBytes(t *testing.T) (b *Bytes, want []byte) {
	t.Helper()
	dir, err := os.MkdirTemp(".", "bytes-") // the usual place may be in memory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, ImageFile)
	want = bytes.Repeat([]byte("ripstation"), 100_000)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = OpenBytes(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if b.How() != ReadDirect {
		t.Skipf("this file system cannot be read directly: %s", b.How())
	}
	return b, want
}

// What says that it is read from the disk is.
func TestBytesAreReadDirectly(t *testing.T) {
	b, _ := openBytes(t)
	if err := b.direct.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.ReadAt(make([]byte, 256<<10), 4096); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAt = %d, %v: it was not read by the file that is read directly", n, err)
	}
}

// A file that takes O_DIRECT and gives nothing by it is read through the page
// cache, and that is said.
func TestBytesThatCannotBeReadDirectlyAfterAll(t *testing.T) {
	b, want := openBytes(t)
	none, err := os.Open("/proc/self/clear_refs") // nothing can be read of it: EINVAL
	if errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	b.direct.Close()
	b.direct = none
	got := make([]byte, 256<<10)
	if n, err := b.ReadAt(got, 4096); n != len(got) || err != nil || !bytes.Equal(got, want[4096:][:len(got)]) {
		t.Errorf("ReadAt = %d, %v, or other bytes", n, err)
	}
	if b.How() != ReadDropped {
		t.Errorf("it says that it was read by %s", b.How())
	}
}
