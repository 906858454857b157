package udf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/internal/udfimage"
)

// More names than fit into memory are told, and not listed.
func TestTooManyEntries(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("genisoimage", "-quiet", "-udf", "-o", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("genisoimage (Debian package genisoimage): %v\n%s", err, out)
	}
	text, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func(n int) { maxEntries = n }(maxEntries)
	for most, want := range map[int]int{3: 3, 5: 5, 100: 5} {
		maxEntries = most
		f := Read(tree.NewSource(strings.NewReader(string(text)), int64(len(text))))
		root := f.Volumes[0].Root
		failed := false
		for _, c := range f.Checks {
			failed = failed || c.Outcome == disc.Failure && strings.Contains(c.Message, "more than")
		}
		if len(root.Children) != want || failed != (want == most && most == 3) || failed != errors.Is(root.Err, tree.ErrNodes) {
			t.Errorf("%d entries at most: %d, told %v, %v", most, len(root.Children), failed, root.Err)
		}
	}
}

// So are more extents.
func TestTooManyExtents(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("genisoimage", "-quiet", "-udf", "-o", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("genisoimage (Debian package genisoimage): %v\n%s", err, out)
	}
	text, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func(n int) { maxAllExtents = n }(maxAllExtents)
	maxAllExtents = 5 // two of the root, which is a directory, and three files'
	f := Read(tree.NewSource(strings.NewReader(string(text)), int64(len(text))))
	whole := 0
	for _, n := range f.Volumes[0].Root.Children {
		if n.Err == nil && len(n.Extents) == 1 {
			whole++
		} else if !errors.Is(n.Err, tree.ErrExtents) || len(n.Extents) > 0 {
			t.Errorf("%s: %v, %d extents", n.Name, n.Err, len(n.Extents))
		}
	}
	failed := false
	for _, c := range f.Checks {
		failed = failed || c.Outcome == disc.Failure && strings.Contains(c.Message, "more than")
	}
	if whole != 3 || !failed {
		t.Errorf("%d files are whole, told %v", whole, failed)
	}
}

// A file whose allocation descriptors give fewer bytes than it is said to have
// is told as one of which bytes are missing, and these are never made up.
func TestShortExtents(t *testing.T) {
	for _, embedded := range []bool{false, true} {
		img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "S", Files: []udfimage.File{
			{Path: "short", Data: []byte(strings.Repeat("s", 1000)), Embedded: embedded}, {Path: "whole", Data: []byte("w")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		f := Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
		p := img[f.Volumes[0].Root.Children[0].Meta[0].Offset:][:2048]
		binary.LittleEndian.PutUint64(p[56:], 1001)
		seal(p, tagExtendedFile, int(le32(p[12:])), 16+int(le16(p[10:])))
		f = Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
		short, whole := f.Volumes[0].Root.Children[0], f.Volumes[0].Root.Children[1]
		if !errors.Is(short.Err, tree.ErrShort) || whole.Err != nil {
			t.Errorf("embedded %v: short %v, whole %v", embedded, short.Err, whole.Err)
		}
		got, err := io.ReadAll(io.NewSectionReader(tree.NewContent(short, bytes.NewReader(img), int64(len(img))), 0, short.Size))
		if !errors.Is(err, tree.ErrShort) || len(got) > 1000 {
			t.Errorf("embedded %v: read %d bytes, %v", embedded, len(got), err)
		}
		for _, c := range f.Checks {
			if c.Code == "F511" && c.Outcome != disc.Failure {
				t.Errorf("embedded %v: %s: %s", embedded, c.Outcome, c.Message)
			}
		}
	}
}
