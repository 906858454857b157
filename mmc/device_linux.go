package mmc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// presence is one stay of a drive on the bus. A drive that was switched off and
// on comes back as another one: its node is made anew, or the kernel hangs it
// at another place below /sys.
type presence struct {
	dev, ino, rdev uint64
	born           unix.StatxTimestamp // of the node; zero where its file system does not keep it
	place          string              // where /sys/dev/block or /sys/dev/char points
}

// presenceAt is what a path leads to now. It sends no command.
func presenceAt(path string) (presence, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return presence{}, err
	}
	p := presence{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor)}
	if st.Mask&unix.STATX_BTIME != 0 {
		p.born = st.Btime
	}
	kind := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		kind = "block"
	case unix.S_IFCHR:
		kind = "char"
	default:
		return p, nil
	}
	// Without /sys the node alone has to do.
	p.place, _ = os.Readlink(fmt.Sprintf("/sys/dev/%s/%d:%d", kind, unix.Major(p.rdev), unix.Minor(p.rdev)))
	return p, nil
}

// device is one drive as this process uses it. All Nodes on it take turns, and
// when a call to it is stuck in the kernel none of them, nor any that is opened
// later, sends it anything more until it has left the bus.
type device struct {
	path string
	is   presence
	turn chan struct{} // holds a token while no call is under way

	stuck chan struct{} // closed when a call has been given up
	why   string        // what is told of it then

	users int // guarded by devices.mu
}

// devices are those in use, and those with a call that is stuck.
var devices = struct {
	mu sync.Mutex
	by map[presence]*device
}{by: map[presence]*device{}}

func newDevice(path string, is presence) *device {
	d := &device{path: path, is: is, turn: make(chan struct{}, 1), stuck: make(chan struct{})}
	d.turn <- struct{}{}
	return d
}

// deviceAt is the device behind a path, for one more user.
func deviceAt(path string) (*device, error) {
	is, err := presenceAt(path)
	if err != nil {
		return nil, err
	}
	devices.mu.Lock()
	defer devices.mu.Unlock()
	for was, d := range devices.by {
		if d.users == 0 && was != is && d.left() {
			delete(devices.by, was)
		}
	}
	d := devices.by[is]
	if d == nil {
		d = newDevice(path, is)
		devices.by[is] = d
	}
	d.users++
	return d, nil
}

// done is what a user says in the end. A device with a stuck call is
// remembered.
func (d *device) done() {
	devices.mu.Lock()
	defer devices.mu.Unlock()
	if d.users--; d.users == 0 && !d.isStuck() && devices.by[d.is] == d {
		delete(devices.by, d.is)
	}
}

func (d *device) isStuck() bool {
	select {
	case <-d.stuck:
		return true
	default:
		return false
	}
}

// left reports whether the device is not on the bus any more.
func (d *device) left() bool {
	if d.is == (presence{}) {
		return false
	}
	is, err := presenceAt(d.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && is != d.is
}

// giveUp ends the device for this process: what was sent has not come back.
func (d *device) giveUp(what string, sent time.Time) {
	abandoned.Add(1)
	d.why = fmt.Sprintf("%s, sent to %s at %s, had not come back from the kernel after %s and was given up; the drive gets no more commands until it has left the bus and come back: switch it off and on, or unplug it",
		what, d.path, sent.UTC().Format("15:04:05 UTC"), time.Since(sent).Round(time.Second))
	close(d.stuck)
}

// refused is the answer to everything that is asked of a device with a stuck
// call.
func (d *device) refused(op string) error {
	return &disc.ReadError{Op: op, Class: disc.ClassWedged, LBA: -1, Err: errors.New(d.why)}
}
