package archive

import (
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseLimit(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	none := math.Inf(1)
	l, err := ParseLimit([]string{"08:00-18:00 2MB/s", "22:00-02:30 512KiB/s", "18:00-22:00 none"})
	if err != nil {
		t.Fatal(err)
	}
	l.location = vienna
	for _, c := range []struct {
		at   string
		want float64
	}{
		{"2026-11-26T07:59:59+01:00", none}, {"2026-11-26T08:00:00+01:00", 2e6}, {"2026-11-26T17:59:59+01:00", 2e6}, {"2026-11-26T18:00:00+01:00", none},
		{"2026-11-26T22:00:00+01:00", 512 << 10}, {"2026-11-26T00:00:00+01:00", 512 << 10}, {"2026-11-26T02:29:00+01:00", 512 << 10}, {"2026-11-26T02:30:00+01:00", none},
		{"2026-07-01T06:00:00Z", 2e6}, {"2026-12-01T06:59:00Z", none}, // eight o'clock is another moment in summer
		// The clocks go forward at two and back at three.
		{"2026-03-29T00:59:59Z", 512 << 10}, {"2026-03-29T01:00:00Z", none},
		{"2026-10-25T00:29:00Z", 512 << 10}, {"2026-10-25T00:31:00Z", none}, {"2026-10-25T01:15:00Z", 512 << 10}, {"2026-10-25T01:30:00Z", none},
	} {
		if got := l.At(at(c.at)); got != c.want {
			t.Errorf("%s: %v, want %v", c.at, got, c.want)
		}
	}
	if l.None() {
		t.Error("it is a limit")
	}
	for _, lines := range [][]string{nil, {"none"}, {"00:00-24:00 none"}} {
		if l, err := ParseLimit(lines); err != nil || !l.None() || l.At(time.Now()) != none {
			t.Errorf("%q: %v", lines, err)
		}
	}
	if l, err := ParseLimit([]string{"1MiB/s"}); err != nil || l.At(time.Now()) != 1<<20 {
		t.Errorf("all day: %v", err)
	}
	for _, bad := range []string{"", "2MB", "2 MB/s", "08:00-18:00", "8:00-18:00 none", "08:00-08:00 none", "24:00-08:00 none", "08:00-24:01 none", "08:60-09:00 none",
		"08:00/18:00 none", "0MB/s", "1B/s", "-1MB/s", "nan/s", "1e99B/s", "08:00-18:00 2MB/s daily", "\x00", "08-0:-18:00 none", "99999999999999999999GiB/s"} {
		if _, err := ParseLimit([]string{bad}); err == nil {
			t.Errorf("%q was taken for a limit", bad)
		}
	}
	for _, bad := range [][]string{{"1MB/s", "08:00-09:00 none"}, {"08:00-10:00 none", "09:59-12:00 1MB/s"}, {"22:00-06:00 none", "05:00-05:30 1MB/s"}, {"05:00-05:30 1MB/s", "22:00-06:00 none"}} {
		if _, err := ParseLimit(bad); err == nil || !strings.Contains(err.Error(), bad[1]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	f.Add("08:00-18:00 2MB/s")
	f.Add("18:00-08:00 none")
	f.Add("500KiB/s")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLimit([]string{text})
		if err != nil {
			return
		}
		for h := range 24 {
			if r := l.At(time.Date(2026, 1, 1, h, 0, 0, 0, time.Local)); r < leastLimit || math.IsNaN(r) {
				t.Fatalf("%q gives %v", text, r)
			}
		}
	})
}

// atPace is a limited store whose time passes only while it waits.
func atPace(t *testing.T, start time.Time, lines ...string) (*Limited, *time.Time) {
	t.Helper()
	l, err := ParseLimit(lines)
	if err != nil {
		t.Fatal(err)
	}
	l.location = time.UTC
	d, err := NewDir(DirConfig{Name: "shelf", Root: filepath.Join(t.TempDir(), "store"), Create: true, PartSize: 4 * mib})
	if err != nil {
		t.Fatal(err)
	}
	s, now := NewLimited(d, l), start
	s.now = func() time.Time { return now }
	s.sleep = func(ctx context.Context, d time.Duration) error { now = now.Add(d); return ctx.Err() }
	return s, &now
}

// Sent and read bytes count together, and the hour counts at once.
func TestLimited(t *testing.T) {
	start := time.Date(2026, 11, 26, 17, 59, 50, 0, time.UTC)
	s, now := atPace(t, start, "08:00-18:00 1MiB/s")
	body := make([]byte, 4*mib)
	u, err := s.Begin(t.Context(), "a/b", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.PartFrom(t.Context(), 0, strings.NewReader(string(body)), CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
	if d := now.Sub(start); d < 2900*time.Millisecond || d > 4*time.Second {
		t.Errorf("4 MiB took %v at 1 MiB/s", d)
	}
	if _, err := u.Complete(t.Context(), CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/c", body[:2*mib]); err != nil {
		t.Fatal(err)
	}
	before := *now
	r, err := s.Read(t.Context(), "a/b", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.CopyN(io.Discard, r, 3*mib); err != nil || n != 3*mib {
		t.Fatal(err)
	}
	if d := now.Sub(before); d < 2900*time.Millisecond || d > 4*time.Second {
		t.Errorf("reading 3 MiB took %v", d)
	}
	*now = start.Add(10 * time.Second)
	before = *now
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if d := now.Sub(before); d != 0 {
		t.Errorf("after the hour it still waited %v", d)
	}
	*now = time.Date(2026, 11, 27, 7, 59, 59, 0, time.UTC)
	if err := s.Put(t.Context(), "a/d", body); err != nil {
		t.Fatal(err)
	}
	*now = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	before = *now
	if err := s.Put(t.Context(), "a/e", body); err != nil {
		t.Fatal(err)
	}
	if d := now.Sub(before); d < 2900*time.Millisecond || d > 4*time.Second {
		t.Errorf("from eight o'clock 4 MiB took %v", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "a/f", body); err == nil {
		t.Error("put though it was given up")
	}
}

// topping is a store that reads what it is to put on top, and puts nothing.
type topping struct{ Store }

func (topping) Versioned(context.Context) (bool, error) { return true, nil }

func (topping) Current(context.Context, string) (string, error) { return "old", nil }

func (topping) Supersede(ctx context.Context, from, _ Copy, f BagFile, _ string) (string, error) {
	r, err := from.Store.Read(ctx, f.Path, 0, -1)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, r)
	return "", errors.Join(err, r.Close())
}

// What is put on top of a damaged object is held to the limit, too.
func TestLimitOfWhatIsPutOnTop(t *testing.T) {
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s, now := atPace(t, start, "1MiB/s")
	from := s.Store
	if err := from.Put(t.Context(), "a", make([]byte, 4*mib)); err != nil {
		t.Fatal(err)
	}
	s.Store = topping{from}
	v, ok := VersionedOf(s)
	if !ok {
		t.Fatal("it is not versioned")
	}
	if _, err := v.Supersede(t.Context(), Copy{Store: from}, Copy{Store: v}, BagFile{Path: "a"}, "old"); err != nil {
		t.Fatal(err)
	}
	if d := now.Sub(start); d < 2900*time.Millisecond || d > 4*time.Second {
		t.Errorf("4 MiB took %v at 1 MiB/s", d)
	}
	if _, ok := VersionedOf(NewLimited(from, Limit{})); ok {
		t.Error("a directory is versioned")
	}
}
