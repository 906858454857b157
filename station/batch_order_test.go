package station

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// Whoever came earlier has his turn earlier, whatever happens to the others: one
// gets a carrier, one leaves, one is never known, one turns out to be none.
func TestArrivalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := arrivalOrder{came: map[string]*coming{}, moved: make(chan struct{})}
		ins := func(key string, n uint64) disc.Insertion {
			return disc.Insertion{DriveKey: key, BootID: "b", DiskSeq: n}
		}
		begun := time.Now()
		arrive := func(key string, n uint64, batch string) {
			l.arrive(disc.Drive{Key: key}, ins(key, n), time.Now(), func() string { return batch })
			time.Sleep(time.Second)
		}
		var mu sync.Mutex
		var got []string
		take := func(name string, c *coming) {
			go func() {
				if err := l.turn(t.Context(), c); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, fmt.Sprint(name, " ", time.Since(begun)))
				l.over(c)
			}()
			synctest.Wait()
		}
		arrive("hangs", 1, "17") // at 0 s: never known
		arrive("leaves", 1, "17")
		arrive("one", 1, "17")
		arrive("none", 1, "17")
		arrive("two", 1, "17")
		arrive("elsewhere", 1, "18")
		arrive("without", 1, "")
		take("two", l.hold(ins("two", 1)))
		take("elsewhere", l.hold(ins("elsewhere", 1)))
		if l.hold(ins("without", 1)) != nil || l.hold(ins("two", 2)) != nil {
			t.Error("a place for what came in no batch")
		}
		// The drive tells twice of one disc, and the disc of a carrier may leave.
		l.arrive(disc.Drive{Key: "one"}, ins("one", 2), time.Now(), func() string { return "19" })
		one := l.hold(ins("one", 1))
		if one == nil || one.batch != "17" || l.of(ins("one", 2)) != one {
			t.Errorf("%+v", one)
		}
		l.left("one")
		arrive("one", 3, "17") // at 7 s: another disc in that drive
		l.settled(ins("none", 1))
		l.left("leaves")
		take("one", one)
		take("three", l.hold(ins("one", 3)))
		if n := len(l.waiting("17")); n != 4 {
			t.Errorf("%d wait", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if want := "[elsewhere 7s one 1m0s two 1m0s three 1m0s]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		// What could not be recorded waits for its next try, or is over when its disc
		// has left.
		arrive("late", 1, "17")
		c := l.hold(ins("late", 1))
		l.letGo(c)
		if c.over || l.hold(ins("late", 1)) != c {
			t.Error("it is over before its disc has left")
		}
		l.left("late")
		l.letGo(c)
		if !c.over {
			t.Error("it waits for ever")
		}
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		arrive("a", 1, "20")
		arrive("b", 1, "20")
		if err := l.turn(stopped, l.hold(ins("b", 1))); err == nil {
			t.Error("a stopped station takes a place out of turn")
		}
	})
}
