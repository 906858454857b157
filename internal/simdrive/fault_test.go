package simdrive

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
	"ripstation/mmc"
)

func TestVanish(t *testing.T) {
	b := newBench(t, Options{}, PressedCD(nil, 10))
	x := b.d.Transport()
	gone := b.d.Gone()
	b.d.Vanish()
	<-gone
	_, err := x.Do(t.Context(), &mmc.Command{CDB: unhex(t, tur), Timeout: mmc.MinTimeout})
	if disc.ClassOf(err) != disc.ClassGone || !errors.Is(err, ErrVanished) {
		t.Errorf("command to a drive that is gone: %v", err)
	}
	if _, _, _, err := b.n.Execute(t.Context(), unhex(t, tur), nil, 0); !errors.Is(err, ErrVanished) {
		t.Errorf("raw command to a drive that is gone: %v", err)
	}
	b.d.Return()
	b.refused("returned", tur, SensePowerOn)
	b.good("with its disc", tur)
	select {
	case <-b.d.Gone():
		t.Error("a drive that has returned is still gone")
	default:
	}
}

// TestHangAndRelease blocks commands of two initiators and lets them go on.
func TestHangAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{})
		if err := d.Insert(PressedCD(nil, 10)); err != nil {
			t.Fatal(err)
		}
		d.Hang()
		var wg sync.WaitGroup
		for range 2 {
			n := d.attach()
			wg.Go(func() {
				status, _, _, err := n.Execute(t.Context(), unhex(t, tur), nil, 0)
				if status != 0 || err != nil {
					t.Errorf("released command: status %02x, %v", status, err)
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("a drive that hangs has answered")
		default:
		}
		d.Release()
		<-done
	})
}

// TestHangEnds shows the ways out of a hang: the command's timeout, the
// caller's deadline, the caller's change of mind, and the plug.
func TestHangEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		class disc.Class
		after time.Duration
		do    func(*Drive, context.CancelFunc)
	}{
		{"timeout", context.WithCancel, disc.ClassWedged, 10 * time.Second, func(*Drive, context.CancelFunc) {}},
		{"deadline", func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, 3*time.Second)
		}, disc.ClassWedged, 3 * time.Second, func(*Drive, context.CancelFunc) {}},
		{"cancel", context.WithCancel, disc.ClassTransport, time.Second, func(_ *Drive, cancel context.CancelFunc) { time.Sleep(time.Second); cancel() }},
		{"unplugged", context.WithCancel, disc.ClassGone, time.Second, func(d *Drive, _ context.CancelFunc) { time.Sleep(time.Second); d.Vanish() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Options{})
				m := PressedCD(nil, 10)
				m.Damage().Set(Fault{Hang: true}, disc.Extent{Start: 4, Count: 1})
				if err := d.Insert(m); err != nil {
					t.Fatal(err)
				}
				x := d.Transport()
				ctx, cancel := c.ctx(t.Context())
				defer cancel()
				began := time.Now()
				go c.do(d, cancel)
				_, err := x.Do(ctx, &mmc.Command{CDB: unhex(t, "28 00 00 00 00 00 00 00 08 00"), Dir: mmc.FromDrive, Data: make([]byte, 8*2048), Timeout: 10 * time.Second})
				if got := disc.ClassOf(err); got != c.class || time.Since(began) != c.after {
					t.Errorf("%v after %v (%v), want %v after %v", got, time.Since(began), err, c.class, c.after)
				}
				synctest.Wait()
			})
		})
	}
}

// TestSlowerThanTimeout ends a command at its timeout, not when the drive is
// through with it.
func TestSlowerThanTimeout(t *testing.T) {
	m := PressedCD(nil, 10)
	m.Damage().Slow(time.Minute, disc.Extent{Start: 4, Count: 1})
	b := newBench(t, Options{}, m)
	x := b.d.Transport()
	for _, c := range []struct {
		timeout, took time.Duration
		class         disc.Class
	}{{10 * time.Second, 10 * time.Second, disc.ClassWedged}, {2 * time.Minute, time.Minute, 0}} {
		began := b.clock.Now()
		_, err := x.Do(t.Context(), &mmc.Command{CDB: unhex(t, "28 00 00 00 00 04 00 00 01 00"), Dir: mmc.FromDrive, Data: make([]byte, 2048), Timeout: c.timeout})
		if disc.ClassOf(err) != c.class || b.clock.Now().Sub(began) != c.took {
			t.Errorf("timeout %v: %v after %v", c.timeout, err, b.clock.Now().Sub(began))
		}
	}
}

// TestOpenedInMidRead opens the tray while the drive works on a slow sector.
func TestOpenedInMidRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{})
		m := PressedCD(Pattern(1, 10), 10)
		m.Damage().Slow(5*time.Second, disc.Extent{Start: 4, Count: 1})
		if err := d.Insert(m); err != nil {
			t.Fatal(err)
		}
		n := d.attach()
		go func() { time.Sleep(time.Second); d.PressButton() }()
		status, in, raw, err := n.Execute(t.Context(), unhex(t, "28 00 00 00 00 00 00 00 08 00"), nil, 1<<20)
		if s, _, _ := parseSense(raw); err != nil || status != 2 || s != SenseNoMediumOpen || len(in) != 0 {
			t.Errorf("status %02x sense %02x, %d bytes, %v; want no medium, tray open", status, s, len(in), err)
		}
		if m.Reads(0) != 0 {
			t.Error("sectors were counted that nobody got")
		}
		synctest.Wait()
	})
}

func TestWedged(t *testing.T) {
	m := PressedCD(nil, 100)
	m.Damage().Bad(disc.Extent{Start: 50, Count: 10})
	b := newBench(t, Options{WedgeAfter: 3}, m)
	for i := range 3 {
		b.refused("bad sector", "28 00 00 00 00 32 00 00 01 00", SenseUnrecoveredRead)
		if i < 2 {
			b.good("good sector", "28 00 00 00 00 00 00 00 01 00")
		}
	}
	b.refused("good sector of a wedged drive", "28 00 00 00 00 00 00 00 01 00", SenseInternalFailure)
	b.good("eject", ejectCmd)
	b.good("load", loadCmd)
	b.refused("attention", tur, SenseMediumChanged)
	b.good("good sector after the eject", "28 00 00 00 00 00 00 00 01 00")
	b.d.Wedge()
	b.refused("wedged by hand", tur, SenseInternalFailure)
}

// TestManyInitiators has initiators and a hand at the drive at once, for the
// race detector.
func TestManyInitiators(t *testing.T) {
	d := New(Options{Log: func(Event) {}})
	m := PressedCD(Pattern(1, 1000), 1000)
	m.Damage().Fail(2, disc.Extent{Start: 0, Count: 1000})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			n := d.Nexus()
			defer n.Close()
			for i := range 200 {
				cdb := []byte{0x28, 0, 0, 0, 0, byte(i), 0, 0, 8, 0}
				if _, _, _, err := n.Execute(context.Background(), cdb, nil, 1<<20); err != nil {
					t.Error(err)
				}
				for _, c := range []string{tur, mediaCmd, lockCmd, unlockCmd} {
					if _, _, _, err := n.Execute(context.Background(), unhex(t, c), nil, 1<<20); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 100 {
			if err := d.Insert(m); err != nil && !errors.Is(err, ErrOccupied) {
				t.Error(err)
			}
			d.ForceOpen()
			d.TakeOut()
			d.Tray()
			m.Damage().Slow(0, disc.Extent{Start: 5, Count: 10})
			m.EachRead(func(disc.Extent, int) {})
		}
	})
	wg.Wait()
}
