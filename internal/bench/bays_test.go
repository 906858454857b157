package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The bench itself: the bays beside a drive that hangs come to their end.
func TestBaysInChildren(t *testing.T) {
	dir := t.TempDir()
	c := bayCase{Bays: 2, Sectors: 1000, Rounds: 2}
	f, err := measureBays(t.Context(), settings{dir: dir, talk: io.Discard}, c)
	must(t, err)
	if len(f.Rounds) != 2 || f.Ratio <= 0 || f.Worst > f.Ratio {
		t.Fatalf("%+v", f)
	}
	for _, r := range f.Rounds {
		for _, run := range []bayRun{r.Without, r.With} {
			if len(run.Bays) != 2 || run.Seconds <= 0 || run.Bays[0] <= 0 || run.Bays[1] <= 0 || run.Bays[0] > run.Seconds+0.1 {
				t.Errorf("%+v", run)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "work")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bench's folder is still there: %v", err)
	}
}

func TestBaysTableSaysWhenTheGoalIsMissed(t *testing.T) {
	slow := bayFigures{Case: bayCase{Bays: 7, Sectors: 1000}, Rounds: []bayRound{{Without: bayRun{Seconds: 1}, With: bayRun{Seconds: 2}, Ratio: 0.5}}, Ratio: 0.5, Worst: 0.5}
	if got := slow.table(); !strings.Contains(got, "is missed") {
		t.Errorf("%s", got)
	}
	slow.Ratio = 0.99
	if got := slow.table(); !strings.Contains(got, "is met") {
		t.Errorf("%s", got)
	}
	if m := medianOf([]float64{1, 2, 4, 8}); m != 3 {
		t.Errorf("the middle is %v", m)
	}
}
