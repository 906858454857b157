package nights

import (
	"context"
	"fmt"
	"time"

	"ripstation/internal/operator"
)

// lastFault is when the last fault has ended.
func (l *life) lastFault() time.Time {
	end := dawn
	for _, f := range l.night.Faults {
		if f.What != operator.CrashPoint {
			end = later(end, dawn.Add(f.At+f.For))
		}
	}
	return end
}

// troubles makes every fault happen at its time. One that lasts and began in a
// life before goes on; one that ended a life does not come again.
func (l *life) troubles(ctx context.Context) {
	defer l.faults.Wait()
	for _, f := range l.night.Faults {
		at, over := dawn.Add(f.At), dawn.Add(f.At+f.For)
		if f.What == operator.CrashPoint || !time.Now().Before(over) || time.Now().After(at) && (f.What.Life() || f.What == operator.Spurious) {
			continue
		}
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return
		}
		if err := l.moment("fault", f.N); err != nil {
			panic(err)
		}
		l.happens(ctx, f, over)
	}
}

func (l *life) happens(ctx context.Context, f operator.Fault, over time.Time) {
	s := l.slots[f.Drive]
	then := func(do func()) {
		l.faults.Go(func() {
			select {
			case <-time.After(time.Until(over)):
			case <-ctx.Done():
			}
			do()
		})
	}
	changed := func() {
		if n := l.hand.Lying(f.Drive); n >= 0 {
			l.hand.Note(operator.Entry{What: operator.Changed, Act: -1, Drive: f.Drive, Disc: n, Insertion: l.bench.Key(s)})
		}
	}
	switch f.What {
	case operator.Kill, operator.PowerCut:
		l.kill(f)
	case operator.Restart:
		l.end <- "stopped"
	case operator.Spurious:
		l.bench.SpuriousChange(s)
		s.InjectUnitAttention(0x28, 0)
		changed()
	case operator.Wedged:
		s.Hang()
		then(func() {
			l.bench.Unplug(s)
			time.Sleep(5 * time.Second)
			l.bench.Replug(s, s.Name())
			changed()
		})
	case operator.Unplugged:
		l.bench.Unplug(s)
		then(func() {
			l.bench.Replug(s, fmt.Sprintf("/dev/sr%d", 10+f.N))
			changed()
		})
	case operator.SpoolFull:
		if err := l.fill(f); err != nil {
			panic(err)
		}
		then(func() {
			if err := l.makeRoom(); err != nil {
				panic(err)
			}
		})
	case operator.Jammed:
		l.mu.Lock()
		l.jam[f.Drive] = over
		l.mu.Unlock()
	case operator.AutoClose:
		l.mu.Lock()
		l.shutter[f.Drive] = over
		l.mu.Unlock()
	}
}

// ejected is called in the midst of the drive's command, so what it does comes
// later.
func (l *life) ejected(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.shutter[n]) {
		time.AfterFunc(8*time.Second, func() {
			if l.hand.Lying(n) >= 0 {
				l.slots[n].CloseTray()
			}
		})
	}
}
