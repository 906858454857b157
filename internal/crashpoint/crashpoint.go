// Package crashpoint holds the places at which a test can have the program
// killed as by a power cut. They cost one comparison when nobody asks.
package crashpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Variable is the environment variable that picks a crash point: its name, or
// NAME:N for the N-th time that it is reached.
const Variable = "RIPSTATION_CRASH"

// points is the closed list. A name says what has just become durable, or
// what is just about to be done.
var points = map[string]string{
	"job-written":     "job.json of a new disc is on the disk, nothing is read yet",
	"place-taken":     "the catalog has the disc's place in the open batch, job.json does not say so yet",
	"reading":         "a chunk is in the ledger, the sector map may not have it yet",
	"part-sent":       "a store has taken a part of an image, nobody has noted it",
	"read":            "all passes have ended, the image is not sealed",
	"listed":          "the file list is on the disk, the job does not know it yet",
	"sealed":          "the image is sealed, nothing is sent",
	"compared":        "the catalog has a capture of the disc that was compared, its image is still to go",
	"image-needless":  "job.json says that the image that was compared may go, it is still in the spool",
	"image-kept":      "job.json says that the image that was compared is archived on its own, nothing is sent",
	"before-complete": "all parts of an object are in the store, it is not completed",
	"after-complete":  "an object is completed in the store, the job has not noted it",
	"stored":          "every required store has accepted the bag, no record is written",
	"committed":       "the catalog has the record, job.json does not say so yet",
	"recorded":        "the record is committed and job.json says so, no eject is intended yet",
	"pending":         "job.json says that the disc goes to the pending rack, its event is not written yet",
	"off-rack":        "the catalog says that the disc may leave the pending rack, job.json does not yet",
	"bays-written":    "bays.json is written: a disc that failed or is held",
	"eject-intended":  "the intent to eject is written, the tray is still closed",
	"ejected":         "the tray is open, the job has not noted it",
	"read-back":       "every copy has been read back, the image is still in the spool",
	"spool-released":  "the image has left the spool, the job still lies there",
}

// Names gives every crash point, sorted.
func Names() []string {
	names := make([]string, 0, len(points))
	for n := range points {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Describe says what is so at a crash point, and "" for an unknown one.
func Describe(name string) string { return points[name] }

var wanted = sync.OnceValues(func() (string, int64) { return parse(os.Getenv(Variable)) })

// Check says what is wrong with the environment variable's value, so that a
// mistyped name does not pass for a run that survived.
func Check(value string) error {
	if value == "" {
		return nil
	}
	if name, n := parse(value); points[name] == "" || n < 1 {
		return fmt.Errorf("%s=%s: no such crash point; there are %s", Variable, value, strings.Join(Names(), ", "))
	}
	return nil
}

func parse(v string) (name string, n int64) {
	name, count, found := strings.Cut(v, ":")
	if !found {
		return name, 1
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return name, 0
	}
	return name, n
}

var (
	mu   sync.Mutex
	seen int64
)

// Here kills the process, with no chance to tidy up, if the environment asks
// for this point. It says so in one line on stderr first. Where nobody asks
// it does nothing.
func Here(name string) {
	want, n := wanted()
	if want == "" || want != name {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	seen++
	if seen != n {
		return
	}
	fmt.Fprintln(os.Stderr, "crash point "+name)
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		os.Exit(137)
	}
	select {} // the signal is on its way; nothing more may happen here
}
