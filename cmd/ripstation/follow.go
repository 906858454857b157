package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"ripstation/station"
)

// teller tells notices as they come: a line each, and a progress bar below
// them on a terminal.
type teller struct {
	lines  io.Writer
	screen io.Writer // nil without a terminal
	clock  bool      // lines begin with the time

	bar   *progressbar.ProgressBar
	focus string // what the bar shows
}

func (a *app) teller() *teller {
	t := &teller{lines: a.talk, clock: true}
	if a.terminal {
		t.screen = a.err
	}
	return t
}

func (t *teller) tell(n station.Notice) {
	if n.Progress != nil {
		t.progress(n)
		return
	}
	if n.Word == "" {
		return
	}
	t.clear()
	var b strings.Builder
	if t.clock {
		b.WriteString(n.Time.Local().Format("15:04:05  "))
	}
	fmt.Fprintf(&b, "%-5s %-8s  %s", place(n), short(n.ID), n.Word)
	if n.Text != "" {
		b.WriteString(": " + one(n.Text))
	}
	b.WriteByte('\n')
	if n.Hint != "" {
		b.WriteString("    -> " + one(n.Hint) + "\n")
	}
	// Talk that cannot be written has nobody to tell it to.
	_, _ = io.WriteString(t.lines, b.String())
}

// place is the short name of a notice's drive.
func place(n station.Notice) string {
	if n.Node == "" {
		return "-"
	}
	return one(filepath.Base(n.Node))
}

func (t *teller) progress(n station.Notice) {
	p := n.Progress
	if t.screen == nil || p.Total <= 0 {
		return
	}
	key := n.Drive + n.ID + p.What
	if t.bar != nil && t.focus != key {
		if !t.bar.IsFinished() && n.Drive != "" && !strings.HasPrefix(t.focus, n.Drive) {
			return // one bar at a time: the other drive's comes when this one is done
		}
		t.clear()
	}
	if t.bar == nil {
		t.focus = key
		t.bar = progressbar.NewOptions64(p.Total,
			progressbar.OptionSetWriter(t.screen), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionUseIECUnits(true))
	}
	what := place(n) + " " + p.What
	if p.Missing > 0 {
		what += fmt.Sprintf(", %d missing", p.Missing)
	}
	t.bar.Describe(one(what))
	_ = t.bar.Set64(min(p.Done, p.Total))
}

func (t *teller) clear() {
	if t.bar != nil {
		_ = t.bar.Clear()
		t.bar = nil
	}
}

// story follows one drive's disc until its end.
type story struct {
	drive string
	id    string
	since time.Time
	last  station.Notice // the drive's last one with a word
}

// about reports whether a notice belongs to the story; it learns the
// carrier's id on the way, since copies are told without a drive.
func (s *story) about(n station.Notice) bool {
	if n.Drive != "" && n.Drive != s.drive || n.Time.Before(s.since) {
		return false
	}
	if n.Drive == s.drive {
		if n.ID != "" {
			s.id = n.ID
		}
		if n.Word != "" && n.Progress == nil {
			s.last = n
		}
		return true
	}
	// A store serves one disc after the other: while it is away or full, the
	// first one's notice is told to all who wait behind it.
	return s.id != "" && (n.ID == s.id || n.Word == station.WordWaitStore)
}

var errBrokenOff = errors.New("the station stopped before the disc was done; it goes on when the station runs again")

// follow tells a story until its final notice, which it returns. A final
// notice without a word has those of the last one before.
func (t *teller) follow(ctx context.Context, notices <-chan station.Notice, s *story) (final station.Notice, err error) {
	defer t.clear()
	for {
		select {
		case n, open := <-notices:
			if !open {
				return n, errors.Join(ctx.Err(), errBrokenOff)
			}
			if !s.about(n) {
				continue
			}
			t.tell(n)
			if !n.Final {
				continue
			}
			if n.ID == "" {
				n.ID = s.id
			}
			if n.Word == "" {
				n.Word, n.Text, n.Hint = s.last.Word, s.last.Text, s.last.Hint
			}
			return n, nil
		case <-ctx.Done():
			return final, ctx.Err()
		}
	}
}
