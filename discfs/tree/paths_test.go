package tree

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPruneEndsAtLongPaths(t *testing.T) {
	root := &Node{Mode: fs.ModeDir}
	dir := root
	for range 100 {
		c := &Node{Name: strings.Repeat("n", 99), Mode: fs.ModeDir}
		dir.Children = append(dir.Children, c, &Node{Name: "file"})
		dir = c
	}
	if cut := Prune(root); cut != 1 {
		t.Errorf("%d directories cut", cut)
	}
	longest, files := 0, 0
	Walk(root, func(path string, n *Node) bool {
		longest = max(longest, len(path))
		if n.Name == "file" {
			files++
		}
		if errors.Is(n.Err, ErrPath) != (len(path) > MaxPath) {
			t.Errorf("a path of %d bytes: %v", len(path), n.Err)
		}
		return true
	})
	if longest < MaxPath || longest > MaxPath+100 || files != 41 {
		t.Errorf("the longest path has %d bytes, %d files are left", longest, files)
	}
	if Prune(root) != 0 {
		t.Error("there was more to cut")
	}
}

func TestJoinShortensLongPaths(t *testing.T) {
	if Join(".", "a") != "a" || Join("a/b", "c") != "a/b/c" {
		t.Error(Join(".", "a"), Join("a/b", "c"))
	}
	p := "."
	for range 200 {
		p = Join(p, strings.Repeat("ü", 50))
		if !utf8.ValidString(p) || len(p) > shownPath+200 {
			t.Fatalf("%d bytes: %q", len(p), p)
		}
	}
	if !strings.HasPrefix(p, "…") || strings.Count(p, "…") != 1 {
		t.Error(p)
	}
}
