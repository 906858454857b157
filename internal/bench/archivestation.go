package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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

// archiveOrder is what a station in a child shall do: a disc in each of its
// drives, all at once.
type archiveOrder struct {
	Cases  []ripCase `json:"cases"`
	Dir    string    `json:"dir"`    // for spool and catalog; on a disk
	SHA256 []string  `json:"sha256"` // of what is on the discs
	// Where the store is. An empty address is a store that never answers, and
	// the tray opens when the image is sealed: what everything but sending costs.
	Addr      string `json:"addr"`
	Prefix    string `json:"prefix"`
	CA        string `json:"ca"`
	AccessKey string `json:"access_key"` // files
	SecretKey string `json:"secret_key"`
	Profile   string `json:"profile"` // file for a CPU profile, empty for none
}

// archiveRun is one such run, from the insertion to the open tray of the last
// disc.
type archiveRun struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"` // of the process from its start, drives included
	// Apart is what of CPU a profile sees apart from digests and drive.
	Apart float64 `json:"cpu_seconds_apart_from_digests_and_drive"`
	Peak  int64   `json:"peak_bytes"`
	// Others is how many cores everything else kept busy between the insertion and
	// the open tray: the link and the store, and what else the machine had to do.
	Others float64 `json:"others_cores"`
	Marks  []mark  `json:"marks"` // of the first disc
	Began  int64   `json:"began"` // the insertion, in nanoseconds since 1970
	// Passed is when as many bytes as the discs have were through the link, in
	// seconds since the insertion; 0 when nothing was sent. What comes after it is
	// the store's work and the tray's.
	Passed float64 `json:"passed_seconds"`
}

// mark is a word that the station said, and when.
type mark struct {
	Word    station.Word `json:"word"`
	Seconds float64      `json:"seconds"` // since the insertion
}

// at is when a word was said first, 0 when it was not.
func (r archiveRun) at(w station.Word) float64 {
	for _, m := range r.Marks {
		if m.Word == w {
			return m.Seconds
		}
	}
	return 0
}

// mute is a store that never answers (an archive.Store).
type mute struct{}

func (mute) Name() string { return "mute" }
func (mute) Put(ctx context.Context, _ string, _ []byte) error {
	<-ctx.Done()
	return ctx.Err()
}
func (mute) Begin(ctx context.Context, _ string, _ int64) (archive.Upload, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (mute) Read(ctx context.Context, _ string, _, _ int64) (io.ReadCloser, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (mute) Stat(ctx context.Context, _ string) (archive.Info, error) {
	<-ctx.Done()
	return archive.Info{}, ctx.Err()
}
func (mute) List(ctx context.Context, _ string) iter.Seq2[archive.Info, error] {
	return func(yield func(archive.Info, error) bool) {
		<-ctx.Done()
		yield(archive.Info{}, ctx.Err())
	}
}

func (o archiveOrder) store(ctx context.Context) (archive.Store, error) {
	if o.Addr == "" {
		return mute{}, nil
	}
	return archive.NewS3(ctx, archive.S3Config{Name: "s3", Endpoint: "https://" + o.Addr, Region: region, Bucket: bucket, Prefix: o.Prefix, PathStyle: true,
		AccessKeyFile: o.AccessKey, SecretKeyFile: o.SecretKey, CAFile: o.CA})
}

// archiveByStation is a child's work.
func archiveByStation(ctx context.Context, o archiveOrder) (r archiveRun, err error) {
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return r, err
	}
	defer pprof.StopCPUProfile()
	store, err := o.store(ctx)
	if err != nil {
		return r, err
	}
	cat, err := catalog.Open(ctx, filepath.Join(o.Dir, "catalog.db"))
	if err != nil {
		return r, err
	}
	defer cat.Close()
	bench := simbench.New("bench")
	var slots []*simbench.Slot
	var discs []*simdrive.Disc
	for i, c := range o.Cases {
		timing, err := c.timing()
		if err != nil {
			return r, err
		}
		m, err := c.disc()
		if err != nil {
			return r, err
		}
		slots = append(slots, bench.Add(simdrive.Options{Serial: fmt.Sprintf("BENCH%d", i), Timing: timing}))
		discs = append(discs, m)
	}
	eject := station.EjectStored
	if o.Addr == "" {
		eject = station.EjectImaged
	}
	st, err := station.New(station.Config{
		Spool: filepath.Join(o.Dir, "spool"), Stores: []station.Store{{Store: store, Required: true}}, Eject: eject, Retries: 3,
		Program: catalog.Program{Name: "ripstation", Version: "bench"}, Catalog: cat, Events: bench.Events(),
		Open: func(ctx context.Context, d disc.Drive) (station.Drive, error) { return bench.Open(ctx, d) },
		Log:  zerolog.New(io.Discard).With().Timestamp().Logger(),
	})
	if err != nil {
		return r, err
	}
	ids, err := untilOpen(ctx, st, bench, slots, discs, &r)
	if err != nil {
		return r, err
	}
	if r.Apart, err = apart(profile.Bytes()); err != nil {
		return r, err
	}
	if o.Profile != "" {
		if err := os.WriteFile(o.Profile, profile.Bytes(), 0o644); err != nil {
			return r, err
		}
	}
	for i, id := range ids {
		v, err := cat.Show(ctx, id)
		if err != nil {
			return r, err
		}
		if err := o.judge(v, i); err != nil {
			return r, err
		}
	}
	return r, nil
}

// untilOpen inserts the discs and follows the station until every tray is
// open; then it looks at the clocks and ends the station. It returns the
// carriers' ids in the order of the drives.
func untilOpen(ctx context.Context, st *station.Station, bench *simbench.Bench, slots []*simbench.Slot, discs []*simdrive.Disc, r *archiveRun) (ids []string, err error) {
	notices, over, end := running(ctx, st, bench)
	defer func() { err = errors.Join(err, end()) }()
	before, err := useSoFar()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	r.Began = began.UnixNano()
	byDrive := map[string]int{}
	for i, s := range slots {
		byDrive[s.Info.Key] = i
		if err := s.Insert(discs[i]); err != nil {
			return nil, err
		}
	}
	ids = make([]string, len(slots))
	var story strings.Builder
	said := func(format string, args ...any) error {
		return fmt.Errorf(format+"; the story so far:\n%s", append(args, story.String())...)
	}
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for open := 0; open < len(slots); {
		quiet.Reset(silence)
		var n station.Notice
		select {
		case n = <-notices:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-over:
			return nil, said("the station ended")
		case <-quiet.C:
			return nil, said("the station has said nothing for %s", silence)
		}
		if n.Progress != nil {
			continue
		}
		fmt.Fprintf(&story, "%s %s: %s %s\n", n.Drive, n.Word, n.Text, n.Outcome)
		i, known := byDrive[n.Drive]
		if known && n.ID != "" {
			ids[i] = n.ID
		}
		if i == 0 && n.Word != "" && (known || n.ID == ids[0]) {
			r.Marks = append(r.Marks, mark{n.Word, time.Since(began).Seconds()})
		}
		if n.Word == station.WordEjected {
			if !known || slots[i].Tray() != disc.TrayOpen {
				return nil, said("%s was said, and no tray is open", n.Word)
			}
			if open++; open == len(slots) {
				r.Seconds = time.Since(began).Seconds()
				u, err := useSoFar()
				if err != nil {
					return nil, err
				}
				pprof.StopCPUProfile()
				r.CPU, r.Peak, r.Others = u.cpu.Seconds(), u.peak, u.since(before, "").Others
			}
			continue
		}
		if n.Final && n.Outcome != station.OutcomeDone {
			return nil, said("a disc ended as %q: %s", n.Outcome, n.Text)
		}
	}
	return ids, nil
}

// judge holds a record against what a clean rip must have given when the tray
// opened.
func (o archiveOrder) judge(v catalog.View, i int) error {
	c := o.Cases[i]
	img := v.Image
	if img == nil || img.State != catalog.Complete || img.Sectors.Read != c.Sectors || img.Size != c.bytes() {
		return fmt.Errorf("carrier %s: the image is not complete: %+v", v.ID, img)
	}
	if img.SHA256 != o.SHA256[i] {
		return fmt.Errorf("carrier %s: the image has SHA-256 %s, the disc %s", v.ID, img.SHA256, o.SHA256[i])
	}
	if o.Addr == "" {
		return nil
	}
	if len(v.Copies) != 1 || v.Copies[0].State != catalog.Stored && v.Copies[0].State != catalog.ReadBack {
		return fmt.Errorf("carrier %s: the copies are %+v, want one that is stored", v.ID, v.Copies)
	}
	return nil
}
