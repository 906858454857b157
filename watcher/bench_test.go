package watcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// bench is a machine with virtual optical drives: a kernel that counts media
// changes, a udev that sends what was measured on a real one, and drives that
// answer for their status. It is a Source.
type bench struct {
	t  *testing.T
	mu sync.Mutex

	drives  map[string]*vdrive
	ch      chan Uevent
	out     chan Uevent // to the listener
	noUdev  bool        // Listen fails
	lose    bool        // events are lost, as after an overrun
	listens int
}

// vdrive is one virtual drive.
type vdrive struct {
	b       *bench
	name    string
	devpath string
	props   map[string]string
	status  disc.TrayStatus
	err     error
	seq     uint64
	fixed   map[string]string // properties of the medium in it, in udev's database
	asked   int               // status calls
	hang    chan struct{}     // status calls wait for it to close
	slow    time.Duration     // a status call takes that long
	early   bool              // and say then what was so when they came
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, drives: map[string]*vdrive{}}
}

// plug adds a drive; on the bus, without an event.
func (b *bench) plug(name, serial, place string) *vdrive {
	v := &vdrive{
		b: b, name: name, devpath: "/devices/" + place + "/host0/target0:0:0/0:0:0:0/block/" + name,
		status: disc.TrayEmpty, seq: 3,
		props: map[string]string{
			"SUBSYSTEM": "block", "DEVTYPE": "disk", "DEVNAME": "/dev/" + name, "ID_CDROM": "1",
			"ID_VENDOR": "ACME", "ID_MODEL": "Reader 9", "ID_REVISION": "1.02", "ID_PATH": place,
		},
	}
	if serial != "" {
		v.props["ID_SERIAL_SHORT"] = serial
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drives[name] = v
	return v
}

// hotplug adds a drive as a running machine sees it.
func (b *bench) hotplug(name, serial, place string) *vdrive {
	v := b.plug(name, serial, place)
	v.event("add", nil)
	return v
}

func (v *vdrive) unplug() {
	v.b.mu.Lock()
	delete(v.b.drives, v.name)
	v.b.mu.Unlock()
	v.event("remove", nil)
}

func (v *vdrive) uevent(action string, extra map[string]string) Uevent {
	p := maps.Clone(v.props)
	maps.Copy(p, extra)
	p["DEVPATH"] = v.devpath
	p["DISKSEQ"] = strconv.FormatUint(v.seq, 10)
	u, err := parseUevent(action, p)
	if err != nil {
		v.b.t.Errorf("the bench's own uevent: %v", err)
	}
	u.Initialized = true
	return u
}

// event sends a uevent, unless events are being lost.
func (v *vdrive) event(action string, extra map[string]string) {
	v.b.mu.Lock()
	u, lose, ch := v.uevent(action, extra), v.b.lose, v.b.ch
	v.b.mu.Unlock()
	if !lose && ch != nil {
		ch <- u
	}
}

// set changes what the drive says; counted is how many media changes the
// kernel counts for it.
func (v *vdrive) set(st disc.TrayStatus, counted uint64, medium map[string]string) {
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	v.status, v.fixed = st, medium
	v.seq += counted
}

var (
	dataCD = map[string]string{"ID_CDROM_MEDIA": "1", "ID_CDROM_MEDIA_CD": "1", "ID_CDROM_MEDIA_TRACK_COUNT": "1", "ID_FS_TYPE": "iso9660"}
	bare   = map[string]string{"SYSTEMD_READY": "0"}
	change = map[string]string{"DISK_MEDIA_CHANGE": "1"}
)

func with(ms ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range ms {
		maps.Copy(all, m)
	}
	return all
}

// insert is an insertion as a well-behaved drive shows it.
func (v *vdrive) insert() {
	v.set(disc.TrayLoaded, 1, dataCD)
	v.event("change", with(change, dataCD))
}

// eject is a software eject.
func (v *vdrive) eject() {
	v.set(disc.TrayOpen, 1, nil)
	v.event("change", with(change, bare))
}

// button is the eject button, as udev handles it.
func (v *vdrive) button() {
	v.event("change", map[string]string{"DISK_EJECT_REQUEST": "1"})
	time.Sleep(300 * time.Millisecond)
	v.eject()
}

func (v *vdrive) askedTimes() int {
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	return v.asked
}

// Listen is udev's monitor; close of b.ch by fail is an epoll error.
func (b *bench) Listen(ctx context.Context) (<-chan Uevent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listens++
	if b.noUdev {
		return nil, ErrNoUdev
	}
	in, out := make(chan Uevent, 64), make(chan Uevent)
	b.ch = in
	go func() {
		defer close(out)
		for {
			select {
			case u, ok := <-in:
				if !ok {
					return
				}
				select {
				case out <- u:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// fail breaks the monitor.
func (b *bench) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = nil
}

func (b *bench) Enumerate() ([]Uevent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Uevent
	for _, v := range b.drives {
		all = append(all, v.uevent("", v.fixed))
	}
	slices.SortFunc(all, func(a, b Uevent) int { return strings.Compare(a.Sysname, b.Sysname) })
	return all, nil
}

func (b *bench) DiskSeq(name string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.drives[name]; v != nil {
		return v.seq
	}
	return 0
}

// status is the Status function of the watcher under test.
func (b *bench) status(ctx context.Context, d disc.Drive) (disc.TrayStatus, error) {
	b.mu.Lock()
	v := b.drives[strings.TrimPrefix(d.Node, "/dev/")]
	if v == nil {
		b.mu.Unlock()
		return disc.TrayUnknown, errors.New("no such device")
	}
	v.asked++
	hang, early, was, slow := v.hang, v.early, v.status, v.slow
	b.mu.Unlock()
	time.Sleep(slow)
	if hang != nil {
		<-hang // does not heed its context, as a call in the kernel
	}
	if early {
		return was, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return v.status, v.err
}

// watch is a Watcher that runs on a bench, and what it has told.
type watch struct {
	*Watcher
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
	mu     sync.Mutex
	got    []disc.DriveEvent
}

// run starts a Watcher in the bubble of the test, with a reader of its events.
func (b *bench) run(cfg Config) *watch {
	cfg.Source, cfg.BootID = b, "boot"
	if cfg.Status == nil {
		cfg.Status = b.status
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{Watcher: New(cfg), t: b.t, cancel: cancel, ended: make(chan error, 1)}
	go func() { w.ended <- w.Run(ctx) }()
	go func() {
		for e := range w.Events() {
			w.mu.Lock()
			w.got = append(w.got, e)
			w.mu.Unlock()
		}
	}()
	synctest.Wait()
	return w
}

func (w *watch) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.ended; err != nil {
		w.t.Errorf("Run gave %v after cancel, want nil", err)
	}
}

// told gives the events since it was last called, as text.
func (w *watch) told() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := []string{}
	for _, e := range w.got {
		switch {
		case e.Kind == disc.EventInserted && e.Insertion.BootID != "boot":
			w.t.Errorf("inserted with boot id %q", e.Insertion.BootID)
		case e.Kind == disc.EventInserted && e.Insertion.DriveKey != e.Drive.Key:
			w.t.Errorf("inserted in %q, by the insertion's key in %q", e.Drive.Key, e.Insertion.DriveKey)
		}
		text := string(e.Kind) + " " + e.Drive.Key
		if e.Kind == disc.EventInserted {
			text += fmt.Sprint(" #", e.Insertion.DiskSeq)
		}
		if e.Kind == disc.EventDriveFault {
			text += ": " + e.Text
		}
		if e.AtStart {
			text += " at start"
		}
		s = append(s, text)
	}
	w.got = nil
	return s
}

// expect holds what was told since the last call against want.
func (w *watch) expect(want ...string) {
	w.t.Helper()
	if got := w.told(); !slices.Equal(got, want) {
		w.t.Errorf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
