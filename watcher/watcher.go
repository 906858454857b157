// Package watcher tells of discs and drives that come and go. It listens to
// udev, asks each drive for its status, and makes disc.DriveEvents of both:
// udev says that something may have happened, the drive's own status says
// what. It sends no command itself; the status comes as a function.
package watcher

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ripstation/disc"

	"github.com/rs/zerolog"
)

const (
	defaultPoll          = 5 * time.Second
	defaultReconcile     = 30 * time.Second
	defaultStatusTimeout = 30 * time.Second
	bootIDFile           = "/proc/sys/kernel/random/boot_id"
)

// Config is what a Watcher needs. Only Status must be set.
type Config struct {
	// Status asks a drive for its tray and medium. It must not wait for a
	// medium to become ready. Its context ends after StatusTimeout; a call
	// that does not come back then is abandoned and counted. No second call
	// is made to a drive while one is out.
	Status func(context.Context, disc.Drive) (disc.TrayStatus, error)
	// Identify gives vendor, model, firmware and serial of the drive behind a
	// device node, asked once when a drive appears. Without it udev's
	// properties and sysfs are used.
	Identify func(ctx context.Context, node string) (disc.Drive, error)

	Poll          time.Duration // between two status calls to a drive that nobody holds; default 5 s
	Reconcile     time.Duration // between two enumerations, which make up for lost events; default 30 s
	StatusTimeout time.Duration // for one call to Status or Identify; default 30 s
	BootID        string        // default: the running kernel's

	Source Source // default: udev
	Logger zerolog.Logger
}

// Watcher turns uevents and drive status into events. Make it with New.
type Watcher struct {
	cfg       Config
	events    chan disc.DriveEvent
	wake      chan struct{}
	started   atomic.Bool
	abandoned atomic.Int64

	mu       sync.Mutex
	holds    map[string]int   // by drive key
	inflight map[string]*call // by drive key: status calls a new holder waits for
	released map[string]bool  // keys whose last hold ended since the loop looked
}

// New makes a Watcher; nothing runs before Run.
func New(cfg Config) *Watcher {
	if cfg.Poll <= 0 {
		cfg.Poll = defaultPoll
	}
	if cfg.Reconcile <= 0 {
		cfg.Reconcile = defaultReconcile
	}
	if cfg.StatusTimeout <= 0 {
		cfg.StatusTimeout = defaultStatusTimeout
	}
	if cfg.Source == nil {
		cfg.Source = NewUdev()
	}
	return &Watcher{
		cfg:      cfg,
		events:   make(chan disc.DriveEvent),
		wake:     make(chan struct{}, 1),
		holds:    map[string]int{},
		inflight: map[string]*call{},
		released: map[string]bool{},
	}
}

// Events is where the events come out, in order. A slow reader delays nobody:
// events wait for it. The channel is closed when Run returns.
//
// EventInserted comes once for every Insertion. On a drive that is held it
// means that the kernel saw the medium change: pause and identify again.
// EventDriveGone stands for the removal of the medium too. EventDriveFault
// comes when a drive does not answer or cannot be asked, and EventDriveAdded
// again when it can.
func (w *Watcher) Events() <-chan disc.DriveEvent { return w.events }

// Abandoned is how many calls to Status and Identify did not come back in
// time.
func (w *Watcher) Abandoned() int64 { return w.abandoned.Load() }

// Hold stops the watcher's own calls to a drive until release is called; what
// udev says of it is still told. Hold returns when no call of the watcher is
// under way in that drive, or the one under way has been abandoned. Holds add
// up, outlive a drive that goes and comes back under its key, and release may
// be called more than once. The last release makes the watcher look at the
// drive at once.
func (w *Watcher) Hold(driveKey string) (release func()) {
	w.mu.Lock()
	w.holds[driveKey]++
	c := w.inflight[driveKey]
	w.mu.Unlock()
	if c != nil {
		<-c.over
	}
	var once sync.Once
	return func() { once.Do(func() { w.release(driveKey) }) }
}

func (w *Watcher) release(key string) {
	w.mu.Lock()
	w.holds[key]--
	if w.holds[key] == 0 {
		delete(w.holds, key)
		w.released[key] = true
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Watcher) held(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.holds[key] > 0
}

// Run watches until ctx is cancelled, then returns nil. udev that cannot be
// reached is no reason to end: Run says so in the log, polls, and tries again.
// An error means that Run could not start. It returns when all that it
// started has ended, a drive call that hangs excepted.
func (w *Watcher) Run(ctx context.Context) error {
	if !w.started.CompareAndSwap(false, true) {
		return fmt.Errorf("watch drives: the watcher was started before; make a new one")
	}
	defer close(w.events)
	if w.cfg.Status == nil {
		return fmt.Errorf("watch drives: no status function given")
	}
	boot := w.cfg.BootID
	if boot == "" {
		b, err := os.ReadFile(bootIDFile)
		if err != nil {
			return fmt.Errorf("read the boot id, which tells one insertion from another: %w", err)
		}
		boot = strings.TrimSpace(string(b))
	}
	newLoop(w, boot).run(ctx)
	return nil
}
