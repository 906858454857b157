package simdrive

import (
	"fmt"

	"ripstation/disc"
)

// Insert lays the disc on the tray and closes it, as a person would. An open
// tray is emptied first; ErrOccupied if it is closed over another disc.
func (d *Drive) Insert(m *Disc) error {
	if m == nil {
		return fmt.Errorf("insert a disc into %s: there is none", d.opts.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tray == trayClosed && d.disc != nil {
		return fmt.Errorf("insert %q into %s: %w", m.Name, d.opts.Name, ErrOccupied)
	}
	d.disc = m
	d.close()
	d.note(EventTray, "inserted "+m.Name)
	return nil
}

// TakeOut takes the disc from an open tray. It returns nil when the tray is
// closed or empty.
func (d *Drive) TakeOut() *Disc {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tray != trayOpen {
		return nil
	}
	m := d.disc
	d.disc = nil
	return m
}

// PressButton presses the eject button. An open tray closes. A closed one
// opens, unless an initiator prevents it: then the initiators are told of the
// request (media event 1).
func (d *Drive) PressButton() {
	d.mu.Lock()
	defer d.mu.Unlock()
	what := "button pressed: tray opened"
	switch {
	case d.tray == trayOpen:
		what = "button pressed: tray closed"
		d.close()
	case d.locked():
		what = "button pressed: tray is locked"
		for _, n := range d.nexuses {
			n.event(mediaEjectRequest)
		}
	default:
		d.open(true)
	}
	d.note(EventTray, what)
}

// ForceOpen opens the tray with a paper clip: past any lock, and without a
// media event.
func (d *Drive) ForceOpen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open(false)
	d.note(EventTray, "tray forced open")
}

// CloseTray pushes the tray in, with whatever lies on it.
func (d *Drive) CloseTray() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tray == trayOpen {
		d.close()
	}
	d.note(EventTray, "tray pushed in")
}

// open opens the tray; d.mu is held.
func (d *Drive) open(tell bool) {
	if d.tray == trayOpen {
		return
	}
	d.tray = trayOpen
	if d.disc != nil && d.arrived && tell {
		for _, n := range d.nexuses {
			n.event(mediaRemoval)
		}
	}
	d.arrived, d.wedged, d.errors, d.idle = false, false, 0, false
}

// close closes the tray; a medium on it begins to spin up. d.mu is held.
func (d *Drive) close() {
	d.tray = trayClosed
	d.arrived, d.wedged, d.errors, d.idle = false, false, 0, false
	d.head = headState{}
	d.readyAt = d.clock.Now().Add(d.opts.Timing.SpinUp)
	d.settle()
}

// InjectUnitAttention makes the next command of every initiator end with
// sense 06/asc/ascq, as after a bus reset or a spurious medium change.
func (d *Drive) InjectUnitAttention(asc, ascq byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nexuses {
		n.attentions = append(n.attentions, Sense{0x06, asc, ascq})
	}
	d.note(EventFault, fmt.Sprintf("unit attention %02x/%02x injected", asc, ascq))
}

// Reset is a power cycle or bus reset: locks fall, mode pages have their
// defaults, every initiator finds 06/29/00.
func (d *Drive) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reset()
	d.note(EventFault, "reset")
}

func (d *Drive) reset() {
	d.pages = defaultPages()
	d.head = headState{}
	d.wedged, d.errors, d.idle = false, 0, false
	for _, n := range d.nexuses {
		n.prevent = false
		n.media = nil
		n.attentions = []Sense{SensePowerOn}
	}
}

// Vanish unplugs the drive: commands in flight and all later ones have no
// answer.
func (d *Drive) Vanish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.vanished {
		d.vanished = true
		close(d.gone)
	}
	d.note(EventFault, "vanished")
}

// Return plugs the drive in again: as after a reset, with the disc where it
// was.
func (d *Drive) Return() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.vanished {
		d.vanished = false
		d.gone = make(chan struct{})
		d.reset()
	}
	d.note(EventFault, "returned")
}

// Gone is closed when the drive vanishes. After a Return there is a new one.
func (d *Drive) Gone() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

// Hang makes the drive stop answering: the command in flight, if it waits for
// anything, and all later ones block until Release, or until their context or
// timeout ends.
func (d *Drive) Hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hung == nil {
		d.hung = make(chan struct{})
	}
	d.note(EventFault, "hangs")
}

// Release ends a Hang: blocked commands go on.
func (d *Drive) Release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hung != nil {
		close(d.hung)
		d.hung = nil
	}
	d.note(EventFault, "released")
}

// Wedge makes the drive fail every command that needs the medium, fast and
// with 04/44/00, until the tray opens or the drive is reset.
func (d *Drive) Wedge() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wedged = true
	d.note(EventFault, "wedged")
}

// note logs what happened to the drive; d.mu is held.
func (d *Drive) note(kind EventKind, what string) {
	d.log(Event{Kind: kind, Op: what, LBA: disc.LBA(-1), Time: d.clock.Now()})
}

func (d *Drive) log(e Event) {
	if d.opts.Log == nil {
		return
	}
	d.seq++
	e.Seq, e.Drive = d.seq, d.opts.Name
	d.opts.Log(e)
}
