package main

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"ripstation/web"
)

var _ = examine(25, examineClock)

// minuteFormat is a time as doctor's lines write it.
const minuteFormat = "2006-01-02 15:04 MST"

// examineClock tells whether the times in the records can be believed.
func examineClock(ctx context.Context, e *examiner) {
	if e.only != "" {
		return
	}
	synced, err := e.host.synced()
	switch {
	case err != nil:
		e.line("clock", "time server", unseen, err.Error(), "see with `timedatectl`")
	case !synced:
		text := "none sets this machine's clock; records will say so of their times"
		if _, err := fs.Stat(e.host.files, "run/systemd/timesync/synchronized"); err == nil {
			text = "one has set this machine's clock, but the kernel says that it does so no longer"
		}
		e.line("clock", "time server", problem, text, "`sudo timedatectl set-ntp true` (systemd-timesyncd), or install chrony; without a network set it by hand, and see that it stays right")
	default:
		e.line("clock", "time server", fine, "one sets it", "")
	}
	now := e.host.now().UTC()
	const set = "set the clock (`sudo timedatectl set-ntp true`) before the next disc: times in a record cannot be changed later"
	if built := e.host.built.UTC(); !e.host.built.IsZero() && now.Before(built) {
		e.line("clock", "date", problem, fmt.Sprintf("it is %s, and this program was made on %s", now.Format(minuteFormat), built.Format(minuteFormat)), set)
		return
	}
	newest, err := e.newest(ctx)
	switch {
	case err != nil:
		e.line("clock", "date", unseen, fmt.Sprintf("it is %s; the newest record, which should be older, cannot be read: %v", now.Format(minuteFormat), err), "run this as the user that the station runs as")
	case newest.Sub(now) > time.Minute:
		e.line("clock", "date", problem, fmt.Sprintf("it is %s, and the newest record is of %s", now.Format(minuteFormat), newest.UTC().Format(minuteFormat)),
			set+"; if the record is wrong, note it on that disc (`ripstation note`)")
	default:
		e.line("clock", "date", fine, now.Format(minuteFormat), "")
	}
}

// newest is when the last capture in the catalog ended; zero when there is none.
func (e *examiner) newest(ctx context.Context) (t time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, stationWithin)
	defer cancel()
	b, err := (&app{}).books(ctx, e.cfg, false)
	if err != nil {
		return t, err
	}
	defer b.Close()
	list, err := b.List(ctx, web.Query{Limit: 1})
	if err != nil || len(list) == 0 {
		return t, err
	}
	return when(list[0].At), nil
}
