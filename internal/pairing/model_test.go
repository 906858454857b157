package pairing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// epoch is second 0 of every history.
var epoch = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }

var rules = Rules{Hold: 40 * time.Second, Settle: 10 * time.Second}

// step is one thing that happens, when it is told (now) and when it was (at).
type step struct {
	what    string // scan, arrive, withdraw, doubt, cancel, look
	now, at int
	id      ID
	code    string
}

// random is a history of a bench where everything goes wrong that can.
func random(rng *rand.Rand, n int) (h []step) {
	var arrivals []ID
	now := 0
	for id := ID(1); int(id) <= n; id++ {
		now += []int{0, 0, 1, 2, 5, 9, 10, 11, 39, 40, 41}[rng.IntN(11)]
		s := step{now: now, at: now, id: id, code: string(rune('A' + rng.IntN(4)))}
		switch k := rng.IntN(20); {
		case k < 8:
			s.what = "scan"
		case k < 16:
			s.what = "arrive"
			s.at = max(0, now-[]int{0, 0, 0, 1, 3, 12}[rng.IntN(6)])
			arrivals = append(arrivals, id)
		case k < 18 && len(arrivals) > 0:
			s.what, s.id = "withdraw", arrivals[rng.IntN(len(arrivals))]
			if rng.IntN(4) == 0 {
				s.what = "doubt"
			}
		case k == 18:
			s.what = "cancel"
		default:
			s.what = "look"
		}
		h = append(h, s)
	}
	return append(h, step{what: "look", now: now + 1000})
}

// play tells a history to Rounds and gives the final fates, and what was taken
// out or doubted in time.
func play(t testing.TB, h []step) (fates map[ID]Outcome, gone, doubted map[ID]bool) {
	r := &Rounds{Rules: rules}
	fates, gone, doubted = map[ID]Outcome{}, map[ID]bool{}, map[ID]bool{}
	fetch := func(now int) {
		for _, o := range r.Advance(at(now)) {
			if was, twice := fates[o.ID]; twice {
				t.Fatalf("%d has two fates: %+v and %+v", o.ID, was, o)
			}
			fates[o.ID] = o
		}
	}
	for _, s := range h {
		fetch(s.now)
		switch s.what {
		case "scan":
			r.Scan(at(s.at), s.id, s.code)
		case "arrive":
			r.Arrive(at(s.at), s.id, "d")
		case "withdraw":
			if r.Withdraw(s.id) {
				gone[s.id] = true
			}
		case "doubt":
			if r.Doubt(s.id) {
				doubted[s.id] = true
			}
		case "cancel":
			r.Cancel(at(s.at))
		}
		fetch(s.now)
	}
	if n, any := r.Next(at(h[len(h)-1].now)); any {
		t.Fatalf("something is open at the end, until %v", n)
	}
	return fates, gone, doubted
}

// brute judges a history second by second, by the words of the decision, with
// everything known beforehand. It holds for histories in which nothing is told
// late or taken out: those have no other truth than what was told by then.
func brute(h []step) map[ID]Fate {
	fates := map[ID]Fate{}
	type scan struct {
		ids   []ID
		code  string
		since int
	}
	var waiting []scan
	var round []ID // all ids in the open round that are not expired or cancelled
	open, spoiled, came := false, false, false
	quiet := 0 // when something happened last
	end := func() {
		for _, id := range round {
			fates[id] = Bound
			if spoiled {
				fates[id] = Spoiled
			}
		}
		round, open, spoiled, came = nil, false, false, false
	}
	last := h[len(h)-1].now
	for sec := 0; sec <= last; sec++ {
		// What ends with this second ends before what happens in it.
		for i := 0; i < len(waiting); {
			if w := waiting[i]; sec-w.since >= 40 {
				for _, id := range w.ids {
					fates[id] = Expired
				}
				round = slices.DeleteFunc(round, func(id ID) bool { return slices.Contains(w.ids, id) })
				waiting = slices.Delete(waiting, i, i+1)
				spoiled = true
				continue
			}
			i++
		}
		if open && len(waiting) == 0 && sec-quiet >= 10 {
			end()
		}
		for _, s := range h {
			if s.at != sec {
				continue
			}
			switch s.what {
			case "scan":
				open, quiet = true, sec
				round = append(round, s.id)
				if i := slices.IndexFunc(waiting, func(w scan) bool { return w.code == s.code }); i >= 0 {
					waiting[i].ids, waiting[i].since = append(waiting[i].ids, s.id), sec
				} else {
					waiting = append(waiting, scan{[]ID{s.id}, s.code, sec})
				}
			case "arrive":
				if !open {
					fates[s.id] = Alone
					continue
				}
				quiet, came = sec, true
				round = append(round, s.id)
				spoiled = spoiled || len(waiting) != 1
				if len(waiting) > 0 {
					waiting = waiting[1:]
				}
			case "cancel":
				if len(waiting) > 0 {
					quiet = sec
				}
				for _, w := range waiting {
					for _, id := range w.ids {
						fates[id] = Cancelled
					}
					round = slices.DeleteFunc(round, func(id ID) bool { return slices.Contains(w.ids, id) })
				}
				waiting = nil
				if open && !came {
					end()
				}
			}
		}
	}
	return fates
}

func TestRoundsAgainstBruteForce(t *testing.T) {
	seen := map[Fate]int{}
	for seed := range uint64(3_000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var h []step
		for _, s := range random(rng, 1+rng.IntN(25)) {
			if s.what != "withdraw" && s.what != "doubt" {
				s.at = s.now
				h = append(h, s)
			}
		}
		got, _, _ := play(t, h)
		want := brute(h)
		for _, s := range h {
			if s.what == "scan" || s.what == "arrive" {
				seen[want[s.id]]++
				if got[s.id].Fate != want[s.id] {
					t.Fatalf("seed %d: %s %d is %q, want %q in\n%s", seed, s.what, s.id, got[s.id].Fate, want[s.id], told(h))
				}
			}
		}
	}
	for _, f := range []Fate{Bound, Spoiled, Expired, Cancelled, Alone} {
		if seen[f] < 100 {
			t.Errorf("only %d of %q: the histories show nothing", seen[f], f)
		}
	}
}

// Whatever was told late, taken out or doubted: who has a code has it for a
// reason that can be seen in the history alone.
func TestNobodyGetsACodeByGuess(t *testing.T) {
	bound := 0
	for seed := range uint64(6_000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		h := random(rng, 1+rng.IntN(25))
		bound += checkGuesses(t, h)
	}
	if bound < 250 {
		t.Errorf("only %d discs got a code: the histories show nothing", bound)
	}
}

func checkGuesses(t testing.TB, h []step) (bound int) {
	fates, gone, doubted := play(t, h)
	by := map[ID]step{}
	for _, s := range h {
		if s.what == "scan" || s.what == "arrive" {
			by[s.id] = s
			if _, has := fates[s.id]; !has && !gone[s.id] {
				t.Fatalf("%s %d has no fate in\n%s", s.what, s.id, told(h))
			}
		}
	}
	for id, o := range fates {
		if !o.Arrival || o.Fate != Bound {
			continue
		}
		bound++
		fail := func(why string) {
			t.Fatalf("arrival %d got %s though %s:\n%s", id, o.Code, why, told(h))
		}
		a, s := by[id], by[o.Other]
		if s.code != o.Code || fates[s.id].Other != id || fates[s.id].Fate != Bound {
			fail("its scan says otherwise")
		}
		if gone[id] || doubted[id] {
			fail("it is none")
		}
		if s.at > a.at {
			fail("it was scanned later")
		}
		newest := s.at // of this code before the disc came
		for _, x := range h {
			in := x.at >= s.at && x.at <= a.at && x.id != id && x.id != s.id
			switch {
			case x.what == "scan" && x.code == s.code && in && fates[x.id].Other == id:
				newest = max(newest, x.at)
			case x.what == "scan" && in && x.at > s.at && x.at < a.at && x.code != s.code && fates[x.id].Fate != Cancelled:
				fail(fmt.Sprintf("scan %d lies between", x.id))
			case x.what == "arrive" && in && x.at > s.at && x.at < a.at && !gone[x.id] && fates[x.id].Fate != Alone:
				fail(fmt.Sprintf("arrival %d lies between", x.id))
			case x.what == "arrive" && x.at > a.at && x.at-a.at < 10 && !gone[x.id] && fates[x.id].Fate != Alone && !slices.ContainsFunc(h, func(y step) bool {
				return y.what == "scan" && y.at >= a.at && y.at <= x.at
			}):
				fail(fmt.Sprintf("arrival %d came right after it and nothing was scanned for that", x.id))
			}
		}
		if a.at-newest >= 40 {
			fail("the scan was too old")
		}
	}
	for id, o := range fates {
		if o.Arrival || o.Fate != Bound {
			continue
		}
		if a := fates[o.Other]; !a.Arrival || a.Fate != Bound || a.Code != o.Code {
			t.Fatalf("scan %d is bound to %d, which is %+v", id, o.Other, a)
		}
	}
	return bound
}

func told(h []step) (s string) {
	for _, x := range h {
		s += fmt.Sprintf("%4d %-8s %d %s (of %d)\n", x.now, x.what, x.id, x.code, x.at)
	}
	return s
}

func FuzzRounds(f *testing.F) {
	f.Add([]byte{1, 0, 0, 2, 1, 5, 3, 0, 11})
	f.Add([]byte{0, 0, 0, 0, 1, 1, 1, 0, 2, 1, 0, 3, 2, 1, 4, 1, 2, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h []step
		var arrivals []ID
		now := 0
		for i := 0; i+2 < len(b) && i < 3*200; i += 3 {
			now += int(b[i+2]) % 64
			s := step{now: now, at: now, id: ID(i/3 + 1), code: string(rune('A' + b[i+1]%4))}
			switch b[i] % 8 {
			case 0, 1:
				s.what = "scan"
			case 2, 3:
				s.what, s.at = "arrive", max(0, now-int(b[i+1]/16))
				arrivals = append(arrivals, s.id)
			case 4, 5:
				if len(arrivals) == 0 {
					continue
				}
				s.what, s.id = []string{"withdraw", "doubt"}[b[i]%8-4], arrivals[int(b[i+1])%len(arrivals)]
			case 6:
				s.what = "cancel"
			case 7:
				s.what = "look"
			}
			h = append(h, s)
		}
		checkGuesses(t, append(h, step{what: "look", now: now + 1000}))
	})
}
