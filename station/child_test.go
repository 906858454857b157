package station_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// childDir is set in the environment of the child process that is killed at a
// crash point: the folder it works in.
const childDir = "RIPSTATION_TEST_CHILD"

const crashSectors = 6000

// scene is what a child's life is played in, besides the default.
const (
	sceneVariable = "RIPSTATION_TEST_SCENE"
	otherVariable = "RIPSTATION_TEST_OTHER" // the byte in which the disc of sceneOther is another
	sceneImaged   = "eject when imaged"
	sceneReadBack = "eject when read back"
	sceneTwo      = "a best-effort store beside the required one"
	sceneDVDR     = "recordable"
	sceneEqual    = "a recordable that is held"        // its images are equal
	sceneOther    = "a recordable that looks like one" // in all samples
	scenePending  = "the store is dark until the tray has opened"
)

// killedBatch is open during every life.
const killedBatch = "killed"

// crashDamage is none where a sector is not its own ECC unit: what reads only
// at a second try would be confirmed by reading far away, safe or not.
func crashDamage(scene string) (bad disc.Extent, ends station.Outcome) {
	switch scene {
	case sceneDVDR, sceneOther:
		return disc.Extent{}, station.OutcomeDone
	case sceneEqual:
		return disc.Extent{}, station.OutcomeAlready
	}
	return disc.Extent{Start: 3000, Count: 2}, station.OutcomeIncomplete
}

func crashDisc(scene string) (*simdrive.Disc, error) {
	img, err := isoimage.New(isoimage.Options{Label: "CRASH", Seed: 77, Sectors: crashSectors})
	if err != nil {
		return nil, err
	}
	d := simdrive.PressedCD(img, crashSectors)
	switch scene {
	case sceneDVDR, sceneEqual:
		d = simdrive.DVDR(img, crashSectors)
	case sceneOther:
		at, err := strconv.ParseInt(os.Getenv(otherVariable), 10, 64)
		if err != nil {
			return nil, err
		}
		d = simdrive.DVDR(oneByte{img, at}, crashSectors)
	}
	if bad, _ := crashDamage(scene); bad.Count > 0 {
		d.Damage().Bad(bad)
	}
	return d, nil
}

// child is one life of the program: a station with one drive and one disc in
// it, the same insertion each time. It ends when the image has left the spool.
func child(dir string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	log, err := os.OpenFile(filepath.Join(dir, "drive.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fail(err)
	}
	r := &rig{dir: dir, news: make(chan struct{}, 1), bench: simbench.New("boot-1")}
	drive := r.bench.Add(simdrive.Options{Serial: "SIM1", Log: func(e simdrive.Event) {
		line, _ := json.Marshal(logged{e.Op, e.LBA, e.Count, e.Status, e.CDB})
		log.Write(append(line, '\n'))
	}})
	parts, err := os.OpenFile(filepath.Join(dir, "parts.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fail(err)
	}
	scene := os.Getenv(sceneVariable)
	usb, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: filepath.Join(dir, "usb"), Create: true, PartSize: 1 << 20})
	if err != nil {
		return fail(err)
	}
	dark := &gate{}
	if err := r.build(context.Background(), func(c *station.Config) {
		c.Failures = 3
		switch scene {
		case sceneImaged:
			c.Eject = station.EjectImaged
		case sceneReadBack:
			c.Eject = station.EjectReadBack
		case scenePending:
			c.WhenDark, c.DarkAfter = station.DarkPending, 30*time.Millisecond
			dark.Store = c.Stores[0].Store
			dark.shut.Store(true)
			c.Stores[0].Store = dark
		case sceneTwo:
			c.Stores = append(c.Stores, station.Store{Store: usb})
		}
		for i := range c.Stores {
			c.Stores[i].Store = logging{c.Stores[i].Store, parts}
		}
	}); err != nil {
		return fail(err)
	}
	defer r.catalog.Close()
	if open, err := r.catalog.OpenedBatch(context.Background()); err != nil {
		return fail(err)
	} else if open == "" {
		if _, err := r.catalog.OpenBatch(context.Background(), killedBatch, "ada", false); err != nil {
			return fail(err)
		}
	}
	s, err := station.New(r.cfg)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ran := make(chan error, 1)
	notices, stop := s.Listen()
	defer stop()
	go func() { ran <- s.Run(ctx) }()
	go r.bench.Run(ctx)
	if len(os.Getenv("RIPSTATION_TEST_EMPTY")) == 0 {
		d, err := crashDisc(scene)
		if err == nil {
			err = drive.Insert(d)
		}
		if err != nil {
			return fail(err)
		}
	}
	end := func() int {
		cancel()
		if err := <-ran; err != nil {
			return fail(err)
		}
		return 0
	}
	for {
		select {
		case n := <-notices:
			if _, ends := crashDamage(scene); n.Final && n.Outcome != ends {
				return fail(fmt.Errorf("ended as %s: %s %s", n.Outcome, n.Word, n.Text))
			}
		case err := <-ran:
			return fail(errors.Join(errors.New("the station ended too early"), err))
		case <-time.After(10 * time.Millisecond):
		}
		images, err := filepath.Glob(filepath.Join(dir, "spool", "*", "image.iso"))
		if err != nil {
			return fail(err)
		}
		settled := len(images) == 0
		st := s.Status()
		for _, j := range st.Jobs {
			settled = settled && j.Step == station.StepDone
		}
		over := os.Getenv("RIPSTATION_TEST_EMPTY") != "" || drive.Ejects() > 0
		if over {
			dark.shut.Store(false)
		}
		if l, err := r.catalog.List(ctx, catalog.Filter{}); err == nil && settled && over && told(scene, l) &&
			!slices.ContainsFunc(l, func(s catalog.Summary) bool { return !readBack(s.Copies, len(r.cfg.Stores)) }) {
			return end()
		}
	}
}

// told reports whether the catalog has what comes of the scene's disc.
func told(scene string, l []catalog.Summary) bool {
	switch scene {
	case sceneEqual:
		return len(l) == 1 && l[0].Outcome == catalog.Compared
	case sceneOther:
		return len(l) == 2
	}
	return len(l) == 1
}

// logging is a store that writes down every part that is sent.
type logging struct {
	archive.Store
	to *os.File
}

func (l logging) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	u, err := l.Store.Begin(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return loggingUpload{u, l, key, size}, nil
}

type loggingUpload struct {
	archive.Upload
	l    logging
	key  string
	size int64
}

func (u loggingUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	whole := sync.OnceFunc(func() { fmt.Fprintf(u.l.to, "%s %s %d\n", u.l.Name(), u.key, n) })
	return u.Upload.PartFrom(ctx, n, readToEnd{src, min(int64(n+1)*u.PartSize(), u.size), whole}, crc)
}

// readToEnd is a file that tells when it is read up to a part's end.
type readToEnd struct {
	io.ReaderAt
	end  int64
	tell func()
}

func (s readToEnd) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(p, off)
	if off+int64(n) >= s.end {
		s.tell()
	}
	return n, err
}

// sentAgain is how many parts each store was sent to their last byte more than
// once. One that was cut off before that, behind a part whose answer had not
// come yet, the store never had.
func sentAgain(t *testing.T, dir string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "parts.log"))
	must(t, err)
	again, seen := map[string]int{}, map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if store, _, _ := strings.Cut(line, " "); seen[line] {
			again[store]++
		}
		seen[line] = true
	}
	if len(seen) < 12 {
		t.Errorf("only %d parts were sent", len(seen))
	}
	return again
}

func readBack(copies []catalog.Copy, n int) bool {
	return len(copies) == n && !slices.ContainsFunc(copies, func(c catalog.Copy) bool { return c.State != catalog.ReadBack })
}

// logged is one line of the drive's log.
type logged struct {
	Op     string
	LBA    disc.LBA
	Count  int64
	Status byte
	CDB    []byte
}

func driveLog(t *testing.T, dir string) (lines []logged) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "drive.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(t, err)
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var l logged
		if json.Unmarshal(sc.Bytes(), &l) == nil { // a kill can cut the last line
			lines = append(lines, l)
		}
	}
	must(t, sc.Err())
	return lines
}

// ledgered are the sectors whose digests stand in a ledger of the spool.
func ledgered(t *testing.T, dir string) map[disc.LBA]bool {
	t.Helper()
	safe := map[disc.LBA]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "spool", "*", "ledger"))
	must(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		must(t, err)
		for _, line := range strings.Split(string(data), "\n") {
			var start, count int64
			if n, _ := fmt.Sscanf(line, "%d %d ", &start, &count); n == 2 {
				for k := range count {
					safe[disc.LBA(start+k)] = true
				}
			}
		}
	}
	return safe
}

func ejects(lines []logged) (n int) {
	for _, l := range lines {
		if l.Op == "START STOP UNIT" && l.Status == 0 && len(l.CDB) > 4 && l.CDB[4]&3 == 2 {
			n++
		}
	}
	return n
}
