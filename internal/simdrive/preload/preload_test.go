package preload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if shimDir != "" {
			os.RemoveAll(shimDir)
		}
		os.Exit(code)
	}))
}

const sectors = 6000 // 12 MB

// pattern is what is on the discs: every sector differs.
type pattern struct{}

func (pattern) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		o := at + int64(i)
		p[i] = byte(o>>11) ^ byte(o>>19) ^ byte(o*7)
	}
	return len(p), nil
}

func content(t *testing.T, sectors int64) []byte {
	t.Helper()
	b := make([]byte, sectors*sector)
	_, err := pattern{}.ReadAt(b, 0)
	must(t, err)
	return b
}

// face is a drive with programs before it.
type face struct {
	t     *testing.T
	drive *simdrive.Drive
	dir   string
	node  string
	env   []string
}

var shimDir string // of the shim, once it is built

var shim = sync.OnceValues(func() (_ string, err error) {
	if shimDir, err = os.MkdirTemp("", "preload"); err != nil {
		return "", err
	}
	return Build(context.Background(), shimDir)
})

func show(t *testing.T, o simdrive.Options, m *simdrive.Disc) *face {
	t.Helper()
	lib, err := shim()
	must(t, err)
	f := &face{t: t, drive: simdrive.New(o), dir: t.TempDir(), node: "/dev/simulated-drive"}
	if m != nil {
		must(t, f.drive.Insert(m))
	}
	socket := filepath.Join(f.dir, "s")
	l, err := net.Listen("unix", socket)
	must(t, err)
	f.env = Env(lib, f.node, socket)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- New(f.drive).Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

// run runs a program before the drive and returns what it printed.
func (f *face) run(argv ...string) (string, error) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = f.dir, append(append(os.Environ(), "LC_ALL=C"), f.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (f *face) read(name string) []byte {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	must(f.t, err)
	return b
}

func TestDD(t *testing.T) {
	want := content(t, sectors)
	f := show(t, simdrive.Options{}, simdrive.DVDROM(pattern{}, sectors))
	for _, flags := range [][]string{{"bs=1M"}, {"bs=2048"}, {"bs=64k", "iflag=direct"}, {"bs=12M", "iflag=direct"}, {"bs=1000", "count=3333"}, {"bs=3M", "skip=1"}} {
		out, err := f.run(append([]string{"dd", "if=" + f.node, "of=out"}, flags...)...)
		if err != nil {
			t.Errorf("dd %v: %v\n%s", flags, err, out)
			continue
		}
		part := want
		switch {
		case flags[0] == "bs=1000":
			part = want[:3333*1000]
		case flags[0] == "bs=3M":
			part = want[3<<20:]
		}
		if got := f.read("out"); !bytes.Equal(got, part) {
			t.Errorf("dd %v: %d bytes of SHA-256 %x, want %d of %x", flags, len(got), sha256.Sum256(got), len(part), sha256.Sum256(part))
		}
	}
	// Only one path is the drive.
	if out, err := f.run("dd", "if=/dev/zero", "of=out", "bs=10", "count=1"); err != nil || !bytes.Equal(f.read("out"), make([]byte, 10)) {
		t.Errorf("another file: %v %s", err, out)
	}
	if out, err := f.run("dd", "if=/dev/zero", "of="+f.node, "count=1"); err == nil || !strings.Contains(out, "Read-only file system") {
		t.Errorf("writing to the drive: %v %s", err, out)
	}
	if out, err := f.run("dd", "if="+f.node, "of=out", "bs=1000", "iflag=direct"); err == nil || !strings.Contains(out, "Invalid argument") {
		t.Errorf("half a sector with O_DIRECT: %v %s", err, out)
	}
	if n := f.drive.WriteAttempts(); n != 0 {
		t.Errorf("%d commands would have written", n)
	}
}

// The errors are the kernel's.
func TestErrors(t *testing.T) {
	m := simdrive.DVDROM(pattern{}, sectors)
	m.Damage().Bad(disc.Extent{Start: 101, Count: 1})
	f := show(t, simdrive.Options{}, m)
	for _, flags := range []struct{ flag, words string }{{"iflag=nofollow", "Input/output error"}, {"iflag=direct", "No data available"}} {
		out, err := f.run("dd", "if="+f.node, "of=out", "bs=64k", flags.flag)
		if err == nil || !strings.Contains(out, flags.words) {
			t.Errorf("dd %s over a bad sector: %v %s", flags.flag, err, out)
		}
		// Buffered, the pages before the bad one have come.
		want := map[string]int64{"iflag=nofollow": 100, "iflag=direct": 96}[flags.flag] * sector
		if got := f.read("out"); !bytes.Equal(got, content(t, want/sector)) {
			t.Errorf("dd %s gave %d bytes before the error, want %d", flags.flag, len(got), want)
		}
	}
	f.drive.ForceOpen()
	if out, err := f.run("dd", "if="+f.node, "of=out"); err == nil || !strings.Contains(out, "No medium found") {
		t.Errorf("an open tray: %v %s", err, out)
	}
	f.drive.Vanish()
	if out, err := f.run("dd", "if="+f.node, "of=out"); err == nil || !strings.Contains(out, "Input/output error") {
		t.Errorf("a drive that is gone: %v %s", err, out)
	}
}

// ddrescue reads what can be read, and its mapfile names the bad sectors and no
// others.
func TestDDRescue(t *testing.T) {
	hurt := []disc.Extent{{Start: 0, Count: 1}, {Start: 1234, Count: 3}, {Start: 4001, Count: 1}, {Start: sectors - 1, Count: 1}}
	for _, flags := range [][]string{{"-d", "-b2048"}, {"-d", "-b2048", "-r2"}, {"-b2048"}} {
		bad := hurt
		if flags[0] != "-d" {
			// In the page cache a bad sector takes its page with it.
			bad = []disc.Extent{{Start: 0, Count: 2}, {Start: 1234, Count: 4}, {Start: 4000, Count: 2}, {Start: sectors - 2, Count: 2}}
		}
		m := simdrive.DVDROM(pattern{}, sectors)
		m.Damage().Bad(hurt...)
		f := show(t, simdrive.Options{}, m)
		out, err := f.run(append(append([]string{"ddrescue"}, flags...), f.node, "image", "map")...)
		if err != nil {
			t.Fatalf("ddrescue %v: %v\n%s", flags, err, out)
		}
		want := content(t, sectors)
		for _, e := range bad {
			clear(want[int64(e.Start)*sector : int64(e.End())*sector])
		}
		got := f.read("image")
		got = append(got, make([]byte, max(len(want)-len(got), 0))...) // an end that was not read is not written
		if !bytes.Equal(got, want) {
			t.Errorf("ddrescue %v: the image is not what can be read", flags)
		}
		if names := badOf(t, f.read("map")); fmt.Sprint(names) != fmt.Sprint(bad) {
			t.Errorf("ddrescue %v: the mapfile names %v, want %v", flags, names, bad)
		}
	}
}

// badOf are the extents that a mapfile calls bad.
func badOf(t *testing.T, mapfile []byte) (bad []disc.Extent) {
	t.Helper()
	for line := range strings.Lines(string(mapfile)) {
		var at, size int64
		var status string
		if n, _ := fmt.Sscanf(line, "0x%x 0x%x %s", &at, &size, &status); n == 3 && status != "+" {
			if status != "-" || at%sector != 0 || size%sector != 0 {
				t.Errorf("the mapfile has %q", line)
			}
			bad = append(bad, disc.Extent{Start: disc.LBA(at / sector), Count: size / sector})
		}
	}
	return bad
}

func TestEject(t *testing.T) {
	f := show(t, simdrive.Options{}, simdrive.DVDROM(pattern{}, sectors))
	if out, err := f.run("eject", "-F", f.node); err != nil {
		t.Fatalf("eject: %v\n%s", err, out)
	}
	if f.drive.Tray() != disc.TrayOpen || f.drive.Ejects() != 1 {
		t.Errorf("the tray is %v after %d ejects", f.drive.Tray(), f.drive.Ejects())
	}
	if out, err := f.run("eject", "-F", "-t", f.node); err != nil || f.drive.Tray() != disc.TrayLoaded {
		t.Errorf("eject -t: %v, the tray is %v\n%s", err, f.drive.Tray(), out)
	}
}

// While somebody reads, the tray is locked; when the last one has closed, it is
// not.
func TestLock(t *testing.T) {
	d := simdrive.New(simdrive.Options{})
	must(t, d.Insert(simdrive.DVDROM(pattern{}, sectors)))
	s := New(d)
	defer s.unit.n.Close()
	ctx := t.Context()
	a, err := s.open(ctx, unix.O_RDONLY)
	must(t, err)
	b, err := s.open(ctx, unix.O_RDONLY|unix.O_NONBLOCK)
	must(t, err)
	if !d.Locked() {
		t.Error("the tray is not locked while the node is open")
	}
	if _, _, err := s.call(ctx, b, request{op: opEject}); !errors.Is(err, unix.EBUSY) {
		t.Errorf("eject beside a reader: %v", err)
	}
	s.close(ctx, a)
	if d.Locked() {
		t.Error("the tray is locked after the reader's end")
	}
	other := d.Nexus()
	defer other.Close()
	for range 2 { // the first one ends with the power-on unit attention
		_, _, _, err = other.Execute(ctx, []byte{0x1E, 0, 0, 0, 1, 0}, nil, 0)
		must(t, err)
	}
	if n, _, err := s.call(ctx, b, request{op: opEject}); n != 2 || err != nil || d.Tray() != disc.TrayLoaded {
		t.Errorf("eject of a tray that another initiator locks: %d, %v, the tray is %v", n, err, d.Tray())
	}
	s.close(ctx, b)
}

// Through the face the drive takes the time that it takes, no less: what is
// more is printed by the benchmark.
func TestTakesTime(t *testing.T) {
	timing := simdrive.Timing{SpinUp: 100 * time.Millisecond, Rate: 100 << 20}
	f := show(t, simdrive.Options{Timing: timing}, simdrive.DVDROM(pattern{}, sectors))
	begin := time.Now()
	if out, err := f.run("dd", "if="+f.node, "of=/dev/null", "bs=1M"); err != nil {
		t.Fatalf("dd: %v\n%s", err, out)
	}
	if least := timing.SpinUp + time.Duration(sectors*sector*int64(time.Second)/timing.Rate); time.Since(begin) < least {
		t.Errorf("it took %s, the drive alone takes %s", time.Since(begin), least)
	}
}

type script struct {
	io.Reader
	out bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }

// Whatever comes on the socket, the server neither panics nor gives more than
// was asked for.
func FuzzServe(f *testing.F) {
	d := simdrive.New(simdrive.Options{})
	if err := d.Insert(simdrive.DVDROM(pattern{}, 100)); err != nil {
		f.Fatal(err)
	}
	s := New(d)
	word := func(op, flags byte, offset, length uint16) []byte {
		b := make([]byte, 24)
		b[0], b[4], b[8], b[9], b[16], b[17] = op, flags, byte(offset), byte(offset>>8), byte(length), byte(length>>8)
		return b
	}
	open := word(opOpen, 0, 0, 0)
	f.Add(append(open[:24:24], word(opRead, 0, 1000, 5000)...))
	f.Add(append(open[:24:24], word(opRead, 1, 2048, 4096)...))
	f.Add(append(open[:24:24], word(opStatus, 0, 0, 0)...))
	f.Add(append(open[:24:24], word(opLock, 1, 0, 0)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := &script{Reader: bytes.NewReader(in)}
		s.serve(t.Context(), p)
		if most := len(in)/24*8 + 100*sector*(len(in)/24); p.out.Len() > most {
			t.Errorf("%d bytes came for %d requests", p.out.Len(), len(in)/24)
		}
		if s.users != 0 || s.data != 0 {
			t.Errorf("%d users, %d readers are left", s.users, s.data)
		}
		if d.Tray() != disc.TrayLoaded {
			d.CloseTray()
		}
	})
}

func FuzzSense(f *testing.F) {
	f.Add([]byte{0xF0, 0, 3, 0, 0, 0, 7, 10, 0, 0, 0, 0, 0x11, 5})
	f.Add([]byte{0x72, 3, 0x11, 5, 0, 0, 0, 12, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 7})
	f.Fuzz(func(t *testing.T, b []byte) { readSense(b) })
}

func TestSense(t *testing.T) {
	for _, b := range [][]byte{
		{0xF0, 0, 3, 0, 0, 0, 7, 10, 0, 0, 0, 0, 0x11, 5},
		{0x72, 3, 0x11, 5, 0, 0, 0, 12, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 7},
	} {
		if s := *readSense(b); s != (sense{3, 0x11, 5, 7}) {
			t.Errorf("%x is read as %+v", b, s)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
