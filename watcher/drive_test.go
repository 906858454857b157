package watcher

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

func TestDriveComesBackUnderAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "usb-1")
		w := b.run(Config{})
		release := w.Hold("S1")
		v.unplug()
		w.expect("drive-added S1", "drive-gone S1")
		back := b.hotplug("sr1", "S1", "usb-2")
		back.set(disc.TrayLoaded, 0, dataCD)
		time.Sleep(time.Minute)
		w.expect("drive-added S1")
		if back.askedTimes() != 0 {
			t.Error("the hold did not outlive the drive's return")
		}
		release()
		w.expect("inserted S1 #3")
		w.stop()
	})
}

func TestReplugThatNoEventTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plug("sr0", "S1", "usb-1")
		b.plug("sr1", "S2", "usb-2")
		w := b.run(Config{})
		w.expect("drive-added S1", "drive-added S2")
		b.mu.Lock()
		b.lose = true
		b.mu.Unlock()
		b.plug("sr0", "S3", "usb-3") // another drive under the same name
		b.mu.Lock()
		delete(b.drives, "sr1")
		b.mu.Unlock()
		b.plug("sr2", "S4", "usb-4")
		time.Sleep(defaultReconcile)
		w.expect("drive-fault S2: no such device", "drive-gone S1", "drive-gone S2", "drive-added S3", "drive-added S4")
		w.stop()
	})
}

func TestDrivesWithOneSerial(t *testing.T) {
	const a, c = "ACME:Reader_9:1.02:usb-1", "ACME:Reader_9:1.02:usb-2"
	t.Run("from the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "000123", "usb-1")
			v := b.plug("sr1", "000123", "usb-2")
			w := b.run(Config{})
			w.expect("drive-added "+a, "drive-added "+c)
			v.unplug()
			b.hotplug("sr2", "000123", "usb-3")
			w.expect("drive-gone "+c, "drive-added ACME:Reader_9:1.02:usb-3")
			w.stop()
		})
	})
	t.Run("the second comes later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			v := b.plug("sr0", "000123", "usb-1")
			w := b.run(Config{})
			v.insert()
			w.expect("drive-added 000123", "inserted 000123 #4")
			b.hotplug("sr1", "000123", "usb-2")
			time.Sleep(time.Hour) // the disc's job may be at rest: its drive keeps the key
			w.expect("drive-added " + c)
			v.eject()
			time.Sleep(defaultPoll)
			w.expect("removed 000123", "drive-gone 000123", "drive-added "+a)
			w.stop()
		})
	})
	t.Run("the first has a job", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			v := b.plug("sr0", "000123", "usb-1")
			w := b.run(Config{})
			v.insert()
			w.expect("drive-added 000123", "inserted 000123 #4")
			release := w.Hold("000123")
			b.hotplug("sr1", "000123", "usb-2")
			time.Sleep(time.Minute)
			w.expect("drive-added " + c)
			v.set(disc.TrayOpen, 0, nil) // its event is lost
			release()
			w.expect("removed 000123", "drive-gone 000123", "drive-added "+a)
			w.stop()
		})
	})
	t.Run("and one place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "", "usb-1")
			b.plug("sr1", "", "usb-1")
			w := b.run(Config{})
			w.expect("drive-added "+a, "drive-added "+a+":sr1")
			w.stop()
		})
	})
}

// identifier answers for drives by node.
func identifier(serials map[string]string, hang chan struct{}, hangs string) func(context.Context, string) (disc.Drive, error) {
	return func(ctx context.Context, node string) (disc.Drive, error) {
		if node == hangs {
			<-hang
		}
		s, ok := serials[node]
		if !ok {
			return disc.Drive{}, errors.New("INQUIRY: permission denied")
		}
		time.Sleep(300 * time.Millisecond)
		return disc.Drive{Vendor: "ACME", Model: "Reader 9", Firmware: "1.03", Serial: s, Key: "not ours to take"}, nil
	}
}

func TestIdentify(t *testing.T) {
	t.Run("its serial takes precedence over the bridge's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "BRIDGE", "usb-1")
			b.plug("sr1", "BRIDGE", "usb-2")
			w := b.run(Config{Identify: identifier(map[string]string{"/dev/sr0": "K 1/A", "/dev/sr1": "K 2"}, nil, "")})
			time.Sleep(time.Second)
			w.mu.Lock()
			e := w.got[0]
			w.mu.Unlock()
			if want := (disc.Drive{Key: "K_1_A", Node: "/dev/sr0", Vendor: "ACME", Model: "Reader 9", Firmware: "1.03", Serial: "K 1/A"}); e.Drive != want {
				t.Errorf("told of %+v, want %+v", e.Drive, want)
			}
			w.expect("drive-added K_1_A", "drive-added K_2")
			w.stop()
		})
	})
	t.Run("one serial at two drives, one slow to say so", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "", "usb-1")
			b.plug("sr1", "", "usb-2")
			w := b.run(Config{Identify: func(ctx context.Context, node string) (disc.Drive, error) {
				if node == "/dev/sr1" {
					time.Sleep(time.Second)
				}
				return disc.Drive{Model: "M", Serial: "X9"}, nil
			}})
			time.Sleep(time.Minute)
			w.expect("drive-added :M::usb-1", "drive-added :M::usb-2")
			w.stop()
		})
	})
	t.Run("refused: udev's word after three tries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.plug("sr0", "U1", "usb-1")
			w := b.run(Config{Identify: identifier(nil, nil, "")})
			w.expect()
			time.Sleep(3 * time.Second)
			w.expect("drive-added U1")
			w.stop()
		})
	})
	t.Run("one hangs, the others are told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			hung := b.plug("sr0", "U1", "usb-1")
			b.plug("sr1", "U2", "usb-2")
			hang := make(chan struct{})
			w := b.run(Config{Identify: identifier(map[string]string{"/dev/sr1": "K2"}, hang, "/dev/sr0")})
			time.Sleep(settleTime + time.Second)
			w.expect("drive-added K2")
			time.Sleep(time.Minute)
			w.expect("drive-added U1", "drive-fault U1: it has not answered for 31s and is left alone until it does")
			if hung.askedTimes() != 0 || w.Abandoned() != 1 {
				t.Errorf("the hanging drive was asked %d times more, %d calls abandoned; want 0 and 1", hung.askedTimes(), w.Abandoned())
			}
			close(hang)
			synctest.Wait()
			if hung.askedTimes() == 0 {
				t.Error("the drive that answers again is not asked for its status")
			}
			w.stop()
		})
	})
}

// TestDriveBeforeUdevsRules: the node is not ours to open before they have
// run, but a disc that holds them up must not hide the drive.
func TestDriveBeforeUdevsRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plug("sr0", "S1", "p")
		w := b.run(Config{Source: nil})
		w.expect("drive-added S1")
		w.stop()

		raw := &uninitialised{b}
		cfg := Config{Source: raw, Status: b.status, BootID: "boot"}
		late := New(cfg)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- late.Run(ctx) }()
		start := time.Now()
		<-late.Events()
		if took := time.Since(start); took != rulesTime {
			t.Errorf("told of the drive after %v, want %v", took, rulesTime)
		}
		cancel()
		<-ended
	})
}

type uninitialised struct{ *bench }

func (u *uninitialised) Enumerate() ([]Uevent, error) {
	all, err := u.bench.Enumerate()
	for i := range all {
		all[i].Initialized = false
	}
	return all, err
}

func TestUdevIsMissingThenComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.noUdev = true
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{})
		w.expect("drive-added S1")
		v.set(disc.TrayLoaded, 1, dataCD)
		b.plug("sr1", "S2", "p2")
		time.Sleep(2 * defaultPoll)
		w.expect("drive-added S2", "inserted S1 #4")
		b.mu.Lock()
		b.noUdev = false
		b.mu.Unlock()
		time.Sleep(lastReopen)
		v.eject()
		w.expect("removed S1")
		w.stop()
	})
}

func TestMonitorThatFailsIsBuiltAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		v := b.plug("sr0", "S1", "p")
		w := b.run(Config{Poll: time.Hour, Reconcile: time.Hour})
		w.expect("drive-added S1")
		b.fail()
		synctest.Wait()
		b.plug("sr1", "S2", "p2") // its event is lost
		time.Sleep(firstReopen)
		w.expect("drive-added S2")
		v.insert()
		w.expect("inserted S1 #4")
		for range 100 { // a monitor that always fails is not built in a tight loop
			time.Sleep(time.Second)
			b.mu.Lock()
			up := b.ch != nil
			b.mu.Unlock()
			if up {
				b.fail()
			}
		}
		if b.listens > 10 {
			t.Errorf("the monitor was built %d times in 100 s", b.listens)
		}
		w.stop()
	})
}

// slowSource ends a while after it is told to, as go-udev does.
type slowSource struct {
	*bench
	ended time.Time
}

func (s *slowSource) Listen(ctx context.Context) (<-chan Uevent, error) {
	ch := make(chan Uevent)
	go func() {
		<-ctx.Done()
		time.Sleep(900 * time.Millisecond)
		s.ended = time.Now()
		close(ch)
	}()
	return ch, nil
}

func TestRunWaitsForItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &slowSource{bench: newBench(t)}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := New(Config{Source: src, Status: src.status, BootID: "boot"}).Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
		if src.ended.IsZero() {
			t.Error("Run returned before its source had ended")
		}
		time.Sleep(time.Second)
	})
}

func TestBareEventTakesNothingAway(t *testing.T) {
	var d drive
	full := Uevent{Sysname: "sr0", Devpath: "/d/block/sr0", Vendor: "V", Model: "M", Firmware: "F", Serial: "S", Place: "P", Media: true}
	d.learn(full)
	d.learn(Uevent{Sysname: "sr0", Devpath: "/d/block/sr0"})
	full.Media = false
	if d.uevent != full {
		t.Errorf("after a bare event %+v, want %+v", d.uevent, full)
	}
}

func TestRunRefuses(t *testing.T) {
	b := newBench(t)
	if err := New(Config{Source: b}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "status function") {
		t.Errorf("Run without a status function: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := New(Config{Source: b, Status: b.status})
	if err := w.Run(ctx); err != nil {
		t.Errorf("Run with a cancelled context: %v", err)
	}
	if err := w.Run(ctx); err == nil || !strings.Contains(err.Error(), "started before") {
		t.Errorf("second Run: %v", err)
	}
}
