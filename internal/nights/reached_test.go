package nights

import (
	"path/filepath"
	"testing"
	"time"

	"ripstation/internal/operator"
	"ripstation/station"
)

// reached is the last moment that anything was noted of: a life that is killed
// at a crash point has gone on since its last tick, and no clock goes back.
func reached(dir string) (time.Time, error) {
	now := dawn
	for name, times := range map[string]func(string) ([]time.Time, error){
		livesFile:   timesOf(func(m moment) time.Time { return m.At }),
		diaryFile:   timesOf(func(e operator.Entry) time.Time { return e.At }),
		noticesFile: timesOf(func(n told) time.Time { return n.Time }),
	} {
		all, err := times(filepath.Join(dir, name))
		if err != nil {
			return now, err
		}
		for _, t := range all {
			now = later(now, t)
		}
	}
	return now, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func timesOf[T any](at func(T) time.Time) func(path string) ([]time.Time, error) {
	return func(path string) (times []time.Time, err error) {
		all, err := notes[T](path)
		for _, v := range all {
			times = append(times, at(v))
		}
		return times, err
	}
}

func TestReached(t *testing.T) {
	dir := t.TempDir()
	at := func(second int) time.Time { return dawn.Add(time.Duration(second) * time.Second) }
	is := func(second int) {
		t.Helper()
		if got, err := reached(dir); err != nil || !got.Equal(at(second)) {
			t.Errorf("reached %v (%v), want %v", got, err, at(second))
		}
	}
	is(0)
	for _, err := range []error{note(filepath.Join(dir, livesFile), moment{At: at(60)}), note(filepath.Join(dir, livesFile), moment{At: at(50)})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	is(60)
	if err := note(filepath.Join(dir, noticesFile), told{Notice: station.Notice{Time: at(99)}}); err != nil {
		t.Fatal(err)
	}
	is(99)
	if err := note(filepath.Join(dir, diaryFile), operator.Entry{At: at(100)}); err != nil {
		t.Fatal(err)
	}
	is(100)
}

// A life that kills itself is known by its word for it, whatever else was noted
// at that moment.
func TestKilledItself(t *testing.T) {
	for name, c := range map[string]struct {
		lives []string
		want  bool
	}{
		"its last word":          {[]string{"begins", "tick", "killed"}, true},
		"something behind it":    {[]string{"begins", "tick", "killed", "tick", "over"}, true},
		"killed by somebody":     {[]string{"begins", "tick", "over"}, false},
		"the life before it":     {[]string{"begins", "killed", "begins", "tick"}, false},
		"it did not even begin":  {nil, false},
		"it was stopped in time": {[]string{"begins", "stopped"}, false},
	} {
		dir := t.TempDir()
		for _, what := range c.lives {
			if err := note(filepath.Join(dir, livesFile), moment{What: what, Fault: -1}); err != nil {
				t.Fatal(err)
			}
		}
		if killedItself(dir) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
