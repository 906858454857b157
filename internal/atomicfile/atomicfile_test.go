package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFileReplacesAndLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "job.json")
	for _, want := range []string{"old", "new and longer", ""} {
		if err := WriteFile(p, []byte(want), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p)
		if err != nil || string(got) != want {
			t.Fatalf("read back %q, %v; want %q", got, err, want)
		}
	}
	st, _ := os.Stat(p)
	if st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want 0640", st.Mode().Perm())
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("files left in the folder: %q", n)
	}
}

func TestFailedFillKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "job.json")
	if err := WriteFile(p, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := Write(p, 0o600, func(w io.Writer) error {
		if _, err := w.Write([]byte("half of the n")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), p) {
		t.Fatalf("error %v: want boom, with the path", err)
	}
	if got, _ := os.ReadFile(p); string(got) != "old" {
		t.Errorf("file holds %q after a failed write", got)
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("files left in the folder: %q", n)
	}
}

// A reader at any moment sees one whole version: this is what the rename is
// for. Written in place, half files show within a few rounds.
func TestReadersSeeWholeVersions(t *testing.T) {
	p := filepath.Join(t.TempDir(), "f")
	a, b := bytes.Repeat([]byte("a"), 1<<18), bytes.Repeat([]byte("b"), 1<<17)
	if err := WriteFile(p, a, 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			got, err := os.ReadFile(p)
			if err != nil || !(bytes.Equal(got, a) || bytes.Equal(got, b)) {
				t.Errorf("a reader saw %d bytes, %v", len(got), err)
				return
			}
		}
	}()
	for i := range 60 {
		v := a
		if i%2 == 0 {
			v = b
		}
		if err := WriteFile(p, v, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestWriteErrorsNameThePath(t *testing.T) {
	p := filepath.Join(t.TempDir(), "absent", "f")
	if err := WriteFile(p, nil, 0o600); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), p) {
		t.Errorf("got %v", err)
	}
	p = filepath.Join(t.TempDir(), "f")
	err := Write(p, 0o600, func(w io.Writer) error {
		if err := w.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
		_, err := w.Write([]byte("x"))
		return err
	})
	if !errors.Is(err, os.ErrClosed) || !strings.HasPrefix(err.Error(), "write "+p+": ") || strings.Contains(err.Error(), tempSuffix) {
		t.Errorf("the temporary file's name says nothing to anybody: %v", err)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		if err := MkdirAll(p, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(p); err != nil || !st.IsDir() || st.Mode().Perm() != 0o750 {
		t.Errorf("stat %v, %v", st, err)
	}
	f := filepath.Join(dir, "file")
	if err := WriteFile(f, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(f, 0o750); err == nil || !strings.Contains(err.Error(), "there is a file of that name") {
		t.Errorf("over a file: %v", err)
	}
	if err := MkdirAll(filepath.Join(f, "x"), 0o750); err == nil {
		t.Error("below a file: no error")
	}
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b"} {
		if err := MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	from, to := filepath.Join(dir, "a", "f"), filepath.Join(dir, "b", "g")
	if err := WriteFile(from, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if err := Rename(from, to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("second rename: %v", err)
	}
}
