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
