// Package proofs checks what a publisher has put on a disc to prove it: sums
// over the image (isomd5sum, libisofs), lists of checksums of files, and the
// second copies that DVDs and Blu-ray discs keep of their tables.
//
// Plan reads the small things and says which digests it needs; these are taken
// in the one pass over the image that takes the files' digests as well. Checks
// then tells what came of it.
//
// A proof says that the bytes of the image are those that its publisher had.
// It does not say that the publisher's were good.
package proofs

import (
	"context"
	"errors"
	"fmt"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// The checks of this package.
const (
	isoMD5      = "F701"
	libisofsMD5 = "F702"
	listDigests = "F703"
	listFiles   = "F704"
	dvdCopies   = "F705"
	dvdTables   = "F706"
	bdCopies    = "F707"
	audioCopies = "F708"
)

// Codes are the checks of this package.
var Codes = []tree.Code{
	{Number: isoMD5, Name: "isomd5sum: the MD5 of the image in its primary volume descriptor"},
	{Number: libisofsMD5, Name: "libisofs: MD5 tags of superblock, tree and session"},
	{Number: listDigests, Name: "checksum files on the disc: the digests of the files that they name"},
	{Number: listFiles, Name: "checksum files on the disc: the files that they name are there"},
	{Number: dvdCopies, Name: "DVD-Video: each IFO file equals its BUP file"},
	{Number: dvdTables, Name: "DVD-Video: IFO files have their identifiers and the sizes that they claim"},
	{Number: bdCopies, Name: "Blu-ray: the files of BDMV equal those of BDMV/BACKUP"},
	{Number: audioCopies, Name: "DVD-Audio: each IFO file equals its BUP file"},
}

// Proofs are those of one image, between Plan and Checks.
type Proofs struct {
	src   *tree.Source
	sheet *tree.Sheet
	files map[*tree.Node]*digest.Job
	same  map[stretch]*digest.Job // jobs of one extent, whichever node has it
	jobs  []*digest.Job
	left  int64    // bytes that may still be digested
	after []func() // what is left to be said when the digests are there
	// wanted is what sums and lists are in, and was not there.
	wanted []tree.Extent
}

// stretch is what most files are: one piece of the image.
type stretch struct{ offset, size int64 }

// Plan looks for proofs on an image: on src itself, and among the files of v,
// its main tree, which may be nil. files are the digests of v's files that will
// be taken anyway, by node; algorithms are added to them where that saves a
// second job. It may be nil.
//
// What is read is bounded: see maxList and maxLines.
func Plan(v *tree.Volume, src *tree.Source, files map[*tree.Node]*digest.Job) *Proofs {
	p := &Proofs{src: src, sheet: tree.NewSheet(Codes), files: files, same: map[stretch]*digest.Job{}}
	// An honest file is in a list or two; a hostile disc could have one large
	// file digested under a million names.
	const most = 16
	p.left = (src.Size() + 1<<20) * most
	p.planISOMD5()
	p.planLibisofs()
	p.wanted = src.Wanted()
	if v != nil && v.Root != nil {
		names := newResolver(v.Root)
		p.planLists(v, names)
		p.wanted = src.Wanted()
		p.planCopies(names)
	}
	return p
}

// Wanted are the bytes of sums and lists that were not read from the disc yet:
// with them Plan asks for more digests.
func (p *Proofs) Wanted() []tree.Extent { return p.wanted }

// Jobs are the digests that the proofs need beside those that Plan was given.
func (p *Proofs) Jobs() []*digest.Job { return p.jobs }

// Checks are all of the package's, once the jobs have been done.
func (p *Proofs) Checks() []disc.Check {
	for _, f := range p.after {
		f()
	}
	p.after = nil
	return p.sheet.Checks()
}

// errTooMuch is for discs that would have the same bytes digested, or the same
// links followed, again and again.
var errTooMuch = errors.New("the proofs refer to many times more than the image has")

// add asks for a digest of a sequence of bytes.
func (p *Proofs) add(j *digest.Job) error {
	if j.Size < 0 || j.Size > p.left {
		return errTooMuch
	}
	p.left -= j.Size
	p.jobs = append(p.jobs, j)
	return nil
}

// file asks for a digest of a file.
func (p *Proofs) file(n *tree.Node, a digest.Algo) (*digest.Job, error) {
	if n.Err != nil {
		return nil, n.Err
	}
	j := p.files[n]
	key, single := stretch{size: n.Size}, len(n.Extents) == 1 && n.Extents[0].Length == n.Size && n.Extents[0].Gap == 0
	if single {
		key.offset = n.Extents[0].Offset
	}
	if j == nil && single {
		j = p.same[key]
	}
	if j != nil {
		for _, have := range j.Algos {
			if have == a {
				return j, nil
			}
		}
		if j.Size > p.left {
			return nil, errTooMuch
		}
		p.left -= j.Size
		j.Algos = append(j.Algos, a)
		return j, nil
	}
	j = &digest.Job{Extents: n.Extents, Size: n.Size, Algos: []digest.Algo{a}}
	if err := p.add(j); err != nil {
		return nil, err
	}
	if single {
		p.same[key] = j
	}
	return j, nil
}

// unread reports whether an error says that the check could not be made: bytes
// were not read from the disc, or a bound was reached. All other errors say that
// data is missing.
func unread(err error) bool {
	for _, e := range []error{tree.ErrAbsent, tree.ErrBudget, digest.ErrTooMuch, errTooMuch, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// cannot notes why a digest could not be had.
func (p *Proofs) cannot(code, what string, err error) {
	if unread(err) {
		p.sheet.NotRun(code, "%s: %v", what, err)
	} else {
		p.sheet.Fail(code, "%s: %v", what, err)
	}
}

// quote makes a name from a disc fit to be shown.
func quote(name string) string { return tree.CleanText(name, 200) }

// count is a number with its noun.
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
