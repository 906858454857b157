package operator

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ripstation/disc"
)

// Deed is something that a person does at the bench.
type Deed string

const (
	// Feed takes the disc of the open tray, or the empty one, of a drive that is
	// free, and puts Disc in; which codes are scanned before is said by Scan.
	Feed Deed = "feed"
	// Stray scans a code and brings no disc.
	Stray Deed = "stray scan"
	// Swap scans the codes of Disc and Other, and puts Other in first.
	Swap Deed = "swap"
	// Button presses the eject button of Drive, and takes the disc if the tray
	// opens.
	Button Deed = "button"
	// Force opens Drive with a paper clip, whatever it does.
	Force Deed = "force"
	// PushIn leaves the disc of an open tray where it is, and closes the tray.
	PushIn Deed = "push in"
	// Fetch takes the disc of an open tray, and leaves the drive empty.
	Fetch Deed = "fetch"
	// Rip asks the station to read what is in Drive, as a person does who thinks
	// that it does not go on.
	Rip Deed = "rip"
	// BatchOpen opens a batch and imports its list: the items of the discs in
	// List. BatchClose closes it.
	BatchOpen  Deed = "batch open"
	BatchClose Deed = "batch close"
	// BatchSwap exchanges the identifiers of the places Disc and Other of the batch
	// opened last; BatchShift moves those from Disc to Other by one, on or back.
	BatchSwap      Deed = "batch swap"
	BatchShift     Deed = "batch shift"
	BatchShiftBack Deed = "batch shift back"
	// Retry, Accept and Reject are what a person says of the disc that has waited
	// longest for one.
	Retry  Deed = "retry"
	Accept Deed = "accept"
	Reject Deed = "reject"
)

// Scanned is what a person scans before a disc is put in.
type Scanned string

const (
	Forgotten Scanned = ""         // nothing
	Own       Scanned = "own"      // its code
	Twice     Scanned = "twice"    // its code, two times
	AtDrive   Scanned = "at drive" // its code, and the label of the drive
	Astray    Scanned = "astray"   // another disc's code first, which stays without a disc
)

// Act is one thing that a person does in a night.
type Act struct {
	N     int           `json:"n"`     // its number as the night was drawn; stays when others are left out
	After time.Duration `json:"after"` // since the act before was done
	Do    Deed          `json:"do"`
	Disc  int           `json:"disc"`
	Other int           `json:"other"`
	Drive int           `json:"drive"` // Feed and Swap take another one when it is not free
	Scan  Scanned       `json:"scan"`
	List  []int         `json:"list,omitempty"` // discs, of BatchOpen
}

func (a Act) String() string {
	return fmt.Sprintf("%d: after %s %s disc %d other %d drive %d scan %q", a.N, a.After, a.Do, a.Disc, a.Other, a.Drive, a.Scan)
}

// Fault is something that goes wrong at a bench, for a time.
type Fault struct {
	N     int           `json:"n"`
	At    time.Duration `json:"at"`  // since the night began
	For   time.Duration `json:"for"` // how long it lasts
	What  Trouble       `json:"what"`
	Drive int           `json:"drive"`
	Store int           `json:"store"`
	// Disc is put into Drive, in place of what is there, while the station is
	// down; -1: nobody does.
	Disc int `json:"disc"`
	// Point is the crash point at which the station's life ends, as
	// crashpoint.Variable has it.
	Point string `json:"point,omitempty"`
	// Room is how many bytes SpoolFull leaves.
	Room int64 `json:"room,omitempty"`
}

func (f Fault) String() string {
	return fmt.Sprintf("%d: at %s for %s %s drive %d store %d disc %d %s", f.N, f.At, f.For, f.What, f.Drive, f.Store, f.Disc, f.Point)
}

// Trouble is a kind of fault.
type Trouble string

const (
	StoreAway   Trouble = "store away"   // no answer, an error at once
	StoreHangs  Trouble = "store hangs"  // answers come when it is over
	StoreSlow   Trouble = "store slow"   // every call takes seconds
	StoreErrors Trouble = "store errors" // some calls fail
	SpoolFull   Trouble = "spool full"   // no room for an image
	Wedged      Trouble = "drive wedged" // no command comes back, until the drive is power-cycled
	Unplugged   Trouble = "unplugged"    // and back under another node
	Spurious    Trouble = "spurious change"
	AutoClose   Trouble = "tray closes by itself"
	Jammed      Trouble = "tray does not open"
	Restart     Trouble = "station restarted"
	Kill        Trouble = "station killed"
	CrashPoint  Trouble = "killed at crash point" // when the point is reached, at whatever time; one after the other
	PowerCut    Trouble = "power cut"             // killed, the drives too, a new boot
)

// Life says that the fault ends a life of the station.
func (t Trouble) Life() bool {
	return t == Restart || t == Kill || t == CrashPoint || t == PowerCut
}

// Night is all that happens, as it was drawn from a seed.
type Night struct {
	Seed   uint64 `json:"seed"`
	Drives int    `json:"drives"`
	Stores int    `json:"stores"` // the first is required
	Both   bool   `json:"both"`   // the second is required, too
	Eject  string `json:"eject"`  // eject.when
	Scans  bool   `json:"scans"`  // the operator has a scanner
	// Disk is how many bytes the spool's disk has; 0: as large as the machine's.
	Disk int64 `json:"disk,omitempty"`
	// Dark is eject.when_store_dark, Start start.disc; empty as they are by default.
	Dark  string `json:"dark,omitempty"`
	Start string `json:"start,omitempty"`
	// Failures is drives.failures; 0: a drive is never on hold.
	Failures int `json:"failures,omitempty"`
	// Trays are those of eject.done and its like that are not as they are by
	// default: "eject" or "hold" by the key.
	Trays  map[string]string `json:"trays,omitempty"`
	Discs  []Disc            `json:"discs"`
	Acts   []Act             `json:"acts"`
	Faults []Fault           `json:"faults"`
}

// Options bound what is drawn.
type Options struct {
	Drives  int           // 0: four
	Discs   int           // 0: 10 to 40
	Sectors [2]int64      // least and most of a disc; 0: 300 and 900
	Length  time.Duration // of the night, as far as faults go; 0: eight hours
	Faults  []Trouble     // that may happen; nil: all of them
	Points  []string      // crash points that CrashPoint draws from; none: it does not happen
	Scans   bool          // the operator has a scanner
}

// Draw makes the night of a seed. The same seed and options give the same night.
func Draw(seed uint64, o Options) Night {
	rng := rand.New(rand.NewPCG(seed, 0x0417))
	n := Night{Seed: seed, Drives: o.Drives, Stores: 1 + rng.IntN(2), Both: rng.IntN(2) == 0, Eject: pick(rng, "stored", "stored", "read-back", "imaged")}
	n.Scans = o.Scans && rng.IntN(4) > 0
	o.Scans = n.Scans
	if n.Drives == 0 {
		n.Drives = 4
	}
	if o.Sectors[1] == 0 {
		o.Sectors = [2]int64{300, 900}
	}
	if o.Length == 0 {
		o.Length = 8 * time.Hour
	}
	count := o.Discs
	if count == 0 {
		count = 10 + rng.IntN(31)
	}
	for i := range count {
		n.Discs = append(n.Discs, drawDisc(rng, n.Discs, i, seed, o.Sectors))
	}
	n.Acts = drawActs(rng, &n, o)
	n.Faults = drawFaults(rng, &n, o)
	drawMore(rand.New(rand.NewPCG(seed, 0x0418)), &n)
	return n
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// drawDisc makes the next disc; some are like one before.
func drawDisc(rng *rand.Rand, before []Disc, i int, seed uint64, sectors [2]int64) Disc {
	d := Disc{Number: i, Model: i, Item: fmt.Sprintf("B-%04d", 1000+i), Label: fmt.Sprintf("VOLUME_%02d", i),
		Seed: (seed<<16 | uint64(i)) << 8, Sectors: sectors[0] + rng.Int64N(sectors[1]-sectors[0]+1)}
	if rng.IntN(3) == 0 {
		d.Label = "BACKUP" // labels say little
	}
	d.Kind = pick(rng, Pressed, Pressed, Pressed, Pressed, Recordable, Recordable, Copy, Copy, Lookalike, Twin, Clone, Scratched, Scratched, Audio, Blank)
	like := func(kinds ...Kind) bool {
		var of []Disc
		for _, b := range before {
			for _, k := range kinds {
				if b.Kind == k {
					of = append(of, b)
				}
			}
		}
		if len(of) == 0 {
			return false
		}
		m := pick(rng, of...)
		d.Model, d.Label, d.Sectors, d.Seed, d.Own = m.Number, m.Label, m.Sectors, m.Seed, m.Own
		return true
	}
	switch d.Kind {
	case Copy:
		if !like(Pressed) {
			d.Kind = Pressed
		}
	case Lookalike:
		if like(Pressed) {
			d.Seed |= uint64(1 + i)
		} else {
			d.Kind = Pressed
		}
	case Clone:
		if !like(Recordable) {
			d.Kind = Recordable
		}
	case Twin:
		if like(Recordable) {
			d.Seed |= uint64(1 + i)
		} else {
			d.Kind = Recordable
		}
	case Scratched:
		for range 1 + rng.IntN(2) {
			e := disc.Extent{Start: disc.LBA(60 + rng.Int64N(d.Sectors-80)), Count: 1 + rng.Int64N(3)}
			if len(d.Bad) == 0 || d.Bad[0].End() < e.Start || e.End() < d.Bad[0].Start {
				d.Bad = append(d.Bad, e)
			}
		}
	case Audio, Blank:
		d.Sectors = 0
	}
	if d.Kind == Recordable && rng.IntN(2) == 0 {
		d.Own = 1 + rng.Int64N(6) // which samples hardly ever find
	}
	if d.Sectors > 0 && len(d.Bad) == 0 && rng.IntN(6) == 0 {
		d.Shy = []disc.Extent{{Start: disc.LBA(60 + rng.Int64N(d.Sectors-80)), Count: 2}}
	}
	return d
}

// between draws a time, short ones more often than long ones.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	x := rng.Float64()
	return least + time.Duration(x*x*float64(most-least)).Round(time.Second)
}
