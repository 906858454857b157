package tree

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// ErrShort says that a file's extents hold fewer bytes than its size.
var ErrShort = errors.New("its extents hold fewer bytes than its size")

// Content reads a file's bytes from the image, through its extents. It is an
// io.ReaderAt of Node.Size bytes. Bytes of holes are zeroes; those that lie
// behind the image's end, or in no extent, are errors.
type Content struct {
	r     io.ReaderAt
	size  int64 // of the file
	image int64 // bytes of the image
	ext   []Extent
	start []int64 // of each extent, in the file
}

// NewContent reads n from r, an image of imageSize bytes.
func NewContent(n *Node, r io.ReaderAt, imageSize int64) *Content {
	c := &Content{r: r, size: n.Size, image: imageSize, ext: n.Extents, start: make([]int64, len(n.Extents)+1)}
	for i, e := range n.Extents {
		c.start[i+1] = c.start[i] + max(e.Length, 0)
	}
	return c
}

// ReadAt reads as io.ReaderAt says.
func (c *Content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= c.size {
		return 0, io.EOF
	}
	eof := int64(len(p)) > c.size-off
	if eof {
		p = p[:c.size-off]
	}
	for n < len(p) {
		m, err := c.some(p[n:], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	if eof {
		return n, io.EOF
	}
	return n, nil
}

// some reads from one piece of one extent.
func (c *Content) some(p []byte, off int64) (int, error) {
	i := sort.Search(len(c.ext), func(i int) bool { return c.start[i+1] > off })
	if i == len(c.ext) {
		return 0, fmt.Errorf("byte %d of %d: %w", off, c.size, ErrShort)
	}
	e, in := c.ext[i], off-c.start[i]
	left := e.Length - in
	if e.Offset < 0 {
		p = p[:min(int64(len(p)), left)]
		clear(p)
		return len(p), nil
	}
	at := e.Offset + in
	if e.Unit > 0 && e.Gap > 0 {
		at = e.Offset + in/e.Unit*(e.Unit+e.Gap) + in%e.Unit
		left = min(left, e.Unit-in%e.Unit)
	}
	p = p[:min(int64(len(p)), left)]
	if at > c.image || int64(len(p)) > c.image-at {
		return 0, fmt.Errorf("byte %d of the file would be byte %d of the image: %w", off, at, ErrOutside)
	}
	n, err := c.r.ReadAt(p, at)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
