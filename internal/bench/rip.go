package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ripFigures are all that was measured of one case.
type ripFigures struct {
	Case  ripCase    `json:"case"`
	Drive driveAlone `json:"drive_alone"`
	Runs  []ripRun   `json:"runs"`
}

// benchRip measures what a clean rip costs.
func benchRip(ctx context.Context, s settings) (section, error) {
	cases := ripCases
	if s.quick {
		cases = quickCases
	}
	dir, leave, err := workshop(s.dir)
	if err != nil {
		return section{}, err
	}
	defer leave()
	var most int64
	for _, c := range cases {
		most = max(most, 2*c.bytes())
	}
	if err := roomFor(filepath.Dir(dir), most); err != nil {
		return section{}, err
	}
	var all []ripFigures
	for _, c := range cases {
		f := ripFigures{Case: c}
		fmt.Fprintf(s.talk, "%s: the drive alone\n", c.Name)
		if f.Drive, err = inChild[driveAlone](ctx, "child-drive", c); err != nil {
			return section{}, fmt.Errorf("%s: %w", c.Name, err)
		}
		for n := range c.Runs {
			fmt.Fprintf(s.talk, "%s: rip %d of %d, at least %.0f s\n", c.Name, n+1, c.Runs, f.Drive.Own)
			r, err := ripOnce(ctx, ripOrder{Case: c, Dir: dir, SHA256: f.Drive.SHA256}, s)
			if err != nil {
				return section{}, fmt.Errorf("%s: %w", c.Name, err)
			}
			fmt.Fprintf(s.talk, "%s: %.1f s of reading, %.2f CPU s in all, peak %.1f MiB\n", c.Name, r.stage(reading).Seconds, r.CPU, mib(r.Peak))
			f.Runs = append(f.Runs, r)
		}
		all = append(all, f)
	}
	return section{table: ripTable(all), method: ripMethod(all), result: all}, nil
}

// ripOnce rips in a folder that is gone afterwards.
func ripOnce(ctx context.Context, o ripOrder, s settings) (r ripRun, err error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return r, err
	}
	defer func() { err = cmp.Or(err, os.RemoveAll(o.Dir)) }()
	if err := roomFor(o.Dir, 2*o.Case.bytes()); err != nil {
		return r, err
	}
	if s.profile {
		if err := os.MkdirAll(results, 0o755); err != nil {
			return r, err
		}
		o.Profile = filepath.Join(results, fmt.Sprintf("rip-%s-%d.prof", o.Case.Medium, o.Case.Sectors))
	}
	return inChild[ripRun](ctx, "child-station", o)
}

// median is the run in the middle by CPU time: one that was, not a mixture.
func (f ripFigures) median() ripRun {
	sorted := slices.SortedFunc(slices.Values(f.Runs), func(a, b ripRun) int { return cmp.Compare(a.CPU, b.CPU) })
	return sorted[len(sorted)/2]
}

// driveCPU is what the simulated drive costs in CPU seconds a GiB.
func (f ripFigures) driveCPU() float64 { return f.Drive.CPU / (float64(f.Drive.Bytes) / (1 << 30)) }

// cpu is what a run costs in CPU seconds a GiB, without the drive.
func (f ripFigures) cpu(r ripRun) float64 { return r.CPU/f.Case.gib() - f.driveCPU() }

func (f ripFigures) peak() (p int64) {
	for _, r := range f.Runs {
		p = max(p, r.Peak)
	}
	return p
}

// slowest is the longest reading of all runs.
func (f ripFigures) slowest() (s stage) {
	for _, r := range f.Runs {
		if x := r.stage(reading); x.Seconds > s.Seconds {
			s = x
		}
	}
	return s
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func ripTable(all []ripFigures) string {
	var b strings.Builder
	b.WriteString("| disc | drive | rips | slowest reading | the drive's own time | ratio | cores busy with other work meanwhile | core in use while reading | sealing | sending | reading back | peak memory |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		r := f.median()
		speed, ratio := cmp.Or(f.Case.Speed, "no limit"), "-"
		if f.Drive.Own > 0 {
			ratio = fmt.Sprintf("%.4f", f.slowest().Seconds/f.Drive.Own)
		}
		busy := 100 * (r.stage(reading).CPU - f.driveCPU()*f.Case.gib()) / r.stage(reading).Seconds
		fmt.Fprintf(&b, "| %s | %s | %d | %.2f s | %.2f s | %s | %.2f | %.1f %% | %.1f s | %.1f s | %.1f s | %.1f MiB |\n", f.Case.Name, speed, len(f.Runs), f.slowest().Seconds, f.Drive.Own,
			ratio, f.slowest().Others, busy, r.stage(sealing).Seconds, r.stage(sending).Seconds, r.stage(readingBack).Seconds, mib(f.peak()))
	}
	b.WriteString("\n| CPU seconds per GiB | reading | sealing | sending | reading back | once a disc, s | in all | of all rips | the simulated drive, not counted |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		r := f.median()
		per := func(name string) float64 { return r.stage(name).CPU / f.Case.gib() }
		once := r.CPU
		for _, name := range []string{reading, sealing, sending, readingBack} {
			once -= r.stage(name).CPU
		}
		low, high := f.cpu(r), f.cpu(r)
		for _, x := range f.Runs {
			low, high = min(low, f.cpu(x)), max(high, f.cpu(x))
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f to %.2f | %.2f |\n", f.Case.Name,
			per(reading)-f.driveCPU(), per(sealing), per(sending), per(readingBack), once, f.cpu(r), low, high, f.driveCPU())
	}
	return b.String()
}

// ripMethod says how the figures came about and what they do not say.
func ripMethod(all []ripFigures) string {
	direct, worst := true, 0.0
	for _, f := range all {
		for _, r := range f.Runs {
			direct = direct && strings.Contains(r.ReadBack, "O_DIRECT")
		}
		if f.Drive.SampleOwn > 0 {
			worst = max(worst, f.Drive.Seconds/f.Drive.SampleOwn)
		}
	}
	spool := "read back past the page cache (O_DIRECT)"
	if !direct {
		spool = "not in every rip read back past the page cache"
	}
	return fmt.Sprintf(`Each rip is a process with a whole station in it (spool, SQLite catalog, one directory store, all on one disk), from the disc's insertion
until its copy was read back and its image has left the spool. Every image had the disc's SHA-256, and the spool was %s at the
seal. The drive is the simulated one, in the same process, at the speed and acceleration of its name, in real time; its own time for the
same sectors is taken on a clock that does not wait. What it costs itself was measured in another process that reads up to %d MiB of the
disc, half of it at each edge, through the same commands and throws it away (which took at most %.4f of the drive's own time); it is
subtracted from reading and from the sum. CPU seconds are user and system time of all threads (getrusage) between the station's notices; of
several rips the one with the median sum is shown. They come out higher while other work shares the cores and their caches. Peak memory is
the process's VmHWM, the simulated drive included, the largest of all rips. What this does not say: how a real drive, its bus and the
kernel's part in SG_IO behave; what a damaged disc costs; what sending over a network or to S3 costs; how fast sealing, sending and reading
back are on a slower disk; what several bays do to each other.
`, spool, sampleBytes>>20, worst)
}
