package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A store is kept where a person says, with a lock of its own, and what was
// left there is cleared; where there is no room it is told.
func TestStoreRoom(t *testing.T) {
	root := t.TempDir()
	t.Setenv("STORE", root)
	shelf, leave, err := storeRoom(t.TempDir(), 1)
	must(t, err)
	if !strings.HasPrefix(shelf, root+"/") {
		t.Errorf("the store is in %s", shelf)
	}
	must(t, os.WriteFile(filepath.Join(shelf, "object"), nil, 0o644))
	if _, _, err := storeRoom(t.TempDir(), 1); err == nil || !strings.Contains(err.Error(), "another bench") {
		t.Errorf("a second bench in the same folder: %v", err)
	}
	leave()
	if _, err := os.Stat(shelf); !os.IsNotExist(err) {
		t.Errorf("the store is left: %v", err)
	}
	if _, _, err := storeRoom(t.TempDir(), 1<<60); err == nil || !strings.Contains(err.Error(), "STORE=") {
		t.Errorf("no room: %v", err)
	}
	if _, leave, err := storeRoom(t.TempDir(), 1); err != nil {
		t.Errorf("the folder is still taken after there was no room: %v", err)
	} else {
		leave()
	}
}
