package udf

import (
	"cmp"
	"ripstation/discfs/tree"
)

// streams lists a file's named streams beside it (4/9.2; UDF 2.60, 3.3.5).
func (w *walker) streams(d *folder, n *tree.Node, path string, at longAD) {
	e, _, err := w.r.icb(at)
	if err != nil {
		w.r.silent("F508", "the streams of %s: %v", path, err)
		return
	}
	key := icbKey{at.ref, at.block}
	if _, ok := w.seen[key]; ok {
		return
	}
	w.seen[key] = path
	n.Meta = append(n.Meta, e.meta...)
	if e.size > chunk {
		w.r.silent("F508", "the streams of %s: their directory has %d bytes", path, e.size)
		return
	}
	inner := &folder{node: &tree.Node{}, e: e, path: path + ":", depth: maxDepth, streams: true}
	w.directory(inner)
	n.Meta = append(n.Meta, inner.node.Meta...)
	d.node.Err = cmp.Or(d.node.Err, inner.node.Err)
	for _, s := range inner.node.Children {
		if !s.IsDir() {
			s.Name = tree.Name(n.Name + ":" + s.Name)
			d.node.Children = append(d.node.Children, s)
		}
	}
}
