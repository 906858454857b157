package nights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ripstation/internal/crashpoint"
	"ripstation/internal/operator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are what the nights are drawn with.
var options = operator.Options{Points: crashpoint.Names(), Scans: true}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// TestNights plays NIGHTS nights from seed SEED on: 30 unless it is told.
func TestNights(t *testing.T) {
	if child() {
		return
	}
	nights, first := setting(t, "NIGHTS", 30), setting(t, "SEED", 1)
	tokens := make(chan struct{}, runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	all := tales{}
	t.Cleanup(func() {
		t.Logf("%v", all)
		for _, what := range []string{"lives", "carriers with an item", "images complete", "images incomplete", "captures refused", "captures already archived", "captures interrupted",
			"waited for space", "given back pending", "held after its story", "batches back to the shelf", "identifiers corrected", "decided retry"} {
			if nights >= 30 && all[what] == 0 && !(refused.Load() && what == "waited for space") {
				t.Errorf("%d nights without any %q: they prove little", nights, what)
			}
		}
	})
	for i := range nights {
		seed := uint64(first + i)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			tokens <- struct{}{}
			defer func() { <-tokens }()
			n := operator.Draw(seed, options)
			flaws := aNight(t, n, func(dir string) {
				mu.Lock()
				defer mu.Unlock()
				if err := all.add(dir); err != nil {
					t.Logf("what the night was made of is not known: %v", err)
				}
			})
			if len(flaws) == 0 {
				return
			}
			t.Errorf("%d flaws:\n%s", len(flaws), strings.Join(flaws, "\n"))
			if tries := setting(t, "SHRINK", 60); tries > 0 {
				printShrunk(t, n, tries)
			}
		})
	}
}

func printShrunk(t *testing.T, n operator.Night, tries int) {
	t.Helper()
	t.Logf("playing it up to %d times more with less, to find what it takes", tries)
	n = shrink(n, tries, func(less operator.Night) bool { return len(aNight(t, less)) > 0 })
	b, err := json.Marshal(n)
	t.Logf("the fewest acts and faults that still fail:\n%s\n%s\nfor testdata/found (%v):\n%s", script(n), strings.Join(aNight(t, n), "\n"), err, b)
}

// aNight plays one night in a folder of its own, and has others look at it.
func aNight(t *testing.T, n operator.Night, look ...func(dir string)) []string {
	t.Helper()
	dir, err := os.MkdirTemp(root(t), "night-")
	if err != nil {
		t.Fatal(err)
	}
	keep := os.Getenv("KEEP") != ""
	defer func() {
		if !keep {
			os.RemoveAll(dir)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	flaws, err := playNight(ctx, dir, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range look {
		f(dir)
	}
	if keep {
		t.Logf("the night lies in %s", dir)
	}
	return flaws
}

// playNight plays a night, with a disk of its own for the spool where that can be.
func playNight(ctx context.Context, dir string, n operator.Night) ([]string, error) {
	b, err := json.MarshalIndent(n, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, nightFile), b, 0o644)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "disk"), 0o755)
	}
	if err != nil {
		return nil, err
	}
	p, ok, err := withDisk(ctx, dir)
	if ok || err != nil {
		return p.Flaws, err
	}
	if refused.Store(true); os.Getenv("CI") == "true" {
		return nil, errors.New("this machine lets no plain user mount a file system of its own, and in CI a spool that is never full is not enough")
	}
	return play(ctx, dir, n)
}

// child says that the process is no test run of its own: it plays a night, or a
// life in one.
func child() bool { return os.Getenv(lifeVariable)+os.Getenv(nightVariable) != "" }

// root is where the nights' folders are made: in memory where that can be, as
// syncing is no test of anything in a process that is only killed.
func root(t *testing.T) string {
	const memory, enough = "/dev/shm", 1 << 30
	var fs unix.Statfs_t
	if err := unix.Statfs(memory, &fs); err == nil && fs.Bavail*uint64(fs.Bsize) > enough && unix.Access(memory, unix.W_OK) == nil {
		return memory
	}
	return os.TempDir()
}
