package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/internal/procfs"
	"ripstation/station"
	"ripstation/web"
)

// ask asks every drive that no running station has, side by side. What a
// running station says of the others is its bays' word.
func (b *bench) ask(ctx context.Context) []reply {
	out := make([]reply, len(b.nodes))
	type came struct {
		i int
		r reply
	}
	back, n := make(chan came, len(b.nodes)), 0
	for i, node := range b.nodes {
		out[i].Bay.Drive.Node = node.path
		if bay, ok := b.bay(node.path); ok {
			out[i].Bay = bay
			continue
		}
		if b.owners[node.path] != 0 || !b.silent() {
			continue
		}
		n++
		go func() { back <- came{i, b.host.ask(node.path)} }()
	}
	slow := time.NewTimer(5 * time.Second)
	defer slow.Stop()
	for n > 0 {
		select {
		case c := <-back:
			n--
			out[c.i] = c.r
			out[c.i].Bay.Drive.Node = b.nodes[c.i].path
		case <-slow.C:
			b.say("not every drive has answered yet; each is given %v", askWithin)
		case <-ctx.Done():
			return out
		}
	}
	return out
}

// silent reports whether no station can have the drives that it does not tell
// of: one answers and did not name them, or there is none.
func (b *bench) silent() bool {
	return b.running.err == nil || errors.Is(b.running.err, web.ErrNotRunning)
}

// bay is what the running station shows of a drive.
func (b *bench) bay(node string) (station.BayStatus, bool) {
	if b.running.err != nil {
		return station.BayStatus{}, false
	}
	for _, bay := range b.running.status.Bays {
		if bay.Drive.Node == node && bay.Word != station.WordDriveGone {
			return bay, true
		}
	}
	return station.BayStatus{}, false
}

const powerCycle = "switch the drive off and on (a USB drive: pull and plug it again); if it goes on, try another cable, then another drive"

// answer tells who has the drive and what it answers. A drive that a process
// of ripstation has is not disturbed.
func (b *bench) answer(about string, n node, r reply) {
	const what = "answer"
	owner, ours := b.owners[n.path], b.running.pid()
	bay, known := b.bay(n.path)
	if owner > 0 && ours > 0 && owner != ours {
		b.line(about, "owner", problem, b.process(owner)+" has it, and not the running station", "wait until that has ended, or stop it; `ripstation rip` goes through the running station when it uses the same configuration")
	}
	switch {
	case known:
		b.bayWord(about, bay)
	case !b.silent():
		b.line(about, what, unseen, "not asked: a station may have it", "see the line `running` of the station, above")
	case owner > 0 && owner == ours:
		b.line(about, what, unseen, "not asked: the running station is at it, and does not tell of it yet", "look again in a minute")
	case owner > 0:
		b.line(about, what, unseen, "not asked: "+b.process(owner)+" has it", "wait until that has ended, or stop it; if it cannot be stopped, the drive hangs: "+powerCycle)
	case r.Taken || r.Bay.Word == "":
		b.line(about, what, unseen, "not asked: another program of ripstation had it for a moment", "look again")
	case r.late:
		b.line(about, what, problem, r.Bay.Text+": it hangs", "try its button, and take the disc out; "+powerCycle)
	case r.Denied:
		b.line(about, what, unseen, r.Bay.Text, "see the line `user`, above; or run this as the user that the station runs as")
	case r.Bay.Word == station.WordDriveFault:
		b.line(about, what, problem, r.Bay.Text, powerCycle)
	case ours > 0:
		b.line(about, what, problem, driveText(r.Bay)+"; the running station does not know it", "start the station anew; see its log for what it says of "+n.path)
	default:
		b.line(about, what, fine, driveText(r.Bay), "")
	}
}

// bayWord tells what the running station says of a drive.
func (b *bench) bayWord(about string, bay station.BayStatus) {
	text := "the running station has it: " + string(bay.Word)
	if bay.Text != "" {
		text += ", " + bay.Text
	}
	switch bay.Word {
	case station.WordDriveFault:
		b.line(about, "answer", problem, text, cmp.Or(bay.Hint, powerCycle))
	case station.WordOnHold, station.WordEjectFailed:
		b.line(about, "answer", problem, text, cmp.Or(bay.Hint, "see `ripstation review`"))
	default:
		if bay.OnHold != "" {
			b.line(about, "answer", problem, text+"; it is on hold: "+bay.OnHold, "`ripstation drives release "+bay.Drive.Node+"` when that is mended")
			return
		}
		b.line(about, "answer", fine, text, "")
	}
}

// driveText is a drive in one line.
func driveText(bay station.BayStatus) string {
	d := bay.Drive
	text := strings.Join(strings.Fields(d.Vendor+" "+d.Model+" "+d.Firmware), " ")
	if d.Serial != "" {
		text += ", serial " + d.Serial
	} else {
		text += ", without a serial: the station knows it by where it is plugged in"
	}
	return text + ": " + strings.ToLower(string(bay.Word))
}

func (b *bench) process(pid int) string {
	if name := procfs.NameOf(b.files, pid); name != "" {
		return called([]procfs.Process{{PID: pid, Name: name}})
	}
	return fmt.Sprintf("process %d", pid)
}
