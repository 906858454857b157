// Package digest takes the digests of many files in one pass over the image
// that holds them.
package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"

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

func (a Algo) new() (hash.Hash, error) {
	switch a {
	case SHA256:
		return sha256.New(), nil
	case SHA512:
		return sha512.New(), nil
	case SHA1:
		return sha1.New(), nil
	case MD5:
		return md5.New(), nil
	case CRC32:
		return crc32.NewIEEE(), nil
	}
	return nil, fmt.Errorf("there is no digest %q", a)
}

// ErrTooMuch says that the files of an image refer to so many more bytes than
// it has that not all of them were digested.
var ErrTooMuch = errors.New("the files of this image refer to many times the bytes it has; this one was not read")

// ErrClosed says that the pass was ended before the job had all its bytes.
var ErrClosed = errors.New("its digest was not taken to the end")

// ErrInterleave says that a file section is interleaved in units that no
// standard allows.
var ErrInterleave = errors.New("it is interleaved in units smaller than a logical block")

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
	// or that lie outside (tree.ErrOutside, tree.ErrShort), or ErrTooMuch.
	Sums map[Algo][]byte
	Err  error
}

// Patch is a stretch of a job whose bytes are given.
type Patch struct {
	Offset int64 // in the job's bytes
	Bytes  []byte
}

// minUnit is the smallest logical block (ECMA-119, 6.2.2).
const minUnit = 512

// check reports why a job's bytes are not all on the image. Nothing is read, and
// the pieces of interleaved sections, which can be many, are only counted.
func (j *Job) check(image int64) (pieces int64, err error) {
	if j.Size < 0 {
		return 0, fmt.Errorf("a size of %d bytes", j.Size)
	}
	var at int64 // in the job's bytes
	for _, e := range j.Extents {
		if at == j.Size {
			break
		}
		if e.Length < 0 {
			return 0, tree.ErrShort
		}
		e.Length = min(e.Length, j.Size-at)
		at += e.Length
		if e.Offset < 0 || e.Length == 0 {
			continue
		}
		if e.Unit > 0 && e.Gap > 0 && e.Unit < minUnit {
			return 0, ErrInterleave
		}
		if e.Offset > image || e.Length > image-e.Offset {
			return 0, tree.ErrOutside
		}
		pieces++
		if e.Unit <= 0 || e.Gap <= 0 {
			continue
		}
		// The bytes of an interleaved section alone fit; now with its gaps.
		if e.Gap > image || e.End() > image || e.End() < e.Offset {
			return 0, tree.ErrOutside
		}
		pieces += (e.Length - 1) / e.Unit
	}
	if at < j.Size {
		return 0, tree.ErrShort
	}
	var end int64
	for _, x := range j.Patches {
		if x.Offset < end || x.Offset > j.Size || int64(len(x.Bytes)) > j.Size-x.Offset {
			return 0, errors.New("bytes that count in place of the image's lie outside of the file or over each other")
		}
		end = x.Offset + int64(len(x.Bytes))
	}
	return pieces, nil
}

// absent reports whether bytes of a job that check has passed were not read
// from the disc.
func (j *Job) absent(have func(off, n int64) bool) bool {
	if have == nil {
		return false
	}
	for p := range j.pieces() {
		if p.off >= 0 && !have(p.off, p.n) {
			return true
		}
	}
	return false
}
