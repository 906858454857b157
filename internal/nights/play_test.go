package nights

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ripstation/internal/crashpoint"
	"ripstation/internal/operator"
)

const (
	// lifeVariable is set in the environment of a life: the night's folder.
	lifeVariable = "RIPSTATION_NIGHT"
	// maxLives bounds a night; each needs a fault that ends the one before.
	maxLives = 40
	// lifeTime is the most real time that a life may take.
	lifeTime = 3 * time.Minute
)

// The files of a night's folder.
const (
	nightFile   = "night.json"
	diaryFile   = "diary.jsonl"
	livesFile   = "lives.jsonl"
	noticesFile = "notices.jsonl"
	flawsFile   = "flaws.json" // written by the last life
	seenFile    = "seen.jsonl" // flaws that were seen in the middle of the night
	talesFile   = "tales.json" // too
)

// moment is a line of lives.jsonl.
type moment struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"` // "begins", "tick", "fault", "over", "killed", "stopped", "ended"
	Fault int       `json:"fault"`
	Boot  int       `json:"boot"`
}

// play plays the night whose file lies in a folder. It gives the flaws of the morning; an error
// is the night's own, not the station's.
func play(ctx context.Context, dir string, n operator.Night) (flaws []string, err error) {
	fired := map[int]bool{}
	for life := range maxLives {
		point, which := "", -1
		for _, f := range n.Faults {
			if f.What == operator.CrashPoint && !fired[f.N] {
				point, which = f.Point, f.N
				break
			}
		}
		out, err := live(ctx, dir, point)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		switch last := lastMoment(dir); {
		case err == nil && last.What == "ended":
			return readFlaws(dir)
		case err == nil && last.What == "stopped":
		case killed && strings.Contains(out, "crash point ") && which >= 0:
			fired[which] = true
			at, err := reached(dir)
			if err != nil {
				return nil, err
			}
			if err := note(filepath.Join(dir, livesFile), moment{At: at, What: "killed", Fault: which, Boot: last.Boot}); err != nil {
				return nil, err
			}
		case killed && killedItself(dir):
		default:
			return []string{fmt.Sprintf("life %d ended by itself: %v\n%s", life+1, err, tail(out, 12000))}, nil
		}
	}
	return []string{fmt.Sprintf("the night did not end in %d lives", maxLives)}, nil
}

// live runs one life as a process of its own.
func live(ctx context.Context, dir, point string) (out string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lifeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestLife$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), lifeVariable+"="+dir, crashpoint.Variable+"="+point)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // with all stacks
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func tail(s string, most int) string {
	if len(s) > most {
		return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
	}
	return s
}

// note adds a line to a file; a kill may cut the last one.
func note(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// notes reads the lines of a file.
func notes[T any](path string) (all []T, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var v T
		if json.Unmarshal(sc.Bytes(), &v) == nil {
			all = append(all, v)
		}
	}
	return all, sc.Err()
}

func lastMoment(dir string) (m moment) {
	all, err := notes[moment](filepath.Join(dir, livesFile))
	if err == nil && len(all) > 0 {
		m = all[len(all)-1]
	}
	return m
}

// killedItself reports whether the last life was about to kill itself. What else
// was so at that moment may have been noted behind it.
func killedItself(dir string) bool {
	all, err := notes[moment](filepath.Join(dir, livesFile))
	for _, m := range slices.Backward(all) {
		if m.What == "killed" || m.What == "begins" {
			return err == nil && m.What == "killed"
		}
	}
	return false
}

// tales counts what nights were made of, so that a thousand quiet ones are not
// taken for a thousand.
type tales map[string]int

func (t tales) add(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, talesFile))
	if err != nil {
		return err
	}
	var one tales
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	for what, n := range one {
		t[what] += n
	}
	t["nights"]++
	return nil
}

func (t tales) String() string {
	var s []string
	for _, what := range slices.Sorted(maps.Keys(t)) {
		s = append(s, fmt.Sprintf("%s: %d", what, t[what]))
	}
	return strings.Join(s, ", ")
}

func readFlaws(dir string) (flaws []string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, flawsFile))
	if err != nil {
		return nil, err
	}
	return flaws, json.Unmarshal(b, &flaws)
}
