package archive

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// Packer writes bags into one archive file, in the order in which they are
// added. What it writes depends on what it is given alone.
type Packer struct {
	zip *zipWriter
	tar *tar.Writer
}

// NewZip packs as a zip file, with the sizes of zip64 where they are needed.
// Nothing is compressed: the bytes of the files stand in it as they are.
func NewZip(w io.Writer) *Packer { return &Packer{zip: &zipWriter{w: w}} }

// NewTar packs as a tar file in the POSIX format (pax).
func NewTar(w io.Writer) *Packer { return &Packer{tar: tar.NewWriter(w)} }

// Close writes the archive's end. Without it the archive is not whole.
func (p *Packer) Close() error {
	if p.zip != nil {
		return p.zip.Close()
	}
	return p.tar.Close()
}

func (p *Packer) begin(name string, size int64, at time.Time) (io.Writer, error) {
	at = at.UTC().Truncate(time.Second)
	if p.zip != nil {
		return p.zip, p.zip.begin(name, size, at)
	}
	err := p.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: at, Format: tar.FormatPAX})
	return p.tar, err
}

// Text adds a small file.
func (p *Packer) Text(name string, body []byte, at time.Time) error {
	w, err := p.begin(name, int64(len(body)), at)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

// Lacking begins a file of which nothing comes: an archive that has to end there
// breaks off in it, and so nobody who reads it can take it for whole.
func (p *Packer) Lacking(name string, size int64, at time.Time) error {
	_, err := p.begin(name, max(size, 1), at)
	return err
}

// Bag adds a bag's files below a folder. Every byte is held against its file's
// digest as it passes, and the last one of a file follows only when that is
// right; after an error (ErrNotWhole when a digest differs) the archive is of no
// use, and breaks off in that file. A copy that gave wrong bytes is not asked for
// that file again, so that a new archive can be made with the same Retrieval.
func (p *Packer) Bag(ctx context.Context, r *Retrieval, folder string, at time.Time, step func(n int64)) error {
	for _, f := range r.Files {
		w, err := p.begin(folder+"/"+f.Path, f.Size, at)
		if err != nil {
			return err
		}
		h, last := sha512.New(), &behind{w: w}
		gave, err := r.stream(ctx, f, 0, io.MultiWriter(&counted{last, step}, h))
		if err != nil {
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA512 {
			return errors.Join(fmt.Errorf("%s: %w: its SHA512 is %s, recorded was %s", f.Path, ErrNotWhole, got, f.SHA512), r.blame(ctx, f, gave))
		}
		credit(gave)
		if err := last.flush(); err != nil {
			return err
		}
	}
	return nil
}

// behind passes on all but the last byte that it was given.
type behind struct {
	w    io.Writer
	last []byte
}

func (b *behind) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := b.flush(); err != nil {
		return 0, err
	}
	b.last = append(b.last, p[len(p)-1])
	if n, err := b.w.Write(p[:len(p)-1]); err != nil {
		return n, err
	}
	return len(p), nil
}

func (b *behind) flush() error {
	if len(b.last) == 0 {
		return nil
	}
	_, err := b.w.Write(b.last)
	b.last = b.last[:0]
	return err
}

type counted struct {
	w    io.Writer
	step func(int64)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.step != nil {
		c.step(int64(n))
	}
	return n, err
}

// Packed is what an archive file has to hold.
type Packed struct {
	Name   string
	Size   int64
	SHA512 string
}

// Expect gives the files of a bag as they lie in an archive.
func (r *Retrieval) Expect(folder string) (all []Packed) {
	for _, f := range r.Files {
		all = append(all, Packed{folder + "/" + f.Path, f.Size, f.SHA512})
	}
	return all
}

// CheckZip reads a zip file and holds it against what it has to hold, no less
// and no more. Names are compared, never used.
func CheckZip(ctx context.Context, at io.ReaderAt, size int64, want []Packed) error {
	z, err := zip.NewReader(at, size)
	if err != nil {
		return err
	}
	if len(z.File) != len(want) {
		return fmt.Errorf("%w: it has %d files instead of %d", ErrNotWhole, len(z.File), len(want))
	}
	for i, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		err = checkPacked(ctx, r, f.Name, want[i])
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// CheckTar is CheckZip for a tar file.
func CheckTar(ctx context.Context, r io.Reader, want []Packed) error {
	t := tar.NewReader(r)
	for _, w := range want {
		h, err := t.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
		if err := checkPacked(ctx, t, h.Name, w); err != nil {
			return err
		}
	}
	if _, err := t.Next(); err != io.EOF {
		return fmt.Errorf("%w: more follows than was put in: %w", ErrNotWhole, errors.Join(err))
	}
	return nil
}

func checkPacked(ctx context.Context, r io.Reader, name string, want Packed) error {
	h := sha512.New()
	n, err := io.CopyBuffer(h, ctxReader{ctx, r}, make([]byte, 1<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); name != want.Name || n != want.Size || got != want.SHA512 {
		return fmt.Errorf("%w: %s has %d bytes with SHA512 %s; put in was %s with %d bytes and %s", ErrNotWhole, name, n, got, want.Name, want.Size, want.SHA512)
	}
	return nil
}

// PackedText is a file that Text added.
func PackedText(name string, body []byte) Packed {
	return Packed{name, int64(len(body)), sum("sha512", body)}
}
