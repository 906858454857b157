package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Size is a number of bytes, written as "64KiB", "1.5 GB" or 65536. Units
// with an i count in 1024s, those without in 1000s.
type Size int64

// maxSize keeps sums of sizes from overflowing.
const maxSize = 1 << 60

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	t := strings.TrimSpace(string(text))
	parse := units.FromHumanSize
	if strings.Contains(strings.ToLower(t), "i") {
		parse = units.RAMInBytes
	}
	n, err := parse(t)
	if err != nil || n < 0 || n > maxSize {
		return fmt.Errorf("%q is not a size; write it as 512KiB, 64MiB or 200GB", t)
	}
	*s = Size(n)
	return nil
}

// MarshalText writes the size so that it reads back as the same.
func (s Size) MarshalText() ([]byte, error) {
	n, unit := int64(s), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return fmt.Appendf(nil, "%d%s", n, unit), nil
}

// Duration is a time span, written as "5s", "1m30s" or "12h".
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%q is not a time span; write it with its unit, as 5s, 1m30s or 12h", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration so that it reads back as the same.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
