package main

import (
	"bufio"
	"fmt"
	"slices"
	"time"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/tree"
)

// report is what `inspect --json` prints.
type report struct {
	Filesystems []string       `json:"filesystems"` // of systems, in their order
	Size        reportSize     `json:"size"`
	Checks      []disc.Check   `json:"checks"`
	Volumes     []*tree.Volume `json:"volumes"`
	Files       []reportFile   `json:"files"`
}

// systems are the names that Filesystems can have.
var systems = []string{"ISO 9660", "High Sierra", "UDF", "HFS", "HFS+"}

// reportSize holds the image's size against what is on it.
type reportSize struct {
	Actual int64 `json:"actual"` // bytes
	// Expected is the largest size that any structure claims; null without a
	// file system.
	Expected *int64 `json:"expected"`
	// DifferenceSectors is (actual - expected) / 2048, negative when the image
	// is too small.
	DifferenceSectors *float64 `json:"difference_sectors"`
}

func (s reportSize) words() string {
	switch {
	case s.Expected == nil || *s.Expected == 0:
		return "nothing on it says how large it should be"
	case s.Actual < *s.Expected:
		return fmt.Sprintf("TOO SMALL: it should have at least %d bytes; %.4g sectors are missing", *s.Expected, -*s.DifferenceSectors)
	case s.Actual == *s.Expected:
		return "as large as its file systems say"
	}
	return fmt.Sprintf("%.4g sectors larger than its file systems say, which is normal", *s.DifferenceSectors)
}

// reportFile is one file of the image.
type reportFile struct {
	Path    string        `json:"path"`
	Volume  string        `json:"volume"` // the view that it was found in
	Type    string        `json:"type"`   // file, directory, link, other
	Size    int64         `json:"size"`
	SHA256  *string       `json:"sha256"`
	MTime   *time.Time    `json:"mtime"`
	Link    *string       `json:"link"`
	Extents []tree.Extent `json:"extents"`
	// Damaged are its bytes, in the image, that are missing from it.
	Damaged []tree.Extent `json:"damaged"`
	Reason  *string       `json:"reason"` // why there is no digest, or what else is wrong
}

// mark is what stands behind a file's name when something is wrong with it.
func (f reportFile) mark() string {
	var lost int64
	for _, e := range f.Damaged {
		lost += e.Length
	}
	switch {
	case lost > 0:
		return fmt.Sprintf("  DAMAGED: %d bytes are missing", lost)
	case f.Reason != nil:
		return "  " + one(*f.Reason)
	}
	return ""
}

func reportOf(m *discfs.Image, d *discfs.Digests, sm *disc.SectorMap, checks []disc.Check) report {
	r := report{Filesystems: []string{}, Size: reportSize{Actual: m.Size}, Checks: checks, Volumes: []*tree.Volume{}, Files: []reportFile{}}
	for _, s := range systems {
		if slices.Contains(m.Systems, s) {
			r.Filesystems = append(r.Filesystems, s)
		}
	}
	if expected, known := m.Expected(); known {
		diff := float64(m.Size-expected) / disc.SectorSize
		r.Size.Expected, r.Size.DifferenceSectors = &expected, &diff
	}
	r.Volumes = append(r.Volumes, m.Volumes...)
	volumes, list := m.Listed(d, sm)
	for _, e := range list {
		f := reportFile{Path: e.Path, Volume: volumes[e.Volume].View, Type: typeOf(e.Node.Mode), Size: e.Node.Size, SHA256: orNull(e.SHA256),
			Link: orNull(e.Node.Link), Extents: orEmpty(e.Node.Extents), Damaged: orEmpty(e.Lost), Reason: orNull(e.Reason)}
		if !e.Node.Modified.IsZero() {
			t := e.Node.Modified.UTC()
			f.MTime = &t
		}
		r.Files = append(r.Files, f)
	}
	return r
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// orNull is nil for what is not known.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// lines writes the report as JSON.
func (r report) lines(w *bufio.Writer) error {
	var bad error
	put := func(v any) {
		b, err := safeJSON(v, "")
		if err != nil && bad == nil {
			bad = err
		}
		w.Write(b) // what a write says, bufio keeps until Flush
	}
	w.WriteString("{\n\"filesystems\":")
	put(r.Filesystems)
	w.WriteString(",\n\"size\":")
	put(r.Size)
	list(w, "checks", r.Checks, put)
	list(w, "volumes", r.Volumes, put)
	list(w, "files", r.Files, put)
	w.WriteString("\n}\n")
	return bad
}

func list[T any](w *bufio.Writer, name string, items []T, put func(any)) {
	w.WriteString(",\n\"" + name + "\":[")
	for i, v := range items {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteByte('\n')
		put(v)
	}
	w.WriteString("]")
}
