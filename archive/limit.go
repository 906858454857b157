package archive

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Limit is how many bytes a second a store may be sent and read, by the time
// of day. The zero Limit is none.
type Limit struct {
	spans    []span
	location *time.Location // nil: local time
}

// span is one time of day, in minutes from midnight; it goes past midnight
// when to is not after from.
type span struct {
	from, to int
	rate     float64 // bytes a second; infinite for none
}

const (
	day = 24 * 60 // minutes
	// leastLimit keeps a connection from being taken for a dead one.
	leastLimit = 16 << 10
)

// ParseLimit reads a limit as it is written: lines like "08:00-18:00 2MB/s"
// and "18:00-08:00 none", or one line "2MB/s" for the whole day. Hours that no
// line names have no limit. The times are those of the clock on the wall.
func ParseLimit(lines []string) (Limit, error) {
	var l Limit
	for _, text := range lines {
		s, err := parseSpan(text)
		if err != nil {
			if fields := strings.Fields(text); len(fields) == 1 {
				return Limit{}, err // it names that one word itself
			}
			return Limit{}, fmt.Errorf("%q: %w", text, err)
		}
		for i, other := range l.spans {
			if s.meets(other) {
				return Limit{}, fmt.Errorf("%q and %q speak of the same time", lines[i], text)
			}
		}
		l.spans = append(l.spans, s)
	}
	return l, nil
}

func parseSpan(text string) (s span, err error) {
	fields := strings.Fields(text)
	switch len(fields) {
	case 1:
		s.to = day
	case 2:
		from, to, ok := strings.Cut(fields[0], "-")
		if !ok {
			return s, errors.New("write it as 08:00-18:00 2MB/s")
		}
		if s.from, err = parseClock(from); err != nil {
			return s, err
		}
		if s.to, err = parseClock(to); err != nil {
			return s, err
		}
		if s.from == s.to {
			return s, errors.New("it begins when it ends; a limit of the whole day has no hours")
		}
		if s.from == day {
			return s, errors.New("a time that begins at 24:00 begins at 00:00")
		}
	default:
		return s, errors.New("write it as 08:00-18:00 2MB/s, or 2MB/s for the whole day")
	}
	s.rate, err = parseRate(fields[len(fields)-1])
	return s, err
}

// parseClock reads 08:00 as minutes from midnight.
func parseClock(text string) (int, error) {
	var h, m int
	if len(text) == 5 && text[2] == ':' {
		for i, c := range []byte(text) {
			switch {
			case i == 2:
			case c < '0' || c > '9':
				h = day
			case i < 2:
				h = 10*h + int(c-'0')
			default:
				m = 10*m + int(c-'0')
			}
		}
		if m < 60 && h*60+m <= day {
			return h*60 + m, nil
		}
	}
	return 0, fmt.Errorf("%q is no time of day from 00:00 to 24:00", text)
}

func parseRate(text string) (float64, error) {
	if text == "none" {
		return math.Inf(1), nil
	}
	size, ok := strings.CutSuffix(text, "/s")
	if !ok {
		return 0, fmt.Errorf("%q is neither none nor bytes a second like 2MB/s or 500KiB/s", text)
	}
	parse := units.FromHumanSize
	if strings.Contains(strings.ToLower(size), "i") {
		parse = units.RAMInBytes
	}
	n, err := parse(size)
	if err != nil || n > 1<<50 {
		return 0, fmt.Errorf("%q is neither none nor bytes a second like 2MB/s or 500KiB/s", text)
	}
	if n < leastLimit {
		return 0, fmt.Errorf("%q is too slow to keep a connection; %d bytes a second is the least", text, leastLimit)
	}
	return float64(n), nil
}

// has reports whether a minute of the day lies in it.
func (s span) has(minute int) bool {
	if s.from < s.to {
		return s.from <= minute && minute < s.to
	}
	return minute >= s.from || minute < s.to
}

func (s span) meets(t span) bool { return s.has(t.from) || t.has(s.from) }

// At is the limit at a time, in bytes a second; infinite when there is none.
func (l Limit) At(t time.Time) float64 {
	if l.location == nil {
		t = t.Local()
	} else {
		t = t.In(l.location)
	}
	minute := t.Hour()*60 + t.Minute()
	for _, s := range l.spans {
		if s.has(minute) {
			return s.rate
		}
	}
	return math.Inf(1)
}

// None reports whether there is no limit at any time.
func (l Limit) None() bool {
	for _, s := range l.spans {
		if !math.IsInf(s.rate, 1) {
			return false
		}
	}
	return true
}
