package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// digestsAndDrive are the packages that read a disc, prove it and look into it,
// and the simulated drive. What is done in them is no part of sending.
var digestsAndDrive = []string{"ripstation/ripper", "ripstation/mmc", "ripstation/discfs", "ripstation/internal/simdrive", "ripstation/internal/simbench"}

// apart is how many CPU seconds a CPU profile saw that were not for digests and
// drive: whatever has none of their functions on its stack, the scheduler and the
// garbage collector among it, and whatever is called to send, which reads by ripper.Bytes.
func apart(text []byte) (seconds float64, err error) {
	p, err := profile.Parse(bytes.NewReader(text))
	if err != nil {
		return 0, fmt.Errorf("read the CPU profile: %w", err)
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	if at < 0 {
		return 0, fmt.Errorf("read the CPU profile: it has no CPU time")
	}
	var sum time.Duration
	for _, s := range p.Sample {
		sends, reads := false, false
		for _, l := range s.Location {
			for _, line := range l.Line {
				of := func(pkg string) bool {
					rest, ok := strings.CutPrefix(line.Function.Name, pkg)
					return ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/"))
				}
				sends = sends || of("ripstation/archive") || of("net/http")
				reads = reads || slices.ContainsFunc(digestsAndDrive, of)
			}
		}
		if sends || !reads {
			sum += time.Duration(s.Value[at])
		}
	}
	return sum.Seconds(), nil
}
