package ripper_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ripstation/ripper"
)

// Whatever is asked for, it gives what os.File gives, and leaves nothing of it
// in the page cache.
func TestBytes(t *testing.T) {
	const size = 3<<20 + 2048
	dir, err := os.MkdirTemp(".", "bytes-") // the usual place may be in memory
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "image.iso")
	want := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(want)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	plain, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := unix.Fdatasync(int(plain.Fd())); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(plain.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	b, err := ripper.OpenBytes(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	buf := make([]byte, 256<<10)
	for off := int64(0); off < size; off += int64(len(buf)) {
		n, err := b.ReadAt(buf, off)
		if !bytes.Equal(buf[:n], want[off:min(size, off+int64(len(buf)))]) || n < len(buf) && err != io.EOF || n == len(buf) && err != nil {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, or other bytes", len(buf), off, n, err)
		}
	}
	if how := b.How(); how != ripper.ReadDirect {
		t.Logf("here it is read by way of: %s", how)
	} else if n := resident(t, plain, size); n > 1 { // the last half page goes through it
		t.Errorf("%d pages of the image are in the page cache after it was read", n)
	}
	draw := rand.New(rng)
	for range 300 {
		off, length := draw.Int64N(size+4096), draw.IntN(300<<10)
		if draw.IntN(2) == 0 {
			off, length = off/4096*4096, length/2048*2048
		}
		from := draw.IntN(3) * 512
		got, ref := make([]byte, from+length)[from:], make([]byte, length)
		n, err := b.ReadAt(got, off)
		k, rerr := plain.ReadAt(ref, off)
		if n != k || err != rerr || !bytes.Equal(got[:n], ref[:k]) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, want %d, %v and the same bytes", length, off, n, err, k, rerr)
		}
	}
}

// resident counts the pages of a file that are in the page cache.
func resident(t *testing.T, f *os.File, size int64) (n int) {
	t.Helper()
	mem, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	vec := make([]byte, (size+4095)/4096)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(size), uintptr(unsafe.Pointer(&vec[0]))); errno != 0 {
		t.Fatal(errno)
	}
	for _, v := range vec {
		n += int(v & 1)
	}
	return n
}
