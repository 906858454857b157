package archive

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// smallFile is what is sent in one piece when a copy is made good.
const smallFile = 8 * mib

// DigestOf reads an object and gives its SHA-512. ErrChecksum when the store
// itself says that the bytes are not those that it was given.
func DigestOf(ctx context.Context, s Store, key string) (string, error) {
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return "", err
	}
	h := sha512.New()
	_, err = io.CopyBuffer(h, r, make([]byte, mib))
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ErrCopyDamaged says that a copy that was to be the source of another one does
// not give a file as it was sealed. Another copy may.
var ErrCopyDamaged = errors.New("this copy is damaged there, and no other one is made out of it")

// proven reads one file of a copy and knows at its end whether it is the one
// that it has to be.
type proven struct {
	io.Reader
	io.Closer
	f   BagFile
	in  string // words for where it is read
	sum interface{ Sum([]byte) []byte }
}

func prove(ctx context.Context, from Copy, f BagFile) (*proven, error) {
	r, err := from.Store.Read(ctx, from.Prefix+"/"+f.Path, 0, -1)
	in := fmt.Sprintf("store %s: %s/%s", from.Store.Name(), from.Prefix, f.Path)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrChecksum) {
		return nil, fmt.Errorf("%w: %w", err, ErrCopyDamaged)
	}
	if err != nil {
		return nil, err
	}
	h := sha512.New()
	return &proven{io.TeeReader(r, h), r, f, in, h}, nil
}

// check must be asked after all bytes have been read, and before anything of
// them becomes visible.
func (p *proven) check() error {
	if got := hex.EncodeToString(p.sum.Sum(nil)); got != p.f.SHA512 {
		return fmt.Errorf("%s has SHA512 %s, sealed was %s: %w", p.in, got, p.f.SHA512, ErrCopyDamaged)
	}
	return nil
}

// fill reads as much as the buffer takes. What ends before its time, by itself or by the store's own
// checksum, is damaged; a line that broke is not.
func (p *proven) fill(body []byte) error {
	_, err := io.ReadFull(p, body)
	switch {
	case err == nil:
		return nil
	case err == io.EOF, err == io.ErrUnexpectedEOF: // as io.ReadFull gives them itself
		return fmt.Errorf("%s is shorter than %d bytes: %w", p.in, p.f.Size, ErrCopyDamaged)
	case errors.Is(err, ErrChecksum):
		return fmt.Errorf("%w: %w", err, ErrCopyDamaged)
	}
	return err
}

// SendAgain brings one file of a good copy to where nothing has its key. The
// bytes are held against the file's digest on their way, before they become
// visible. What an earlier try left of it is taken up.
func SendAgain(ctx context.Context, from, to Copy, f BagFile) (err error) {
	src, err := prove(ctx, from, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	key := to.Prefix + "/" + f.Path
	if f.Size <= smallFile {
		body, err := src.all()
		if err != nil {
			return err
		}
		return to.Store.Put(ctx, key, body)
	}
	up, err := to.Store.Begin(ctx, key, f.Size)
	if err != nil {
		return err
	}
	if up.Stored() {
		return &fault{store: to.Store.Name(), op: "send again", key: key, kind: ErrExists}
	}
	whole, err := src.parts(up.Parts(), up.PartSize(), func(n int, crc uint64, body []byte) error {
		if up.Has(n, crc) {
			return nil
		}
		return up.Part(ctx, n, body)
	})
	if err == nil {
		err = src.check()
	}
	if err != nil {
		return err
	}
	_, err = up.Complete(ctx, whole)
	return err
}

// all reads a small file whole.
func (p *proven) all() ([]byte, error) {
	body := make([]byte, p.f.Size)
	if err := p.fill(body); err != nil {
		return nil, err
	}
	return body, errors.Join(p.end(), p.check())
}

// end makes sure that the file ends where it should.
func (p *proven) end() error {
	n, err := io.ReadFull(p, make([]byte, 1))
	switch {
	case n > 0:
		return fmt.Errorf("%s is longer than %d bytes: %w", p.in, p.f.Size, ErrCopyDamaged)
	case errors.Is(err, ErrChecksum):
		return fmt.Errorf("%w: %w", err, ErrCopyDamaged)
	case err != io.EOF:
		return err
	}
	return nil
}

// parts cuts the file up and gives the checksum of the whole.
func (p *proven) parts(count int, size int64, send func(n int, crc uint64, body []byte) error) (whole uint64, err error) {
	buf := make([]byte, min(size, p.f.Size))
	for n := range count {
		body := buf[:min(size, p.f.Size-int64(n)*size)]
		if err := p.fill(body); err != nil {
			return 0, err
		}
		crc := CRC64NVME(body)
		whole = CombineCRC64NVME(whole, crc, int64(len(body)))
		if err := send(n, crc, body); err != nil {
			return 0, err
		}
	}
	return whole, p.end()
}

// Versioned is a store that may keep what is superseded.
type Versioned interface {
	Store
	// Versioned reports whether the store keeps every earlier version of an
	// object, now.
	Versioned(ctx context.Context) (bool, error)
	// Current is the id of an object's version that is on top now and would stay
	// under a new one; empty when that is not certain.
	Current(ctx context.Context, key string) (VersionID string, err error)
	// Supersede puts a file of a good copy on top of the version old of the
	// object that has its key, which stays, and gives the new version's id. It
	// is the one thing that this program ever puts where something is already,
	// and is refused (ErrUnversioned) where that would be lost, and when another
	// version than old is the current one.
	Supersede(ctx context.Context, from, to Copy, f BagFile, old string) (VersionID string, err error)
}

// bare is a store without its limit.
func bare(s Store) Store {
	for {
		l, ok := s.(*Limited)
		if !ok {
			return s
		}
		s = l.Store
	}
}

// VersionedOf is the store as one that may keep what is superseded, held to its
// limit.
func VersionedOf(s Store) (Versioned, bool) {
	v, ok := bare(s).(Versioned)
	if l, limited := s.(*Limited); ok && limited {
		return limitedVersions{l, v, l}, true
	}
	return v, ok
}

// AsideOf is the store as one that can say where its objects lie.
func AsideOf(s Store) (Aside, bool) {
	a, ok := bare(s).(Aside)
	return a, ok
}

// ErrUnversioned says that a store does not keep what is superseded.
var ErrUnversioned = errors.New("the store does not keep earlier versions of an object; nothing was put on top")

// Aside says in a person's words where an object lies and where an
// administrator may move it, so that what belongs there can be sent again.
type Aside interface {
	Aside(key, day string) (from, to string)
}

// Aside is a place in the store's own folder that no key leads to.
func (d *Dir) Aside(key, day string) (from, to string) {
	return d.path(key), d.path(".set-aside/" + day + "/" + key)
}

// Aside is another bucket: what is moved within this one may stay under the
// store's prefix.
func (s *S3) Aside(key, day string) (from, to string) {
	return "s3://" + s.cfg.Bucket + "/" + *s.full(key), "s3://" + s.cfg.Bucket + "-set-aside/" + day + "/" + *s.full(key)
}
