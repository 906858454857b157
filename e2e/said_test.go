package e2e

import (
	"encoding/json"
	"fmt"
	"strings"

	"ripstation/e2e/bench"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// said is a line of the daemon's log that tells a step of a disc's story.
type said struct {
	ID      string       `json:"id"`
	Drive   string       `json:"drive"`
	Word    station.Word `json:"word"`
	Message string       `json:"message"`
	Hint    string       `json:"hint"`
}

// said gives what the daemon has told since its last start.
func (s *rig) said() (all []said) {
	for _, line := range s.Guest.Lines(s.mark, daemon) {
		var l said
		if json.Unmarshal([]byte(line), &l) == nil && l.Word != "" {
			all = append(all, l)
		}
	}
	return all
}

// told waits until the daemon has said a word since its last start, and gives
// that line.
func (s *rig) told(w station.Word) said { return s.toldOf("", w) }

// toldOf is told of one carrier's story, or one drive's; "" is any.
func (s *rig) toldOf(who string, w station.Word) said {
	s.t.Helper()
	for {
		at := s.Guest.Mark()
		for _, l := range s.said() {
			if l.Word == w && (who == "" || l.ID == who || strings.Contains(l.Drive, who)) {
				return l
			}
		}
		if _, err := s.Guest.AwaitLine(s.ctx, at, daemon, fmt.Sprintf(`"word":%q`, w)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// await waits for something in the host's log of this test.
func (s *rig) await(what string, match bench.Match) bench.Event {
	s.t.Helper()
	e, err := s.Log.Await(s.ctx, s.from, what, match)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// midRead waits until the daemon reads a disc and has come to an address. What
// udev reads to probe a disc comes before that.
func (s *rig) midRead(d *bench.Drive, lba int64) {
	s.t.Helper()
	at := s.Log.Mark()
	s.toldOf(strings.ToUpper(d.Name), station.WordReading)
	if _, err := s.Log.Await(s.ctx, at, "the reading of sector "+fmt.Sprint(lba), bench.ReadOf(d.Name, lba, 200)); err != nil {
		s.t.Fatal(err)
	}
}

// awaitStatus waits until what `status` says fits, and gives it.
func (s *rig) awaitStatus(what string, fits func(station.Status) bool) station.Status {
	s.t.Helper()
	for {
		st := s.status() // each takes a second in the guest
		if fits(st) {
			return st
		}
		if err := s.ctx.Err(); err != nil {
			s.t.Fatalf("wait for a status of %s: %v; it is %+v", what, err, st)
		}
	}
}

// count is how many events of this test's log match.
func (s *rig) count(match bench.Match) int { return len(s.Log.Since(s.from, match)) }

// image makes a file system of a size in sectors, with noise of its own.
func (s *rig) image(label string, seed uint64, sectors int64) *isoimage.Image {
	s.t.Helper()
	img, err := isoimage.New(isoimage.Options{Label: label, Seed: seed, Sectors: sectors, Joliet: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return img
}

func (s *rig) cd(label string, seed uint64, sectors int64) *simdrive.Disc {
	return simdrive.PressedCD(s.image(label, seed, sectors), sectors)
}

func (s *rig) dvd(label string, seed uint64, sectors int64) *simdrive.Disc {
	return simdrive.DVDROM(s.image(label, seed, sectors), sectors)
}

// drive plugs a drive in. Its serial number is its name in capitals.
func (s *rig) drive(name string, t simdrive.Timing, inside *simdrive.Disc) *bench.Drive {
	s.t.Helper()
	return plug(s.t, s.ctx, s.Bench, simdrive.Options{Name: name, Vendor: "ACME", Model: "READER 9", Firmware: "1.23", Serial: strings.ToUpper(name), Timing: t}, inside)
}

func (s *rig) insert(d *bench.Drive, m *simdrive.Disc) {
	s.t.Helper()
	if err := d.Insert(m); err != nil {
		s.t.Fatal(err)
	}
}

// pace is a drive slow enough to be met in the middle of a disc.
func pace(bytesPerSecond int64) simdrive.Timing {
	return simdrive.Timing{Rate: bytesPerSecond, Buffer: 64 << 10}
}

func mounted(mounts, node string) bool {
	for line := range strings.Lines(mounts) {
		if strings.HasPrefix(line, node+" ") {
			return true
		}
	}
	return false
}
