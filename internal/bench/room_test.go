package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A store is kept where a person says, with a lock of its own, and what was
// left there is cleared; where there is no room it is told.
func TestStoreRoom(t *testing.T) {
	root := t.TempDir()
	t.Setenv("STORE", root)
	s, err := storeRoom(t.Context(), t.TempDir(), 1)
	must(t, err)
	if !strings.HasPrefix(s.dir, root+"/") {
		t.Errorf("the store is in %s", s.dir)
	}
	must(t, os.WriteFile(filepath.Join(s.dir, "object"), nil, 0o644))
	if _, err := storeRoom(t.Context(), t.TempDir(), 1); err == nil || !strings.Contains(err.Error(), "another bench") {
		t.Errorf("a second bench in the same folder: %v", err)
	}
	s.leave()
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("the store is left: %v", err)
	}
	if _, err := storeRoom(t.Context(), t.TempDir(), 1<<60); err == nil || !strings.Contains(err.Error(), "STORE=") {
		t.Errorf("no room: %v", err)
	}
	if s, err := storeRoom(t.Context(), t.TempDir(), 1); err != nil {
		t.Errorf("the folder is still taken after there was no room: %v", err)
	} else {
		s.leave()
	}
}

// In the XFS two files share their blocks, and nothing of it is left.
func TestStoreInXFS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	must(t, os.Mkdir(dir, 0o755))
	unmount, err := xfs(t.Context(), dir, 1<<20)
	if err != nil {
		t.Skipf("this takes root, mkfs.xfs and a kernel that knows it: %v", err)
	}
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(from, []byte(strings.Repeat("x", 1<<20)), 0o644))
	a, err := os.Open(from)
	must(t, err)
	b, err := os.Create(to)
	must(t, err)
	if err := unix.IoctlFileClone(int(b.Fd()), int(a.Fd())); err != nil {
		t.Errorf("share a file's blocks: %v", err)
	}
	must(t, errors.Join(a.Close(), b.Close()))
	unmount()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it is still mounted: %v, %v", left, err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("something is left: %v, %v", left, err)
	}
}
