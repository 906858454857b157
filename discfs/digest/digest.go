// Package digest takes the digests of many files in one pass over the image
// that holds them.
package digest

import (
	"context"
	"errors"
	"io"

	"ripstation/discfs/tree"
)

// Algo is a digest's name.
type Algo string

// The digests that discs carry lists of. CRC32 is that of .sfv files (IEEE, in
// big-endian bytes).
const (
	SHA256 Algo = "sha256"
	SHA512 Algo = "sha512"
	SHA1   Algo = "sha1"
	MD5    Algo = "md5"
	CRC32  Algo = "crc32"
)

// Job is one sequence of bytes to be digested.
type Job struct {
	Extents []tree.Extent // in the order of the bytes; Size of them count
	Size    int64
	Algos   []Algo
	// Patches are bytes that count in place of those on the image: isomd5sum
	// digests the area that holds its own sum as spaces. In order, not
	// overlapping, inside Size.
	Patches []Patch
	// Sums has every one of Algos when Err is nil, and Err says why there are
	// none otherwise: bytes that were not read from the disc (tree.ErrAbsent),
	// or that lie outside (tree.ErrOutside, tree.ErrShort).
	Sums map[Algo][]byte
	Err  error
}

// Patch is a stretch of a job whose bytes are given.
type Patch struct {
	Offset int64 // in the job's bytes
	Bytes  []byte
}

// Pass takes the digests of jobs from an image that is read once in order.
type Pass struct{}

// New prepares a pass over an image of size bytes. have says which bytes were read from
// the disc; nil means all. A job with others gets tree.ErrAbsent.
func New(jobs []*Job, size int64, have func(off, n int64) bool) *Pass { return &Pass{} }

// Block takes the image's next bytes. Blocks follow each other from byte 0. Without data
// (the disk did not give the block) the jobs that it belongs to are left to Finish.
func (p *Pass) Block(off, n int64, data []byte) error { return errors.New("not written yet") }

// Finish reads again what the pass could not take in order. After it every job
// has its Sums or its Err.
func (p *Pass) Finish(ctx context.Context, r io.ReaderAt) error {
	return errors.New("not written yet")
}
