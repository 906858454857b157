package watcher

import (
	"context"
	"time"

	"ripstation/disc"
)

const (
	// settleTime is how long a drive's key waits for the answers of others
	// that appeared with it, since a serial counts only if it is unique.
	settleTime = 2 * time.Second
	// rulesTime is how long a drive may be there without udev's rules having
	// run; a disc that cannot be read holds them up for minutes.
	rulesTime = 8 * time.Second
	// identifyTries is how often a drive is asked who it is.
	identifyTries = 3
)

type phase uint8

const (
	waiting     phase = iota // for udev's rules, or for the next try to identify
	identifying              // the call is out
	identified               // has no key yet
	announced
)

// drive is one drive that is there.
type drive struct {
	disc.Drive
	uevent Uevent // as last heard, without what belongs to one event
	phase  phase
	tries  int

	call      *call
	nextAt    time.Time // of the next call
	lastCheck time.Time
	lastErr   string

	failed  int             // status calls in a row that gave an error
	fault   string          // why it cannot be asked; empty when it can
	medium  *disc.Insertion // told as inserted and not removed since
	atStart bool            // nothing has happened to the drive since the watcher started

	eventSeq  uint64 // highest DISKSEQ of an event
	mediaSeq  uint64 // DISKSEQ of the last event that came with a medium
	absentSeq uint64 // DISKSEQ when no medium was in the drive
	absent    bool   // absentSeq is set
	countSeen uint64 // DISKSEQ of the last look at the drive, or glance at the count
	missedSeq uint64 // DISKSEQ that the last enumeration found and no event told

	notReadySince time.Time
	staleSince    time.Time
}

// appear takes in a drive that is new.
func (l *loop) appear(u Uevent, atStart bool) *drive {
	d := &drive{atStart: atStart, nextAt: time.Now(), eventSeq: u.DiskSeq}
	d.learn(u)
	if !u.Initialized && l.src != nil {
		d.nextAt = d.nextAt.Add(rulesTime)
	}
	l.drives[u.Sysname] = d
	return d
}

// learn keeps what udev says of the drive itself. A bare event, as comes when
// udev's helpers were stopped, takes nothing away.
func (d *drive) learn(u Uevent) {
	old := d.uevent
	keep := func(now *string, before string) {
		if *now == "" {
			*now = before
		}
	}
	keep(&u.Vendor, old.Vendor)
	keep(&u.Model, old.Model)
	keep(&u.Firmware, old.Firmware)
	keep(&u.Serial, old.Serial)
	keep(&u.Place, old.Place)
	d.uevent, d.Node = u, u.Node()
}

// gone drops a drive.
func (l *loop) gone(d *drive) {
	delete(l.drives, d.uevent.Sysname)
	if d.phase == announced {
		l.emit(d, disc.EventDriveGone, nil)
	}
}

// identify asks the drive who it is.
func (l *loop) identify(d *drive) {
	if l.w.cfg.Identify == nil {
		l.identifyByUdev(d)
		return
	}
	d.phase = identifying
	d.tries++
	c, _ := l.w.newCall("")
	node := d.Node
	start(l, d, c,
		func(ctx context.Context) (disc.Drive, error) { return l.w.cfg.Identify(ctx, node) },
		func(got disc.Drive, err error) { l.gotIdentity(d, c, got, err) })
}

func (l *loop) gotIdentity(d *drive, c *call, got disc.Drive, err error) {
	now := time.Now()
	d.nextAt = now
	switch {
	case l.drives[d.uevent.Sysname] != d:
	case c.abandoned:
		l.answers(d, err)
	case err == nil:
		d.Vendor, d.Model, d.Firmware, d.Serial = got.Vendor, got.Model, got.Firmware, got.Serial
		if d.Serial == "" {
			d.Serial = d.uevent.Serial
		}
		d.phase = identified
	case d.tries < identifyTries:
		d.phase, d.nextAt = waiting, now.Add(l.w.cfg.Poll/5)
	default:
		l.log.Warn().Err(err).Str("drive", d.Node).Msg("the drive does not say who it is; it goes by what udev says of it")
		l.identifyByUdev(d)
	}
}

func (l *loop) identifyByUdev(d *drive) {
	u := d.uevent
	d.Vendor, d.Model, d.Firmware, d.Serial = u.Vendor, u.Model, u.Firmware, u.Serial
	d.phase, d.nextAt = identified, time.Now()
}

// settled reports whether keys may be given: no drive's answer to who it is
// is worth waiting for.
func (l *loop) settled(now time.Time) bool {
	for _, d := range l.drives {
		if d.phase == identifying && d.call != nil && now.Before(d.call.started.Add(settleTime)) {
			return false
		}
	}
	return true
}

func (l *loop) announce(d *drive) {
	l.emit(d, disc.EventDriveAdded, nil)
	if d.fault != "" {
		text := d.fault
		d.fault = ""
		l.fault(d, text)
	}
	l.checkNow(d)
}
