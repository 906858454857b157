package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"ripstation/disc"
)

// running is a fault that has begun.
type running struct {
	fault
	until time.Time
	slot  *slot
}

// fillFile is what fills the state disk.
const fillFile = service + "/filled"

// class tells which faults cannot be at one time.
func (t trick) class() string {
	switch t {
	case storeAway, storeSlow, spoolFull:
		return "store"
	case driveHangs, driveGone, falseAlarm:
		return "drive"
	}
	return "machine"
}

// trouble ends the faults whose time is over, and begins those whose time has
// come.
func (o *soak) trouble() {
	o.active = slices.DeleteFunc(o.active, func(f *running) bool {
		if time.Now().Before(f.until) {
			return false
		}
		o.over(f)
		return true
	})
	if status, dead := o.dead(); dead {
		o.fell(status)
	} else {
		o.lived = time.Now()
	}
	if len(o.todo) == 0 {
		return
	}
	f := o.todo[0]
	late := o.shown == len(o.script.pieces) && len(o.queue) == 0
	if o.shown < f.after && !late {
		return
	}
	for _, a := range o.active {
		if a.class() == f.class() || f.class() == "machine" && a.class() == "drive" {
			return
		}
	}
	if o.strike(f, late) {
		o.todo = o.todo[1:]
	}
}

// fell starts a daemon that has died again.
func (o *soak) fell(status int) {
	if !o.crash || status != 128+int(syscall.SIGKILL) {
		o.wrong("the daemon ended by itself with status %d", status)
	}
	o.Log.Note("the daemon has ended with status %d", status)
	o.hit(killed)
	o.launch("")
	o.upsetSince(o.lived)
}

// hit notes for all discs in drives that something befell them.
func (o *soak) hit(t trick) {
	var under []*piece
	for _, s := range o.slots {
		if s.stay != nil {
			under = append(under, s.stay.piece)
			s.stay.faults = append(s.stay.faults, t)
		}
	}
	if t.class() != "store" && t != powerCut && t != powerShift { // what is safe then is seen when the power is back
		o.remember(under...)
	}
}

// reader is a drive in the middle of a disc.
func (o *soak) reader() *slot {
	for _, s := range o.slots {
		if s.stay != nil && !s.stay.button && !s.gone && !s.hung && s.part() > 0.1 && s.part() < 0.8 {
			return s
		}
	}
	return nil
}

// strike has a fault come. One that wants a drive in mid-read waits for it,
// as long as discs come.
func (o *soak) strike(f fault, late bool) bool {
	run := &running{fault: f, until: time.Now().Add(f.lasts)}
	if f.class() == "drive" {
		if run.slot = o.reader(); run.slot == nil && !late {
			return false
		}
		if run.slot == nil {
			run.slot = o.slots[0]
		}
	}
	if o.reader() == nil && !late {
		return false // nothing is under way that it could hit
	}
	o.Log.Note("fault: %s", f)
	began := time.Now()
	o.t.Logf("%4.0f s, %d of %d discs presented: %s", time.Since(o.began).Seconds(), o.shown, len(o.script.pieces), f.trick) // shows that it lives
	o.hit(f.trick)
	switch f.trick {
	case storeAway:
		o.proxy.Cut()
	case storeSlow:
		o.proxy.Slow(150 << 10)
	case spoolFull:
		o.must("sh", "-c", "fallocate -l $(df -k "+service+" | awk 'END { print ($4 - 1200) * 1024 }') "+fillFile)
	case driveHangs:
		run.slot.hung = true
		run.slot.Hang()
	case driveGone:
		run.slot.gone = true
		if err := o.Unplug(o.ctx, run.slot.Drive); err != nil {
			o.t.Fatal(err)
		}
	case falseAlarm:
		run.slot.InjectUnitAttention(0x28, 0x00)
	case killed:
		o.end(syscall.SIGKILL)
		o.launch("")
	case crashes:
		o.end(syscall.SIGTERM)
		o.launch(f.point)
	case stopped:
		if status := o.end(syscall.SIGTERM); status != 0 {
			o.wrong("the daemon that was asked to stop ended with status %d", status)
		}
		o.Log.Note("the daemon stopped after %s", time.Since(began).Round(time.Millisecond))
		o.launch("")
	case powerCut, powerShift:
		o.cut(f.trick == powerShift)
	}
	if f.lasts > 0 {
		o.active = append(o.active, run)
	}
	if o.calm = time.Now(); f.class() != "store" {
		o.upsetSince(began)
	}
	return true
}

// over ends a fault.
func (o *soak) over(f *running) {
	o.Log.Note("no more: %s", f.trick)
	switch f.trick {
	case storeAway:
		o.proxy.Restore()
	case storeSlow:
		o.proxy.Slow(0)
	case spoolFull:
		o.must("rm", "-f", fillFile) // a power cut may have taken it
	case driveHangs: // by a power cycle, as the hint says
		o.cycle(f.slot)
		f.slot.hung = false
	case driveGone:
		if err := o.PlugAgain(o.ctx, f.slot.Drive); err != nil {
			o.t.Fatal(err)
		}
		f.slot.gone = false
	}
	if o.calm = time.Now(); f.class() != "store" {
		o.upset()
	}
}

// cut cuts the power. While it is out, the operator may exchange two discs: no
// tray is locked then.
func (o *soak) cut(exchange bool) {
	o.keep()
	o.kept = 0
	if err := o.PowerOff(o.ctx); err != nil {
		o.t.Fatal(err)
	}
	o.watch() // a tray that opened in the last moment
	if exchange {
		o.exchange()
	}
	if err := o.PowerOn(o.ctx); err != nil {
		o.t.Fatal(err)
	}
	o.install()
	var under []*piece
	for _, p := range o.script.pieces {
		if len(p.stays) > 0 && !p.done {
			under = append(under, p)
		}
	}
	o.remember(under...)
	o.launch("")
}

// exchange takes the discs of two drives out and puts each into the other.
func (o *soak) exchange() {
	var two []*slot
	for _, s := range o.slots {
		if s.stay != nil && len(two) < 2 {
			two = append(two, s)
		}
	}
	if len(two) < 2 {
		return
	}
	for _, s := range two {
		s.stay.button, s.stay.why = true, "taken out while the power was cut"
		s.PressButton()
	}
	o.watch()
	a, b := o.pieceOf(two[0].TakeOut()), o.pieceOf(two[1].TakeOut())
	o.note("discs %d and %d are exchanged while the power is out", a.no, b.no)
	for i, p := range []*piece{b, a} {
		o.enter(two[i], p).faults = []trick{powerShift}
		o.insert(two[i].Drive, p.m)
	}
}

// memory is what the spool vouched for at a moment: sectors of a disc that
// must not be read again later.
type memory struct {
	piece *piece
	at    int // in the host's log
	safe  []disc.Extent
}

// remember asks the ledgers of unfinished jobs what is safe of these discs.
// What udev or the station has read besides does not count.
func (o *soak) remember(pieces ...*piece) {
	r, err := o.Guest.Run(o.ctx, "sh", "-c", `cd `+service+`/spool && for j in */job.json; do echo job; grep -m 1 '"label":' $j; grep -m 1 '"sectors": [0-9]' $j; cat ${j%job.json}ledger; done 2>/dev/null; true`)
	if err != nil {
		return // no guest, no ledger
	}
	before := len(o.ledger)
	defer func() {
		if len(o.ledger) == before {
			o.note("no ledger in the spool is that of disc %v: exit %d, %.300q %.300s", numbers(pieces), r.Exit, r.Stdout, r.Stderr)
		}
	}()
	at := o.Log.Mark()
	for job := range strings.SplitSeq(strings.ReplaceAll(r.Stdout, ",\n", "\n"), "job\n") {
		for _, p := range pieces {
			// A label that two discs have says nothing.
			if strings.Contains(p.kind, "/") || !strings.Contains(job, fmt.Sprintf("%q", p.label)) || !strings.Contains(job, fmt.Sprintf("\"sectors\": %d\n", p.m.Sectors())) {
				continue
			}
			m := memory{piece: p, at: at}
			for line := range strings.Lines(job) {
				var e disc.Extent
				var status string
				if n, err := fmt.Sscanf(line, "%d %d %s", &e.Start, &e.Count, &status); n == 3 && err == nil && status == disc.StatusRead.String() {
					m.safe = append(m.safe, e)
				}
			}
			o.ledger = append(o.ledger, m)
		}
	}
}

func numbers(pieces []*piece) (all []int) {
	for _, p := range pieces {
		all = append(all, p.no)
	}
	return all
}

func decode(text string, into any) error { return json.Unmarshal([]byte(text), into) }
