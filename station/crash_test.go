package station_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
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
	sceneImaged   = "eject when imaged"
	sceneReadBack = "eject when read back"
	sceneTwo      = "a best-effort store beside the required one"
	sceneDVDR     = "recordable"
)

// crashDamage is a whole ECC unit where a unit is more than a sector: what
// reads only singly would be confirmed by reading far away, safe or not.
func crashDamage(scene string) disc.Extent {
	if scene == sceneDVDR {
		return disc.Extent{Start: 3008, Count: 16}
	}
	return disc.Extent{Start: 3000, Count: 2}
}

func crashDisc(scene string) (*simdrive.Disc, error) {
	img, err := isoimage.New(isoimage.Options{Label: "CRASH", Seed: 77, Sectors: crashSectors})
	if err != nil {
		return nil, err
	}
	d := simdrive.PressedCD(img, crashSectors)
	if scene == sceneDVDR {
		d = simdrive.DVDR(img, crashSectors)
	}
	d.Damage().Bad(crashDamage(scene))
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
	scene := os.Getenv(sceneVariable)
	usb, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: filepath.Join(dir, "usb"), Create: true})
	if err != nil {
		return fail(err)
	}
	if err := r.build(context.Background(), func(c *station.Config) {
		switch scene {
		case sceneImaged:
			c.Eject = station.EjectImaged
		case sceneReadBack:
			c.Eject = station.EjectReadBack
		case sceneTwo:
			c.Stores = append(c.Stores, station.Store{Store: usb})
		}
	}); err != nil {
		return fail(err)
	}
	defer r.catalog.Close()
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
			if n.Final && n.Outcome != station.OutcomeIncomplete {
				return fail(fmt.Errorf("ended as %s: %s %s", n.Outcome, n.Word, n.Text))
			}
		case err := <-ran:
			return fail(errors.Join(errors.New("the station ended too early"), err))
		case <-time.After(10 * time.Millisecond):
		}
		settled := true
		st := s.Status()
		for _, j := range st.Jobs {
			settled = settled && j.Step == station.StepDone
		}
		over := os.Getenv("RIPSTATION_TEST_EMPTY") != "" || drive.Ejects() > 0
		if l, err := r.catalog.List(ctx, catalog.Filter{}); err == nil && len(l) == 1 && settled && over && readBack(l[0].Copies, len(r.cfg.Stores)) {
			return end()
		}
	}
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

// TestKilledAtEveryCrashPoint kills the program at each named place and
// starts it again: one record, one bag, no second reading of what is safe, no
// second eject.
func TestKilledAtEveryCrashPoint(t *testing.T) {
	for _, scene := range []string{"", sceneImaged, sceneReadBack, sceneTwo, sceneDVDR} {
		for _, point := range crashpoint.Names() {
			if scene == sceneImaged && point == "stored" {
				continue // the record does not wait for the stores there
			}
			t.Run(strings.TrimPrefix(scene+", "+point, ", "), func(t *testing.T) {
				t.Parallel()
				killed(t, scene, point)
			})
		}
	}
}

// TestKilledTwice kills the life that was to mend the first kill, too.
func TestKilledTwice(t *testing.T) {
	for _, points := range [][]string{
		{"job-written", "reading"}, {"reading", "reading"}, {"reading", "sealed"}, {"read", "read"}, {"sealed", "before-complete"},
		{"before-complete", "before-complete"}, {"before-complete", "after-complete"}, {"after-complete", "stored"}, {"stored", "committed"},
		{"committed", "committed"}, {"committed", "eject-intended"}, {"recorded", "ejected"}, {"eject-intended", "eject-intended"},
		{"eject-intended", "read-back"}, {"ejected", "read-back"}, {"read-back", "read-back"}, {"read-back", "spool-released"},
	} {
		t.Run(strings.Join(points, ", "), func(t *testing.T) {
			t.Parallel()
			killed(t, "", points...)
		})
	}
}

func killed(t *testing.T, scene string, points ...string) {
	dir := t.TempDir()
	life := func(env ...string) error {
		if ejects(driveLog(t, dir)) > 0 {
			env = append(env, "RIPSTATION_TEST_EMPTY=1") // the disc lies on the open tray
		}
		before, safe := len(driveLog(t, dir)), ledgered(t, dir)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), append(env, childDir+"="+dir, sceneVariable+"="+scene)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		// What identifies the disc, and the samples of its image, may be read
		// again; nothing else that the ledger had.
		again := 0
		for _, l := range driveLog(t, dir)[before:] {
			for k := range l.Count {
				if l.Op == "READ(10)" && safe[l.LBA+disc.LBA(k)] {
					again++
				}
			}
		}
		if again > 300 {
			t.Errorf("%d sectors that were safe were read again", again)
		}
		return err
	}
	for _, point := range points {
		err := life(crashpoint.Variable + "=" + point)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the crash point was not reached: %v", err)
		}
		if !strings.Contains(err.Error(), point) {
			t.Errorf("the program did not say where it was killed: %v", err)
		}
		if point == "reading" && len(ledgered(t, dir)) == 0 {
			t.Error("killed while reading, and nothing was safe")
		}
	}
	must(t, life())
	if n := ejects(driveLog(t, dir)); n != 1 {
		t.Errorf("%d ejects, want 1", n)
	}
	r := &rig{t: t, dir: dir, bench: simbench.New("boot-2")}
	r.assemble()
	l, err := r.catalog.List(t.Context(), catalog.Filter{})
	must(t, err)
	if len(l) != 1 || len(r.bags()) != 1 {
		t.Fatalf("%d carriers, bags %v", len(l), r.bags())
	}
	d, err := crashDisc(scene)
	must(t, err)
	sameAsDisc(t, r.image(l[0].ID, 1), d, crashDamage(scene))
	v := r.show(l[0].ID)
	if v.Image.State != catalog.Incomplete || v.Image.Sectors.Unreadable != crashDamage(scene).Count || !readBack(v.Copies, len(v.Copies)) {
		t.Errorf("image %+v, copies %+v", *v.Image, v.Copies)
	}
	left, err := filepath.Glob(filepath.Join(dir, "spool", "*", "image.iso"))
	must(t, err)
	if len(left) > 0 || len(r.jobs()) > 1 {
		t.Errorf("the spool still holds %v, %v", left, r.jobs())
	}
}
