package watcher

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

func TestHeldDriveIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		release := w.Hold("S1")
		second := w.Hold("S1")
		before := v.askedTimes()

		// The same medium again, several times: nothing new.
		v.event("change", with(change, dataCD))
		v.event("change", dataCD)
		w.expect()
		// The kernel counts a change: pause and identify again.
		v.insert()
		w.expect("inserted S1 #5")
		// The button, and udev's eject.
		v.button()
		w.expect("eject-requested S1", "removed S1")
		// A disc comes back, first without medium.
		v.set(disc.TrayLoaded, 1, dataCD)
		v.event("change", with(change, bare))
		v.event("change", with(change, dataCD))
		w.expect("inserted S1 #7")
		time.Sleep(10 * time.Minute)
		release()
		release() // the same hold: counts once
		time.Sleep(time.Minute)
		if n := v.askedTimes() - before; n != 0 {
			t.Errorf("the held drive was asked %d times", n)
		}
		w.expect()

		v.set(disc.TrayOpen, 0, nil)
		second()
		synctest.Wait()
		if n := v.askedTimes() - before; n != 1 {
			t.Errorf("on release the drive was asked %d times at once, want 1", n)
		}
		w.expect("removed S1")
		w.stop()
	})
}

// TestFalseRemovalIsMendedOnRelease: udev's helper could not see the medium
// through the job's own commands.
func TestFalseRemovalIsMendedOnRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		release := w.Hold("S1")
		v.set(disc.TrayLoaded, 1, dataCD)
		v.event("change", with(change, bare))
		w.expect("removed S1")
		release()
		time.Sleep(10 * time.Second)
		w.expect("inserted S1 #5")
		w.stop()
	})
}

func TestEventLostWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		v.insert()
		w.expect("drive-added S1", "inserted S1 #4")
		release := w.Hold("S1")
		b.mu.Lock()
		b.lose = true
		b.mu.Unlock()
		v.insert()
		time.Sleep(2*defaultReconcile + time.Second)
		w.expect("inserted S1 #5")
		time.Sleep(5 * time.Minute)
		w.expect()
		release()
		w.stop()
	})
}

// TestHoldWaitsForTheCallUnderWay: after Hold the drive belongs to the job.
func TestHoldWaitsForTheCallUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		w.expect("drive-added S1")
		v.b.mu.Lock()
		v.hang = make(chan struct{})
		v.b.mu.Unlock()
		time.Sleep(defaultPoll + time.Second) // a call is out now
		held := make(chan time.Time, 1)
		go func() {
			defer w.Hold("S1")()
			held <- time.Now()
			time.Sleep(time.Minute)
		}()
		time.Sleep(2 * time.Second)
		select {
		case <-held:
			t.Error("Hold returned with a call still in the drive")
		default:
		}
		v.set(disc.TrayLoaded, 1, dataCD) // what the call will say is the job's business by then
		close(v.hang)
		synctest.Wait()
		select {
		case <-held:
		default:
			t.Error("Hold did not return when the call had ended")
		}
		time.Sleep(50 * time.Second)
		w.expect()
		time.Sleep(11 * time.Second)
		w.expect("inserted S1 #4")
		w.stop()
	})
}

func TestHangingDriveDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		bad := b.plug("sr0", "BAD", "p1")
		good := b.plug("sr1", "GOOD", "p2")
		w := b.run(Config{})
		w.expect("drive-added BAD", "drive-added GOOD")
		b.mu.Lock()
		bad.hang = make(chan struct{})
		b.mu.Unlock()
		bad.insert()
		asked := bad.askedTimes()
		time.Sleep(35 * time.Second)
		w.expect("drive-fault BAD: it has not answered for 31s and is left alone until it does")
		for range 20 {
			good.insert()
			time.Sleep(time.Second)
			good.eject()
			time.Sleep(5 * time.Second)
			if got := w.told(); len(got) != 2 {
				t.Fatalf("the other drive's insertion and removal gave %q", got)
			}
		}
		if w.Abandoned() != 1 {
			t.Errorf("%d calls counted as abandoned, want 1", w.Abandoned())
		}
		if n := bad.askedTimes() - asked; n > 1 {
			t.Errorf("%d calls went to the hanging drive, want one at a time", n)
		}
		done := make(chan struct{})
		go func() { defer close(done); w.Hold("BAD")() }()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("Hold waits for a call that was abandoned")
		}
		close(bad.hang)
		synctest.Wait()
		w.expect("drive-added BAD", "inserted BAD #4")
		w.stop()
	})
}

// TestStopWithACallThatHangs: Run does not wait for ever.
func TestStopWithACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		v.hang = make(chan struct{})
		w := b.run(Config{})
		start := time.Now()
		w.stop()
		if took := time.Since(start); took > 2*stopGrace {
			t.Errorf("Run took %v to end", took)
		}
		if w.Abandoned() != 1 {
			t.Errorf("%d calls counted as abandoned, want 1", w.Abandoned())
		}
		w.Hold("S1")() // must not wait either
		close(v.hang)
	})
}

// TestReaderThatIsSlow: nothing is lost and nothing is delayed by it.
func TestReaderThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := New(Config{Status: b.status, Source: b, BootID: "boot"})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		for range 10 {
			v.insert()
			time.Sleep(time.Second)
			v.eject()
			time.Sleep(time.Second)
		}
		kinds := map[disc.EventKind]int{}
		for range 21 {
			kinds[(<-w.Events()).Kind]++
		}
		if kinds[disc.EventInserted] != 10 || kinds[disc.EventRemoved] != 10 || kinds[disc.EventDriveAdded] != 1 {
			t.Errorf("fetched %v", kinds)
		}
		v.insert() // told, never fetched
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, open := <-w.Events(); open {
			t.Error("the channel of events is open after Run has returned")
		}
	})
}
