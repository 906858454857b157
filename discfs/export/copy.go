package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"ripstation/discfs/tree"
)

// ErrDigest says that bytes came out that are not those on record.
var ErrDigest = errors.New("its SHA-256 is not the one on record")

// MissingError says which bytes of a file are not on the image.
type MissingError struct {
	Bytes int64       // how many in all
	First tree.Extent // of the file; Length 0 when nobody knows where they are
	Size  int64       // of the file
	Err   error       // tree.ErrAbsent and others
}

func (e *MissingError) Error() string {
	switch {
	case e.First.Length == 0:
		return "not all of it is there: " + e.Err.Error()
	case e.First.Length == e.Bytes:
		return fmt.Sprintf("bytes %d to %d of %d are missing: %v", e.First.Offset, e.First.End()-1, e.Size, e.Err)
	}
	return fmt.Sprintf("%d bytes of %d are missing, the first of them bytes %d to %d: %v", e.Bytes, e.Size, e.First.Offset, e.First.End()-1, e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }

// readError is an error of the image's reader, and writeError one of where the
// bytes went.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// Copied is what became of a file.
type Copied struct {
	Bytes  int64  // written, fill included
	SHA256 string // of what was written, when that is the whole file; else empty
	// Known: a digest is on record for the file, and it was held against it.
	Known bool
}

const copyBuffer = 1 << 20

// Copy writes a file's bytes. Where bytes are missing it stops in front of them
// with a *MissingError; with fill, zeroes stand in their place (or, where two
// reads gave different bytes, those of the first), as far as they lie inside of
// the image or other bytes follow, and the error comes at the end. A whole file whose digest is
// not the one on record is ErrDigest, said after its bytes.
func (s *Source) Copy(ctx context.Context, w io.Writer, n *tree.Node, fill bool) (Copied, error) {
	if !n.Mode.IsRegular() {
		return Copied{}, errNoFile
	}
	if err := s.tooLarge(n); err != nil {
		return Copied{}, err
	}
	missing, why := s.Missing(n)
	var lacking error
	if why != nil {
		e := &MissingError{Size: n.Size, Err: why}
		for i, m := range missing {
			if e.Bytes += m.Length; i == 0 {
				e.First = m
			}
		}
		lacking = e
	}
	sum := sha256.New()
	c := &copier{s: s, w: io.MultiWriter(sum, w), buf: make([]byte, min(copyBuffer, max(n.Size, 1)))}
	owed := int64(0) // zeroes that are written once something follows
	for p := range s.parts(n) {
		if p.lack != nil {
			if !fill {
				return Copied{Bytes: c.written}, lacking
			}
			if p.lack != errContested {
				owed += p.length
				continue
			}
		}
		if err := errors.Join(c.zeroes(ctx, owed), c.part(ctx, p)); err != nil {
			return Copied{Bytes: c.written}, err
		}
		owed = 0
	}
	if lacking != nil {
		// Within the image the file's size is to be believed; what is to lie
		// outside of it is not made up.
		if !errors.Is(why, tree.ErrOutside) && !errors.Is(why, tree.ErrShort) {
			if err := c.zeroes(ctx, owed); err != nil {
				return Copied{Bytes: c.written}, err
			}
		}
		return Copied{Bytes: c.written}, lacking
	}
	out := Copied{Bytes: c.written, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if s.Digest == nil {
		return out, nil
	}
	want, ok := s.Digest(n)
	if out.Known = ok; ok && want != out.SHA256 {
		return out, fmt.Errorf("%w: it is %s, recorded was %s", ErrDigest, out.SHA256, want)
	}
	return out, nil
}

// copier writes one file.
type copier struct {
	s       *Source
	w       io.Writer
	buf     []byte
	written int64
}

func (c *copier) part(ctx context.Context, p part) error {
	if p.offset < 0 {
		return c.zeroes(ctx, p.length)
	}
	for off, left := p.offset, p.length; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := c.buf[:min(int64(len(c.buf)), left)]
		n, err := c.s.Image.ReadAt(b, off)
		if n < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return readError{fmt.Errorf("read byte %d of the image: %w", off+int64(n), err)}
		}
		if err := c.write(b); err != nil {
			return err
		}
		off, left = off+int64(n), left-int64(n)
	}
	return nil
}

func (c *copier) zeroes(ctx context.Context, length int64) error {
	if length > 0 {
		clear(c.buf)
	}
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := c.buf[:min(int64(len(c.buf)), length)]
		if err := c.write(b); err != nil {
			return err
		}
		length -= int64(len(b))
	}
	return nil
}

func (c *copier) write(b []byte) error {
	n, err := c.w.Write(b)
	c.written += int64(n)
	return err
}
