package watcher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds on what udev hands over: names and labels in it come from drives and
// discs.
const (
	maxProperties = 2048
	maxValue      = 4096
	maxName       = 256
)

var errNotADrive = errors.New("not an optical drive")

// Uevent is what udev knows of one optical drive, at one moment or with one
// event.
type Uevent struct {
	Action      string // "add", "change", "remove"; empty from an enumeration
	Sysname     string // "sr0"
	Devpath     string // below /sys; another one means another device
	Initialized bool   // udev's rules have run: the node has its group and mode

	DiskSeq      uint64 // the kernel's count of media changes; 0 if not told
	MediaChange  bool   // DISK_MEDIA_CHANGE=1
	EjectRequest bool   // DISK_EJECT_REQUEST=1: the button was pressed
	Media        bool   // ID_CDROM_MEDIA=1: a hint, no more

	Vendor, Model, Firmware string
	Serial                  string // ID_SERIAL_SHORT: with some USB bridges the bridge's
	Place                   string // ID_PATH: where it is plugged in
}

// Node is the drive's device node.
func (u Uevent) Node() string { return "/dev/" + u.Sysname }

// Source is where uevents come from.
type Source interface {
	// Listen gives the uevents of optical drives until ctx is done. The
	// channel closes then, or when listening has failed.
	Listen(ctx context.Context) (<-chan Uevent, error)
	// Enumerate gives every optical drive that is there now.
	Enumerate() ([]Uevent, error)
	// DiskSeq is the kernel's present count of media changes of a drive, 0 if
	// it cannot be told. It sends no command to the drive.
	DiskSeq(sysname string) uint64
}

// parseUevent picks from udev's properties what the watcher needs. It returns
// errNotADrive for other devices.
func parseUevent(action string, props map[string]string) (Uevent, error) {
	if props["SUBSYSTEM"] != "block" {
		return Uevent{}, errNotADrive
	}
	if len(props) > maxProperties {
		return Uevent{}, fmt.Errorf("uevent with %d properties: more than %d are not believed", len(props), maxProperties)
	}
	devpath := props["DEVPATH"]
	name := devpath[strings.LastIndexByte(devpath, '/')+1:]
	if !isOpticalName(name) {
		return Uevent{}, errNotADrive
	}
	if len(devpath) > maxValue || devpath[0] != '/' || printable(devpath, maxValue) != devpath {
		return Uevent{}, fmt.Errorf("uevent of %s: malformed DEVPATH", name)
	}
	if node, ok := props["DEVNAME"]; ok && node != "/dev/"+name && node != name {
		return Uevent{}, fmt.Errorf("uevent of %s: names the node %q", name, printable(node, maxName))
	}
	seq, err := strconv.ParseUint(props["DISKSEQ"], 10, 64)
	if err != nil {
		seq = 0
	}
	text := func(key string) string { return printable(props[key], maxName) }
	return Uevent{
		Action:       printable(action, 16),
		Sysname:      name,
		Devpath:      devpath,
		DiskSeq:      seq,
		MediaChange:  props["DISK_MEDIA_CHANGE"] == "1",
		EjectRequest: props["DISK_EJECT_REQUEST"] == "1",
		Media:        props["ID_CDROM_MEDIA"] == "1",
		Vendor:       text("ID_VENDOR"),
		Model:        text("ID_MODEL"),
		Firmware:     text("ID_REVISION"),
		Serial:       text("ID_SERIAL_SHORT"),
		Place:        text("ID_PATH"),
	}, nil
}

// isOpticalName reports whether name is a kernel name of the sr driver.
func isOpticalName(name string) bool {
	digits, ok := strings.CutPrefix(name, "sr")
	if !ok || digits == "" || len(digits) > 5 {
		return false
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// printable is s without blanks around it, at most max bytes of it, with
// everything but visible ASCII and the space replaced by '_'.
func printable(s string, max int) string {
	if len(s) > max {
		s = s[:max]
	}
	b := []byte(strings.Trim(s, " \t\r\n\x00"))
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '_'
		}
	}
	return string(b)
}
