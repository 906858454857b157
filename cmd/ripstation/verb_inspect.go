package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/export"
	"ripstation/discfs/tree"
)

// inspection is what a person asks of an image.
type inspection struct {
	mapFile   string
	offset    int64
	noDigests bool
	files     bool
	list      bool
}

func (a *app) inspectVerb() *cobra.Command {
	var q inspection
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Report what is on an image file",
		Long: `Inspect reports what is on any image on disk: its file systems, whether the
image is as large as they say, every structural check, the publisher's own
proofs, and every file with its SHA-256. It needs no station, no catalog and no
configuration, and changes nothing.

The exit code is 4 when a check failed, else 3 when --map says that bytes of a
file were not read.`,
		Example: "  ripstation inspect disc.iso\n  ripstation inspect disc.iso --json\n  ripstation inspect disc.iso --map ddrescue.map --files",
		Args:    takes("an image file"),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.inspect(ctx, args[0], q)
		}),
	}
	cmd.Flags().StringVar(&q.mapFile, "map", "", "which sectors were read: a sectors.map, or a mapfile of GNU ddrescue")
	cmd.Flags().Int64Var(&q.offset, "offset", 0, "the sector of the disc at which the image begins, for a later session")
	cmd.Flags().BoolVar(&q.noDigests, "no-digests", false, "do not read the files: no SHA-256, no publisher's proofs")
	cmd.Flags().BoolVar(&q.files, "files", false, "list every file, not the damaged ones alone")
	cmd.Flags().BoolVar(&q.list, "list", false, "list the files of the main tree and nothing else: no checks, no digests")
	return cmd
}

func (a *app) inspect(ctx context.Context, name string, q inspection) error {
	if q.offset < 0 || q.offset > disc.MaxSectors {
		return usage("--offset %d: it is the number of a sector, 0 to %d", q.offset, int64(disc.MaxSectors))
	}
	f, size, err := openImage(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var sm *disc.SectorMap
	var have func(off, n int64) bool
	if q.mapFile != "" {
		if sm, err = readMap(q.mapFile, size); err != nil {
			return err
		}
		have = discfs.Have(sm)
	}
	if q.list {
		return a.listImage(f, size, sm)
	}
	m := discfs.OpenSession(f, size, have, q.offset)
	var d *discfs.Digests
	checks := m.Checks
	if !q.noDigests {
		d = m.Digests()
		if err := d.Run(ctx, f, a.reading()); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		checks = append(checks, d.Checks()...)
	}
	r := reportOf(m, d, sm, checks)
	if a.json {
		err = a.printInspectionJSON(r)
	} else {
		err = a.printInspection(name, r, q)
	}
	switch {
	case err != nil:
	case slices.ContainsFunc(checks, func(c disc.Check) bool { return c.Outcome == disc.Failure }):
		err = &failure{code: exitFindings}
	case sm != nil && slices.ContainsFunc(r.Files, func(f reportFile) bool { return len(f.Damaged) > 0 }):
		err = &failure{code: exitMissing}
	}
	return err
}

// listImage lists the files of an image's main tree.
func (a *app) listImage(f *os.File, size int64, sm *disc.SectorMap) error {
	var have func(off, n int64) bool
	if sm != nil {
		have = discfs.Have(sm)
	}
	v, err := pickVolume(discfs.OpenPart(f, size, have, "", tree.Part{Within: ".", Deep: true}), "")
	if err != nil { // why there is none
		if v, err = pickVolume(discfs.Open(f, size, have), ""); err != nil {
			return err
		}
	}
	res := lsResult{Volume: v.View, Label: v.Label, Files: []listed{}}
	short := a.listTree(&res, &export.Source{Image: f, Size: size, Map: sm}, v.Root, ".", true)
	if a.json {
		err = a.printJSON(res)
	} else {
		err = a.printListed(res, ".", true, true, true)
	}
	if err == nil && short {
		err = &failure{code: exitMissing}
	}
	return err
}

// openImage opens an image for reading and says how many bytes it has. What is
// no regular file is not opened at all: a pipe would be waited for, and a
// drive would pull its tray in.
func openImage(name string) (*os.File, int64, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, 0, cannotRead(name, err)
	}
	if err := regular(name, st.Mode()); err != nil {
		return nil, 0, err
	}
	// Without waiting, should it have become something else since.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, cannotRead(name, err)
	}
	if st, err = f.Stat(); err == nil {
		err = regular(name, st.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// regular refuses what is no image file.
func regular(name string, m fs.FileMode) error {
	switch {
	case m.IsDir():
		return usage("%s is a folder; name an image file in it", name)
	case m&fs.ModeDevice != 0:
		return usage("%s is a device; `ripstation rip %s` images a disc, and inspect reads the image", name, name)
	case !m.IsRegular():
		return usage("%s is no image file; name one, or a drive to `ripstation rip`", name)
	}
	return nil
}

// readMap reads a map in our form, or in ddrescue's.
func readMap(name string, size int64) (*disc.SectorMap, error) {
	p, err := os.ReadFile(name)
	if err != nil {
		return nil, cannotRead("--map "+name, err)
	}
	sectors := (size + disc.SectorSize - 1) / disc.SectorSize
	m, err := disc.ParseSectorMap(bytes.NewReader(p))
	if err != nil && !bytes.HasPrefix(p, []byte("ripstation")) {
		m, err = disc.ParseDdrescue(bytes.NewReader(p))
	}
	if err != nil {
		return nil, usage("--map %s: it is neither a sectors.map nor a mapfile of GNU ddrescue; name one: %v", name, err)
	}
	// The image of a rescue under way is often shorter than its disc: what is
	// behind its end was not read either.
	if m.Sectors() < sectors {
		return nil, usage("--map %s: it is of %d sectors, and the image has %d: it belongs to another image; give the map that was made with it", name, m.Sectors(), sectors)
	}
	return m, nil
}

// reading shows how far a reading of an image has come, on a terminal.
func (a *app) reading() func(done, total int64) {
	if !a.terminal || a.json {
		return nil
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(a.err), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("reading"), progressbar.OptionClearOnFinish())
	return func(done, total int64) {
		bar.ChangeMax64(total)
		// A bar that cannot be drawn is no reason to stop.
		_ = bar.Set64(done)
		if done >= total {
			_ = bar.Finish()
		}
	}
}

// printInspectionJSON prints a report with a line for every file, check and
// volume.
func (a *app) printInspectionJSON(r report) error {
	w := bufio.NewWriterSize(a.out, 1<<20)
	if err := r.lines(w); err != nil {
		return err
	}
	return w.Flush()
}

// printInspection prints a report for people.
func (a *app) printInspection(name string, r report, q inspection) error {
	w := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("%s", one(name))
	if len(r.Filesystems) == 0 {
		line("  no file system that is known here; %d bytes (%s)", r.Size.Actual, size(r.Size.Actual))
	} else {
		line("  %s; %d bytes (%s)", strings.Join(r.Filesystems, ", "), r.Size.Actual, size(r.Size.Actual))
		line("  %s", r.Size.words())
	}
	for _, v := range r.Volumes {
		line("  volume %s%s", one(v.View), labelled(v.Label))
		for _, d := range v.Dates {
			if d.Time != nil {
				line("    %s %s", one(d.Name), d.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
			}
		}
	}
	passed, absent := 0, 0
	for _, o := range []disc.Outcome{disc.Failure, disc.Warning, disc.NotRun} {
		for _, c := range r.Checks {
			if c.Outcome == o {
				line("  %-7s %s %s: %s", strings.ToUpper(string(o)), c.Code, one(c.Name), one(c.Message))
			}
		}
	}
	for _, c := range r.Checks {
		switch c.Outcome {
		case disc.Pass:
			passed++
		case disc.NotApplicable:
			absent++
		}
	}
	line("  %d checks passed; %d have nothing on this image to look at", passed, absent)
	files, bad, undigested := 0, 0, 0
	for _, f := range r.Files {
		if f.Type != "file" {
			continue
		}
		files++
		if len(f.Damaged) > 0 {
			bad++
		}
		if f.SHA256 == nil {
			undigested++
		}
	}
	switch {
	case bad > 0:
		line("  %d files, %d of them DAMAGED:", files, bad)
	case q.noDigests || undigested == 0:
		line("  %d files", files)
	default:
		line("  %d files, %d of them without a digest", files, undigested)
	}
	for _, f := range r.Files {
		switch {
		case q.files:
			sum := "-"
			if f.SHA256 != nil {
				sum = *f.SHA256
			}
			line("    %s %12d %s%s", sum, f.Size, one(f.Path), f.mark())
		case len(f.Damaged) > 0 || f.Type == "file" && f.SHA256 == nil && !q.noDigests:
			line("    %s%s", one(f.Path), f.mark())
		}
	}
	_, err := io.WriteString(a.out, w.String())
	return err
}

func labelled(s string) string {
	if s == "" {
		return ", without a label"
	}
	return fmt.Sprintf(", label %s", one(s))
}
