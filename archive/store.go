// Package archive keeps bags in stores.
package archive

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// ErrExists says that an object of that key is there already, with other
// bytes than those to be put. Nothing was changed.
var ErrExists = errors.New("an object with this key and other content is already there")

// ErrNotFound says that the store answered and has no such object.
var ErrNotFound = errors.New("no such object")

// ErrPermanent marks a failure that waiting does not mend: credentials
// refused, bucket missing, request malformed. Everything else may be tried
// again.
var ErrPermanent = errors.New("will not mend by waiting")

// ErrChecksum says that the bytes that arrived are not the bytes sent or
// recorded.
var ErrChecksum = errors.New("checksum does not match")

// ErrUploadGone says that the store no longer knows the unfinished upload
// (aborted, expired, or completed by another): begin again.
var ErrUploadGone = errors.New("the unfinished upload is gone, begin again")

// Info is what a store says of an object without reading it.
type Info struct {
	Key       string
	Size      int64
	CRC64NVME string // base64 as S3 writes it, empty when the store has none (or does not tell it in a listing); what was recorded at upload, no proof of today's bytes
	VersionID string // empty without versioning
	Modified  time.Time
}

// Store holds objects under keys. It never overwrites and never deletes.
// All methods may be called from several goroutines.
type Store interface {
	// Name is the store's name in the config and in every record.
	Name() string
	// Put stores a small object, durably, only if absent. It returns nil when
	// the same bytes are there already, ErrExists when others are. Keys are
	// what CheckKey lets pass, here and everywhere.
	Put(ctx context.Context, key string, body []byte) error
	// Begin starts the upload of a large object, or goes on with an unfinished
	// upload of the same key, size and part size. If the finished object is
	// there already, Begin returns an Upload that says so by Stored; one of
	// another size is ErrExists.
	Begin(ctx context.Context, key string, size int64) (Upload, error)
	// Read gives length bytes from offset; length -1 means to the end. A range
	// outside the object is an error. The reader fails with ErrChecksum or
	// io.ErrUnexpectedEOF rather than give wrong or fewer bytes, as far as the
	// store can tell.
	Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat says what the store knows of the object, or ErrNotFound. A store
	// that cannot be asked gives another error, never ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// List gives every object whose key starts with prefix, in key order
	// (bytes). An error ends the list: what came before it is not all.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Upload is one large object on its way. Nothing is visible under its key
// before Complete has carried it out. Its methods may be called from several
// goroutines. An Upload that is dropped leaves an unfinished upload in the
// store, which the next Begin finds.
type Upload interface {
	// Stored is true when the finished object was there when Begin was called,
	// of the size given; its bytes are held against those of a new one by
	// Complete's checksum.
	Stored() bool
	// PartSize is the number of bytes of every part but the last.
	PartSize() int64
	// Parts is the number of parts: 0 for an empty object, which needs Complete only.
	Parts() int
	// Has reports whether the store holds part n (from 0) with exactly this
	// CRC64NVME.
	Has(n int, crc uint64) bool
	// Part sends part n (from 0), or sends it again: the last bytes sent count.
	// The body is the caller's again when Part returns.
	Part(ctx context.Context, n int, body []byte) error
	// PartFrom sends part n out of src, which is the whole object, as Part does
	// and without holding the part in memory. crc is the part's CRC64NVME as it
	// was summed before: if src gives other bytes, the error is
	// ErrSourceChanged; if it cannot be read, ErrSource. The store does not
	// count as holding the part then.
	PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error
	// Complete makes the object visible, only if absent, and has the store
	// confirm crc, the CRC64NVME of the whole object. It may be called again
	// after a lost reply: an object of this size and checksum is success, one
	// with others is ErrExists. ErrChecksum means that the parts do not add up
	// to crc; nothing became visible.
	Complete(ctx context.Context, crc uint64) (Info, error)
	// Abort ends the upload; the store forgets its parts.
	Abort(ctx context.Context) error
}
