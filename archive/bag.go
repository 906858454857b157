package archive

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The names that RFC 8493 fixes (2.1 and 2.2).
const (
	bagItFile      = "bagit.txt"
	bagInfoFile    = "bag-info.txt"
	payloadDir     = "data/"
	metadataDir    = "metadata/"
	manifest512    = "manifest-sha512.txt"
	manifest256    = "manifest-sha256.txt"
	tagManifest256 = "tagmanifest-sha256.txt"
	// TagManifest is the object written last of all: a bag that has it is whole.
	TagManifest = "tagmanifest-sha512.txt"

	bagItText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
)

// Bag is one sealed image as a bag (RFC 8493, version 1.0). Its value must be
// the same whenever it is sent again, after a restart too, down to the date and
// program named in Info: stored bags are never changed.
type Bag struct {
	// Prefix is the key that the bag's objects lie under: "<id>/v1".
	Prefix string
	// Info are the elements of bag-info.txt in their order. Send adds
	// Payload-Oxum itself.
	Info []Tag
	// Payload are the files under data/.
	Payload []Payload
	// Metadata are the tag files under metadata/. A small one is held in memory,
	// a large one stays where it is and is sent in parts.
	Metadata []File
}

// Payload is one file under data/, with what was sealed of it.
type Payload struct {
	Path   string // "data/image.iso"
	Size   int64  // bytes
	Source io.ReaderAt
	SHA512 string // lower-case hex
	SHA256 string // lower-case hex
	// CRC64NVME is that of the whole file, taken at the seal together with the
	// digests. Nothing is completed unless the bytes sent add up to it.
	CRC64NVME uint64
	// Sums are those of every MiB of the file, in order, if they are known:
	// they say what a part must be without reading it. nil: not known.
	Sums []uint64
}

// File is one tag file: the caller gives Path and Body, or everything but the
// Body. TagFiles fills in the rest.
type File struct {
	Path string // "metadata/record.json"
	Body []byte // at most 64 MiB
	// Source is a file that may be too large for memory, with what was sealed
	// of it: sent like payload, proved by the same checksum, and listed in the
	// tag manifests, which come after it. Body is nil then.
	Source    io.ReaderAt
	Size      int64  // bytes
	SHA512    string // lower-case hex
	SHA256    string // lower-case hex
	CRC64NVME uint64
}

// maxTagFile bounds a tag file that is held in memory: every one but those
// with a Source, which nobody reads whole.
const maxTagFile = 64 << 20

// sealed is f with its size and digests filled in.
func (f File) sealed() File {
	if f.Source == nil {
		f.Size, f.SHA512, f.SHA256, f.CRC64NVME = int64(len(f.Body)), sum("sha512", f.Body), sum("sha256", f.Body), CRC64NVME(f.Body)
	}
	return f
}

// payload is a file with a Source as what is sent in parts.
func (f File) payload() Payload {
	return Payload{Path: f.Path, Size: f.Size, Source: f.Source, SHA512: f.SHA512, SHA256: f.SHA256, CRC64NVME: f.CRC64NVME}
}

// Key is the key of one of the bag's files.
func (b Bag) Key(path string) string { return b.Prefix + "/" + path }

// Size is the number of payload bytes.
func (b Bag) Size() (n int64) {
	for _, p := range b.Payload {
		n += p.Size
	}
	return n
}

// inParts is the number of bytes that are sent in parts.
func (b Bag) inParts() int64 {
	n := b.Size()
	for _, f := range b.Metadata {
		if f.Source != nil {
			n += f.Size
		}
	}
	return n
}

// check reports what makes the bag unfit to be written.
func (b Bag) check() error {
	if err := CheckKey(b.Prefix); err != nil {
		return fmt.Errorf("bag prefix: %w", err)
	}
	if len(b.Payload) == 0 {
		return fmt.Errorf("bag %s has no payload", b.Prefix)
	}
	seen := map[string]bool{}
	name := func(path, dir string) error {
		if !strings.HasPrefix(path, dir) {
			return fmt.Errorf("bag %s: %q does not lie under %s", b.Prefix, path, dir)
		}
		if err := CheckKey(b.Key(path)); err != nil {
			return fmt.Errorf("bag %s: %w", b.Prefix, err)
		}
		// Two names that differ in case alone are one file on some drives.
		if folded := strings.ToLower(path); seen[folded] {
			return fmt.Errorf("bag %s: two files are named %s", b.Prefix, path)
		} else {
			seen[folded] = true
		}
		return nil
	}
	for _, p := range b.Payload {
		if err := name(p.Path, payloadDir); err != nil {
			return err
		}
		if err := b.checkSource(p); err != nil {
			return err
		}
	}
	for _, f := range b.Metadata {
		if err := name(f.Path, metadataDir); err != nil {
			return err
		}
		switch {
		case len(f.Body) > maxTagFile:
			return fmt.Errorf("bag %s: %s is larger than %d bytes", b.Prefix, f.Path, maxTagFile)
		case f.Source == nil:
		case f.Body != nil:
			return fmt.Errorf("bag %s: %s has a body and a source", b.Prefix, f.Path)
		default:
			if err := b.checkSource(f.payload()); err != nil {
				return err
			}
		}
	}
	return checkTags(b.Info)
}

func (b Bag) checkSource(p Payload) error {
	if p.Size < 0 || p.Source == nil {
		return fmt.Errorf("bag %s: %s has no source or a negative size", b.Prefix, p.Path)
	}
	if !isDigest(p.SHA512, 64) || !isDigest(p.SHA256, 32) {
		return fmt.Errorf("bag %s: the digests of %s are not lower-case hex of SHA-512 and SHA-256", b.Prefix, p.Path)
	}
	if p.Sums != nil && int64(len(p.Sums)) != (p.Size+mib-1)/mib {
		return fmt.Errorf("bag %s: %s has %d sums for %d bytes; there is one for each MiB", b.Prefix, p.Path, len(p.Sums), p.Size)
	}
	return nil
}

func isDigest(s string, size int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == size && strings.ToLower(s) == s
}

// TagFiles gives everything but the payload, in the order in which it is
// written, each with its size and digests: the tag manifests last, the SHA-512
// one at the very end.
func (b Bag) TagFiles() ([]File, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	info := slices.Clone(b.Info)
	info = append(info, Tag{"Payload-Oxum", fmt.Sprintf("%d.%d", b.Size(), len(b.Payload))})
	small := func(path string, body []byte) File { return File{Path: path, Body: body}.sealed() }
	files := []File{small(bagItFile, []byte(bagItText)), small(bagInfoFile, formatTags(info))}
	for _, f := range b.Metadata {
		files = append(files, f.sealed())
	}
	var p512, p256, t512, t256 []manifestLine
	for _, p := range b.Payload {
		p512 = append(p512, manifestLine{p.SHA512, p.Path})
		p256 = append(p256, manifestLine{p.SHA256, p.Path})
	}
	files = append(files, small(manifest256, formatManifest(p256)), small(manifest512, formatManifest(p512)))
	for _, f := range files {
		t512 = append(t512, manifestLine{f.SHA512, f.Path})
		t256 = append(t256, manifestLine{f.SHA256, f.Path})
	}
	return append(files, small(tagManifest256, formatManifest(t256)), small(TagManifest, formatManifest(t512))), nil
}
