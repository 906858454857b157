package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// contest is one piece of work on one image, done by several programs in turn.
type contest struct {
	Image string `json:"image"`
	Work  string `json:"work"` // listing, hashing
	// Cold says that the image was thrown out of the page cache before every
	// run.
	Cold   bool    `json:"cold"`
	Runs   []entry `json:"runs"`
	rounds int     // how often each program runs
}

// entry is one program's runs of it, the project's own first.
type entry struct {
	Name string `json:"name"`
	Took []took `json:"took"`
	// Ratio is the project's time divided by this program's, the median over
	// the rounds.
	Ratio float64 `json:"ratio"`
	steps []step
}

// step is one command of an entry.
type step struct {
	argv []string
	dir  string
}

// benchFiles measures how fast the files of an image are listed and hashed.
func benchFiles(ctx context.Context, s settings) (section, error) {
	for _, tool := range []string{"xorriso", "genisoimage", "7z", "isoinfo", "sha256sum", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return section{}, fmt.Errorf("%s is missing; install the Debian packages xorriso, genisoimage, p7zip-full and openssl: %w", tool, err)
		}
	}
	dir, leave, err := workshop(s.dir)
	if err != nil {
		return section{}, err
	}
	defer leave()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return section{}, err
	}
	program := filepath.Join(dir, "ripstation")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/ripstation").CombinedOutput(); err != nil {
		return section{}, fmt.Errorf("build ripstation: %w\n%s", err, out)
	}
	cases := fileCases
	if s.quick {
		cases = quickFileCases
	}
	var all []contest
	for _, c := range cases {
		if err := roomFor(dir, 2*c.Bytes+c.Bytes/4); err != nil {
			return section{}, err
		}
		fmt.Fprintf(s.talk, "%s: making it\n", c.Name)
		image, err := c.make(ctx, dir)
		if err != nil {
			return section{}, fmt.Errorf("make %s: %w", c.Name, err)
		}
		for _, k := range c.contests(program, image, dir) {
			if err := k.hold(ctx, s, image); err != nil {
				return section{}, fmt.Errorf("%s, %s: %w", k.Image, k.Work, err)
			}
			all = append(all, k)
		}
		if err := os.Remove(image); err != nil {
			return section{}, err
		}
	}
	return section{table: filesTable(all), method: filesMethod, result: all}, nil
}

// contests are what is done to one image, and by whom.
func (c fileCase) contests(program, image, dir string) []contest {
	extracted := filepath.Join(dir, "extracted")
	inspect := func(flags ...string) []step {
		return []step{{argv: append([]string{program, "inspect", image, "--json"}, flags...)}}
	}
	listing := contest{Image: c.Name, Work: "listing", Cold: c.Cold, rounds: c.Listings, Runs: []entry{
		{Name: "ripstation inspect --list", steps: []step{{argv: []string{program, "inspect", image, "--list"}}}},
		{Name: "ripstation inspect --json --no-digests (all trees, all checks)", steps: inspect("--no-digests")},
		{Name: "xorriso -indev -find / -exec lsdl", steps: []step{{argv: []string{"xorriso", "-indev", image, "-find", "/", "-exec", "lsdl"}}}},
		{Name: "isoinfo -R -f", steps: []step{{argv: []string{"isoinfo", "-R", "-f", "-i", image}}}},
		{Name: "7z l", steps: []step{{argv: []string{"7z", "l", image}}}},
	}}
	hashing := contest{Image: c.Name, Work: "hashing", Cold: c.Cold, rounds: c.Hashings, Runs: []entry{
		{Name: "ripstation inspect --json (SHA-256 of every file)", steps: inspect()},
		{Name: "sha256sum of the image", steps: []step{{argv: []string{"sha256sum", image}}}},
		{Name: "openssl sha256 of the image", steps: []step{{argv: []string{"openssl", "dgst", "-sha256", image}}}},
		{Name: "7z t", steps: []step{{argv: []string{"7z", "t", image}}}},
		{Name: "7z x, then sha256sum of every file", steps: []step{
			{argv: []string{"rm", "-rf", extracted}},
			{argv: []string{"7z", "x", "-y", "-o" + extracted, image}},
			{argv: []string{"sh", "-c", "find . -type f -print0 | xargs -0 sha256sum"}, dir: extracted},
		}},
	}}
	return []contest{listing, hashing}
}

// hold runs the programs in turn, so that each round has the same weather, and
// compares them round by round.
func (k *contest) hold(ctx context.Context, s settings, image string) error {
	if k.Work == "listing" { // too short for the program itself to come from the disk in the first round
		for _, e := range k.Runs {
			if _, err := runSteps(ctx, e.steps); err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
		}
	}
	for round := range k.rounds {
		for i := range k.Runs {
			e := &k.Runs[i]
			if err := cache(image, k.Cold); err != nil {
				return err
			}
			t, err := runSteps(ctx, e.steps)
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
			e.Took = append(e.Took, t)
			fmt.Fprintf(s.talk, "%s, %s, %d of %d: %.2f s, %.2f CPU s: %s\n", k.Image, k.Work, round+1, k.rounds, t.Seconds, t.CPU, e.Name)
		}
	}
	own := k.Runs[0].Took
	for i := range k.Runs {
		var ratios []float64
		for r, t := range k.Runs[i].Took {
			ratios = append(ratios, own[r].Seconds/t.Seconds)
		}
		k.Runs[i].Ratio = middle(ratios)
	}
	return nil
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func filesTable(all []contest) string {
	var b strings.Builder
	b.WriteString("| image | work | program | wall s (of each round) | CPU s | peak memory | ripstation's time / this program's |\n|---|---|---|---|---|---|---|\n")
	for _, k := range all {
		for _, e := range k.Runs {
			var walls []string
			var cpus []float64
			var peak int64
			for _, t := range e.Took {
				walls = append(walls, fmt.Sprintf("%.3g", t.Seconds))
				cpus = append(cpus, t.CPU)
				peak = max(peak, t.Peak)
			}
			cache := "in the page cache"
			if k.Cold {
				cache = "from the disk"
			}
			fmt.Fprintf(&b, "| %s, %s | %s | %s | %s | %.2f | %.0f MiB | %.3f |\n", k.Image, cache, k.Work, e.Name, strings.Join(walls, ", "), middle(cpus), mib(peak), e.Ratio)
		}
	}
	return b.String()
}

const filesMethod = `Each program is a process of its own, run in turn with the others, round by round; the ratio is the median of the rounds' ratios of wall time. What a
program prints goes to a file that is thrown away. The small files' image has UDF, Rock Ridge and Joliet trees (genisoimage) and is read once before each run, so that
the page cache holds it; the large one is thrown out of the cache before each run. Listing is done once before the first round, so that no program has to be fetched
from the disk. CPU seconds are user and system time, peak memory is the largest single process
(wait4). inspect --list gives the names, sizes and times of the main tree (UDF on the small files' image, of which 2 KiB have to be read for each file), as the others do;
inspect --json without it walks all three trees and makes all structural checks, and for hashing tries whatever proofs the publisher put on the disc. sha256sum is Debian's, which uses no
SHA instructions of the processor; openssl, which does, stands beside it as the harder measure. 7z x has to write what it extracts. What this does not say: how
fast a drive or a network gives the image.
`
