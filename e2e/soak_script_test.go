package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
)

// A soak's script follows from its seed alone: which discs there are, what the
// operator does with each, and which faults come when. What is done to a disc
// waits for a free drive, so two runs of one seed meet the same script, not the
// same microseconds.

// habit is how the operator presents a disc, and what is done with it then.
type habit string

const (
	plainly    habit = "plainly"                   // puts it in, waits, takes it out
	told       habit = "told with rip --item"      // says what it is while it is read
	early      habit = "button early"              // presses the button in mid-read, then pushes the tray in again
	takenAway  habit = "taken away early"          // presses the button in mid-read and puts the disc in another drive later
	pushedBack habit = "pushed in again"           // pushes the tray in again under a disc that was given back
	elsewhere  habit = "put in another drive"      // puts a disc that was given back into another drive
	lingers    habit = "left on the tray"          // leaves it on the open tray for a while
	exchanged  habit = "exchanged by a paper clip" // forces the tray in mid-read and lays another disc on it
	byHand     habit = "ejected by command"        // asks for it with `eject` in mid-read, then pushes the tray in again
)

// scanning is what the operator does with the barcode reader for a disc.
type scanning string

const (
	never    scanning = "not scanned"
	once     scanning = "scanned"
	twice    scanning = "scanned twice"
	another  scanning = "another scanned first, and taken back"
	both     scanning = "scanned with the next one's code"
	forDrive scanning = "scanned for the empty drive"
	inDrive  scanning = "scanned for the drive it is in"
)

// trick is what befalls the bench.
type trick string

const (
	storeAway  trick = "the S3 server is away"
	storeSlow  trick = "the link is slow"
	spoolFull  trick = "the state disk is full"
	driveHangs trick = "a drive hangs"
	driveGone  trick = "a drive is unplugged"
	falseAlarm trick = "a drive tells of a change that was none"
	killed     trick = "the daemon is killed"
	crashes    trick = "the daemon dies at a crash point"
	stopped    trick = "the daemon is stopped in good order"
	powerCut   trick = "the power is cut"
	powerShift trick = "the power is cut, and two discs are exchanged meanwhile"
)

// fault is one trick with its time: when so many discs have been presented.
type fault struct {
	trick
	after int
	lasts time.Duration
	point string // of a crash
}

func (f fault) String() string {
	s := fmt.Sprintf("after %2d discs: %s", f.after, f.trick)
	if f.point != "" {
		s += " " + f.point
	}
	if f.lasts > 0 {
		s += fmt.Sprintf(", for %s", f.lasts)
	}
	return s
}

// piece is one physical disc.
type piece struct {
	no      int
	kind    string
	label   string
	code    string // what stands on its case
	m       *simdrive.Disc
	content int    // pieces of one pressing have the same
	family  uint64 // pieces that are almost alike have the same
	habit   habit
	scan    scanning
	pause   bool    // nothing is scanned or put in for a while before it
	at      float64 // how far it is read when the operator interferes

	refused    bool // an ISO cannot hold it
	recordable bool
	missing    []disc.Extent // sectors that no drive reads

	stays []*stay
	done  bool // the station has given it back
	ended int  // where the host's log was when it first did
}

func (p *piece) String() string {
	pause := ""
	if p.pause {
		pause = ", after a pause"
	}
	return fmt.Sprintf("disc %2d: %s, label %s, %d sectors, %s%s, %s", p.no, p.kind, p.label, p.m.Sectors(), p.scan, pause, p.habit)
}

// script is a soak's whole plan.
type script struct {
	seed   uint64
	pieces []*piece
	faults []fault
}

func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", s.seed)
	for _, p := range s.pieces {
		fmt.Fprintln(&b, " ", p)
	}
	for _, f := range s.faults {
		fmt.Fprintln(&b, " ", f)
	}
	return b.String()
}

// kinds of the 24 discs. Those with one letter behind a slash belong together.
var soakKinds = []string{
	"CD", "CD", "CD", "CD", "DVD", "DVD", "DVD", "BD",
	"CD-R", "DVD-R", "DVD+R",
	"CD copy/a", "CD copy/a", "DVD copy/b", "DVD copy/b",
	"DVD almost/c", "DVD almost/c", "CD-R almost/d", "CD-R almost/d",
	"scratched CD", "worn DVD", "audio CD", "mixed CD", "CD copy/a",
}

func newScript(seed uint64) (*script, error) {
	r := rand.New(rand.NewPCG(seed, 0x736f616b))
	s := &script{seed: seed}
	pairs := map[string]*piece{}
	for i, kind := range soakKinds {
		p := &piece{no: i + 1, content: i + 1, kind: kind, label: fmt.Sprintf("SOAK_%d_%02d", seed, i+1), code: fmt.Sprintf("3900%04d%02d", seed%10000, i+1)}
		noise := seed<<16 | uint64(i+1)<<8
		sectors := 1500 + r.Int64N(2500) // 3 to 8 MB
		_, group, _ := strings.Cut(kind, "/")
		first := pairs[group]
		if first != nil {
			p.label, sectors = first.label, first.m.Sectors()
		} else if group != "" {
			pairs[group] = p
		}
		if err := p.press(r, noise, sectors, first); err != nil {
			return nil, fmt.Errorf("make %s: %w", p.kind, err)
		}
		s.pieces = append(s.pieces, p)
	}
	s.habits(r)
	r.Shuffle(len(s.pieces), func(i, j int) { s.pieces[i], s.pieces[j] = s.pieces[j], s.pieces[i] })
	s.scans(r)
	s.tricks(r)
	return s, nil
}

// press makes the disc itself. first is the one it is a copy of, or almost one.
func (p *piece) press(r *rand.Rand, noise uint64, sectors int64, first *piece) error {
	kind, _, _ := strings.Cut(p.kind, "/")
	p.family = noise
	if first != nil {
		p.family = first.family
	}
	if strings.HasSuffix(kind, "copy") && first != nil {
		p.content = first.content
		p.m = copyOf(first.m)
		return nil
	}
	if kind == "audio CD" {
		p.m, p.refused = simdrive.AudioCD(noise, 1500, 2000), true
		return nil
	}
	options := isoimage.Options{Label: p.label, Seed: noise, Sectors: sectors, Joliet: true}
	if strings.HasSuffix(kind, "almost") {
		// Equal in all but one file of three, and that one is as long as the other's.
		if first != nil {
			sectors = first.imageSectors()
		}
		options.Sectors, options.Seed = sectors, p.family
		size := (sectors - 100) / 3 * disc.SectorSize
		file := func(path string, seed uint64) isoimage.File {
			return isoimage.File{Path: path, Size: size, Content: io.NewSectionReader(isoimage.NewNoise(seed), 0, size)}
		}
		options.Files = []isoimage.File{file("one.dat", p.family+1), file("two.dat", noise+2), file("three.dat", p.family+3)}
	}
	img, err := isoimage.New(options)
	if err != nil {
		return err
	}
	switch kind {
	case "CD", "CD copy":
		p.m = simdrive.PressedCD(img, sectors)
	case "DVD", "DVD copy", "DVD almost":
		p.m = simdrive.DVDROM(img, sectors)
	case "BD":
		p.m = simdrive.BDROM(img, sectors)
	case "CD-R", "CD-R almost":
		p.m, p.recordable = simdrive.CDR(img, sectors), true
	case "DVD-R":
		p.m, p.recordable = simdrive.DVDR(img, sectors), true
	case "DVD+R":
		p.m, p.recordable = simdrive.DVDPlusR(img, sectors), true
	case "scratched CD":
		p.m = simdrive.PressedCD(img, sectors)
		p.missing = []disc.Extent{{Start: disc.LBA(sectors / 2), Count: 1 + r.Int64N(3)}}
		p.m.Damage().Bad(p.missing...)
	case "worn DVD":
		p.m = simdrive.DVDROM(img, sectors)
		p.m.Damage().Fail(2, disc.Extent{Start: disc.LBA(sectors / 3), Count: 2})
	case "mixed CD":
		p.m, p.refused = simdrive.MixedMode(img, sectors, noise, 900), true
	default:
		return fmt.Errorf("no such kind")
	}
	return nil
}

// imageSectors is the size of what was written to the disc.
func (p *piece) imageSectors() int64 { return p.m.Sessions[0].Tracks[0].Sectors }

// copyOf is another disc of the same pressing.
func copyOf(m *simdrive.Disc) *simdrive.Disc {
	c, err := simdrive.NewDisc(m.Layout)
	if err != nil {
		panic(err) // it was laid out once
	}
	return c
}

// habits gives each disc its fate: half of them have none.
func (s *script) habits(r *rand.Rand) {
	odd := []habit{told, told, told, early, early, takenAway, takenAway, pushedBack, elsewhere, lingers, exchanged, byHand}
	for _, p := range s.pieces {
		p.habit, p.at = plainly, 0.2+0.6*r.Float64()
	}
	order := r.Perm(len(s.pieces))
	for i, h := range odd {
		p := s.pieces[order[i]]
		if p.refused && h != pushedBack && h != elsewhere {
			continue // nothing of it is read: there is no middle of it
		}
		p.habit = h
	}
}

// scans deals what the operator does with the barcode reader: with care for
// four discs, or for drives by their names, or without care, by turns.
func (s *script) scans(r *rand.Rand) {
	rows := [][]scanning{
		{once, once, once, once}, {once, twice, another, once}, {once, another, twice, once},
		{forDrive, inDrive, forDrive, inDrive}, {never, once, both, never}, {once, never, once, both},
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for i, p := range s.pieces {
		p.scan, p.pause = rows[i/4%len(rows)][i%4], i%4 == 0
		if p.habit == told {
			p.scan = never // it is said in another way
		}
	}
}

// tricks deals the faults over the soak: each once, in an order of the seed's.
func (s *script) tricks(r *rand.Rand) {
	points := []string{"reading:3", "read", "sealed", "before-complete", "after-complete", "stored", "committed", "recorded", "eject-intended", "ejected", "read-back", "spool-released"}
	power := powerCut
	if r.IntN(2) == 0 {
		power = powerShift
	}
	all := []fault{
		{trick: storeAway, lasts: time.Duration(8+r.IntN(12)) * time.Second},
		{trick: storeSlow, lasts: time.Duration(15+r.IntN(15)) * time.Second},
		{trick: spoolFull, lasts: time.Duration(10+r.IntN(10)) * time.Second},
		{trick: driveHangs, lasts: time.Duration(10+r.IntN(20)) * time.Second},
		{trick: driveGone, lasts: time.Duration(2+r.IntN(8)) * time.Second},
		{trick: falseAlarm},
		{trick: killed},
		{trick: crashes, point: points[r.IntN(len(points))]},
		{trick: stopped},
		{trick: power},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := range all {
		all[i].after = 2 + i*2
	}
	s.faults = all
}
