package discfs_test

import (
	"bytes"
	"errors"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ripstation/discfs"
	"ripstation/discfs/tree"
)

// alone is a node without what is below it.
func alone(n *tree.Node) tree.Node {
	out := *n
	out.Children = nil
	return out
}

// at finds a node by its path; nil when a tree has none.
func at(root *tree.Node, name string) (found *tree.Node) {
	tree.Walk(root, func(p string, n *tree.Node) bool {
		if p == name {
			found = n
		}
		return found == nil
	})
	return found
}

// view is a tree of an image by its view.
func view(m *discfs.Image, name string) *tree.Volume {
	for _, v := range m.Volumes {
		if v.View == name {
			return v
		}
	}
	return nil
}

// A part of a tree is what the whole tree has there, and costs no more.
func TestPartIsWhatTheWholeHas(t *testing.T) {
	images := map[string][]byte{}
	for _, s := range samples(t) {
		images[s.name] = s.bytes
	}
	for _, name := range realImages {
		b, err := os.ReadFile(filepath.Join("../.cache/real-images", name))
		if err != nil {
			t.Fatalf("%v (scripts/real-images.sh fetches it)", err)
		}
		images[path.Base(name)] = b
	}
	for name, b := range images {
		size := int64(len(b))
		whole := &counter{r: bytes.NewReader(b)}
		m := discfs.Open(whole, size, nil)
		if m.Main() == nil {
			continue
		}
		for _, v := range append(m.Volumes, nil) {
			want, ask := v, ""
			if v == nil {
				want = m.Main()
			} else {
				ask = strings.ToLower(v.View)
			}
			if want.Root == nil {
				continue
			}
			open := func(p tree.Part) *tree.Volume {
				t.Helper()
				c := &counter{r: bytes.NewReader(b)}
				got := discfs.OpenPart(c, size, nil, ask, p)
				v := view(got, want.View)
				if v == nil || v.Root == nil || ask == "" && got.Main() != v {
					t.Fatalf("%s, %q, %+v: %+v", name, ask, p, got.Volumes)
				}
				if c.bytes > whole.bytes {
					t.Errorf("%s, %q, %+v: %d bytes were read, %d for all", name, ask, p, c.bytes, whole.bytes)
				}
				return v
			}
			if got := open(tree.Part{Within: ".", Deep: true}); !reflect.DeepEqual(got.Root, want.Root) || got.Label != want.Label {
				t.Errorf("%s, %q: another tree", name, ask)
			}
			names := open(tree.Part{Within: ".", Deep: true, Names: true})
			tree.Walk(want.Root, func(p string, n *tree.Node) bool {
				if got := at(names.Root, p); got == nil || got.IsDir() != n.IsDir() {
					t.Errorf("%s, %q: no name %s", name, ask, p)
				}
				got := at(open(tree.Part{Within: p}).Root, p)
				if got == nil || !n.IsDir() && !reflect.DeepEqual(alone(got), alone(n)) || len(got.Children) != len(n.Children) {
					t.Errorf("%s, %q: %s is %+v, want %+v", name, ask, p, got, n)
					return true
				}
				for i, c := range n.Children {
					k := alone(got.Children[i])
					if errors.Is(k.Err, tree.ErrUnseen) && c.IsDir() {
						k.Err, k.Meta = c.Err, c.Meta // a directory's records are not looked for
					}
					if !reflect.DeepEqual(k, alone(c)) {
						t.Errorf("%s, %q: in %s there is %+v, want %+v", name, ask, p, k, c)
					}
				}
				return true
			})
		}
	}
}

// What nobody asked for is said to be unseen, and is not taken for missing.
func TestUnseenIsNotMissing(t *testing.T) {
	for _, s := range samples(t) {
		if s.name != "bridge of genisoimage" {
			continue
		}
		m := discfs.OpenPart(bytes.NewReader(s.bytes), int64(len(s.bytes)), nil, "UDF", tree.Part{Within: "sub"})
		f := m.FS(m.Main())
		if _, err := f.Stat("sub/deeper/d3"); !errors.Is(err, tree.ErrUnseen) {
			t.Errorf("a path into a directory that was not listed: %v", err)
		}
		if _, err := f.Open("a.txt"); !errors.Is(err, tree.ErrUnseen) {
			t.Errorf("a file that was not looked at: %v", err)
		}
		if m := discfs.OpenPart(bytes.NewReader(s.bytes), int64(len(s.bytes)), nil, "HFS", tree.Part{Within: "."}); m.Main() != nil {
			t.Error("a view that nobody knows gives a tree")
		}
		return
	}
	t.Fatal("no bridge among the samples")
}
