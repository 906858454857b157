package discfs

import (
	"io"
	"slices"
	"sync"

	"ripstation/disc"
	"ripstation/discfs/apple"
	"ripstation/discfs/boot"
	"ripstation/discfs/iso9660"
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

// Wanted are the sectors of structures and directories that were not there
// yet. Once they are read, Open may want others, which they lead to.
func (m *Image) Wanted() []disc.Extent {
	var out []disc.Extent
	for _, e := range m.wanted {
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
		for _, v := range m.Volumes {
			if v.View == view && v.Root != nil {
				return v
			}
		}
	}
	return nil
}

// FS is a volume of the image as an io/fs.FS.
func (m *Image) FS(v *tree.Volume) *tree.FS { return tree.NewFS(v.Root, m.r, m.Size) }
