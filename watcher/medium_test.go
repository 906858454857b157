package watcher

import (
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// TestSequences plays what drives, kernel and udev were seen to do and looks
// at what is told of it.
func TestSequences(t *testing.T) {
	for _, tc := range []struct {
		name string
		play func(v *vdrive)
		want []string
	}{
		{"insertion", func(v *vdrive) { v.insert() }, []string{"inserted S1 #4"}},
		{"insertion in several events, the first without medium", func(v *vdrive) {
			v.set(disc.TrayNotReady, 1, nil)
			v.event("change", with(change, bare))
			time.Sleep(1500 * time.Millisecond)
			v.set(disc.TrayLoaded, 0, dataCD)
			v.event("change", with(change, dataCD))
			v.event("change", dataCD)
			v.event("change", with(change, dataCD))
		}, []string{"inserted S1 #4"}},
		{"bare event while the drive says loaded is no removal", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.event("change", with(change, bare))
		}, []string{"inserted S1 #4"}},
		{"software eject", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.eject()
		}, []string{"inserted S1 #4", "removed S1"}},
		{"button", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.button()
		}, []string{"inserted S1 #4", "eject-requested S1", "removed S1"}},
		{"paper clip: no event until the next insertion", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.set(disc.TrayOpen, 0, nil)
			time.Sleep(20 * time.Second)
			v.insert()
		}, []string{"inserted S1 #4", "removed S1", "inserted S1 #5"}},
		{"medium changed in a blink", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.insert()
		}, []string{"inserted S1 #4", "inserted S1 #5"}},
		{"change seen by status before the kernel counts it", func(v *vdrive) {
			v.set(disc.TrayLoaded, 0, nil)
			time.Sleep(6 * time.Second)
			v.insert()
		}, []string{"inserted S1 #4"}},
		{"kernel that never counts", func(v *vdrive) {
			v.set(disc.TrayLoaded, 0, nil)
		}, []string{"inserted S1 #3"}},
		{"rotten disc: event late and bare", func(v *vdrive) {
			v.set(disc.TrayNotReady, 1, nil)
			time.Sleep(3 * time.Minute)
			v.event("change", with(change, bare))
		}, []string{"inserted S1 #4"}},
		{"empty tray closes", func(v *vdrive) {
			v.set(disc.TrayNotReady, 0, nil)
			v.event("change", nil)
			time.Sleep(3 * time.Second)
			v.set(disc.TrayEmpty, 0, nil)
		}, nil},
		{"unit not ready for a while with the medium known", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.set(disc.TrayNotReady, 0, dataCD)
			time.Sleep(time.Minute)
			v.set(disc.TrayLoaded, 0, dataCD)
		}, []string{"inserted S1 #4"}},
		{"status unknown changes nothing", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.set(disc.TrayUnknown, 0, dataCD)
			time.Sleep(time.Minute)
		}, []string{"inserted S1 #4"}},
		{"event of another disk's media change that is late", func(v *vdrive) {
			v.insert()
			time.Sleep(time.Second)
			v.b.mu.Lock()
			v.seq--
			late := v.uevent("change", with(change, bare))
			v.seq++
			v.b.mu.Unlock()
			v.b.ch <- late
		}, []string{"inserted S1 #4"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				v := b.plug("sr0", "S1", "pci-0000:00:1f.2-ata-1")
				w := b.run(Config{})
				w.expect("drive-added S1")
				tc.play(v)
				time.Sleep(2 * time.Minute)
				w.expect(tc.want...)
				w.stop()
			})
		})
	}
}

// TestRottenDiscWithinTenSeconds: without any event the drive's status is all
// there is, wherever in the watcher's round the disc arrives.
func TestRottenDiscWithinTenSeconds(t *testing.T) {
	for offset := time.Duration(0); offset <= 5*time.Second; offset += 500 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			v := b.plug("sr0", "S1", "p")
			w := b.run(Config{})
			time.Sleep(time.Minute + offset)
			w.expect("drive-added S1")
			v.set(disc.TrayNotReady, 1, nil)
			time.Sleep(10 * time.Second)
			w.expect("inserted S1 #4")
			w.stop()
		})
	}
}

func TestForcedRemovalIsSeenWithinOneRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		time.Sleep(7 * time.Second)
		w.expect("drive-added S1", "inserted S1 #4")
		v.set(disc.TrayOpen, 0, nil)
		time.Sleep(defaultPoll)
		w.expect("removed S1")
		w.stop()
	})
}

func TestDiscsInAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plug("sr0", "S1", "p1").set(disc.TrayLoaded, 0, dataCD)
		late := b.plug("sr1", "S2", "p2")
		late.set(disc.TrayNotReady, 0, nil)
		empty := b.plug("sr2", "S3", "p3")
		w := b.run(Config{})
		time.Sleep(8 * time.Second)
		w.expect("drive-added S1", "drive-added S2", "drive-added S3",
			"inserted S1 #3 at start", "inserted S2 #3 at start")
		empty.insert()
		w.expect("inserted S3 #4")
		w.stop()
	})
}

// TestBareEventsDoNotFeedThemselves: udev can send a change each time the
// node is closed after our look at it.
func TestBareEventsDoNotFeedThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		before := v.askedTimes()
		for range 1000 {
			v.event("change", dataCD)
			time.Sleep(10 * time.Millisecond)
		}
		if n := v.askedTimes() - before; n > 11 {
			t.Errorf("asked the drive %d times in 10 s of events that say nothing; want once a second at most", n)
		}
		w.expect()
		w.stop()
	})
}

func TestStatusErrorIsNoRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		b.mu.Lock()
		v.err, v.status = &disc.ReadError{Op: "open", Class: disc.ClassPermission, LBA: -1}, disc.TrayEmpty
		b.mu.Unlock()
		time.Sleep(time.Minute)
		w.expect("drive-fault S1: open: permission denied")
		w.stop()
	})
}

// TestEventDuringACall: what the call says may be older than the event.
func TestEventDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		b.mu.Lock()
		v.hang, v.early = make(chan struct{}), true
		b.mu.Unlock()
		time.Sleep(defaultPoll + time.Second) // a call is out
		v.insert()
		w.expect("drive-added S1")
		close(v.hang)
		w.expect("inserted S1 #4")
		w.stop()
	})
}

// TestEjectDuringACall: the drive answered before the tray opened, the kernel
// counted after it.
func TestEjectDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		b.mu.Lock()
		v.hang, v.early = make(chan struct{}), true
		b.mu.Unlock()
		time.Sleep(defaultPoll + time.Second) // a call is out
		v.eject()
		close(v.hang)
		w.expect("removed S1")
		w.stop()
	})
}

// TestDriveSlowToSeeItsMedium: the kernel has counted, the drive still says
// empty; then udev's word for the medium is enough to do without the grace.
func TestDriveSlowToSeeItsMedium(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.set(disc.TrayEmpty, 1, nil)
		time.Sleep(6 * time.Second)
		w.expect("drive-added S1")
		v.set(disc.TrayLoaded, 0, dataCD)
		v.event("change", with(change, dataCD))
		w.expect("inserted S1 #4")
		w.stop()
	})
}
