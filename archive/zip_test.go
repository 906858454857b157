package archive

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"time"
)

// holes is a file in memory in which whole writes of zeros take no room.
type holes struct {
	pieces []piece
	size   int64
}

type piece struct {
	at   int64
	data []byte
}

var zeros = make([]byte, mib)

func (h *holes) Write(p []byte) (int, error) {
	if !bytes.Equal(p, zeros) {
		h.pieces = append(h.pieces, piece{h.size, bytes.Clone(p)})
	}
	h.size += int64(len(p))
	return len(p), nil
}

func (h *holes) ReadAt(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), h.size-off))
	clear(p[:n])
	for _, x := range h.pieces {
		if from, to := max(off, x.at), min(off+n, x.at+int64(len(x.data))); from < to {
			copy(p[from-off:to-off], x.data[from-x.at:])
		}
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// A file beyond 4 GiB, and one that begins beyond that: every reader finds the
// sizes in the local header, where it looks first.
func TestZipOfLargeFiles(t *testing.T) {
	var h holes
	at := time.Date(2026, 11, 26, 4, 5, 6, 0, time.UTC)
	p := NewZip(&h)
	const size = 4<<30 + mib
	write := func(name string, size int64) {
		t.Helper()
		w, err := p.begin(name, size, at)
		for left := size; err == nil && left > 0; left -= mib {
			_, err = w.Write(zeros)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Text("größe.txt", []byte("small\n"), at); err != nil {
		t.Fatal(err)
	}
	write("large.iso", size)
	write("last.iso", 2*mib)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(&h, h.size)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name string
		size uint64
	}{{"größe.txt", 6}, {"large.iso", size}, {"last.iso", 2 * mib}}
	for i, f := range r.File {
		if len(r.File) != 3 || f.Name != want[i].name || f.UncompressedSize64 != want[i].size || f.CompressedSize64 != want[i].size || !f.Modified.Equal(at) ||
			f.Mode() != 0o644 || f.NonUTF8 {
			t.Errorf("%d: %+v", i, f.FileHeader)
		}
		if f.Name == "large.iso" {
			continue // 4 GiB of zeros; its CRC-32 is held by the tools
		}
		body, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, body); err != nil || uint64(n) != want[i].size {
			t.Errorf("%s: %d, %v", f.Name, n, err)
		}
	}
	// 4.5.3: both sizes stand in the extra field of the local header, and the
	// directory has no number there that has room in its own place.
	offset, err := r.File[1].DataOffset()
	if err != nil {
		t.Fatal(err)
	}
	local := make([]byte, 20)
	if _, err := h.ReadAt(local, offset-20-9); err != nil {
		t.Fatal(err)
	}
	if want := le.AppendUint64(le.AppendUint64([]byte{1, 0, 16, 0}, size), size); !bytes.Equal(local, want) {
		t.Errorf("the local header has %x, want %x", local, want)
	}
	if x := r.File[1].Extra; len(x) != 20+9 {
		t.Errorf("the directory's extra fields are %x", x)
	}
	if x := r.File[2].Extra; len(x) != 12+9 {
		t.Errorf("the directory's extra fields are %x", x)
	}
}

// What is told of a file's size before is held to.
func TestZipIsHeldToItsSizes(t *testing.T) {
	at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	z := &zipWriter{w: io.Discard}
	if err := z.begin("a", 3, at); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte("four")); err == nil {
		t.Error("more bytes than were told of")
	}
	if _, err := z.Write([]byte("ab")); err != nil {
		t.Error(err)
	}
	if err := z.begin("b", 1, at); err == nil {
		t.Error("fewer bytes than were told of, and another file")
	}
	if err := z.Close(); err == nil {
		t.Error("fewer bytes than were told of, and the end")
	}
	if _, err := (&zipWriter{w: io.Discard}).Write([]byte("x")); err == nil {
		t.Error("bytes of no file")
	}
	for _, name := range []string{"", "\xff", string(make([]byte, 70_000))} {
		if err := (&zipWriter{w: io.Discard}).begin(name, 1, at); err == nil {
			t.Errorf("%.10q is a name", name)
		}
	}
}
