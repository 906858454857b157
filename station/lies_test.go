package station_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// late passes events on, the watcher's, and can keep them for a while.
type late struct {
	out  chan disc.DriveEvent
	keep chan time.Duration
}

func lateEvents(ctx context.Context, in <-chan disc.DriveEvent) *late {
	l := &late{make(chan disc.DriveEvent), make(chan time.Duration)}
	go func() {
		for {
			select {
			case ev := <-in:
				select {
				case l.out <- ev:
				case <-ctx.Done():
					return
				}
			case d := <-l.keep:
				select {
				case <-time.After(d):
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

// saysItIsNew are the ways in which a person says that the disc in SIM1 is NEW.
var saysItIsNew = map[string]func(*rig) error{
	"rip": func(r *rig) error {
		_, err := r.station.Rip(r.t.Context(), station.Request{Source: "SIM1", Item: "NEW"})
		return err
	},
	"scan": func(r *rig) error {
		_, err := r.station.Scan(r.t.Context(), station.ScanRequest{Code: "NEW", Drive: "SIM1"})
		return err
	},
}

// A disc is changed by hand, the drive tells of it a few seconds later, and
// somebody says at once what the new one is: the old one must not get the name.
func TestWordForADiscThatWasJustPutIn(t *testing.T) {
	for how, say := range saysItIsNew {
		for _, after := range []time.Duration{4 * time.Second, 20 * time.Second} {
			t.Run(how+", told after "+after.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					var l *late
					r := newRig(t, rounds(time.Hour, time.Hour), func(c *station.Config) {
						l = lateEvents(ctx, c.Events)
						c.Events, c.SwapNotice = l.out, 0
					})
					drive := r.add(simdrive.Options{})
					r.start()
					old := slowDisc(t, "OLD", 77, time.Minute) // its reading hears nothing for so long
					must(t, drive.Insert(old))
					r.readFar(old)
					l.keep <- after
					drive.ForceOpen()
					must(t, drive.Insert(simdrive.PressedCD(iso(t, "NEW", 78, 1000), 1000)))
					if err := say(r); !errors.Is(err, station.ErrBusy) {
						t.Errorf("the answer: %v", err)
					}
					for _, j := range r.station.Status().Jobs {
						if j.Label == "OLD" && j.Item != "" {
							t.Errorf("the disc that has left is named %s", j.Item)
						}
					}
					r.stop()
				})
			})
		}
	}
}
