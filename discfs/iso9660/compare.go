package iso9660

import (
	"errors"
	"slices"

	"ripstation/discfs/tree"
)

func isAbsent(err error) bool { return errors.Is(err, tree.ErrAbsent) }

// compareViews holds the Joliet tree against the primary one: both should lead
// to the same bytes. Discs for two systems differ on purpose, so a difference
// is told and is no failure.
func (r *reader) compareViews() {
	primary, joliet := r.bytesOf(ISO), r.bytesOf(Joliet)
	if primary == nil || joliet == nil {
		return
	}
	r.only(joliet, primary, "Joliet")
	r.only(primary, joliet, "primary")
	if primary.whole && joliet.whole {
		r.sheet.Pass("F303", "%d files in both", len(primary.paths))
	} else {
		r.sheet.NotRun("F303", "not all directories could be read")
	}
}

// only tells the files of a that b has not, in the order of their paths.
func (r *reader) only(a, b *placed, name string) {
	if !b.whole {
		return
	}
	var paths []string
	for p, path := range a.paths {
		if _, ok := b.paths[p]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		r.sheet.Warn("F303", "%s is in the %s tree only", path, name)
	}
}

// place is where a file's bytes begin, and how many they are.
type place struct{ off, n int64 }

type placed struct {
	paths map[place]string
	whole bool // every directory was read
}

// bytesOf are the places of a view's files that have bytes.
func (r *reader) bytesOf(view string) *placed {
	for _, v := range r.found.Volumes {
		if v.View != view || v.Root == nil {
			continue
		}
		out := &placed{map[place]string{}, true}
		tree.Walk(v.Root, func(path string, n *tree.Node) bool {
			if n.IsDir() {
				out.whole = out.whole && n.Err == nil
			} else if len(n.Extents) > 0 && !n.Associated {
				out.paths[place{n.Extents[0].Offset, n.Size}] = path
			}
			return true
		})
		return out
	}
	return nil
}
