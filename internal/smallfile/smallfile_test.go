package smallfile

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

func TestRead(t *testing.T) {
	m := fstest.MapFS{
		"most": {Data: make([]byte, Most)}, "more": {Data: make([]byte, Most+1)}, "pipe": {Mode: fs.ModeNamedPipe}, "dir/file": {Data: []byte("x")},
	}
	if b, err := Read(m, "most"); err != nil || len(b) != Most {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := Read(m, "more"); !errors.Is(err, ErrLarge) {
		t.Error(err)
	}
	for _, odd := range []string{"pipe", "dir"} {
		if _, err := Read(m, odd); err == nil {
			t.Errorf("%s was read", odd)
		}
	}
	if _, err := Read(m, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// A file of the kernel says that it has no bytes.
	if b, err := Read(os.DirFS("/"), "proc/self/mountinfo"); err != nil || len(b) == 0 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
