package station_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// comparing are the crash points of discs that are compared, and the scenes
// that come to them.
var comparing = map[string][]string{
	"compared":       {sceneEqual},
	"image-needless": {sceneEqual},
	"image-kept":     {sceneOther},
}

// sending are the crash points that an image which is not kept does not come to.
var sending = []string{"part-sent", "before-complete", "after-complete", "stored", "committed", "recorded", "read-back"}

// TestKilledWhileComparing kills the program at each place that a recordable
// comes to which looks like a held one: an equal one is one further capture and
// no bag, another one is a carrier of its own; neither is ejected twice.
func TestKilledWhileComparing(t *testing.T) {
	for _, scene := range []string{sceneEqual, sceneOther} {
		for _, point := range crashpoint.Names() {
			if scenes := comparing[point]; !reached(scene, point) || scenes != nil && !slices.Contains(scenes, scene) || scene == sceneEqual && slices.Contains(sending, point) {
				continue
			}
			t.Run(scene+", "+point, func(t *testing.T) {
				t.Parallel()
				killedComparing(t, scene, point)
			})
		}
	}
	for _, points := range [][]string{
		{"reading", "compared"}, {"compared", "compared"}, {"compared", "image-needless"},
		{"image-needless", "spool-released"}, {"spool-released", "eject-intended"}, {"eject-intended", "ejected"},
	} {
		t.Run(strings.Join(points, ", "), func(t *testing.T) {
			t.Parallel()
			killedComparing(t, sceneEqual, points...)
		})
	}
}

func killedComparing(t *testing.T, scene string, points ...string) {
	dir := t.TempDir()
	r := &rig{t: t, dir: dir, news: make(chan struct{}, 1), bench: simbench.New("boot-0")}
	r.assemble()
	drive := r.add(simdrive.Options{Serial: "SIM0"})
	r.start()
	d, err := crashDisc(sceneDVDR)
	must(t, err)
	must(t, drive.Insert(d))
	first := r.ended(1, station.OutcomeDone).ID
	r.cleared(first)
	at := int64(unsampled(t, r.catalog, first, 3000))*disc.SectorSize + 5
	r.stop()
	must(t, r.catalog.Close())
	life := func(env ...string) error {
		if ejects(driveLog(t, dir)) > 0 {
			env = append(env, "RIPSTATION_TEST_EMPTY=1")
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), append(env, childDir+"="+dir, sceneVariable+"="+scene, fmt.Sprintf("%s=%d", otherVariable, at))...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		return err
	}
	for _, point := range points {
		err := life(crashpoint.Variable + "=" + point)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the crash point was not reached: %v", err)
		}
	}
	must(t, life())
	if n := ejects(driveLog(t, dir)); n != 1 {
		t.Errorf("%d ejects, want 1", n)
	}
	after := &rig{t: t, dir: dir, bench: simbench.New("boot-2")}
	after.assemble()
	bags := 1
	if scene == sceneOther {
		bags = 2
		l := after.carriers(2)
		i := slices.IndexFunc(l, func(s catalog.Summary) bool { return s.ID != first })
		want, err := d.UserData(0, d.Sectors())
		must(t, err)
		want[at] ^= 1
		if got := after.image(l[i].ID, 1); !bytes.Equal(got, want) || !readBack(after.show(l[i].ID).Copies, 1) {
			t.Error("the other disc's image is not what it holds")
		}
		after.event(l[i].ID, "read to be compared, and archived on its own: ")
		after.captured(first, catalog.Imaged)
	} else {
		after.carriers(1)
		after.captured(first, catalog.Imaged, catalog.Compared)
		after.event(first, "compared: ")
	}
	sameAsDisc(t, after.image(first, 1), d)
	left, err := filepath.Glob(filepath.Join(dir, "spool", "*", "image.iso"))
	must(t, err)
	if len(left) > 0 || len(after.jobs()) > 1 || len(after.bags()) != bags {
		t.Errorf("the spool still holds %v, %v; bags %v", left, after.jobs(), after.bags())
	}
}
