package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// ripOrder is what a child shall rip, and where.
type ripOrder struct {
	Case    ripCase `json:"case"`
	Dir     string  `json:"dir"`     // for spool, store and catalog; on a disk
	SHA256  string  `json:"sha256"`  // of what is on the disc
	Profile string  `json:"profile"` // file for a CPU profile, empty for none
}

// ripRun is what one rip took, from the disc's insertion until its image has
// left the spool.
type ripRun struct {
	Stages []stage `json:"stages"`
	CPU    float64 `json:"cpu_seconds"` // of the process from its start, with the drive in it
	Peak   int64   `json:"peak_bytes"`  // of its resident memory
	// ReadBack says how the spool was read back at the seal.
	ReadBack string `json:"read_back"`
}

// stage is one part of the story.
type stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
	Peak    int64   `json:"peak_bytes"` // so far
	// Others is how many cores everything else on the machine kept busy
	// meanwhile, the kernel's writing to the disk included.
	Others float64 `json:"others_cores"`
}

// The stages, and the word that ends each.
const (
	identifying = "identifying"
	reading     = "reading"
	sealing     = "sealing"
	sending     = "sending"
	readingBack = "reading back"
)

var stages = []struct {
	name string
	end  station.Word
}{
	{identifying, station.WordReading}, {reading, station.WordPass}, {sealing, station.WordComplete},
	{sending, station.WordStored}, {readingBack, station.WordReadBack},
}

func (r ripRun) stage(name string) stage {
	for _, s := range r.Stages {
		if s.Name == name {
			return s
		}
	}
	return stage{}
}

// silence is how long a station may say nothing before it counts as stuck.
const silence = 20 * time.Minute

// ripByStation is a child's work: a whole station, one disc.
func ripByStation(ctx context.Context, o ripOrder) (r ripRun, err error) {
	timing, err := o.Case.timing()
	if err != nil {
		return r, err
	}
	m, err := o.Case.disc()
	if err != nil {
		return r, err
	}
	if o.Profile != "" {
		f, err := os.Create(o.Profile)
		if err != nil {
			return r, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return r, err
		}
		defer pprof.StopCPUProfile()
	}
	store, err := archive.NewDir(archive.DirConfig{Name: "shelf", Root: filepath.Join(o.Dir, "store"), Create: true})
	if err != nil {
		return r, err
	}
	cat, err := catalog.Open(ctx, filepath.Join(o.Dir, "catalog.db"))
	if err != nil {
		return r, err
	}
	defer cat.Close()
	bench := simbench.New("bench")
	slot := bench.Add(simdrive.Options{Serial: "BENCH", Timing: timing})
	st, err := station.New(station.Config{
		Spool: filepath.Join(o.Dir, "spool"), Stores: []station.Store{{Store: store, Required: true}}, Eject: station.EjectStored, Retries: 3,
		Program: catalog.Program{Name: "ripstation", Version: "bench"}, Catalog: cat, Events: bench.Events(),
		Open: func(ctx context.Context, d disc.Drive) (station.Drive, error) { return bench.Open(ctx, d) },
		Log:  zerolog.New(io.Discard).With().Timestamp().Logger(),
	})
	if err != nil {
		return r, err
	}
	id, err := tell(ctx, st, bench, func() error { return slot.Insert(m) }, &r)
	if err != nil {
		return r, err
	}
	u, err := useSoFar()
	if err != nil {
		return r, err
	}
	r.CPU, r.Peak = u.cpu.Seconds(), u.peak
	v, err := cat.Show(ctx, id)
	if err != nil {
		return r, err
	}
	r.ReadBack, err = judge(v, o)
	return r, err
}

// tell has the station tell one disc's story, with a look at the clocks at the
// end of every stage.
func tell(ctx context.Context, st *station.Station, bench *simbench.Bench, insert func() error, r *ripRun) (id string, err error) {
	notices, over, end := running(ctx, st, bench)
	defer func() { err = errors.Join(err, end()) }()
	last, err := useSoFar()
	if err != nil {
		return "", err
	}
	if err := insert(); err != nil {
		return "", err
	}
	var story strings.Builder
	said := func(format string, args ...any) error {
		return fmt.Errorf(format+"; the story so far:\n%s", append(args, story.String())...)
	}
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	final, released := false, false
	for !final || !released {
		quiet.Reset(silence)
		var n station.Notice
		select {
		case n = <-notices:
		case <-ctx.Done():
			return "", ctx.Err()
		case <-over:
			return "", said("the station ended")
		case <-quiet.C:
			return "", said("the station has said nothing for %s", silence)
		}
		if n.Progress != nil {
			continue
		}
		fmt.Fprintf(&story, "%s: %s %s\n", n.Word, n.Text, n.Outcome)
		if n.ID != "" {
			id = n.ID
		}
		for i, s := range stages {
			if n.Word != s.end {
				continue
			}
			if i != len(r.Stages) {
				return "", said("%s came when %d stages were over", n.Word, len(r.Stages))
			}
			now, err := useSoFar()
			if err != nil {
				return "", err
			}
			r.Stages = append(r.Stages, now.since(last, s.name))
			last = now
		}
		if n.Final {
			if final = true; n.Outcome != station.OutcomeDone {
				return "", said("the disc ended as %q: %s", n.Outcome, n.Text)
			}
		}
		released = released || n.Word == station.WordReleased
	}
	if len(r.Stages) != len(stages) {
		return "", said("only %d of %d stages were told", len(r.Stages), len(stages))
	}
	return id, nil
}

// judge holds the record against what a clean rip must give: figures of a rip
// that went wrong are none. It says how the spool was read back.
func judge(v catalog.View, o ripOrder) (readBack string, err error) {
	img := v.Image
	if img == nil || img.State != catalog.Complete || img.Sectors.Read != o.Case.Sectors || img.Size != o.Case.bytes() {
		return "", fmt.Errorf("carrier %s: the image is not complete: %+v", v.ID, img)
	}
	if img.SHA256 != o.SHA256 {
		return "", fmt.Errorf("carrier %s: the image has SHA-256 %s, the disc %s", v.ID, img.SHA256, o.SHA256)
	}
	if len(v.Copies) != 1 || v.Copies[0].State != catalog.ReadBack {
		return "", fmt.Errorf("carrier %s: the copies are %+v, want one that was read back", v.ID, v.Copies)
	}
	for _, k := range v.Checks {
		if k.Outcome == disc.Failure {
			return "", fmt.Errorf("carrier %s: check %s: %s", v.ID, k.Code, k.Message)
		}
		if k.Code == "ledger-equals-spool" {
			readBack = k.Message
		}
	}
	return readBack, nil
}
