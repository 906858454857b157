package watcher

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// A disc is noticed within 10 s whatever udev does and wherever in the
// watcher's round it arrives, at the default settings, by asking the drive.
func TestDiscIsNoticedWithinTenSeconds(t *testing.T) {
	for name, arrive := range map[string]func(v *vdrive){
		"rotten, the event comes after three minutes": func(v *vdrive) {
			v.set(disc.TrayNotReady, 1, nil)
			go func() { time.Sleep(3 * time.Minute); v.event("change", with(change, dataCD)) }()
		},
		"rotten, a bare event":            func(v *vdrive) { v.set(disc.TrayNotReady, 1, nil); v.event("change", with(change, bare)) },
		"rotten, an event without a word": func(v *vdrive) { v.set(disc.TrayNotReady, 1, nil); v.event("change", nil) },
		"rotten, never an event":          func(v *vdrive) { v.set(disc.TrayNotReady, 1, nil) },
		"rotten, the kernel counts late": func(v *vdrive) {
			v.set(disc.TrayNotReady, 0, nil)
			go func() { time.Sleep(time.Minute); v.set(disc.TrayNotReady, 1, nil) }()
		},
		"ready, never an event":           func(v *vdrive) { v.set(disc.TrayLoaded, 1, dataCD) },
		"ready, and nobody counts":        func(v *vdrive) { v.set(disc.TrayLoaded, 0, dataCD) },
		"bare events all the time":        func(v *vdrive) { v.set(disc.TrayNotReady, 1, nil); go chatter(v, with(change, bare)) },
		"events without a word all along": func(v *vdrive) { v.set(disc.TrayNotReady, 1, nil); go chatter(v, nil) },
		"the drive cannot be asked at once": func(v *vdrive) {
			v.b.mu.Lock()
			v.err = errors.New("TEST UNIT READY: connection to the drive failed")
			v.b.mu.Unlock()
			v.set(disc.TrayLoaded, 1, dataCD)
			go func() {
				time.Sleep(4 * time.Second)
				v.b.mu.Lock()
				v.err = nil
				v.b.mu.Unlock()
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for offset := time.Duration(0); offset < defaultPoll; offset += 700 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					v := b.plug("sr0", "S1", "p")
					v.slow = 300 * time.Millisecond // to answer
					w := b.run(Config{})
					time.Sleep(time.Minute + offset)
					w.expect("drive-added S1")
					arrive(v)
					time.Sleep(10 * time.Second)
					got := w.told()
					n := 0
					for _, e := range got {
						if e == "inserted S1 #4" || e == "inserted S1 #3" {
							n++
						}
					}
					if n != 1 {
						t.Errorf("%s into the round: told %q within 10 s", offset, got)
					}
					time.Sleep(4 * time.Minute)
					for _, e := range w.told() {
						if e != "inserted S1 #4" { // once the kernel has counted after all
							t.Errorf("%s into the round: told %q later", offset, e)
						}
					}
					w.stop()
				})
			}
		})
	}
}

// chatter is a udev that sends an event twice a second, for as long as a disc
// has to be noticed in.
func chatter(v *vdrive, props map[string]string) {
	for range 20 {
		v.event("change", props)
		time.Sleep(500 * time.Millisecond)
	}
}

// The kernel's count is looked at between two rounds, however long these are;
// the drive is asked only when it has risen.
func TestTheKernelsCountIsGlancedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{Poll: time.Hour, Reconcile: time.Hour})
		w.expect("drive-added S1")
		asked := v.askedTimes()
		time.Sleep(4 * time.Minute)
		if n := v.askedTimes() - asked; n != 0 {
			t.Errorf("asked %d times, nothing had happened", n)
		}
		v.set(disc.TrayLoaded, 1, dataCD)
		time.Sleep(longestGlance)
		w.expect("inserted S1 #4")
		release := w.Hold("S1")
		asked = v.askedTimes()
		v.set(disc.TrayLoaded, 1, dataCD)
		time.Sleep(time.Minute)
		if n := v.askedTimes() - asked; n != 0 {
			t.Errorf("a held drive was asked %d times", n)
		}
		release()
		w.expect("inserted S1 #5")
		w.stop()
	})
}

// A drive that does not answer is told of, once, and once when it does again.
func TestDriveThatDoesNotAnswerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		w.expect("drive-added S1")
		hang := make(chan struct{})
		b.mu.Lock()
		v.hang = hang
		b.mu.Unlock()
		time.Sleep(time.Hour)
		w.expect("drive-fault S1: it has not answered for 31s and is left alone until it does")
		b.mu.Lock()
		v.hang = nil
		b.mu.Unlock()
		close(hang)
		w.expect("drive-added S1")
		v.insert()
		w.expect("inserted S1 #4")
		w.stop()
	})
}

// A call that was given up here, and then below, too, is no answer of the
// drive: it is not asked what comes next. Switched off and on it is as new.
func TestDriveThatIsGivenUpBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		w.expect("drive-added S1")
		hang := make(chan struct{})
		b.mu.Lock()
		v.hang, v.err = hang, &disc.ReadError{Op: "TEST UNIT READY", Class: disc.ClassWedged, LBA: -1}
		b.mu.Unlock()
		time.Sleep(40 * time.Second)
		w.expect("drive-fault S1: it has not answered for 31s and is left alone until it does")
		close(hang)
		time.Sleep(time.Hour)
		w.expect()
		v.unplug()
		back := b.hotplug("sr0", "S1", "p")
		back.set(disc.TrayLoaded, 0, dataCD)
		time.Sleep(10 * time.Second)
		w.expect("drive-gone S1", "drive-added S1", "inserted S1 #3")
		w.stop()
	})
}

// A drive that was pulled and put in again under another node is one drive,
// also when the event of its leaving is lost: its serial is no shared one.
func TestReplugWhoseRemovalIsLost(t *testing.T) {
	for _, held := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "S1", "usb-1")
			w := b.run(Config{})
			w.expect("drive-added S1")
			release := func() {}
			if held {
				release = w.Hold("S1")
			}
			b.mu.Lock()
			delete(b.drives, "sr0")
			b.mu.Unlock()
			back := b.hotplug("sr1", "S1", "usb-1")
			w.expect("drive-gone S1", "drive-added S1")
			release()
			back.insert()
			w.expect("inserted S1 #4")
			back.eject()
			w.expect("removed S1")
			// A real twin is seen as one all the same.
			b.hotplug("sr2", "S1", "usb-2")
			time.Sleep(defaultPoll)
			w.expect("drive-gone S1", "drive-added ACME:Reader_9:1.02:usb-1", "drive-added ACME:Reader_9:1.02:usb-2")
			w.stop()
		})
	}
}

// What makers leave in the place of a serial tells no drive from another.
func TestFillerIsNoSerial(t *testing.T) {
	for _, s := range []string{"", " ", "0", "000000000000", "FFFFFFFF", "ffff", "XXXXXXXX", "........", "-", "123456", "1234567890", "12345678901234", "0123456789", "0123456789AB", "0123456789ABCDEF", "0123456789abcdef0123",
		"None", "N/A", "unknown", "SN", "Serial Number", "To Be Filled By O.E.M.", "Default string", "DEADBEEF", "\x00\x00\x00"} {
		if k := serialKey(s); k != "" {
			t.Errorf("%q is taken for a serial: %q", s, k)
		}
	}
	for _, s := range []string{"K1", "000123", "1ABC", "12345", "123457", "0123456788", "KLAF8123456", "S17W6YAG30012345", "00000000A", "M0"} {
		if serialKey(s) != s {
			t.Errorf("%q is not taken for a serial: %q", s, serialKey(s))
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plug("sr0", "0123456789ABCDEF", "usb-1")
		b.plug("sr1", "000000000000", "usb-2")
		b.plug("sr2", "", "usb-3")
		w := b.run(Config{})
		w.expect("drive-added ACME:Reader_9:1.02:usb-1", "drive-added ACME:Reader_9:1.02:usb-2", "drive-added ACME:Reader_9:1.02:usb-3")
		w.stop()
	})
}
