package mmc

import (
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

// tray is a fake with a tray: TEST UNIT READY tells it, START STOP UNIT moves
// it, a lock holds it.
type tray struct {
	*fake
	open, locked, jammed, slot bool
	opensAfter                 time.Duration
	openAt                     time.Time
}

func newTray() *tray {
	y := &tray{fake: newFake(), locked: true}
	y.on(opTestUnitReady, func(*Command) (Result, error) {
		switch {
		case !y.open || y.clock.Before(y.openAt):
			return Result{}, nil
		case y.slot:
			return check(2, 0x3A, 1), nil
		}
		return check(2, 0x3A, 2), nil
	})
	y.on(opPreventAllow, func(cmd *Command) (Result, error) {
		if cmd.CDB[4]&1 == 0 {
			y.locked = false
		}
		return Result{}, nil
	})
	y.on(opStartStopUnit, func(*Command) (Result, error) {
		if y.locked {
			return check(5, 0x53, 2), nil
		}
		if !y.jammed {
			y.open, y.openAt = true, y.clock.Add(y.opensAfter)
		}
		return Result{}, nil
	})
	return y
}

func TestEjectUnlocksOpensAndLooks(t *testing.T) {
	y := newTray()
	y.opensAfter = 3 * time.Second
	if err := y.drive().Eject(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !y.open || y.clock.Before(y.openAt) {
		t.Error("ejected before the tray was out")
	}
	order := strings.Join(y.log, " ")
	if !strings.Contains(order, "1e0000000000 1e0000000200 1b0000000200 000000000000") {
		t.Errorf("order of commands: %s", order)
	}
}

// The drive says GOOD and nothing moves.
func TestEjectThatDidNotHappen(t *testing.T) {
	y := newTray()
	y.jammed = true
	begin := y.clock
	err := y.drive().Eject(t.Context())
	wantClass(t, err, disc.ClassNotReady)
	if !strings.Contains(err.Error(), "the tray was not opened; press the drive's button, and if it stays shut use the emergency hole") {
		t.Error(err)
	}
	if waited := y.clock.Sub(begin); waited != 10*time.Second {
		t.Errorf("gave up after %s", waited)
	}
}

func TestEjectOfALockedTrayThatStaysLocked(t *testing.T) {
	y := newTray()
	y.fails(opPreventAllow, 5, 0x20, 0)
	re := wantClass(t, y.drive().Eject(t.Context()), disc.ClassRefused)
	if re.ASC != 0x53 || y.open {
		t.Errorf("%+v", re)
	}
}

func TestEjectOfADriveWithASlot(t *testing.T) {
	y := newTray()
	y.slot = true
	if err := y.drive().Eject(t.Context()); err != nil {
		t.Errorf("a slot that gave its disc out: %v", err)
	}
	// It was empty before: then nothing has been shown to move.
	y.clock = y.clock.Add(time.Minute)
	wantClass(t, y.drive().Eject(t.Context()), disc.ClassNotReady)
}

// A change on the way means that another disc may be in the drive: nothing is
// moved.
func TestEjectIsNeverAimedAtAnotherDisc(t *testing.T) {
	for name, op := range map[string]opcode{"before": opTestUnitReady, "at the lock": opPreventAllow, "at the tray": opStartStopUnit} {
		y := newTray()
		y.fails(op, 6, 0x28, 0)
		err := y.drive().Eject(t.Context())
		wantClass(t, err, disc.ClassChanged)
		if y.open || !strings.Contains(err.Error(), "may be another one") {
			t.Errorf("%s: open %v, %v", name, y.open, err)
		}
		if op != opStartStopUnit && y.count(opStartStopUnit) > 0 {
			t.Errorf("%s: START STOP UNIT was sent", name)
		}
	}
}

func TestEjectWithoutPermission(t *testing.T) {
	y := newTray()
	y.on(opPreventAllow, func(*Command) (Result, error) {
		return Result{}, &disc.ReadError{Op: "PREVENT ALLOW MEDIUM REMOVAL", Class: disc.ClassPermission, LBA: -1}
	})
	wantClass(t, y.drive().Eject(t.Context()), disc.ClassPermission)
	if y.count(opStartStopUnit) > 0 {
		t.Error("START STOP UNIT was sent on a tray that could not be unlocked")
	}
}
