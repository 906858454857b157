package operator

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/disc"
)

// Morning is what the station has to show when the night is over, every fault
// has ended, and it has had time to settle.
type Morning struct {
	Carriers []Carrier
	Jobs     []Job
	Notices  []Notice // what was told, without progress
	Batches  []Batch
	// Slack is how far the station's clock may be from the diary's.
	Slack time.Duration
	// Interrupted is how often a disc's reading may have been broken off by
	// faults, so that sectors that were not safe yet are read again.
	Interrupted func(*Arrival) int
	// Awake is for how long of a time the station ran; nil: all of it.
	Awake func(from, to time.Time) time.Duration
}

// Carrier is one record of the catalog.
type Carrier struct {
	ID, Item    string
	Disposition string
	Captures    []Capture
	Images      []Image
	Racked      []time.Time // when it went to the pending rack, as its events say
}

// Capture is one reading as the record has it.
type Capture struct {
	Drive     int // by its serial number; -1: none of the bench
	Insertion disc.Insertion
	Started   time.Time
	Outcome   string
}

// Image is one bag of a carrier, in one store.
type Image struct {
	Store   string
	Version int
	State   string // "complete", "incomplete"
	Missing int64  // sectors, as the record says
	// Stored and ReadBack are when the store had it, and had given it back.
	Stored, ReadBack *time.Time
	Bytes            func() ([]byte, error)
}

// Job is what still lies in the spool.
type Job struct {
	ID, Step  string
	Drive     int
	Insertion disc.Insertion
	Created   time.Time
}

// Notice is what a person was told.
type Notice struct {
	At       time.Time
	Drive    int // -1: of none
	ID       string
	Word     string
	Text     string
	Final    bool
	Outcome  string
	Ejecting bool // the tray is open under this disc
	Pending  bool // and its image is only in the spool
}

// account is the work on one morning.
type account struct {
	Morning
	night    Night
	diary    []Entry
	arrivals []*Arrival
	discs    map[string][]int // by carrier: whose captures it has
	bytes    map[int][]byte   // by disc
	bears    map[string][]int // by carrier: whose content its images have
	flaws    []string
}

// Account holds the morning against the night. Each flaw is a sentence; none is
// as it should be.
func Account(n Night, diary []Entry, m Morning) []string {
	a := &account{Morning: m, night: n, diary: diary, arrivals: Arrivals(diary), discs: map[string][]int{}, bytes: map[int][]byte{}, bears: map[string][]int{}}
	a.whose()
	a.images()
	a.items()
	a.presented()
	a.ejects()
	a.trays()
	a.decisions()
	a.batches()
	a.reads()
	return a.flaws
}

func (a *account) flaw(format string, v ...any) { a.flaws = append(a.flaws, fmt.Sprintf(format, v...)) }

func (a *account) disc(n int) Disc { return a.night.Discs[n] }

// interruptions are none where nobody counts them.
func (a *account) interruptions(x *Arrival) int {
	if a.Interrupted == nil {
		return 0
	}
	return a.Interrupted(x)
}

// arrival is the stay that an insertion, or else a drive and a time, belong to.
func (a *account) arrival(ins disc.Insertion, drive int, t time.Time) *Arrival {
	for _, x := range a.arrivals {
		if slices.Contains(x.Insertions, ins) {
			return x
		}
	}
	if ins != (disc.Insertion{}) && slices.ContainsFunc(a.arrivals, func(x *Arrival) bool { return len(x.Insertions) > 0 }) {
		return nil // all keys are known, and this is none
	}
	return At(a.arrivals, drive, t, a.Slack)
}

// whose finds the discs behind every carrier: one content, or one disc.
func (a *account) whose() {
	for _, c := range a.Carriers {
		var whole []int
		broke := map[int][]*Arrival{} // by disc
		for _, p := range c.Captures {
			x := a.arrival(p.Insertion, p.Drive, p.Started)
			if x == nil {
				a.flaw("carrier %s: a capture (%s) in drive %d at %s of a disc that nobody put in", c.ID, p.Outcome, p.Drive, p.Started.Format(time.TimeOnly))
				continue
			}
			if !slices.Contains(a.discs[c.ID], x.Disc) {
				a.discs[c.ID] = append(a.discs[c.ID], x.Disc)
			}
			// A reading that was broken off may be gone on with by a disc that has
			// all of what was read of it.
			if p.Outcome == "interrupted" {
				broke[x.Disc] = append(broke[x.Disc], x)
			} else if !slices.Contains(whole, x.Disc) {
				whole = append(whole, x.Disc)
			}
		}
		for d, stays := range broke {
			for _, w := range whole {
				if i := slices.IndexFunc(stays, func(x *Arrival) bool { return a.toldApart(x, w) }); w != d && i >= 0 {
					a.flaw("carrier %s: the reading of %s in drive %d that was broken off at %s was gone on with by %s, though what was read of it is not what that one bears",
						c.ID, a.disc(d).Name(), stays[i].Drive, stays[i].To.Format(time.TimeOnly), a.disc(w).Name())
				}
			}
		}
		for i, d := range a.discs[c.ID] {
			first := a.disc(a.discs[c.ID][0])
			broken := !slices.Contains(whole, d) || !slices.Contains(whole, first.Number)
			if i > 0 && (!first.Imageable() || a.disc(d).Content() != first.Content() && (!broken || a.disc(d).Model != first.Model)) {
				a.flaw("carrier %s has captures of two discs: %s and %s", c.ID, first.Name(), a.disc(d).Name())
			}
		}
		if len(c.Captures) == 0 {
			a.flaw("carrier %s has no capture", c.ID)
		}
	}
}

// toldApart reports whether the station was given sectors in a stay that are
// others on another disc. What it was given last may not have come to the spool,
// and nothing is known of that of a stay in which it was killed.
func (a *account) toldApart(x *Arrival, other int) bool {
	if len(x.Reads) == 0 || a.interruptions(x) > 0 {
		return false
	}
	got, want := a.want(x.Disc), a.want(other)
	for _, e := range x.Reads[:len(x.Reads)-1] {
		from, to := int64(max(e.Start, 0))*disc.SectorSize, int64(e.End())*disc.SectorSize
		if to = min(to, int64(len(got)), int64(len(want))); from < to && !bytes.Equal(got[from:to], want[from:to]) {
			return true
		}
	}
	return false
}

// images holds every bag's bytes against the discs of its carrier, and counts
// bags.
func (a *account) images() {
	bags := map[int]map[string]bool{} // by disc: "<carrier>/v<n>"
	for _, c := range a.Carriers {
		for _, img := range c.Images {
			got, err := img.Bytes()
			if err != nil {
				a.flaw("carrier %s: image %d in %s cannot be read: %v", c.ID, img.Version, img.Store, err)
				continue
			}
			whose := -1
			for _, d := range a.gave(c) {
				if bytes.Equal(got, a.want(d)) {
					whose = d
					a.bears[c.ID] = append(a.bears[c.ID], a.disc(d).Content())
				}
			}
			if whose < 0 {
				a.flaw("carrier %s: image %d in %s (%s, %d bytes) is not what its disc bears (%v)%s", c.ID, img.Version, img.Store, img.State, len(got), a.names(a.gave(c)), a.mixUp(got))
				continue
			}
			if want := a.disc(whose).Missing(); img.Missing != want || (want > 0) != (img.State == "incomplete") {
				a.flaw("carrier %s: image %d is told as %s with %d sectors missing; %s lacks %d", c.ID, img.Version, img.State, img.Missing, a.disc(whose).Name(), want)
			}
			if bags[whose] == nil {
				bags[whose] = map[string]bool{}
			}
			bags[whose][fmt.Sprintf("%s/v%d", c.ID, img.Version)] = true
		}
	}
	for d := range a.night.Discs {
		if most := a.mostBags(d); len(bags[d]) > most {
			a.flaw("%s has %d bags, %d at most were called for", a.disc(d).Name(), len(bags[d]), most)
		}
	}
}

// gave are the discs that a carrier's images were made of.
func (a *account) gave(c Carrier) (discs []int) {
	for _, p := range c.Captures {
		if x := a.arrival(p.Insertion, p.Drive, p.Started); x != nil && p.Outcome == "imaged" {
			discs = append(discs, x.Disc)
		}
	}
	return discs
}

// mostBags is how many bags may be of a disc's content. A disc that is whole
// and pressed needs one, and each copy may be a carrier of its own; one that is
// scratched, or of which nothing but all bytes tells which it is, one each time
// that it comes.
func (a *account) mostBags(d int) (n int) {
	again := a.disc(d).Recordable() || a.disc(d).Missing() > 0
	met := map[int]bool{}
	for _, x := range a.arrivals {
		if a.disc(x.Disc).Content() == a.disc(d).Content() && (again || !met[x.Disc]) {
			met[x.Disc] = true
			n++
		}
		if a.disc(x.Disc).Model == a.disc(d).Model && a.disc(x.Disc).Content() != a.disc(d).Content() && a.broken(x) {
			n++ // what was read of that one may have been gone on with by this one
		}
		if a.disc(x.Disc).Content() == a.disc(d).Content() {
			n += x.Asked
			if again {
				n += boots(x)           // nobody knows what was done at the drive while the machine was off
				n += a.interruptions(x) // or while the drive had left the bus
			}
		}
	}
	return n + a.retries(d)
}

// boots is how often the machine was off while a disc lay in its drive.
func boots(x *Arrival) (n int) {
	for i, ins := range x.Insertions {
		if i > 0 && ins.BootID != x.Insertions[i-1].BootID {
			n++
		}
	}
	return n
}

func (a *account) want(d int) []byte {
	if b, there := a.bytes[d]; there {
		return b
	}
	b, err := a.disc(d).Bytes()
	if err != nil {
		a.flaw("%v", err)
	}
	a.bytes[d] = b
	return b
}

// mixUp names the disc that an image is of when it is not its carrier's.
func (a *account) mixUp(got []byte) string {
	for d := range a.night.Discs {
		if w := a.want(d); w != nil && bytes.Equal(got, w) {
			return "; it is of " + a.disc(d).Name()
		}
	}
	return ""
}

func (a *account) names(discs []int) string {
	var s []string
	for _, d := range discs {
		s = append(s, a.disc(d).Name())
	}
	return strings.Join(s, ", ")
}

// presented asks of every stay in a drive what became of it.
func (a *account) presented() {
	known := map[int]bool{}
	for _, discs := range a.discs {
		for _, d := range discs {
			known[d] = true
		}
	}
	for _, j := range a.Jobs {
		if x := a.arrival(j.Insertion, j.Drive, j.Created); x != nil {
			known[x.Disc] = true
		}
	}
	for _, x := range a.arrivals {
		if known[x.Disc] || a.told(x) {
			continue
		}
		a.flaw("%s was in drive %d from %s to %s, and nothing is known of it: no record, no job, no word that it was taken out",
			a.disc(x.Disc).Name(), x.Drive, x.From.Format(time.TimeOnly), x.To.Format(time.TimeOnly))
	}
}

// told reports whether a person was told that the stay ended without a record,
// or ended it before anything could be found out.
func (a *account) told(x *Arrival) bool {
	const tooShort = 90 * time.Second // to be found out about, and for a station to start
	if !x.To.IsZero() && !x.Ejected {
		awake := x.To.Sub(x.From)
		if a.Awake != nil {
			awake = a.Awake(x.From, x.To)
		}
		if awake < tooShort {
			return true
		}
	}
	if a.waitedForRoom(x) {
		return true
	}
	return slices.ContainsFunc(a.Notices, func(n Notice) bool {
		within := n.Drive == x.Drive && !n.At.Before(x.From.Add(-a.Slack)) && (x.To.IsZero() || !n.At.After(x.To.Add(a.Slack+time.Minute)))
		return within && n.Final && n.Outcome != "done" && !x.Ejected
	})
}

// waitedForRoom reports whether the last that was told of a stay is that the disc
// waits for room, and the station was stopped then: on a full disk nothing is
// kept of it, and whoever exchanges it in the dark has it in the hand.
func (a *account) waitedForRoom(x *Arrival) bool {
	waits := false
	for _, n := range a.Notices {
		if n.Drive == x.Drive && !n.At.Before(x.From) && n.At.Before(x.To) {
			waits = n.Word == "WAITING FOR SPACE" && n.ID == ""
		}
	}
	return waits && !x.Ejected && a.interruptions(x) > 0
}

// ejects asks of every tray that the station opened whether the disc on it is
// the one that was meant, and recorded.
func (a *account) ejects() {
	for _, x := range a.arrivals {
		if !x.Ejected {
			continue
		}
		if !slices.ContainsFunc(a.Carriers, func(c Carrier) bool { return slices.Contains(a.discs[c.ID], x.Disc) }) {
			a.flaw("the tray of drive %d opened at %s under %s, which has no record", x.Drive, x.To.Format(time.TimeOnly), a.disc(x.Disc).Name())
		}
		for _, n := range a.Notices {
			late := n.At.Sub(x.To)
			if !n.Ejecting || n.Drive != x.Drive || n.ID == "" || late < -a.Slack || late > a.Slack+5*time.Second {
				continue
			}
			of := a.discs[n.ID]
			if len(of) > 0 && !slices.ContainsFunc(of, func(d int) bool { return d == x.Disc || a.disc(d).Content() == a.disc(x.Disc).Content() }) {
				a.flaw("the tray of drive %d opened at %s for carrier %s (%s); in it was %s", x.Drive, x.To.Format(time.TimeOnly), n.ID, a.names(of), a.disc(x.Disc).Name())
			}
			break
		}
	}
}
