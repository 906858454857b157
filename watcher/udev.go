package watcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jochenvg/go-udev"
)

// ErrNoUdev says that no udev daemon runs here.
var ErrNoUdev = errors.New("udev does not run here")

// udevSource is udev by libudev, with sysfs for what udev has no rule for.
type udevSource struct {
	sysfs   string // /sys
	control string // the daemon's socket
}

// NewUdev is the machine's udev. It opens nothing yet.
func NewUdev() Source {
	return &udevSource{sysfs: "/sys", control: "/run/udev/control"}
}

// Listen opens a monitor of the events that udev sends when its rules have
// run.
func (s *udevSource) Listen(ctx context.Context) (<-chan Uevent, error) {
	// Without the daemon libudev hands out a monitor that hears nothing, ever.
	if _, err := os.Stat(s.control); err != nil {
		return nil, fmt.Errorf("listen to udev: %w (%w)", ErrNoUdev, err)
	}
	// A context of its own: libudev is not safe to share, and the lock around
	// a shared one would hold up enumeration.
	var u udev.Udev
	m := u.NewMonitorFromNetlink("udev")
	if m == nil {
		return nil, errors.New("open udev's netlink monitor: libudev gives no reason; are AF_NETLINK sockets allowed?")
	}
	if err := m.FilterAddMatchSubsystemDevtype("block", "disk"); err != nil {
		return nil, fmt.Errorf("filter udev's events: %w", err)
	}
	devices, err := m.DeviceChan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listen to udev: %w", err)
	}
	out := make(chan Uevent)
	go forward(ctx, devices, out, func(d *udev.Device) (Uevent, error) { return s.uevent(d, d.Action()) })
	return out, nil
}

// forward hands on what is to be believed of in, and closes out when in is at
// its end. It reads in to the end also after ctx is done: an event unread
// would keep the library's goroutine for ever.
func forward[D any](ctx context.Context, in <-chan D, out chan<- Uevent, uevent func(D) (Uevent, error)) {
	defer close(out)
	for d := range in {
		ev, err := uevent(d)
		if err != nil {
			continue // some other disk, or nothing to be believed
		}
		select {
		case out <- ev:
		case <-ctx.Done():
		}
	}
}

// Enumerate lists the drives by sysfs and udev's database.
func (s *udevSource) Enumerate() ([]Uevent, error) {
	var u udev.Udev
	e := u.NewEnumerate()
	if e == nil {
		return nil, errors.New("list drives: libudev gives no enumeration")
	}
	if err := errors.Join(e.AddMatchSubsystem("block"), e.AddMatchSysname("sr[0-9]*")); err != nil {
		return nil, fmt.Errorf("list drives: %w", err)
	}
	devices, err := e.Devices()
	if err != nil {
		return nil, fmt.Errorf("list drives: %w", err)
	}
	var all []Uevent
	for _, d := range devices {
		if d == nil {
			continue // went away between list and look
		}
		if ev, err := s.uevent(d, ""); err == nil {
			all = append(all, ev)
		}
	}
	return all, nil
}

// uevent copies what is needed out of d, which lives in C and is freed by the
// garbage collector only.
func (s *udevSource) uevent(d *udev.Device, action string) (Uevent, error) {
	ev, err := parseUevent(action, d.Properties())
	if err != nil {
		return Uevent{}, err
	}
	ev.Initialized = d.IsInitialized()
	if ev.Action == "remove" {
		return ev, nil
	}
	for attr, to := range map[string]*string{"vendor": &ev.Vendor, "model": &ev.Model, "rev": &ev.Firmware} {
		if *to == "" {
			*to = s.attribute(ev.Sysname, "device/"+attr)
		}
	}
	if ev.DiskSeq == 0 {
		ev.DiskSeq = s.DiskSeq(ev.Sysname)
	}
	return ev, nil
}

// DiskSeq reads the kernel's count from sysfs (Linux 5.15 and newer).
func (s *udevSource) DiskSeq(sysname string) uint64 {
	n, err := strconv.ParseUint(s.attribute(sysname, "diskseq"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// attribute is a block device's sysfs attribute, empty if it has none.
func (s *udevSource) attribute(sysname, name string) string {
	b, err := os.ReadFile(filepath.Join(s.sysfs, "class/block", sysname, name))
	if err != nil {
		return ""
	}
	return printable(strings.TrimSpace(string(b)), maxName)
}
