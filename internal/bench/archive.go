package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/internal/simdrive/preload"
)

// archiveFigures are all that make bench-archive has measured. The four of the
// first lines are what the project holds itself to.
type archiveFigures struct {
	Script float64 `json:"ratio_to_script"` // the station's time / the better script's, at the mean link
	Drive  float64 `json:"ratio_to_drive"`  // the station's time / the drive's own reading time, at the mean link
	CPU    float64 `json:"cpu_seconds_per_gib"`
	Peak   float64 `json:"peak_mib"`

	Case      ripCase      `json:"case"`
	Own       float64      `json:"own_seconds"` // the drive's own time for the whole disc
	SpinUp    float64      `json:"spin_up_seconds"`
	PartBytes int64        `json:"part_bytes"`
	StoreIn   string       `json:"store_in"` // as shelf.in
	Links     []linkRuns   `json:"links"`
	Face      []faceCost   `json:"face"`
	CPUCase   ripCase      `json:"cpu_case"`
	With      []archiveRun `json:"cpu_with_store"`
	Without   []archiveRun `json:"cpu_without_store"`
	Four      archiveRun   `json:"four_at_once"`
	FourCase  ripCase      `json:"four_case"`
	Tools     []string     `json:"tools"`
}

// linkRuns are the runs over one link.
type linkRuns struct {
	Name string `json:"name"`
	Rate int64  `json:"bytes_per_second"`
	// Floor is the soonest that the disc's last byte can have passed the link, spin-up included.
	Floor   float64      `json:"floor_seconds"`
	Station []archiveRun `json:"ripstation"`
	Rclone  []scriptRun  `json:"rclone,omitempty"`
	AWS     []scriptRun  `json:"aws,omitempty"`
}

// archiveBench is what the runs share.
type archiveBench struct {
	s      settings
	cases  archiveCases
	dir    string
	shim   string
	rclone string
	server *s3Server
	in     string // where the server keeps what it is given
	n      int    // runs so far: each has a prefix of its own
}

// benchArchive measures how soon a disc is in the archive, and what sending it costs.
func benchArchive(ctx context.Context, s settings) (sec section, err error) {
	b := &archiveBench{s: s, cases: fullArchive}
	if s.quick {
		b.cases = quickArchive
	}
	for _, tool := range []string{"ddrescue", debianAWS, "eject", "gcc", "basenc", "split"} {
		if _, err := exec.LookPath(tool); err != nil {
			return sec, fmt.Errorf("%s is missing; install the Debian packages gddrescue, awscli, eject, gcc and coreutils: %w", tool, err)
		}
	}
	out, err := exec.CommandContext(ctx, "scripts/rclone.sh").Output()
	if err != nil {
		return sec, fmt.Errorf("scripts/rclone.sh: %w", err)
	}
	b.rclone = firstLine(out)
	dir, leave, err := workshop(s.dir)
	if err != nil {
		return sec, err
	}
	defer leave()
	b.dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sec, err
	}
	main := b.cases.main.bytes()
	shelf, err := storeRoom(ctx, dir, 2*main) // versitygw joins an upload's parts into a file of its own before it lets go of them
	if err != nil {
		return sec, err
	}
	defer shelf.leave()
	b.in = shelf.in
	need := main
	if b.in == onImages {
		need += 2 * main
	}
	if err := roomFor(dir, need); err != nil {
		return sec, err
	}
	if b.shim, err = preload.Build(ctx, dir); err != nil {
		return sec, err
	}
	if b.server, err = serveS3(ctx, dir, shelf.dir); err != nil {
		return sec, err
	}
	defer func() { err = cmp.Or(err, b.server.stop()) }()
	f, err := b.all(ctx)
	if err != nil {
		return sec, err
	}
	return section{table: archiveTable(f), method: archiveMethod(f), result: f}, nil
}

func (b *archiveBench) all(ctx context.Context) (f archiveFigures, err error) {
	c := b.cases.main
	f = archiveFigures{Case: c, CPUCase: b.cases.cpu, FourCase: b.cases.four[0], StoreIn: b.in, Tools: b.tools(ctx)}
	timing, err := c.timing()
	if err != nil {
		return f, err
	}
	b.say("%s: the drive alone, on a clock that does not wait", c.Name)
	p, err := c.progressOf(ctx)
	if err != nil {
		return f, err
	}
	f.Own, f.SpinUp, f.PartBytes = p.Own, timing.SpinUp.Seconds(), partOf(c.bytes())
	b.say("%s: the drive's own time is %.1f s, its mean rate %.2f MB/s", c.Name, p.Own, float64(p.mean())/1e6)
	b.say("what the preload face costs")
	if f.Face, err = faceCosts(ctx, b.cases.face, b.shim, b.dir); err != nil {
		return f, err
	}
	f.Links = []linkRuns{{Name: "the drive's mean rate", Rate: p.mean()}, {Name: "the drive's rate at the outer edge", Rate: timing.Rate}}
	for i := range f.Links {
		k := &f.Links[i]
		k.Floor = f.SpinUp + p.floor(k.Rate)
		for range rounds() {
			if err := b.round(ctx, k, p, i == 0); err != nil {
				return f, err
			}
		}
	}
	mean := f.Links[0]
	f.Script = mean.station() / min(scriptTime(mean.Rclone), scriptTime(mean.AWS))
	f.Drive = mean.station() / f.Own
	if err := b.sending(ctx, &f); err != nil {
		return f, err
	}
	if err := b.four(ctx, &f, 4*p.mean()); err != nil {
		return f, err
	}
	return f, nil
}

// rounds is how often a person wants the contest held: ROUNDS, else once.
func rounds() int {
	n, err := strconv.Atoi(os.Getenv("ROUNDS"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// partOf is the size of the station's parts.
func partOf(size int64) int64 { return max(16<<20, (size+8999)/9000) }

// round holds the contest once over a link, one after the other.
func (b *archiveBench) round(ctx context.Context, k *linkRuns, p progress, scripts bool) error {
	c := b.cases.main
	b.say("%s over %s, %.2f MB/s: ripstation, at least %.0f s", c.Name, k.Name, float64(k.Rate)/1e6, k.Floor)
	r, err := b.station(ctx, k.Rate, false, []ripCase{c}, []string{p.SHA256})
	if err != nil {
		return err
	}
	b.say("ripstation: %.1f s from insertion to open tray", r.Seconds)
	k.Station = append(k.Station, r)
	if !scripts {
		return nil
	}
	for _, tool := range []struct {
		name     string
		commands func(scriptOrder) []command
		runs     *[]scriptRun
	}{{"rclone", scriptOrder.rclone, &k.Rclone}, {"aws-cli", scriptOrder.aws, &k.AWS}} {
		b.say("%s over %s: the script with %s", c.Name, k.Name, tool.name)
		var r scriptRun
		err := b.over(ctx, k.Rate, func(_ *link, dir, addr, prefix string) (err error) {
			o := scriptOrder{Case: c, Dir: filepath.Join(dir, "image"), Shim: b.shim, Addr: addr, CA: b.server.ca, Rclone: b.rclone, Prefix: prefix}
			if err := os.Mkdir(o.Dir, 0o755); err != nil {
				return err
			}
			if r, err = runScript(ctx, o, tool.commands(o)); err != nil {
				return err
			}
			return b.atRest(prefix+"/disc.iso", p.SHA256)
		})
		if err != nil {
			return fmt.Errorf("the script with %s: %w", tool.name, err)
		}
		b.say("%s: %.1f s from insertion to open tray", tool.name, r.Seconds)
		*tool.runs = append(*tool.runs, r)
	}
	return nil
}

// over opens a link, makes a folder for one run and clears both it and what
// was stored away. Before, everything the machine has still to write is
// written.
func (b *archiveBench) over(ctx context.Context, rate int64, run func(k *link, dir, addr, prefix string) error) (err error) {
	b.n++
	prefix := fmt.Sprintf("run%d", b.n)
	dir := filepath.Join(b.dir, prefix)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer func() {
		err = cmp.Or(err, os.RemoveAll(dir), os.RemoveAll(filepath.Join(b.server.root, bucket, prefix)))
	}()
	unix.Sync()
	k := &link{to: b.server.addr, rate: rate}
	addr, closed, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closed()
	return run(k, dir, addr, prefix)
}

// station has a station in a child rip the discs over a link. A dark one has
// no store to send to.
func (b *archiveBench) station(ctx context.Context, rate int64, dark bool, cases []ripCase, sums []string) (r archiveRun, err error) {
	err = b.over(ctx, rate, func(k *link, dir, addr, prefix string) error {
		for _, c := range cases {
			k.full.Add(c.bytes())
		}
		o := archiveOrder{Cases: cases, Dir: dir, SHA256: sums, Addr: addr, Prefix: prefix, CA: b.server.ca, AccessKey: b.server.access, SecretKey: b.server.secret}
		if dark {
			o.Addr = ""
		}
		if b.s.profile {
			if err := os.MkdirAll(results, 0o755); err != nil {
				return err
			}
			if o.Profile, err = filepath.Abs(filepath.Join(results, "archive-"+prefix+".prof")); err != nil {
				return err
			}
		}
		if r, err = inChild[archiveRun](ctx, "child-archive", o); err != nil || dark {
			return err
		}
		r.Passed = time.Duration(k.passed.Load() - r.Began).Seconds()
		for _, sum := range sums {
			if err := b.atRest(prefix+"/*/v1/data/image.iso", sum); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// sending measures what sending costs: a station that sends less one that
// cannot, turn by turn.
func (b *archiveBench) sending(ctx context.Context, f *archiveFigures) error {
	c := b.cases.cpu
	p, err := c.progressOf(ctx)
	if err != nil {
		return err
	}
	var costs []float64
	for n := range b.cases.rounds {
		b.say("%s: what sending costs, %d of %d", c.Name, n+1, b.cases.rounds)
		with, err := b.station(ctx, 0, false, []ripCase{c}, []string{p.SHA256})
		if err != nil {
			return err
		}
		without, err := b.station(ctx, 0, true, []ripCase{c}, []string{p.SHA256})
		if err != nil {
			return err
		}
		f.With, f.Without = append(f.With, with), append(f.Without, without)
		costs = append(costs, (with.Apart-without.Apart)/c.gib())
		b.say("%.2f CPU s a GiB (the whole processes: %.2f)", costs[n], (with.CPU-without.CPU)/c.gib())
	}
	f.CPU = middle(costs)
	return nil
}

// four measures the memory of a station with four discs at once.
func (b *archiveBench) four(ctx context.Context, f *archiveFigures, rate int64) error {
	var sums []string
	for _, c := range b.cases.four {
		p, err := c.progressOf(ctx)
		if err != nil {
			return err
		}
		sums = append(sums, p.SHA256)
	}
	b.say("four discs of %.0f MB at once", float64(b.cases.four[0].bytes())/1e6)
	r, err := b.station(ctx, rate, false, b.cases.four, sums)
	if err != nil {
		return err
	}
	f.Four, f.Peak = r, mib(r.Peak)
	b.say("peak %.1f MiB", f.Peak)
	return nil
}

// atRest holds what the server has on its disk against the disc: one of the
// objects of that name must be it.
func (b *archiveBench) atRest(pattern, sum string) error {
	found, err := filepath.Glob(filepath.Join(b.server.root, bucket, pattern))
	if err != nil {
		return err
	}
	for _, path := range found {
		got, err := fileSHA256(path)
		if err != nil {
			return err
		}
		if got == sum {
			return nil
		}
	}
	return fmt.Errorf("none of the %d objects %s has the disc's SHA-256, %s", len(found), pattern, sum)
}

func (b *archiveBench) say(format string, args ...any) {
	fmt.Fprintf(b.s.talk, format+"\n", args...)
}

// tools are the versions of what was measured against, and of the server.
func (b *archiveBench) tools(ctx context.Context) (all []string) {
	for _, argv := range [][]string{{"ddrescue", "--version"}, {b.rclone, "version"}, {debianAWS, "--version"}, {"sha512sum", "--version"}} {
		out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
		if err != nil {
			out = []byte(filepath.Base(argv[0]) + " of unknown version")
		}
		all = append(all, firstLine(out))
	}
	return all
}
