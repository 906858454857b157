package filesystem

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestOf(t *testing.T) {
	if i, err := Of("/dev/shm"); err != nil || i.Kind != Memory || i.Name != "tmpfs" || i.Free < 0 || i.Total < i.Free {
		t.Errorf("%+v, %v", i, err)
	}
	if i, err := Of(t.TempDir()); err != nil || i.Name == "" || i.Kind == "" || i.Free <= 0 || i.ReadOnly {
		t.Errorf("%+v, %v", i, err)
	}
	if i, err := Of("/proc"); err != nil || i.Kind != Unknown {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := Of(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
