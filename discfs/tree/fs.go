package tree

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// FS is a volume as an io/fs.FS. It follows symbolic links inside the volume.
// Info.Sys gives the *Node.
type FS struct {
	root *Node
	r    io.ReaderAt
	size int64
}

// NewFS is the tree below root, its files read from an image of size bytes.
func NewFS(root *Node, r io.ReaderAt, size int64) *FS { return &FS{root, r, size} }

// maxLinks is how many symbolic links one path may lead through.
const maxLinks = 40

// find walks to a name; the last element's link is followed when follow is set.
func (f *FS) find(op, name string, follow bool) (*Node, error) {
	bad := func(err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return nil, bad(fs.ErrInvalid)
	}
	links := 0
	rest := strings.Split(name, "/")
	var stack []*Node
	cur := f.root
	for len(rest) > 0 {
		elem := rest[0]
		rest = rest[1:]
		switch elem {
		case ".", "":
			continue
		case "..":
			if n := len(stack); n > 0 {
				cur, stack = stack[n-1], stack[:n-1]
			}
			continue
		}
		if !cur.IsDir() {
			return nil, bad(syscall.ENOTDIR)
		}
		i := slices.IndexFunc(cur.Children, func(c *Node) bool { return c.Name == elem })
		if i < 0 {
			if cur.Err != nil {
				return nil, bad(cur.Err)
			}
			return nil, bad(fs.ErrNotExist)
		}
		c := cur.Children[i]
		if c.Mode&fs.ModeSymlink != 0 && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return nil, bad(syscall.ELOOP)
			}
			if path.IsAbs(c.Link) { // the disc's root is all that there is
				cur, stack = f.root, nil
			}
			rest = append(strings.Split(c.Link, "/"), rest...)
			continue
		}
		stack = append(stack, cur)
		cur = c
	}
	return cur, nil
}

// Open opens a file or directory.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	i := info{n, path.Base(name)}
	if n.IsDir() {
		return &dir{info: i, path: name, left: sorted(n)}, nil
	}
	if n.Err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: n.Err}
	}
	c := NewContent(n, f.r, f.size)
	return &file{info: i, SectionReader: io.NewSectionReader(c, 0, n.Size)}, nil
}

// ReadDir gives what could be read of a directory, with the error that says
// what could not.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	if n.Err != nil {
		err = &fs.PathError{Op: "readdir", Path: name, Err: n.Err}
	}
	return sorted(n), err
}

// Stat follows links.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return info{n, path.Base(name)}, nil
}

// Lstat does not follow the last link.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{n, path.Base(name)}, nil
}

// ReadLink gives a link's target as it is recorded.
func (f *FS) ReadLink(name string) (string, error) {
	n, err := f.find("readlink", name, false)
	if err == nil && n.Mode&fs.ModeSymlink == 0 {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return n.Link, nil
}

func sorted(n *Node) []fs.DirEntry {
	out := make([]fs.DirEntry, 0, len(n.Children))
	for _, c := range n.Children {
		out = append(out, fs.FileInfoToDirEntry(info{c, c.Name}))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// info is a node's fs.FileInfo, under the name it was asked for.
type info struct {
	n    *Node
	name string
}

func (i info) Name() string       { return i.name }
func (i info) Mode() fs.FileMode  { return i.n.Mode }
func (i info) ModTime() time.Time { return i.n.Modified }
func (i info) IsDir() bool        { return i.n.IsDir() }
func (i info) Sys() any           { return i.n }
func (i info) Size() int64        { return i.n.Size }

type file struct {
	info
	*io.SectionReader
}

func (f *file) Size() int64                { return f.n.Size }
func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type dir struct {
	info
	path string
	left []fs.DirEntry
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }
func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: syscall.EISDIR}
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	out := d.left[:n]
	d.left = d.left[n:]
	return out, nil
}
