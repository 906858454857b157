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
	// Metadata are the tag files under metadata/: small, and held in memory.
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
}

// File is one tag file.
type File struct {
	Path string // "metadata/record.json"
	Body []byte
}

// maxTagFile bounds a tag file, which is read whole into memory.
const maxTagFile = 64 << 20

// Key is the key of one of the bag's files.
func (b Bag) Key(path string) string { return b.Prefix + "/" + path }

// Size is the number of payload bytes.
func (b Bag) Size() (n int64) {
	for _, p := range b.Payload {
		n += p.Size
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
		if p.Size < 0 || p.Source == nil {
			return fmt.Errorf("bag %s: %s has no source or a negative size", b.Prefix, p.Path)
		}
		if !isDigest(p.SHA512, 64) || !isDigest(p.SHA256, 32) {
			return fmt.Errorf("bag %s: the digests of %s are not lower-case hex of SHA-512 and SHA-256", b.Prefix, p.Path)
		}
	}
	for _, f := range b.Metadata {
		if err := name(f.Path, metadataDir); err != nil {
			return err
		}
		if len(f.Body) > maxTagFile {
			return fmt.Errorf("bag %s: %s is larger than %d bytes", b.Prefix, f.Path, maxTagFile)
		}
	}
	return checkTags(b.Info)
}

func isDigest(s string, size int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == size && strings.ToLower(s) == s
}

// TagFiles gives everything but the payload, in the order in which it is
// written: the tag manifests last, the SHA-512 one at the very end.
func (b Bag) TagFiles() ([]File, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	info := slices.Clone(b.Info)
	info = append(info, Tag{"Payload-Oxum", fmt.Sprintf("%d.%d", b.Size(), len(b.Payload))})
	files := []File{{bagItFile, []byte(bagItText)}, {bagInfoFile, formatTags(info)}}
	files = append(files, b.Metadata...)

	var p512, p256, t512, t256 []manifestLine
	for _, p := range b.Payload {
		p512 = append(p512, manifestLine{p.SHA512, p.Path})
		p256 = append(p256, manifestLine{p.SHA256, p.Path})
	}
	files = append(files, File{manifest256, formatManifest(p256)}, File{manifest512, formatManifest(p512)})
	for _, f := range files {
		t512 = append(t512, manifestLine{sum("sha512", f.Body), f.Path})
		t256 = append(t256, manifestLine{sum("sha256", f.Body), f.Path})
	}
	return append(files, File{tagManifest256, formatManifest(t256)}, File{TagManifest, formatManifest(t512)}), nil
}
