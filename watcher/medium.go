package watcher

import (
	"time"

	"ripstation/disc"
)

// heard takes in one uevent.
func (l *loop) heard(u Uevent) {
	d := l.drives[u.Sysname]
	if u.Action == "remove" {
		if d != nil {
			l.gone(d)
		}
		return
	}
	if d != nil && d.uevent.Devpath != u.Devpath {
		l.gone(d)
		d = nil
	}
	if d == nil {
		u.Initialized = true // udev sends its events when its rules have run
		d = l.appear(u, false)
	} else {
		d.learn(u)
		if d.phase == waiting && d.tries == 0 {
			d.nextAt = time.Now()
		}
	}
	fresh := u.DiskSeq > d.eventSeq
	d.eventSeq = max(d.eventSeq, u.DiskSeq)
	if u.Media {
		d.mediaSeq = max(d.mediaSeq, u.DiskSeq)
	}
	if d.phase != announced {
		return
	}
	switch {
	case u.EjectRequest:
		// What becomes of it is told by an event of its own.
		l.emit(d, disc.EventEjectRequested, nil)
	case l.w.held(d.Key):
		l.changedWhileHeld(d, u)
	case fresh || u.MediaChange:
		d.atStart = d.atStart && !fresh
		l.checkNow(d)
	default:
		// Not a media change. Our own close of the node can be the cause, so
		// this must not make us open it again at once.
		soon := d.lastCheck.Add(l.w.cfg.Poll / 5)
		if soon.Before(d.nextAt) {
			d.nextAt = soon
		}
	}
}

// grace is how long a drive may be between two states before it is taken at
// its word: an empty tray that closes is not ready for two or three seconds.
// With the round before it, a disc is noticed within 10 s.
func (l *loop) grace() time.Duration { return min(l.w.cfg.Poll*4/5, longestGrace) }

const longestGrace = 4 * time.Second

// glance looks whether the kernel has counted a media change of a drive that
// udev has not told of, as its helpers can read a rotten disc for minutes
// before it tells. No command is sent for it.
func (l *loop) glance() {
	l.glanceAt = time.Now().Add(min(l.w.cfg.Poll, longestGlance))
	for _, d := range l.drives {
		if d.phase != announced || d.call != nil || l.w.held(d.Key) {
			continue
		}
		if seq := l.w.cfg.Source.DiskSeq(d.uevent.Sysname); seq > d.countSeen {
			d.countSeen = seq
			l.checkNow(d)
		}
	}
}

const longestGlance = 2 * time.Second

// decide makes an event of the status that a drive was asked for at now, if it
// is news.
func (l *loop) decide(d *drive, seq uint64, st disc.TrayStatus, now time.Time) {
	if st != disc.TrayNotReady {
		d.notReadySince = time.Time{}
	}
	if st != disc.TrayLoaded {
		d.staleSince = time.Time{}
	}
	known := d.medium != nil && seq <= d.medium.DiskSeq
	again := time.Now().Add(min(l.w.cfg.Poll/10, time.Second/2))
	switch st {
	case disc.TrayLoaded:
		if known {
			return
		}
		// We saw it before the kernel did: its new DISKSEQ is on the way, and
		// an event under the old one would make two insertions of one.
		if d.medium == nil && d.absent && seq == d.absentSeq && d.mediaSeq != seq && seq != 0 {
			if d.staleSince.IsZero() {
				d.staleSince = now
			}
			if now.Sub(d.staleSince) < l.grace() {
				d.nextAt = again
				return
			}
		}
		l.inserted(d, seq)
	case disc.TrayNotReady:
		if known {
			return
		}
		// A rotten disc can stay so for minutes; an empty tray that closes is
		// so for a moment.
		if d.notReadySince.IsZero() {
			d.notReadySince = now
		}
		if now.Sub(d.notReadySince) < l.grace() {
			d.nextAt = again
			return
		}
		l.inserted(d, seq)
	case disc.TrayOpen, disc.TrayEmpty:
		d.absent, d.absentSeq = true, seq
		if d.medium != nil {
			l.removed(d)
		}
		d.atStart = false
	}
}

func (l *loop) inserted(d *drive, seq uint64) {
	d.medium = &disc.Insertion{DriveKey: d.Key, BootID: l.boot, DiskSeq: seq}
	l.emit(d, disc.EventInserted, d.medium)
	d.atStart = false
	d.notReadySince, d.staleSince = time.Time{}, time.Time{}
}

func (l *loop) removed(d *drive) {
	d.medium = nil
	l.emit(d, disc.EventRemoved, nil)
}

// changedWhileHeld tells what udev says of a drive that must not be asked: a
// command of ours would take away the unit attention that the job has to see.
func (l *loop) changedWhileHeld(d *drive, u Uevent) {
	seq := u.DiskSeq
	if seq == 0 {
		seq = l.w.cfg.Source.DiskSeq(u.Sysname)
	}
	if d.medium != nil && seq <= d.medium.DiskSeq {
		return // late, or one of several
	}
	d.atStart = false
	switch {
	case u.Media:
		if d.medium != nil || !d.absent || seq >= d.absentSeq {
			l.inserted(d, seq)
		}
	case u.MediaChange && d.medium != nil:
		// If the medium is there after all, the look on release finds it.
		l.removed(d)
		d.absent, d.absentSeq = true, seq
	}
}

// missedWhileHeld makes up for a lost event of a held drive: a DISKSEQ that
// two enumerations in a row have seen and no event has told.
func (l *loop) missedWhileHeld(d *drive, u Uevent) {
	switch {
	case u.DiskSeq <= d.eventSeq || d.medium == nil || u.DiskSeq <= d.medium.DiskSeq:
		d.missedSeq = 0
	case d.missedSeq != u.DiskSeq:
		d.missedSeq = u.DiskSeq
	default:
		d.missedSeq = 0
		d.eventSeq = u.DiskSeq
		u.MediaChange = true
		l.changedWhileHeld(d, u)
	}
}
