package simdrive

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ripstation/disc"
)

// ErrVanished says that the drive is not there any more: no command has an
// answer until it returns.
var ErrVanished = errors.New("the drive is not there any more")

// ErrOccupied says that a closed tray already holds a disc.
var ErrOccupied = errors.New("there is a disc in the drive already")

// Options say what drive it is. The zero value is a patient, timeless drive
// with a name of its own: it reads as fast as memory and is ready at once.
type Options struct {
	Name     string // in the log; "" takes the serial, else the model
	Vendor   string // 8 characters of ASCII at most; "" is SIMDRIVE
	Model    string // 16; "" is BD-ROM
	Firmware string // 4; "" is 1.00
	// Serial is the drive's serial number. "" is a drive without one, as
	// behind many USB bridges: no feature 0108h, no VPD page 80h.
	Serial string

	Clock  Clock // nil is real time
	Timing Timing

	// DescriptorSense makes sense data come in descriptor format (72h).
	DescriptorSense bool
	// WholeECC makes a bad sector spoil every read that touches its
	// error-correction unit (16 sectors of a DVD, 32 of a BD), as in a real
	// drive.
	WholeECC bool
	// WedgeAfter is the number of read errors after which the drive fails
	// every command that needs the medium, fast and with 04/44/00, until the
	// tray opens; 0 never.
	WedgeAfter int
	// Log is called for every command and every movement, one at a time, in
	// order, before the initiator has its answer. It must not call the drive.
	Log func(Event)
}

// Drive is one simulated drive. All methods may be called from several
// goroutines; commands are carried out one at a time.
type Drive struct {
	opts  Options
	clock Clock
	slot  chan struct{} // holds one token: the right to carry out a command

	writes atomic.Int64
	ejects atomic.Int64

	mu       sync.Mutex // guards what follows, and keeps the log in order
	seq      uint64
	nexuses  []*Nexus
	attached int
	tray     trayState
	disc     *Disc // on the tray, open or closed
	readyAt  time.Time
	arrived  bool // the medium's arrival has been told
	idle     bool // stopped by START STOP UNIT
	errors   int  // read errors since the tray closed
	wedged   bool
	damage   Damage
	pages    modePages
	head     headState
	vanished bool
	gone     chan struct{} // closed while vanished
	hung     chan struct{} // non-nil while hanging, closed on Release
}

type trayState uint8

const (
	trayClosed trayState = iota
	trayOpen
)

// New makes a drive with its tray closed and empty. It starts nothing.
func New(o Options) *Drive {
	o.Vendor = cmp.Or(o.Vendor, "SIMDRIVE")
	o.Model = cmp.Or(o.Model, "BD-ROM")
	o.Firmware = cmp.Or(o.Firmware, "1.00")
	o.Name = cmp.Or(o.Name, o.Serial, o.Model)
	d := &Drive{opts: o, clock: o.Clock, slot: make(chan struct{}, 1), gone: make(chan struct{})}
	if d.clock == nil {
		d.clock = WallClock{}
	}
	d.slot <- struct{}{}
	d.pages = defaultPages()
	return d
}

// Nexus is one initiator's way to the drive (SAM-5: an I_T_L nexus). Each has
// unit attentions, media events and a lock of its own.
type Nexus struct {
	d  *Drive
	id int

	// guarded by Drive.mu
	attentions []Sense
	media      []mediaEvent
	prevent    bool
}

// Nexus attaches an initiator. It finds the power-on unit attention (06/29/00)
// waiting, as every initiator does that is new to a drive.
func (d *Drive) Nexus() *Nexus {
	n := d.attach()
	d.mu.Lock()
	defer d.mu.Unlock()
	n.attentions = []Sense{SensePowerOn}
	return n
}

func (d *Drive) attach() *Nexus {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	d.attached++
	n := &Nexus{d: d, id: d.attached}
	d.nexuses = append(d.nexuses, n)
	return n
}

// Close detaches the initiator; its lock on the tray falls.
func (n *Nexus) Close() {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	n.prevent = false
	for i, o := range n.d.nexuses {
		if o == n {
			n.d.nexuses = append(n.d.nexuses[:i:i], n.d.nexuses[i+1:]...)
			return
		}
	}
}

// Execute carries out one command. out is the data that came with it (nil for
// none), allocMax the number of bytes the initiator can take: more are never
// returned. status is the SAM-5 status, sense the raw sense data of a CHECK
// CONDITION. An error means that there is no answer: [ErrVanished], or ctx's
// error.
func (n *Nexus) Execute(ctx context.Context, cdb, out []byte, allocMax int) (status byte, in, sense []byte, err error) {
	t := task{n: n, cdb: cdb, out: out, max: max(allocMax, 0)}
	err = n.d.execute(ctx, &t)
	return t.status, t.in, t.sense, err
}

// Name is the drive's name in the log.
func (d *Drive) Name() string { return d.opts.Name }

// Damage is what is wrong with the drive itself: faults that hit whatever
// disc it reads, besides the disc's own.
func (d *Drive) Damage() *Damage { return &d.damage }

// WriteAttempts is the number of commands that would have written, formatted,
// blanked or closed something. All were refused.
func (d *Drive) WriteAttempts() int { return int(d.writes.Load()) }

// Ejects is the number of times a command has opened the tray.
func (d *Drive) Ejects() int { return int(d.ejects.Load()) }

// Disc is the disc that lies on the tray, open or closed, or nil.
func (d *Drive) Disc() *Disc {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.disc
}

// Tray is what the drive would say of its tray.
func (d *Drive) Tray() disc.TrayStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	switch {
	case d.tray == trayOpen:
		return disc.TrayOpen
	case d.disc == nil:
		return disc.TrayEmpty
	case !d.arrived:
		return disc.TrayNotReady
	}
	return disc.TrayLoaded
}

// Locked reports whether an initiator prevents removal.
func (d *Drive) Locked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locked()
}

func (d *Drive) locked() bool {
	for _, n := range d.nexuses {
		if n.prevent {
			return true
		}
	}
	return false
}

// settle brings the drive's state up to the clock: a medium that has had its
// time to spin up has arrived. d.mu is held.
func (d *Drive) settle() {
	if d.tray == trayClosed && d.disc != nil && !d.arrived && !d.clock.Now().Before(d.readyAt) {
		d.arrived = true
		for _, n := range d.nexuses {
			n.attention(SenseMediumChanged)
			n.event(mediaNew)
		}
	}
}

// attention queues a unit attention, unless the same one is waiting.
func (n *Nexus) attention(s Sense) {
	for _, a := range n.attentions {
		if a == s {
			return
		}
	}
	n.attentions = append(n.attentions, s)
}

// event queues a media event. A drive remembers few of them.
func (n *Nexus) event(e mediaEvent) {
	if len(n.media) == 4 {
		n.media = append(n.media[:0], n.media[1:]...)
	}
	n.media = append(n.media, e)
}
