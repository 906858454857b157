package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
)

// plug plugs a drive in for the length of a test.
func plug(t *testing.T, ctx context.Context, b *bench.Bench, o simdrive.Options, inside *simdrive.Disc) *bench.Drive {
	t.Helper()
	d, err := b.Plug(ctx, o, inside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Unplug(ctx, d); err != nil {
			t.Error(err)
		}
	})
	return d
}

// run runs a program in the guest that must end with status 0, and gives what
// it wrote.
func run(t *testing.T, ctx context.Context, b *bench.Bench, argv ...string) string {
	t.Helper()
	r, err := b.Guest.Run(ctx, argv...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit != 0 {
		t.Fatalf("%s: status %d\n%s%s", strings.Join(argv, " "), r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// insert lays a disc in and waits until udev has told of it; it gives the
// properties of that event.
func insert(t *testing.T, ctx context.Context, b *bench.Bench, d *bench.Drive, m *simdrive.Disc) map[string]string {
	t.Helper()
	w := watchUdev(t, ctx, b)
	if err := d.Insert(m); err != nil {
		t.Fatal(err)
	}
	return w.await(t, ctx, "an insertion", func(p map[string]string) bool {
		return p["DEVNAME"] == d.Node && p["DISK_MEDIA_CHANGE"] == "1" && p["ID_CDROM_MEDIA"] == "1"
	})
}

func TestKernelSeesTheDrive(t *testing.T) {
	ctx, b := sharedBench(t)
	d := plug(t, ctx, b, simdrive.Options{Name: "d0", Vendor: "ACME", Model: "READER 9", Firmware: "1.23", Serial: "SN0001"}, nil)
	props := udevOf(t, ctx, b, d.Node)
	for name, want := range map[string]string{"ID_CDROM": "1", "ID_VENDOR": "ACME", "ID_MODEL": "READER_9", "ID_REVISION": "1.23", "ID_TYPE": "cd"} {
		if props[name] != want {
			t.Errorf("udev's %s = %q, want %q", name, props[name], want)
		}
	}
	if props["ID_CDROM_MEDIA"] != "" {
		t.Error("udev sees a medium in an empty drive")
	}
	if got := run(t, ctx, b, "stat", "-c", "%G %a", d.Node); got != "cdrom 660\n" {
		t.Errorf("the node belongs to %q, want group cdrom, mode 660", got)
	}
	if _, ok := b.Log.First(0, bench.And(bench.Done("d0", "MODE SENSE(6)"), func(e bench.Event) bool { return e.Drive.CDB[2]&0x3f == 0x2a })); !ok {
		t.Error("the kernel has not asked for mode page 2a")
	}
}

func TestInsertedDiscReadsAsItIs(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors = 5000
	m := simdrive.DVDROM(simdrive.Pattern(11, sectors), sectors)
	d := plug(t, ctx, b, simdrive.Options{Name: "d1", Serial: "SN0002"}, nil)
	props := insert(t, ctx, b, d, m)
	if props["ID_CDROM_MEDIA_DVD"] != "1" || props["DISKSEQ"] == "" {
		t.Errorf("udev says of a DVD: %v", props)
	}
	out := run(t, ctx, b, "sh", "-c", "dd if="+d.Node+" bs=64k | sha256sum")
	if want := digest(t, m, sectors); !strings.HasPrefix(out, want) {
		t.Errorf("the guest's kernel reads %s, the disc is %s", out, want)
	}
	if n := b.Log.Since(0, bench.ReadOf("d1", 0, sectors)); len(n) == 0 {
		t.Error("no READ of the guest is in the log")
	}
}

func digest(t *testing.T, m *simdrive.Disc, sectors int64) string {
	t.Helper()
	data, err := m.UserData(0, sectors)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestDiscIsThereWhenTheDriveComes(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors = 1000
	d := plug(t, ctx, b, simdrive.Options{Name: "d2"}, simdrive.PressedCD(simdrive.Pattern(12, sectors), sectors))
	if props := udevOf(t, ctx, b, d.Node); props["ID_CDROM_MEDIA"] != "1" || props["ID_CDROM_MEDIA_CD"] != "1" {
		t.Errorf("udev says of a drive plugged in with a CD: %v", props)
	}
	if size := strings.TrimSpace(run(t, ctx, b, "cat", "/sys/block/"+d.Node[5:]+"/size")); size != fmt.Sprint(sectors*4) {
		t.Errorf("the kernel's size is %s blocks of 512, want %d", size, sectors*4)
	}
}

func TestMediumErrorReachesTheReader(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors, bad = 2000, 777
	m := simdrive.PressedCD(simdrive.Pattern(13, sectors), sectors)
	m.Damage().Bad(disc.Extent{Start: bad, Count: 1})
	d := plug(t, ctx, b, simdrive.Options{Name: "d3"}, nil)
	insert(t, ctx, b, d, m)
	read := func(flags, lba string) string {
		r, err := b.Guest.Run(ctx, "sh", "-c", "dd if="+d.Node+" of=/dev/null bs=2048 count=1 skip="+lba+" "+flags)
		if err != nil {
			t.Fatal(err)
		}
		return r.Stderr
	}
	if got := read("iflag=direct", "777"); !strings.Contains(got, "No data available") {
		t.Errorf("an O_DIRECT read of the bad sector says %q, want ENODATA", got)
	}
	if got := read("", "777"); !strings.Contains(got, "I/O error") && !strings.Contains(got, "Input/output error") {
		t.Errorf("a buffered read of the bad sector says %q, want EIO", got)
	}
	if got := read("iflag=direct", "778"); !strings.Contains(got, "1+0 records in") {
		t.Errorf("the sector behind it says %q", got)
	}
	e, ok := b.Log.First(0, bench.And(bench.ReadOf("d3", bad, 1), func(e bench.Event) bool { return e.Drive.Status == 0x02 }))
	if !ok || len(e.Drive.Sense) < 14 || e.Drive.Sense[2]&0x0f != 0x03 || e.Drive.Sense[12] != 0x11 {
		t.Errorf("the log's failed read: %v", e)
	}
}

func TestButtonAsksAndUdevEjectsWhileReading(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors = 20000
	d := plug(t, ctx, b, simdrive.Options{Name: "d4", Timing: simdrive.Timing{Rate: 1 << 20}}, nil)
	insert(t, ctx, b, d, simdrive.PressedCD(simdrive.Pattern(14, sectors), sectors))
	if !d.Locked() {
		t.Fatal("stock udev has not locked the tray")
	}
	mark := b.Guest.Mark()
	from := b.Log.Mark()
	if _, err := b.Guest.Start(ctx, "reader", nil, "dd", "if="+d.Node, "of=/dev/null", "bs=64k"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Log.Await(ctx, from, "the reader's progress", bench.ReadOf("d4", 1000, 500)); err != nil {
		t.Fatal(err)
	}
	w := watchUdev(t, ctx, b)
	d.PressButton()
	w.await(t, ctx, "an eject request", func(p map[string]string) bool { return p["DEVNAME"] == d.Node && p["DISK_EJECT_REQUEST"] == "1" })
	w.await(t, ctx, "the medium's end", func(p map[string]string) bool {
		return p["DEVNAME"] == d.Node && p["DISK_MEDIA_CHANGE"] == "1" && p["ID_CDROM_MEDIA"] == ""
	})
	exit, err := b.Guest.AwaitExit(ctx, mark, "reader")
	if err != nil || exit == 0 {
		t.Errorf("the reader ended with %d, %v; want an error", exit, err)
	}
	if _, err := b.Log.Order(from, bench.Step{What: "the button", Match: bench.Tray("d4", "button")}, bench.Step{What: "udev's eject", Match: bench.Eject("d4")}); err != nil {
		t.Error(err)
	}
	if d.Tray() != disc.TrayOpen {
		t.Errorf("the tray is %s", d.Tray())
	}
}

func TestDriveUnpluggedIsRemoved(t *testing.T) {
	ctx, b := sharedBench(t)
	d := plug(t, ctx, b, simdrive.Options{Name: "d5"}, nil)
	w := watchUdev(t, ctx, b)
	if err := b.Unplug(ctx, d); err != nil {
		t.Fatal(err)
	}
	w.await(t, ctx, "the drive's removal", func(p map[string]string) bool { return p["DEVNAME"] == d.Node && p["ACTION"] == "remove" })
	if r, err := b.Guest.Run(ctx, "test", "-e", d.Node); err != nil || r.Exit == 0 {
		t.Errorf("%s is still there: %d, %v", d.Node, r.Exit, err)
	}
}

func TestServiceUserHasNoCapabilities(t *testing.T) {
	ctx, b := sharedBench(t)
	out := run(t, ctx, b, bench.AsService("cat", "/proc/self/status")...)
	for _, want := range []string{"Uid:\t999\t999\t999\t999", "Gid:\t999\t999\t999\t999", "Groups:\t24 ", "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
		"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !bytes.Contains([]byte(out), []byte(want)) {
			t.Errorf("the service's /proc/self/status lacks %q", want)
		}
	}
}
