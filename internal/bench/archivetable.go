package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"ripstation/station"
)

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, f, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// middleStation is the run in the middle by its time.
func (k linkRuns) middleStation() archiveRun {
	sorted := slices.SortedFunc(slices.Values(k.Station), func(a, b archiveRun) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return sorted[len(sorted)/2]
}

func (k linkRuns) station() float64 { return k.middleStation().Seconds }

func middleScript(runs []scriptRun) scriptRun {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b scriptRun) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return sorted[len(sorted)/2]
}

func scriptTime(runs []scriptRun) float64 { return middleScript(runs).Seconds }

// allowed is the time that the project holds itself to: 1.05 times the drive's
// own reading time and one part's.
func (f archiveFigures) allowed(k linkRuns) float64 {
	return 1.05*f.Own + float64(f.PartBytes)/float64(k.Rate)
}

func archiveTable(f archiveFigures) string {
	var b strings.Builder
	mean := f.Links[0]
	limit := f.allowed(mean) / f.Own
	b.WriteString("| figure | measured | to reach |\n|---|---|---|\n")
	fmt.Fprintf(&b, "| insertion to open tray, of the better script's | %.3f | 0.60 |\n", f.Script)
	fmt.Fprintf(&b, "| insertion to open tray, of the drive's own reading time | %.3f (on this link nobody can be below %.3f) | %.3f |\n", f.Drive, mean.Floor/f.Own, limit)
	fmt.Fprintf(&b, "| the same on a link as fast as the drive ever is | %.3f (nobody below %.3f) | %.3f |\n", f.Links[1].station()/f.Own, f.Links[1].Floor/f.Own, f.allowed(f.Links[1])/f.Own)
	fmt.Fprintf(&b, "| CPU seconds per GiB for sending | %.2f | 1.2 |\n", f.CPU)
	fmt.Fprintf(&b, "| peak memory with four discs at once | %.1f MiB | 100 MiB |\n", f.Peak)

	b.WriteString("\n| link | who | rounds | insertion to open tray | of which | CPU s | peak memory |\n|---|---|---|---|---|---|---|\n")
	for _, k := range f.Links {
		name := fmt.Sprintf("%s, %.2f MB/s", k.Name, float64(k.Rate)/1e6)
		r := k.middleStation()
		fmt.Fprintf(&b, "| %s | ripstation | %s | %.1f s | %s | %.1f (drive included) | %.1f MiB |\n", name, seconds(k.Station, func(r archiveRun) float64 { return r.Seconds }), r.Seconds, marksOf(r), r.CPU, mib(r.Peak))
		for _, s := range []struct {
			name string
			runs []scriptRun
		}{{"script with rclone", k.Rclone}, {"script with aws-cli", k.AWS}} {
			if len(s.runs) == 0 {
				continue
			}
			r := middleScript(s.runs)
			var steps []string
			for _, p := range r.Steps {
				steps = append(steps, fmt.Sprintf("%s %.1f", p.Name, p.Seconds))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %.1f s | %s | %.1f | %.1f MiB |\n", name, s.name, seconds(s.runs, func(r scriptRun) float64 { return r.Seconds }), r.Seconds, strings.Join(steps, ", "), r.CPU, mib(r.Peak))
		}
	}

	b.WriteString("\n| through the preload face | bytes | the drive's own time | took | more |\n|---|---|---|---|---|\n")
	for _, c := range f.Face {
		fmt.Fprintf(&b, "| %s | %.0f MB | %.2f s | %.2f s | %.2f %% |\n", c.Program, float64(c.Bytes)/1e6, c.Own, c.Seconds, 100*c.over())
	}

	b.WriteString("\n| CPU seconds of one station, turn by turn | apart from digests and drive | in all | cores busy with the link, the store and other work meanwhile |\n|---|---|---|---|\n")
	for _, who := range []struct {
		name string
		runs []archiveRun
	}{{f.CPUCase.Name + ", sent to the store", f.With}, {"the same, with a store that never answers", f.Without}} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", who.name, each(who.runs, "%.2f", func(r archiveRun) float64 { return r.Apart }),
			each(who.runs, "%.1f", func(r archiveRun) float64 { return r.CPU }), each(who.runs, "%.2f", func(r archiveRun) float64 { return r.Others }))
	}
	return b.String()
}

func seconds[R any](runs []R, of func(R) float64) string { return each(runs, "%.1f", of) }

func each[R any](runs []R, format string, of func(R) float64) string {
	var all []string
	for _, r := range runs {
		all = append(all, fmt.Sprintf(format, of(r)))
	}
	return strings.Join(all, ", ")
}

// marksOf says when the steps of a run were over.
func marksOf(r archiveRun) string {
	var all []string
	for _, m := range []struct {
		what string
		word station.Word
	}{{"reading began at", station.WordReading}, {"read at", station.WordPass}, {"sealed at", station.WordComplete}, {"stored at", station.WordStored}} {
		if at := r.at(m.word); at > 0 {
			all = append(all, fmt.Sprintf("%s %.1f", m.what, at))
		}
	}
	if r.Passed > 0 {
		all = append(all, fmt.Sprintf("all bytes through the link at %.1f", r.Passed))
	}
	return strings.Join(all, ", ")
}

// archiveMethod says how the figures came about and what they do not say.
func archiveMethod(f archiveFigures) string {
	return fmt.Sprintf(`One run of everything, one thing after the other. The store is versitygw with https (a certificate made for the run) on the loopback and keeps its objects in
%s; between it and whoever sends stands a TCP proxy that lets the link's rate through in each direction, by a token bucket. The drive is the simulated one at the
speed and acceleration of its name, in real time: in the station's process for ripstation, and for the scripts through the preload face, which
answers ddrescue as the kernel would (what of the kernel it models stands in internal/simdrive/preload). The drive's own time (%.1f s) is taken on a clock
that does not wait and has no spin-up in it (%.0f s); every time from the insertion has. A drive of constant angular velocity gives its second half faster than its mean
rate: on a link of that rate a backlog is left at the disc's end, whoever sends. "Nobody can be below" is when its last byte has passed, reading in
order. Time to open tray: ripstation until the tray is seen open with eject.when = "stored" (one required S3 store, spool and catalog on the same disk; it reads its copy back after
that); the scripts until eject has ended. Between the last byte's way through the link and the tray lies the store's own work: this one makes one file of an upload's parts by copy_file_range(2), which copies them where the file system cannot let files share blocks. Both scripts: ddrescue -d -b2048, sha512sum, copying of image, mapfile and sum, check, eject. The check is the cheaper honest one: rclone
check as it comes, which asks for the stored sum (HEAD) and takes it anew of the local file; with aws-cli the ETag and size by HEAD, the ETag taken anew
of the local file's parts. Neither reads anything back. A clean disc is sealed, and at the end of every run the object on the server's disk had the disc's SHA-256. CPU
for sending is the difference, turn by turn, of two runs of the same station with the same disc in the same drive and a link without limits, each until the tray opens: one sends, the other has a store that never answers and eject.when = "imaged"; the median of %d. Of each run counts
what a CPU profile of the process (a sample every 10 ms of CPU time) sees outside of digests, reader and drive: reading the parts from the spool, their checksums, TLS, the SDK, the scheduler, the garbage collector.
Beside it stands the whole process (getrusage), whose digests vary by more from run to run than sending takes. It comes out higher while other work shares the cores and their caches, the store's and the link's included. Peak memory is the station's VmHWM, the simulated drives included, with four discs of %.0f MB in four drives at once over one link of four times the mean rate, until the last tray is open.
Tools: %s. What this does not say: how a real network delays and loses; how a store far away answers; what a damaged disc costs; what reading back costs; how a real drive and
the kernel's part in SG_IO behave.
`, f.StoreIn, f.Own, f.SpinUp, len(f.With), float64(f.FourCase.bytes())/1e6, strings.Join(f.Tools, "; "))
}
