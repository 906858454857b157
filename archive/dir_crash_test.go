package archive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A power cut at any byte of the journal costs at most the part that was being
// written, and never makes a part held that is not on the drive.
func TestTornJournal(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 450)
	root := t.TempDir()
	d := shelf(t, root, true)
	u := upTo(t, d, "k", body, 4, 0, 2, 2, 1)
	path := u.d.path(u.folder + "/parts")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := len(journalHeader(u.key, u.plan))
	order := []struct {
		n    int
		held bool
	}{{4, true}, {0, true}, {2, true}, {2, false}, {2, true}, {1, true}}
	if len(whole) != header+len(order)*recordSize {
		t.Fatalf("%d bytes of journal:\n%s", len(whole), whole)
	}
	for cut := range len(whole) + 1 {
		junk := []string{"", "\x00\x00\x00\x00", "+ 00003 0000000000000000 00000000\n"}[cut%3]
		if err := os.WriteFile(path, append(bytes.Clone(whole[:cut]), junk...), 0o644); err != nil {
			t.Fatal(err)
		}
		want := map[int]bool{}
		for i, o := range order {
			if cut >= header+(i+1)*recordSize {
				want[o.n] = o.held
			}
		}
		again := upTo(t, shelf(t, root, false), "k", body)
		for n := range again.Parts() {
			if has := again.Has(n, CRC64NVME(body[n*1000:min(len(body), n*1000+1000)])); has != want[n] {
				t.Fatalf("cut at %d, junk %q: part %d held: %v, want %v", cut, junk, n, has, want[n])
			}
		}
	}
	// After all that it still goes on.
	u = upTo(t, shelf(t, root, false), "k", body, 0, 1, 2, 3, 4)
	if _, err := u.Complete(t.Context(), CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
}

// A journal whose file of bytes is gone or cut short is not believed.
func TestJournalWithoutData(t *testing.T) {
	body := make([]byte, 2500)
	for i := range body {
		body[i] = byte(i)
	}
	for name, harm := range map[string]func(path string) error{
		"gone": os.Remove,
		"cut":  func(path string) error { return os.Truncate(path, 700) },
	} {
		d := shelf(t, t.TempDir(), true)
		u := upTo(t, d, "k", body, 0, 1, 2)
		if err := harm(u.d.path(u.data())); err != nil {
			t.Fatal(err)
		}
		u = upTo(t, d, "k", body)
		for n := range 3 {
			if u.Has(n, CRC64NVME(body[n*1000:min(len(body), n*1000+1000)])) {
				t.Errorf("%s: part %d is held by nothing", name, n)
			}
		}
	}
}

// The program is killed between the naming of the object and the end of the
// upload, whichever way the name was given.
func TestKilledAfterNaming(t *testing.T) {
	body := []byte("0123456789")
	for name, place := range map[string]func(u *dirUpload) error{
		"renamed": func(u *dirUpload) error {
			r := entered(t, u.d)
			defer r.Close()
			return r.place(u.data(), u.key)
		},
		"linked": func(u *dirUpload) error {
			return errors.Join(os.MkdirAll(filepath.Dir(u.d.path(u.key)), 0o755), os.Link(u.d.path(u.data()), u.d.path(u.key)))
		},
	} {
		root := t.TempDir()
		u := upTo(t, shelf(t, root, true), "id/k", body, 0)
		if err := place(u); err != nil {
			t.Fatal(err)
		}
		d := shelf(t, root, false)
		up, err := d.Begin(t.Context(), "id/k", int64(len(body)))
		if err != nil || !up.Stored() {
			t.Fatalf("%s: %v", name, err)
		}
		// The checksum was not noted yet: the bytes themselves must tell.
		if _, err := up.Complete(t.Context(), CRC64NVME(body)^1); !errors.Is(err, ErrExists) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := up.Complete(t.Context(), CRC64NVME(body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(filepath.Join(root, uploadsDir)); err != nil || len(left) != 0 {
			t.Fatalf("%s: left over: %v, %v", name, left, err)
		}
		// The old process, were it still there, would find its work done.
		if _, err := u.Complete(t.Context(), CRC64NVME(body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// A finished file is made read-only before it gets its name. A run that is cut
// off between the two is gone on with by the service's user, which is not root.
func TestKilledBeforeNaming(t *testing.T) {
	body := []byte("0123456789")
	root := t.TempDir()
	u := upTo(t, shelf(t, root, true), "id/k", body, 0)
	if err := os.Chmod(u.d.path(u.data()), 0o444); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		asNobody(t, root)
	}
	up := upTo(t, shelf(t, root, false), "id/k", body)
	if !up.Has(0, CRC64NVME(body)) {
		t.Error("what was sent before is sent again")
	}
	if _, err := up.Complete(t.Context(), CRC64NVME(body)); err != nil {
		t.Error(err)
	}
}

// asNobody gives this test's thread the file rights of a user that owns root
// and everything below it and may do nothing else.
func asNobody(t *testing.T, root string) {
	t.Helper()
	const nobody = 65534
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	})
	// The folders above are open to their owner only.
	for dir := filepath.Dir(root); dir != os.TempDir() && len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		err = errors.Join(err, os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}

// An unfinished upload with bytes of its own is not removed because an object
// of another origin came to stand under its key.
func TestUnfinishedUploadStays(t *testing.T) {
	root := t.TempDir()
	d := shelf(t, root, true)
	u := upTo(t, d, "k", []byte("0123456789"), 0)
	if err := os.WriteFile(d.path("k"), []byte("abcdefghij"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(t.Context(), CRC64NVME([]byte("0123456789"))); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if again := upTo(t, d, "k", []byte("0123456789")); !again.Stored() {
		t.Fatal("not seen")
	}
	if got, err := os.ReadFile(u.d.path(u.data())); err != nil || string(got) != "0123456789" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := os.ReadFile(d.path("k")); err != nil || string(got) != "abcdefghij" {
		t.Fatalf("%q, %v", got, err)
	}
}

// Whatever order parts come in, however often the program is restarted and the
// journal cut, what is completed is the object.
func TestRandomRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 40 {
		root := t.TempDir()
		body := make([]byte, 1+rng.IntN(9000))
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		d := shelf(t, root, true)
		u := upTo(t, d, "k", body)
		for {
			missing := []int{}
			for n := range u.Parts() {
				if !u.Has(n, CRC64NVME(body[n*1000:min(len(body), n*1000+1000)])) {
					missing = append(missing, n)
				}
			}
			if len(missing) == 0 {
				break
			}
			n := missing[rng.IntN(len(missing))]
			if rng.IntN(3) == 0 { // killed while it writes the part: any of its bytes may be there
				f, err := os.OpenFile(u.d.path(u.data()), os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				_, err = f.WriteAt(bytes.Repeat([]byte{0xee}, rng.IntN(int(u.plan.length(n))+1)), int64(n)*1000)
				if err := errors.Join(err, f.Close()); err != nil {
					t.Fatal(err)
				}
				u = upTo(t, shelf(t, root, false), "k", body)
				continue
			}
			upTo(t, shelf(t, root, false), "k", body, n)
			u = upTo(t, shelf(t, root, false), "k", body)
		}
		if _, err := u.Complete(context.Background(), CRC64NVME(body)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got, err := os.ReadFile(d.path("k")); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("round %d: other bytes, %v", round, err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalRecord(true, 3, 0xabcdef)))
	f.Add([]byte(journalRecord(true, 0, 1) + journalRecord(false, 0, 0) + "+ 0"))
	f.Add([]byte("+ -0003 0000000000000000 00000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parts := map[int]uint64{}
		taken := parseJournal(b, parts)
		if taken < 0 || taken > len(b) || taken%recordSize != 0 {
			t.Fatalf("took %d of %d", taken, len(b))
		}
		again := map[int]uint64{}
		if parseJournal(b[:taken], again) != taken || len(again) != len(parts) {
			t.Fatal("what was taken is not taken again")
		}
		for n := range parts {
			if n < 0 || n > 99999 {
				t.Fatalf("part %d", n)
			}
		}
	})
}
