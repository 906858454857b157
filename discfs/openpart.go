package discfs

import (
	"io"
	"strings"

	"ripstation/discfs/iso9660"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
)

// OpenPart is Open for somebody who wants a part of one tree: that of a view,
// or the main one where view is "". No checks are made, and as little is read
// as the format allows: of UDF what leads to the part and what is in it, of ISO
// 9660 all directories of the tree. Nodes that were left out have the Err
// tree.ErrUnseen.
//
// The image has no volume that can be walked when the view is not there; Open
// then tells what is.
func OpenPart(r io.ReaderAt, size int64, have func(off, n int64) bool, view string, part tree.Part) *Image {
	m := &Image{Size: size, r: r, have: have}
	source := func() *tree.Source { return tree.NewSource(r, size).Gate(have) }
	if view == "" || strings.EqualFold(view, udf.UDF) {
		if f := udf.ReadPart(source(), part); m.walked(f) {
			return m
		}
	}
	for _, known := range preference {
		if view == "" || strings.EqualFold(view, known) {
			if view != "" {
				view = known
			}
			m.walked(iso9660.ReadTree(source(), view))
			break
		}
	}
	return m
}

// walked takes up what was found when a tree of it can be walked.
func (m *Image) walked(f tree.Found) bool {
	for _, v := range f.Volumes {
		if v.Root != nil {
			m.Systems, m.Volumes = f.Systems, f.Volumes
			return true
		}
	}
	return false
}
