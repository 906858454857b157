package discfs

import (
	"errors"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/proofs"
	"ripstation/discfs/tree"
)

// ErrNoFile says that a node has no bytes of its own: a directory, a link.
var ErrNoFile = errors.New("not a regular file")

// Digests are those of all files of an image, of every volume, and those that
// the publisher's proofs need. They are taken in one pass: by Run, or block by
// block where the image is read for another reason anyway.
type Digests struct {
	*digest.Pass
	jobs   map[*tree.Node]*digest.Job
	proofs *proofs.Proofs
}

// Digests prepares the pass. What stands small on the image, lists of checksums
// among it, is read here.
func (m *Image) Digests() *Digests { return m.digests(m.have) }

// Ahead are the digests of an image of which only the structures were read so
// far, with the files' bytes still to come: those of all files that are known. They stand for nothing
// but the bytes that the blocks had: an image that is whole asks for its own
// Digests, and those Adopt these.
func (m *Image) Ahead() *Digests { return m.digests(nil) }

func (m *Image) digests(have func(off, n int64) bool) *Digests {
	d := &Digests{jobs: map[*tree.Node]*digest.Job{}}
	var all []*digest.Job
	for _, v := range m.Volumes {
		tree.Walk(v.Root, func(_ string, n *tree.Node) bool {
			if n.Mode.IsRegular() && n.Err == nil && d.jobs[n] == nil {
				j := &digest.Job{Extents: n.Extents, Size: n.Size, Algos: []digest.Algo{digest.SHA256}}
				d.jobs[n] = j
				all = append(all, j)
			}
			return true
		})
	}
	d.proofs = proofs.Plan(m.Main(), tree.NewSource(m.r, m.Size).Gate(m.have), d.jobs)
	d.Pass = digest.New(append(all, d.proofs.Jobs()...), m.Size, have)
	return d
}

// Of is the SHA-256 of a file of one of the image's volumes, after the pass; or
// why there is none.
func (d *Digests) Of(n *tree.Node) ([]byte, error) {
	j := d.jobs[n]
	switch {
	case n.Err != nil:
		return nil, n.Err
	case j == nil:
		return nil, ErrNoFile
	case j.Err != nil:
		return nil, j.Err
	}
	return j.Sums[digest.SHA256], nil
}

// Wanted are the sectors of the publisher's sums and lists that were not there
// yet: they say which digests are wanted beside the SHA-256.
func (d *Digests) Wanted() []disc.Extent { return sectors(d.proofs.Wanted()) }

// Checks are those of the publisher's proofs (F7xx), after the pass.
func (d *Digests) Checks() []disc.Check { return d.proofs.Checks() }
