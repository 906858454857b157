package station_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

func crashDisc() (*simdrive.Disc, error) {
	img, err := isoimage.New(isoimage.Options{Label: "CRASH", Seed: 77, Sectors: crashSectors})
	if err != nil {
		return nil, err
	}
	d := simdrive.PressedCD(img, crashSectors)
	d.Damage().Bad(disc.Extent{Start: 3000, Count: 2})
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
	if err := r.build(context.Background()); err != nil {
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
		d, err := crashDisc()
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
		if l, err := r.catalog.List(ctx, catalog.Filter{}); err == nil && len(l) == 1 && settled && over && l[0].Copies[0].State == catalog.ReadBack {
			return end()
		}
	}
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

// TestKilledAtEveryCrashPoint kills the program at each named place, once,
// and starts it again: one record, one bag, no second reading of what is safe,
// no second eject.
func TestKilledAtEveryCrashPoint(t *testing.T) {
	for _, point := range crashpoint.Names() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			life := func(env ...string) error {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), append(env, childDir+"="+dir)...)
				out, err := cmd.CombinedOutput()
				if err != nil {
					err = fmt.Errorf("%w\n%s", err, out)
				}
				return err
			}
			err := life(crashpoint.Variable + "=" + point)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the crash point was not reached: %v", err)
			}
			if !strings.Contains(err.Error(), point) {
				t.Errorf("the program did not say where it was killed: %v", err)
			}
			before, safe := len(driveLog(t, dir)), ledgered(t, dir)
			if point == "reading" && len(safe) == 0 {
				t.Error("killed while reading, and nothing was safe")
			}
			var env []string
			if ejects(driveLog(t, dir)) > 0 {
				env = append(env, "RIPSTATION_TEST_EMPTY=1") // the disc lies on the open tray
			}
			must(t, life(env...))

			lines := driveLog(t, dir)
			if n := ejects(lines); n != 1 {
				t.Errorf("%d ejects, want 1", n)
			}
			// What identifies the disc, and the samples of its image, may be read
			// again; nothing else that the ledger had.
			again := 0
			for _, l := range lines[before:] {
				for k := range l.Count {
					if l.Op == "READ(10)" && safe[l.LBA+disc.LBA(k)] {
						again++
					}
				}
			}
			if again > 200 {
				t.Errorf("%d sectors that were safe were read again", again)
			}
			r := &rig{t: t, dir: dir, bench: simbench.New("boot-2")}
			r.assemble()
			l, err := r.catalog.List(t.Context(), catalog.Filter{})
			must(t, err)
			if len(l) != 1 || len(r.bags()) != 1 {
				t.Fatalf("%d carriers, bags %v", len(l), r.bags())
			}
			d, err := crashDisc()
			must(t, err)
			sameAsDisc(t, r.image(l[0].ID, 1), d, disc.Extent{Start: 3000, Count: 2})
			v := r.show(l[0].ID)
			if v.Image.State != catalog.Incomplete || v.Image.Sectors.Unreadable != 2 || v.Copies[0].State != catalog.ReadBack {
				t.Errorf("image %+v, copies %+v", *v.Image, v.Copies)
			}
		})
	}
}
