package discfs

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"ripstation/disc"
	"ripstation/discfs/apple"
	"ripstation/discfs/boot"
	"ripstation/discfs/iso9660"
	"ripstation/discfs/proofs"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
)

// Image is what file systems say on an image: everything but the contents of
// its files.
type Image struct {
	Size int64
	tree.Found
	r    io.ReaderAt
	have func(off, n int64) bool
	// wanted is what was asked for and not there.
	wanted []tree.Extent
}

// formats are the packages that know one family of formats each.
var formats = []func(*tree.Source) tree.Found{iso9660.Read, udf.Read, apple.Read, boot.Read}

// Open reads all structures of an image of size bytes. r and have are used by
// several goroutines at once; have says which bytes
// were read from the disc; nil means that all were. Nothing on an image makes
// Open fail: what cannot be read or believed is told in Checks and in the
// nodes' Err.
//
// In memory it holds at most 64 MiB and 100 bytes for each byte of the image,
// and never more than tree.MaxNodes and tree.MaxExtents of each tree; it reads at
// most twice the image and 16 MiB for each of the formats.
func Open(r io.ReaderAt, size int64, have func(off, n int64) bool) *Image {
	return OpenSession(r, size, have, 0)
}

// OpenSession is Open for an image that begins at another sector of its disc
// than the first: a session cut out of it.
func OpenSession(r io.ReaderAt, size int64, have func(off, n int64) bool, first int64) *Image {
	m := &Image{Size: size, r: r, have: have}
	// Each format has a source of its own, and they do not wait for each other.
	found := make([]tree.Found, len(formats))
	sources := make([]*tree.Source, len(formats))
	panics := make([]any, len(formats))
	var wg sync.WaitGroup
	for i, read := range formats {
		sources[i] = tree.NewSource(r, size).Gate(have)
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			found[i] = read(sources[i])
		})
	}
	wg.Wait()
	for i, f := range found {
		if panics[i] != nil {
			panic(panics[i]) // where the caller can see to it
		}
		m.Systems = append(m.Systems, f.Systems...)
		m.Volumes = append(m.Volumes, f.Volumes...)
		m.Claims = append(m.Claims, f.Claims...)
		m.Structures = append(m.Structures, f.Structures...)
		m.Checks = append(m.Checks, f.Checks...)
		m.wanted = append(m.wanted, sources[i].Wanted()...)
	}
	moved(m.Claims, first)
	m.Checks = slices.Concat(m.sizes(), m.Checks, m.agree())
	return m
}

// AddSessions looks for the later sessions that a disc's table of contents
// names.
func (m *Image) AddSessions(toc disc.TOC) {
	seen := 1
	for _, t := range toc.Tracks {
		if t.Session > seen && t.Data {
			seen = t.Session
			m.AddSession(int64(t.Start), t.Session)
		}
	}
}

// AddSession looks for a later session of a multi-session disc, which begins at
// sector start and is its n-th: its trees become volumes, and the latest one
// the main tree. What its checks saw worse than those of the first session
// takes their place.
func (m *Image) AddSession(start int64, n int) {
	src := tree.NewSource(m.r, m.Size).Gate(m.have)
	f := iso9660.ReadSession(src, start, n)
	m.wanted = append(m.wanted, src.Wanted()...)
	if len(f.Volumes) == 0 {
		return
	}
	m.Volumes = append(m.Volumes, f.Volumes...)
	m.Claims = append(m.Claims, f.Claims...)
	m.Structures = append(m.Structures, f.Structures...)
	for _, c := range append(m.sizes(), f.Checks...) {
		i := slices.IndexFunc(m.Checks, func(o disc.Check) bool { return o.Code == c.Code })
		if i >= 0 && tree.Worse(c.Outcome, m.Checks[i].Outcome) {
			c.Message = fmt.Sprintf("session %d: %s", n, c.Message)
			m.Checks[i] = c
		}
	}
}

// Codes are all checks there are, in the order of their numbers.
func Codes() []tree.Code {
	return slices.Concat(sizeCodes, iso9660.Codes, boot.Codes, udf.Codes, apple.Codes, proofs.Codes, agreeCodes,
		[]tree.Code{{Number: "F901", Name: "files listed and digested"}})
}

// Wanted are the sectors of structures and directories that were not there
// yet. Once they are read, Open may want others, which they lead to.
func (m *Image) Wanted() []disc.Extent { return sectors(m.wanted) }

// sectors are those that the bytes lie in.
func sectors(bytes []tree.Extent) (out []disc.Extent) {
	for _, e := range bytes {
		first, last := e.Offset/disc.SectorSize, (e.End()-1)/disc.SectorSize
		out = append(out, disc.Extent{Start: disc.LBA(first), Count: last - first + 1})
	}
	return out
}

// preference orders views: the first that can be walked is an image's main
// tree.
var preference = []string{"UDF", "Rock Ridge", "Joliet", "ISO 9660:1999", "ISO 9660", "High Sierra"}

// Main is the tree that tells most of the files' names, or nil when none can be
// walked.
func (m *Image) Main() *tree.Volume {
	for _, view := range preference {
		var best *tree.Volume
		for _, v := range m.Volumes {
			if v.View == view && v.Root != nil && (best == nil || v.Session > best.Session) {
				best = v // a later session has the files of those before it too
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// FS is a volume of the image as an io/fs.FS.
func (m *Image) FS(v *tree.Volume) *tree.FS { return tree.NewFS(v.Root, m.r, m.Size) }
