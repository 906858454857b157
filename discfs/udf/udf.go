// Package udf reads UDF (OSTA Universal Disk Format 1.02 to 2.60), which is
// ECMA-167 with choices made: volumes, all kinds of partition maps, and the
// tree of files. Named streams are files "NAME:STREAM" beside the file that
// they belong to, since they are bytes that the disc holds.
package udf

import (
	"errors"
	"fmt"

	"ripstation/discfs/tree"
)

// UDF is the name of the system and of its one view.
const UDF = "UDF"

// Read looks for a UDF volume and walks it.
func Read(src *tree.Source) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes)}
	r.read()
	r.found.Checks = r.sheet.Checks()
	return r.found
}

// ReadPart is Read for a part of the tree, and without checks. Of revisions
// with named streams it reads files' entries also for their names alone, since
// these lead to the streams.
func ReadPart(src *tree.Source, part tree.Part) tree.Found {
	r := &reader{src: src, sheet: tree.NewSheet(Codes), part: &part}
	r.read()
	return r.found
}

// reader is one reading of one image.
type reader struct {
	src   *tree.Source
	sheet *tree.Sheet
	found tree.Found
	part  *tree.Part
	bs    int64 // bytes of a logical block, which are a sector's too (UDF 2.60, 2.2.4.2)

	nsr     string // NSR02, NSR03, or "" when the recognition sequence has none
	anchor  []byte
	vol     sequence
	rev     uint16 // of UDF, in binary coded decimal: 0x0201
	parts   map[uint16]partition
	maps    []mapping
	ahead   window
	work    int64 // blocks that were mapped one by one
	budget  int64 // bytes of directories still to be read
	files   int   // names of files and streams
	folders int
	counted counts
	partial bool // not all of the tree is known
}

func (r *reader) read() {
	recognised := r.recognition()
	if !r.anchors() {
		if recognised {
			r.system()
			v := &tree.Volume{System: UDF, View: UDF, Err: errors.New("no anchor was found")}
			r.found.Volumes = append(r.found.Volumes, v)
			r.silent("F502", "no anchor was found at sector 256 or at the end of the image")
		}
		return
	}
	r.sequences()
	if r.vol.logical == nil && !recognised {
		return // something that looks like an anchor, and leads nowhere
	}
	r.system()
	v := r.volume()
	r.found.Volumes = append(r.found.Volumes, v)
	if v.Err != nil {
		return
	}
	if r.part != nil && r.rev >= 0x0200 {
		r.part.Names = false
	}
	w := &walker{r: r, v: v}
	if w.walk(); r.part == nil {
		r.integrity()
	}
}

func (r *reader) system() { r.found.Systems = []string{UDF} }

// silent is a failure, or a check that could not be made where the image has gaps.
func (r *reader) silent(code, format string, a ...any) {
	if len(r.src.Wanted()) > 0 {
		r.sheet.NotRun(code, "%s; not all of it was read from the disc", fmt.Sprintf(format, a...))
		return
	}
	r.sheet.Fail(code, format, a...)
}

func (r *reader) structure(off, n int64, format string, a ...any) {
	r.found.Structures = append(r.found.Structures, tree.Structure{Extent: tree.Extent{Offset: off, Length: n}, System: UDF, What: fmt.Sprintf(format, a...)})
}

// window is a stretch of the image that is held, since entries that follow
// each other are read one by one.
type window struct {
	off int64
	p   []byte
	end int64 // of the last read
}

const windowSize = 64 << 10

// bytes gives n bytes at off, at most windowSize. Reads that follow each other
// are served from one larger one.
func (r *reader) bytes(off int64, n int) ([]byte, error) {
	a := &r.ahead
	if off >= a.off && off+int64(n) <= a.off+int64(len(a.p)) {
		a.end = off + int64(n)
		return a.p[off-a.off:][:n], nil
	}
	if off >= a.end && off < a.end+16<<10 && a.end > 0 {
		size := min(windowSize, r.src.Size()-off)
		if size >= int64(n) {
			if p, err := r.src.Read(off, int(size)); err == nil {
				*a = window{off, p, off + int64(n)}
				return p[:n], nil
			}
		}
	}
	p, err := r.src.Read(off, n)
	if err == nil {
		a.end = off + int64(n)
	}
	return p, err
}
