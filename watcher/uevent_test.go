package watcher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseUevent(t *testing.T) {
	base := func(extra ...string) map[string]string {
		p := map[string]string{"SUBSYSTEM": "block", "DEVPATH": "/devices/pci0000:00/x/block/sr0", "DEVNAME": "/dev/sr0"}
		for i := 0; i < len(extra); i += 2 {
			p[extra[i]] = extra[i+1]
		}
		return p
	}
	u, err := parseUevent("change", base("DISKSEQ", "17", "DISK_MEDIA_CHANGE", "1", "ID_CDROM_MEDIA", "1",
		"ID_VENDOR", " HL-DT-ST ", "ID_MODEL", "BD\x1b[31m\xff", "ID_SERIAL_SHORT", "K1", "ID_PATH", "pci-0"))
	want := Uevent{Action: "change", Sysname: "sr0", Devpath: "/devices/pci0000:00/x/block/sr0", DiskSeq: 17,
		MediaChange: true, Media: true, Vendor: "HL-DT-ST", Model: "BD_[31m_", Serial: "K1", Place: "pci-0"}
	if err != nil || u != want || u.Node() != "/dev/sr0" {
		t.Errorf("got %+v, %v, want %+v", u, err, want)
	}
	if u, err := parseUevent("change", base("DISKSEQ", "-1", "DISK_EJECT_REQUEST", "1")); err != nil || u.DiskSeq != 0 || !u.EjectRequest {
		t.Errorf("with a malformed DISKSEQ: %+v, %v", u, err)
	}
	for _, props := range []map[string]string{
		base("SUBSYSTEM", "net"), base("DEVPATH", "/devices/x/block/sda"), base("DEVPATH", "/devices/x/block/sr"),
		base("DEVPATH", "/devices/x/block/sr0/"), base("DEVPATH", "/x/sr0123456"), base("DEVPATH", "/x/srx"), {},
	} {
		if _, err := parseUevent("add", props); !errors.Is(err, errNotADrive) {
			t.Errorf("%v gave %v, want errNotADrive", props, err)
		}
	}
	big := base()
	for i := range maxProperties {
		big["K"+strings.Repeat("x", i)] = ""
	}
	for name, props := range map[string]map[string]string{
		"relative": base("DEVPATH", "sr0"), "control": base("DEVPATH", "/a\n/sr0"),
		"long": base("DEVPATH", "/"+strings.Repeat("a", maxValue)+"/sr0"),
		"node": base("DEVNAME", "/dev/sda"), "climbs": base("DEVNAME", "/dev/../etc/sr0"), "many": big,
	} {
		if _, err := parseUevent("add", props); err == nil || errors.Is(err, errNotADrive) {
			t.Errorf("%s: gave %v, want an error that says what is malformed", name, err)
		}
	}
}

var keyShape = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// FuzzUevent: whatever udev hands over, node and keys stay what they may be.
func FuzzUevent(f *testing.F) {
	f.Add("change", []byte("SUBSYSTEM=block\x00DEVPATH=/devices/a/block/sr0\x00DISKSEQ=7\x00ID_SERIAL_SHORT=K1\x00ID_CDROM_MEDIA=1"))
	f.Add("add", []byte("SUBSYSTEM=block\x00DEVPATH=/a/sr12\x00DEVNAME=/dev/sr12\x00ID_VENDOR=\xff\x00ID_PATH=pci:../.."))
	f.Add("remove", []byte("DEVPATH=sr0"))
	f.Fuzz(func(t *testing.T, action string, raw []byte) {
		props := map[string]string{}
		for _, kv := range strings.Split(string(raw), "\x00") {
			k, v, _ := strings.Cut(kv, "=")
			props[k] = v
		}
		u, err := parseUevent(action, props)
		if err != nil {
			return
		}
		if !regexp.MustCompile(`^/dev/sr[0-9]{1,5}$`).MatchString(u.Node()) {
			t.Fatalf("node %q", u.Node())
		}
		if k := placeKey(u.Vendor, u.Model, u.Firmware, placeOf(u)); !keyShape.MatchString(k) {
			t.Fatalf("key by place %q", k)
		}
		if k := serialKey(u.Serial); k != "" && !keyShape.MatchString(k) {
			t.Fatalf("key by serial %q", k)
		}
	})
}

func TestKeys(t *testing.T) {
	for serial, want := range map[string]string{
		"K9B1 23": "K9B1_23", " K1 ": "K1", "": "", "000000000000": "", "  ": "", "..": "", "a/../b": "a_.._b", "é": "", "0A": "0A",
	} {
		if got := serialKey(serial); got != want {
			t.Errorf("serial %q gave key %q, want %q", serial, got, want)
		}
	}
	a, b := keyText(strings.Repeat("x", 300)+"a"), keyText(strings.Repeat("x", 300)+"b")
	if len(a) != maxKey || a == b {
		t.Errorf("long keys %q and %q: want %d bytes each, and different", a, b, maxKey)
	}
	if got := placeOf(Uevent{Devpath: "/devices/pci0/usb1/host6/target6:0:0/6:0:0:0/block/sr0"}); got != "pci0/usb1/host6/target6:0:0/6:0:0:0" {
		t.Errorf("place from the device path: %q", got)
	}
}

// TestUdevMonitor opens the real netlink monitor and lists the real drives;
// a machine without either still passes through all of the adapter.
func TestUdevMonitor(t *testing.T) {
	control := filepath.Join(t.TempDir(), "control")
	s := &udevSource{sysfs: "/sys", control: control}
	if _, err := s.Listen(t.Context()); !errors.Is(err, ErrNoUdev) {
		t.Fatalf("without a udev daemon Listen gave %v, want ErrNoUdev: its monitor would be deaf", err)
	}
	if err := os.WriteFile(control, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := s.Listen(ctx)
	if err != nil {
		cancel()
		t.Fatalf("listen: %v", err)
	}
	cancel()
	select {
	case _, open := <-ch:
		for open {
			_, open = <-ch
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the monitor's channel did not close after cancel")
	}
	drives, err := s.Enumerate()
	if err != nil {
		t.Fatalf("list drives: %v", err)
	}
	for _, u := range drives {
		if !isOpticalName(u.Sysname) || u.Devpath == "" {
			t.Errorf("listed %+v", u)
		}
	}
}

// TestForwardReadsToTheEnd: else go-udev's goroutine never ends.
func TestForwardReadsToTheEnd(t *testing.T) {
	in, out := make(chan int), make(chan Uevent)
	ctx, cancel := context.WithCancel(t.Context())
	go forward(ctx, in, out, func(n int) (Uevent, error) {
		if n%2 == 1 {
			return Uevent{}, errNotADrive
		}
		return Uevent{DiskSeq: uint64(n)}, nil
	})
	in <- 1
	in <- 2
	if u := <-out; u.DiskSeq != 2 {
		t.Errorf("forwarded %+v, want number 2", u)
	}
	cancel()
	for n := range 5 {
		select {
		case in <- n: // nobody fetches any more
		case <-time.After(10 * time.Second):
			t.Fatal("an event is left unread after cancel")
		}
	}
	close(in)
	for range out { // the last one may still be handed on; then it is closed
	}
}

func TestSysfsAttributes(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "class/block/sr0/device")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"vendor": "ACME    \n", "../diskseq": "42\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &udevSource{sysfs: root}
	if got := s.DiskSeq("sr0"); got != 42 {
		t.Errorf("DISKSEQ %d, want 42", got)
	}
	if got := s.attribute("sr0", "device/vendor"); got != "ACME" {
		t.Errorf("vendor %q", got)
	}
	if s.DiskSeq("sr1") != 0 || s.attribute("sr1", "device/vendor") != "" {
		t.Error("a drive that is not there has attributes")
	}
}
