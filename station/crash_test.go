package station_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/internal/simbench"
)

// TestKilledAtEveryCrashPoint kills the program at each named place and
// starts it again: one record, one bag, no second reading of what is safe, no
// second eject.
func TestKilledAtEveryCrashPoint(t *testing.T) {
	for _, scene := range []string{"", sceneImaged, sceneReadBack, sceneTwo, sceneDVDR, scenePending} {
		for _, point := range crashpoint.Names() {
			if comparing[point] != nil || !reached(scene, point) {
				continue // nothing is compared
			}
			t.Run(strings.TrimPrefix(scene+", "+point, ", "), func(t *testing.T) {
				t.Parallel()
				killed(t, scene, point)
			})
		}
	}
}

// reached reports whether a scene comes by a crash point.
func reached(scene, point string) bool {
	switch point {
	case "stored":
		return scene != sceneImaged && scene != scenePending // the record does not wait for the stores there
	case "pending", "off-rack":
		return scene == scenePending
	case "bays-written":
		return scene != sceneDVDR && scene != sceneEqual && scene != sceneOther // discs without damage
	}
	return true
}

// TestKilledAtEveryPart kills the program after each part that a store took,
// while the disc is read or after.
func TestKilledAtEveryPart(t *testing.T) {
	for _, scene := range []string{"", sceneTwo} {
		for n := 2; n <= 12; n += 2 {
			t.Run(fmt.Sprintf("%s, part %d", scene, n), func(t *testing.T) {
				t.Parallel()
				killed(t, scene, fmt.Sprintf("part-sent:%d", n))
			})
		}
	}
	t.Run("twice, pending", func(t *testing.T) {
		t.Parallel()
		killed(t, scenePending, "pending", "pending", "eject-intended", "off-rack", "off-rack")
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		killed(t, sceneTwo, "part-sent:3", "part-sent:4", "part-sent")
	})
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
			t.Fatalf("the crash point %s was not reached: %v", point, err)
		}
		if name, _, _ := strings.Cut(point, ":"); !strings.Contains(err.Error(), name) {
			t.Errorf("the program did not say where it was killed: %v", err)
		}
		if point == "reading" && len(ledgered(t, dir)) == 0 {
			t.Error("killed while reading, and nothing was safe")
		}
	}
	must(t, life())
	for store, n := range sentAgain(t, dir) {
		if n > len(points) {
			t.Errorf("%s was sent %d parts again after %d kills", store, n, len(points))
		}
	}
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
	bad, _ := crashDamage(scene)
	sameAsDisc(t, r.image(l[0].ID, 1), d, bad)
	v := r.show(l[0].ID)
	if v.Image.Sectors.Unreadable != bad.Count || v.Image.Sectors.Missing() != bad.Count || !readBack(v.Copies, len(v.Copies)) {
		t.Errorf("image %+v, copies %+v", *v.Image, v.Copies)
	}
	// One place, and the record or the events give it: none doubled, none lost.
	rep, err := r.catalog.BatchReport(t.Context(), killedBatch, catalog.BatchSight{})
	must(t, err)
	given := 0
	for _, e := range v.Events {
		if c := e.Changes; c != nil && c.Batch != nil && *c.Batch == killedBatch && *c.Place == 1 {
			given++
		}
	}
	if rep.Places != 1 || len(rep.Discs) != 1 || rep.Discs[0].Place != 1 || rep.Discs[0].ID != l[0].ID || given != 1 {
		t.Errorf("the disc's place: %+v, and %d events give it", rep.Discs, given)
	}
	ps, err := r.catalog.IntegrityCheck(t.Context())
	must(t, err)
	if len(ps) > 0 {
		t.Errorf("the catalog: %v", ps)
	}
	events, err := r.catalog.Events(t.Context(), l[0].ID)
	must(t, err)
	rack := ""
	for _, e := range events {
		if e.Type == catalog.EventTransfer {
			rack += e.Detail[:6] + ";"
		}
	}
	if want := map[string]string{scenePending: "ejecte;no lon;"}[scene]; rack != want {
		t.Errorf("the events of the pending rack are %q", rack)
	}
	bays, err := os.ReadFile(filepath.Join(dir, "spool", "bays.json"))
	if n := strings.Count(string(bays), `"outcome": "incomplete"`); n != 1 && scene != sceneDVDR {
		t.Errorf("one incomplete disc counts %d times in a row: %v", n, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "spool", "*", "image.iso"))
	must(t, err)
	if len(left) > 0 || len(r.jobs()) > 1 {
		t.Errorf("the spool still holds %v, %v", left, r.jobs())
	}
}
