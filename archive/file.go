package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// SHA256Of reads an object and gives its SHA-256 and size. ErrChecksum when the
// store itself says that the bytes are not those that it was given.
func SHA256Of(ctx context.Context, s Store, key string) (sum string, size int64, err error) {
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.CopyBuffer(h, r, make([]byte, mib))
	if err = errors.Join(err, r.Close()); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// PutFile brings a file under a key, only if absent, and reads it back: nil
// means that the store holds exactly the bytes with this size and SHA-256 under
// it. ErrExists says that it holds others; ErrSource and ErrSourceChanged that
// src is not, or does not give, that file. What an earlier try left of it is
// taken up.
func PutFile(ctx context.Context, s Store, key string, src io.ReaderAt, size int64, sum string) error {
	_, err := s.Stat(ctx, key)
	if errors.Is(err, ErrNotFound) {
		err = putFile(ctx, s, key, src, size, sum)
	}
	if err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	return HoldsFile(ctx, s, key, size, sum)
}

// HoldsFile reads an object: nil when it is the file with this size and SHA-256,
// ErrExists when it is another one, ErrNotFound when there is none.
func HoldsFile(ctx context.Context, s Store, key string, size int64, sum string) error {
	for range 2 { // what is right when it is read again is right
		got, n, err := SHA256Of(ctx, s, key)
		if err == nil && got == sum && n == size {
			return nil
		}
		if err != nil && !errors.Is(err, ErrChecksum) {
			return err
		}
	}
	return &fault{store: s.Name(), op: "read back", key: key, kind: ErrExists}
}

func putFile(ctx context.Context, s Store, key string, src io.ReaderAt, size int64, sum string) error {
	// Proved before anything of it becomes visible.
	h := sha256.New()
	if n, err := io.CopyBuffer(h, io.NewSectionReader(src, 0, size+1), make([]byte, mib)); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	} else if got := hex.EncodeToString(h.Sum(nil)); n != size || got != sum {
		return fmt.Errorf("%d bytes with SHA-256 %s, and not %d with %s: %w", n, got, size, sum, ErrSourceChanged)
	}
	if size <= smallFile {
		body := make([]byte, size)
		if _, err := src.ReadAt(body, 0); err != nil && err != io.EOF {
			return fmt.Errorf("%w: %w", ErrSource, err)
		}
		return s.Put(ctx, key, body)
	}
	up, err := s.Begin(ctx, key, size)
	if err != nil || up.Stored() {
		return err
	}
	var whole uint64
	for n := range up.Parts() {
		off := int64(n) * up.PartSize()
		length := min(up.PartSize(), size-off)
		crc, err := sumSection(src, off, length, nil)
		if err != nil {
			return err
		}
		whole = CombineCRC64NVME(whole, crc, length)
		if !up.Has(n, crc) {
			if err := up.PartFrom(ctx, n, src, crc); err != nil {
				return err
			}
		}
	}
	_, err = up.Complete(ctx, whole)
	return err
}

// maxCopied bounds what CopyFile holds in memory.
const maxCopied = 64 * mib

// CopyFile brings a file out of one store into another, as PutFile does: the
// bytes are proved before anything of them becomes visible. When it is the first
// store that gives others, the error is ErrCopyDamaged and ErrSourceChanged.
func CopyFile(ctx context.Context, from, to Store, key string, size int64, sum string) error {
	if size > maxCopied {
		return fmt.Errorf("%s has %d bytes, more than %d", key, size, int64(maxCopied))
	}
	r, err := from.Read(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r, size+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if got := sha256.Sum256(body); int64(len(body)) != size || hex.EncodeToString(got[:]) != sum {
		err := fmt.Errorf("store %s: %s has SHA-256 %x, recorded was %s: %w", from.Name(), key, got, sum, ErrCopyDamaged)
		return &told{err.Error(), errors.Join(err, ErrSourceChanged)} // no spool is spoken of
	}
	return PutFile(ctx, to, key, bytes.NewReader(body), size, sum)
}
