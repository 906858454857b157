package proofs

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// Bounds of what is read: bytes of one checksum file and of all, how many of
// them, and their lines. They are some times what the largest distributions
// have on a disc.
const (
	maxList  = 16 << 20
	maxBytes = 64 << 20
	maxLists = 1000
	maxLines = 500_000
)

// lists are the checksum files of a disc.
type lists struct {
	p     *Proofs
	view  string // of the volume
	names *resolver
	bytes int64
	lines int
	used  int // lists with lines in them
	right int // files with the right digest
	there int // files that are named and there
	boot  int // files looked at for a boot info table
}

// entry is a line whose file is there.
type entry struct {
	list, name string
	node       *tree.Node
	job        *digest.Job
	line
}

func (p *Proofs) planLists(v *tree.Volume, names *resolver) {
	l := &lists{p: p, view: v.View, names: names}
	var all []string
	more := 0
	tree.Walk(v.Root, func(name string, n *tree.Node) bool {
		if !n.Mode.IsRegular() || n.Associated || kindOf(path.Base(name)) == noList {
			return true
		}
		if len(all) == maxLists {
			more++
			return true
		}
		all = append(all, name)
		return true
	})
	if more > 0 {
		p.sheet.NotRun(listDigests, "%d further checksum files were not looked at: more than %d", more, maxLists)
	}
	for _, name := range all {
		l.read(name)
	}
	p.after = append(p.after, func() {
		if l.used == 0 {
			return
		}
		p.sheet.Pass(listDigests, "the digests of %s are those of %s on the disc", count(l.right, "file", "files"), count(l.used, "checksum file", "checksum files"))
		p.sheet.Pass(listFiles, "%s are there", count(l.there, "named file", "named files"))
	})
}

// read takes one list and asks for the digests of what it names.
func (l *lists) read(name string) {
	sheet := l.p.sheet
	dir, err := l.names.find(place{l.names.root}, path.Dir(name))
	if dir == nil || err != nil {
		return // it was walked to a moment ago
	}
	n := l.names.children(dir.node()).exact[path.Base(name)]
	if n == nil {
		return
	}
	if n.Err != nil {
		l.p.cannot(listDigests, quote(name), n.Err)
		return
	}
	if n.Size > maxList || l.bytes+n.Size > maxBytes {
		sheet.NotRun(listDigests, "%s is too large to be read as a checksum file", quote(name))
		return
	}
	l.bytes += n.Size
	text := make([]byte, n.Size)
	if _, err := io.ReadFull(io.NewSectionReader(tree.NewContent(n, l.p.src, l.p.src.Size()), 0, n.Size), text); err != nil {
		l.p.cannot(listDigests, quote(name), err)
		return
	}
	lines, bad, more := parseList(kindOf(path.Base(name)), path.Base(name), text, maxLines-l.lines)
	l.lines += len(lines)
	if len(lines) == 0 && !more {
		return // a file that only has such a name
	}
	l.used++
	if more {
		sheet.NotRun(listDigests, "%s: more than %d lines of checksums on this disc were not looked at", quote(name), maxLines)
	}
	if bad > 0 {
		sheet.Warn(listDigests, "%s has %s that cannot be read as checksums", quote(name), count(bad, "line", "lines"))
	}
	l.entries(name, dir, n, lines)
}

// entries finds the files of a list's lines.
func (l *lists) entries(name string, dir place, self *tree.Node, lines []line) {
	found := make([]*tree.Node, len(lines))
	var missing []int
	there, unknown := 0, 0
	for i, e := range lines {
		n, err := l.names.named(dir, e.name)
		switch {
		case n == self: // its own digest cannot stand in it
		case n != nil && n.Mode.IsRegular():
			found[i] = n
			there++
		case err != nil:
			unknown++
			l.p.cannot(listFiles, quote(name)+": "+quote(e.name), err)
		case n == nil && !l.holds(e.name):
			unknown++
			l.p.sheet.NotRun(listFiles, "%s: the names of this tree (%s) are shorter than %s", quote(name), l.view, quote(e.name))
		default:
			missing = append(missing, i)
		}
	}
	switch {
	case len(missing) > 0 && there == 0 && unknown > 0: // told already
	case len(missing) > 0 && there == 0:
		l.p.sheet.Warn(listFiles, "%s names %s, none of which is on the disc", quote(name), count(len(missing), "file", "files"))
	default:
		for _, i := range missing {
			l.p.sheet.Fail(listFiles, "%s: %s is not on the disc", quote(name), quote(lines[i].name))
		}
	}
	l.there += there
	var todo []entry
	for i, n := range found {
		if n == nil {
			continue
		}
		j, err := l.p.file(n, lines[i].algo)
		if err != nil {
			l.p.cannot(listDigests, quote(name)+": "+quote(lines[i].name), err)
			continue
		}
		todo = append(todo, entry{name, lines[i].name, n, j, lines[i]})
	}
	l.p.after = append(l.p.after, func() {
		for _, e := range todo {
			l.compare(e)
		}
	})
}

func (l *lists) compare(e entry) {
	sheet := l.p.sheet
	switch {
	case e.job.Err != nil:
		l.p.cannot(listDigests, quote(e.list)+": "+quote(e.name), e.job.Err)
	case bytes.Equal(e.job.Sums[e.algo], e.sum):
		l.right++
	case l.bootInfo(e.node):
		sheet.Warn(listDigests, "%s: %s differs, as any file does into which a writer of images has put its boot info table", quote(e.list), quote(e.name))
	default:
		sheet.Fail(listDigests, "%s: %s has the %s %x, not %x", quote(e.list), quote(e.name), e.algo, e.job.Sums[e.algo], e.sum)
	}
}

// holds reports whether a tree of this view would have a name as it is. Those
// without Rock Ridge have only capitals, digits and "_" in 8 and 3 (ECMA-119,
// 10.1), Joliet 64 characters of which six stand for something else.
func (l *lists) holds(name string) bool {
	name = strings.ReplaceAll(name, `\`, "/")
	for _, elem := range strings.Split(name, "/") {
		switch l.view {
		case "Joliet":
			if utf8.RuneCountInString(elem) > 64 || strings.ContainsAny(elem, "*:;?") {
				return false
			}
		case "ISO 9660", "High Sierra":
			base, ext, _ := strings.Cut(elem, ".")
			plain := func(r rune) bool {
				return r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
			}
			other := func(r rune) bool { return !plain(r) }
			if elem != "." && elem != ".." && (len(base) > 8 || len(ext) > 3 || strings.ContainsFunc(base+ext, other)) {
				return false
			}
		}
	}
	return true
}

// bootInfo reports whether a file has the table that mkisofs and others write
// over bytes 8 to 63 of a boot image, and its sum is right: the bytes behind it
// are those that they were.
func (l *lists) bootInfo(n *tree.Node) bool {
	const most, times = 8 << 20, 16
	if n.Size <= 64 || n.Size > most || len(n.Extents) != 1 || l.boot == times {
		return false
	}
	l.boot++
	text := make([]byte, (n.Size+3)/4*4)
	_, err := tree.NewContent(n, l.p.src, l.p.src.Size()).ReadAt(text[:n.Size], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	word := func(at int) uint32 {
		return uint32(text[at]) | uint32(text[at+1])<<8 | uint32(text[at+2])<<16 | uint32(text[at+3])<<24
	}
	var sum uint32
	for i := 64; i < len(text); i += 4 {
		sum += word(i)
	}
	return word(8) == firstDescriptor && int64(word(12))*2048 == n.Extents[0].Offset && int64(word(16)) == n.Size && word(20) == sum
}
