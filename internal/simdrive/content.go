package simdrive

import (
	"errors"
	"io"

	"ripstation/internal/isoimage"
)

// Pattern is user data for a disc of the given number of 2048-byte sectors:
// every sector differs from every other, and those of one seed from those of
// another. It is made as it is read, at memory speed, so a disc of 25 GB
// needs no memory.
func Pattern(seed uint64, sectors int64) io.ReaderAt {
	return io.NewSectionReader(isoimage.NewNoise(seed), 0, max(sectors, 0)*2048)
}

// readContent fills p with a track's user data from off. What lies behind the
// content's end is zero; a nil content is all zero.
func readContent(c io.ReaderAt, p []byte, off int64) error {
	if c == nil {
		clear(p)
		return nil
	}
	n, err := c.ReadAt(p, off)
	if n < 0 || n > len(p) {
		n = 0
	}
	clear(p[n:])
	if n == len(p) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
