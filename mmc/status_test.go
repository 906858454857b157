package mmc

import (
	"context"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

func TestStatus(t *testing.T) {
	const (
		doorOpen   = "00 10 00 00 00 00 00 00"
		doorClosed = "00 00 00 00 00 00 00 00"
		eventOpen  = "00 06 04 10 00 01 00 00"
		eventEmpty = "00 06 04 10 00 00 00 00"
	)
	for name, c := range map[string]struct {
		tur              [3]byte
		mechanism, event string
		want             disc.TrayStatus
		class            disc.Class
		commands         int
	}{
		"ready":                              {want: disc.TrayLoaded, commands: 1},
		"closed and empty":                   {tur: [3]byte{2, 0x3A, 1}, want: disc.TrayEmpty, commands: 1},
		"open":                               {tur: [3]byte{2, 0x3A, 2}, want: disc.TrayOpen, commands: 1},
		"spinning up":                        {tur: [3]byte{2, 4, 1}, want: disc.TrayNotReady, commands: 1},
		"a disc that cannot be made out":     {tur: [3]byte{2, 0x30, 0}, want: disc.TrayLoaded, commands: 1},
		"a disc with an unreadable TOC":      {tur: [3]byte{3, 0x57, 0}, want: disc.TrayLoaded, commands: 1},
		"no medium, door open":               {tur: [3]byte{2, 0x3A, 0}, mechanism: doorOpen, want: disc.TrayOpen, commands: 2},
		"no medium, door bit dead, event":    {tur: [3]byte{2, 0x3A, 0}, mechanism: doorClosed, event: eventOpen, want: disc.TrayOpen, commands: 3},
		"no medium, closed":                  {tur: [3]byte{2, 0x3A, 0}, mechanism: doorClosed, event: eventEmpty, want: disc.TrayEmpty, commands: 3},
		"no medium, no MECHANISM STATUS":     {tur: [3]byte{2, 0x3A, 0}, event: eventOpen, want: disc.TrayOpen, commands: 3},
		"no medium, and nothing else either": {tur: [3]byte{2, 0x3A, 0}, want: disc.TrayEmpty, commands: 3},
		"wedged":                             {tur: [3]byte{4, 0x44, 0}, want: disc.TrayUnknown, class: disc.ClassWedged, commands: 1},
		"unit attention without end":         {tur: [3]byte{6, 0x29, 0}, want: disc.TrayUnknown, class: disc.ClassChanged, commands: maxAttentions},
	} {
		f := newFake()
		f.good(opTestUnitReady)
		if c.tur != [3]byte{} {
			f.fails(opTestUnitReady, c.tur[0], c.tur[1], c.tur[2])
		}
		if c.mechanism != "" {
			f.gives(opMechanismStatus, c.mechanism)
		}
		if c.event != "" {
			f.gives(opGetEventStatus, c.event)
		}
		got, err := f.drive().Status(t.Context())
		if got != c.want || disc.ClassOf(err) != c.class || (err != nil) != (c.class != 0) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
		if len(f.log) != c.commands {
			t.Errorf("%s: %d commands, want %d: %v", name, len(f.log), c.commands, f.log)
		}
	}
}

func TestStatusOfADriveThatIsGone(t *testing.T) {
	f := newFake()
	f.on(opTestUnitReady, func(*Command) (Result, error) {
		return Result{}, &disc.ReadError{Op: "TEST UNIT READY", Class: disc.ClassGone, LBA: -1}
	})
	got, err := f.drive().Status(t.Context())
	if wantClass(t, err, disc.ClassGone); got != disc.TrayUnknown {
		t.Errorf("%v: an unplugged drive is not an empty one", got)
	}
}

// attentionsThen makes TEST UNIT READY give unit attentions first.
func (f *fake) attentionsThen(n int, answer func(*Command) (Result, error)) {
	f.on(opTestUnitReady, func(cmd *Command) (Result, error) {
		if n--; n >= 0 {
			return check(6, 0x28, 0), nil
		}
		return answer(cmd)
	})
}

func TestReadyWaitsAndGivesUp(t *testing.T) {
	f := newFake()
	spinning := 7
	f.attentionsThen(2, func(*Command) (Result, error) {
		if spinning--; spinning >= 0 {
			return check(2, 4, 1), nil
		}
		return Result{}, nil
	})
	d := f.drive()
	if err := d.ready(t.Context()); err != nil || f.count(opTestUnitReady) != 2+7+1 {
		t.Errorf("%v after %d commands", err, f.count(opTestUnitReady))
	}

	f = newFake()
	f.fails(opTestUnitReady, 2, 4, 1)
	d = f.drive()
	begin := f.clock
	err := d.ready(t.Context())
	re := wantClass(t, err, disc.ClassNotReady)
	if waited := f.clock.Sub(begin); waited != d.ReadyTimeout || re.ASC != 4 || !strings.Contains(err.Error(), "take the disc out") {
		t.Errorf("after %s: %v", waited, err)
	}

	f = newFake()
	f.fails(opTestUnitReady, 2, 4, 1)
	d = f.drive()
	ctx, cancel := context.WithCancel(t.Context())
	d.sleep = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	if err := d.ready(ctx); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// A disc that was spun down is started once, and only then.
func TestReadyStartsASleepingDisc(t *testing.T) {
	f := newFake()
	asleep := true
	f.on(opTestUnitReady, func(*Command) (Result, error) {
		if asleep {
			return check(2, 4, 2), nil
		}
		return Result{}, nil
	})
	f.on(opStartStopUnit, func(cmd *Command) (Result, error) {
		asleep = cmd.CDB[4] != 1
		return Result{}, nil
	})
	if err := f.drive().ready(t.Context()); err != nil || f.count(opStartStopUnit) != 1 {
		t.Errorf("%v, started %d times", err, f.count(opStartStopUnit))
	}
	f.fails(opTestUnitReady, 2, 4, 2)
	wantClass(t, f.drive().ready(t.Context()), disc.ClassNotReady)
	if n := f.count(opStartStopUnit); n != 2 {
		t.Errorf("a disc that does not start was started %d times", n-1)
	}
}
