package blockreader

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

func write(t *testing.T, n int) (string, []byte) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "image.iso")
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i / disc.SectorSize)
	}
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestReadsWholeFile(t *testing.T) {
	ctx := context.Background()
	p, want := write(t, 700*disc.SectorSize)
	s, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := s.Capacity(ctx)
	if n != 700 || err != nil {
		t.Fatalf("capacity %d, %v", n, err)
	}
	var got []byte
	for lba := int64(0); lba < n; {
		k := min(int64(s.MaxSectors()), n-lba)
		buf := make([]byte, k*disc.SectorSize)
		if err := s.ReadSectors(ctx, disc.LBA(lba), buf); err != nil {
			t.Fatal(err)
		}
		got, lba = append(got, buf...), lba+k
	}
	if !bytes.Equal(got, want) {
		t.Error("what was read is not what the file holds")
	}
	d, err := s.Identify(ctx)
	if err != nil || d.Kind != disc.KindImageFile || d.Medium != disc.MediumFile || !d.SizeUnproven || d.Sectors != 700 ||
		len(d.Sizes) != 1 || d.Sizes[0] != (disc.SizeClaim{Source: "file size", Sectors: 700}) {
		t.Errorf("identify: %+v, %v", d, err)
	}
	if st, err := s.Status(ctx); st != disc.TrayLoaded || err != nil {
		t.Errorf("status %v, %v", st, err)
	}
	if s.HasTray() || s.Eject(ctx) != nil {
		t.Error("a file has no tray, and ejecting it is nothing")
	}
	if i, _ := s.Info(ctx); !strings.HasPrefix(i.Key, "image-file:/") || i.Node != p || i.Model != "image file" {
		t.Errorf("info %+v", i)
	}
}

// A file that gets shorter while it is read gives an error that names the
// first sector that is not there, and a capacity that tells.
func TestShrinkingFile(t *testing.T) {
	ctx := context.Background()
	p, _ := write(t, 10*disc.SectorSize)
	s, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(p, 6*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	err = s.ReadSectors(ctx, 4, make([]byte, 4*disc.SectorSize))
	var re *disc.ReadError
	if !errors.As(err, &re) || re.Class != disc.ClassTransport || re.LBA != 6 || !strings.Contains(err.Error(), p) {
		t.Errorf("%v", err)
	}
	if n, err := s.Capacity(ctx); n != 6 || err != nil {
		t.Errorf("capacity %d, %v", n, err)
	}
	if err := s.ReadSectors(ctx, -1, make([]byte, disc.SectorSize)); disc.ClassOf(err) != disc.ClassTransport {
		t.Errorf("negative address: %v", err)
	}
	if err := s.ReadSectors(ctx, 0, make([]byte, 100)); disc.ClassOf(err) != disc.ClassTransport {
		t.Errorf("part of a sector: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.ReadSectors(done, 0, make([]byte, disc.SectorSize)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestInsertionIsStableUntilTheFileChanges(t *testing.T) {
	ctx := context.Background()
	p, _ := write(t, 4*disc.SectorSize)
	take := func() disc.Insertion {
		s, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		i, err := s.Insertion(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	a := take()
	if b := take(); a != b || a.DiskSeq == 0 || a.DriveKey == "" || a.BootID == "" {
		t.Errorf("%+v, then %+v", a, b)
	}
	if err := os.Chtimes(p, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	b := take()
	if a == b {
		t.Error("a changed time is not seen")
	}
	if err := os.Truncate(p, 2*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(p, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if c := take(); b == c {
		t.Error("a changed size is not seen")
	}
}

func TestRefusesWhatIsNoImage(t *testing.T) {
	dir := t.TempDir()
	fifo, sock, odd, empty := filepath.Join(dir, "fifo"), filepath.Join(dir, "sock"), filepath.Join(dir, "odd.iso"), filepath.Join(dir, "empty.iso")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for p, n := range map[string]int{odd: 3*disc.SectorSize + 17, empty: 0} {
		if err := os.WriteFile(p, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path, want string
		source     bool
	}{
		{dir, "is a folder", false},
		{fifo, "is a named pipe", false},
		{sock, "is a socket", false},
		{"/dev/null", "is a character device", false},
		{odd, "3 sectors of 2048 bytes and 17 bytes more", true},
		{empty, "is empty", true},
		{filepath.Join(dir, "absent"), "no such file", false},
	} {
		s, err := Open(c.path)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", c.path)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v; want the path and %q", c.path, err, c.want)
		}
		if IsSource(c.path) != c.source {
			t.Errorf("IsSource(%s) = %v", c.path, !c.source)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want disc.Class
	}{
		{unix.EIO, disc.ClassMedium},
		{unix.ENODATA, disc.ClassMedium},
		{unix.EREMOTEIO, disc.ClassTransport},
		{unix.ENXIO, disc.ClassGone},
		{unix.ENOMEDIUM, disc.ClassGone},
		{unix.EACCES, disc.ClassPermission},
		{&fs.PathError{Op: "read", Path: "x", Err: unix.EIO}, disc.ClassMedium},
		{errors.New("?"), disc.ClassTransport},
	} {
		if got := class(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// Somebody without the right to read a file is told so. Root may read
// everything, so the test steps down to nobody.
func TestPermission(t *testing.T) {
	if os.Getenv("BLOCKREADER_AS_NOBODY") != "" {
		_, err := Open(os.Getenv("BLOCKREADER_AS_NOBODY"))
		if !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("got %v", err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "blockreader")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, "image.iso")
	if err := os.WriteFile(p, make([]byte, disc.SectorSize), 0); err != nil {
		t.Fatal(err)
	}
	bin, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "test") // where nobody may run it
	if err := os.WriteFile(exe, bin, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestPermission$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "BLOCKREADER_AS_NOBODY="+p)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestPermission")) {
		t.Errorf("%v\n%s", err, out)
	}
}
