package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// FilesFormat and FilesVersion stand at the head of every files.json.
const (
	FilesFormat  = "ripstation files"
	FilesVersion = 1
)

// FileList is the head of metadata/files.json, the list of a disc's files.
// docs/decisions/0007-what-is-on-the-disc.md holds its fields. FileListWriter
// writes one, FileListReader reads one, a line at a time.
type FileList struct {
	Carrier      string
	ImageVersion int
	// TreeSHA256 is the content digest of the main tree, by TreeDigest; empty
	// (null) when one of its files has no digest.
	TreeSHA256 string
	Volumes    []FileVolume
}

// FileVolume is one tree of names.
type FileVolume struct {
	System string `json:"system"` // "ISO 9660", "UDF"
	View   string `json:"view"`   // "Joliet"; System's where there is one view only
	Label  string `json:"label"`
}

// FileType is what an entry is.
type FileType string

const (
	TypeFile      FileType = "file"
	TypeDirectory FileType = "directory"
	TypeLink      FileType = "link"
	TypeOther     FileType = "other"
)

// FileEntry is one line of the list. An empty string, a zero time and a nil
// Raw mean "not known" or "none" and are null in JSON.
type FileEntry struct {
	Volume int    // from 0, in FileList.Volumes
	Path   string // UTF-8, below the root, which is not listed: "a/b.txt"
	Raw    []byte // the name's bytes on the disc, of the last element alone, where they differ
	Type   FileType
	Mode   string // "0644"
	Size   int64  // bytes, as the file system says
	// Modified and Created are written in UTC, to the nanosecond; one outside
	// of the years 0 to 9999 is no RFC 3339 and becomes null.
	Modified, Created time.Time
	Link              string
	// Extents are nil (null) when they are too many for a line; see Add.
	Extents []FileExtent
	SHA256  string // hex; empty when not every byte was read
	// Damaged are stretches of the image, sorted and apart, that belong to the
	// file and were not read. Unit and Gap are 0.
	Damaged []FileExtent
	Reason  string // why there is no digest, or what else is wrong, in plain words
}

// FileExtent is a stretch of a file in bytes of the image, as tree.Extent:
// Offset -1 is a hole; an interleaved one has Unit bytes that are its own, then
// Gap bytes that are others', and Length counts its own alone.
type FileExtent struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
	Unit   int64 `json:"unit,omitempty"`
	Gap    int64 `json:"gap,omitempty"`
}

// end is the first byte of the image behind the extent; 0 for a hole.
func (x FileExtent) end() int64 {
	switch {
	case x.Offset < 0 || x.Length <= 0:
		return 0
	case x.Unit > 0:
		return x.Offset + x.Length + (x.Length-1)/x.Unit*x.Gap
	}
	return x.Offset + x.Length
}

// plain is what a damaged stretch has to be.
func (x FileExtent) plain() bool {
	return x.Offset >= 0 && x.Offset <= maxOffset && x.Length > 0 && x.Length <= maxOffset && x.Unit == 0 && x.Gap == 0
}

// Bounds of a file list.
const (
	maxFileLine = 16 << 20 // bytes of one line
	maxFiles    = 16 << 20
	maxVolumes  = 1000
	maxOffset   = 1 << 50 // no disc comes near it, and sums of a few do not overflow
)

// TreeDigest takes the content digest of a tree: the SHA-256 of what sha256sum
// prints for its regular files, sorted by the bytes of their paths.
type TreeDigest struct {
	h       hash.Hash
	last    string
	files   int
	unknown bool
}

// Add takes the next regular file. Without a digest there is none for the tree
// either.
func (d *TreeDigest) Add(path, sha256Hex string) error {
	if d.h == nil {
		d.h = sha256.New()
	}
	if d.files++; d.files > 1 && path <= d.last {
		return invalid("%q comes behind %q, which sorts after it", clamp(path, 256), clamp(d.last, 256))
	}
	d.last, d.unknown = path, d.unknown || sha256Hex == ""
	fmt.Fprintf(d.h, "%s  %s\n", sha256Hex, path)
	return nil
}

// Sum is the digest in hex, empty when a file has none.
func (d *TreeDigest) Sum() string {
	if d.unknown {
		return ""
	}
	if d.h == nil {
		d.h = sha256.New()
	}
	return hex.EncodeToString(d.h.Sum(nil))
}

// fileOrder holds what only all lines together can tell: their order, by
// volume and then by the bytes of the path, so that none stands twice; and that
// the head's tree digest is that of one volume's files.
type fileOrder struct {
	head   FileList
	n      int
	volume int
	path   string
	tree   TreeDigest
	found  bool
}

func (o *fileOrder) next(e *FileEntry) error {
	if o.n++; o.n > maxFiles {
		return invalid("more than %d files", maxFiles)
	}
	if o.n > 1 && (e.Volume < o.volume || e.Volume == o.volume && e.Path <= o.path) {
		return invalid("%q of volume %d comes behind %q of volume %d; the order is that of volumes, then of the bytes of the path", clamp(e.Path, 256), e.Volume, clamp(o.path, 256), o.volume)
	}
	for ; o.volume < e.Volume; o.volume++ {
		o.close()
	}
	o.path = e.Path
	if e.Type == TypeFile {
		return o.tree.Add(e.Path, e.SHA256)
	}
	return nil
}

func (o *fileOrder) close() {
	o.found = o.found || o.tree.Sum() == o.head.TreeSHA256
	o.tree = TreeDigest{}
}

func (o *fileOrder) end() error {
	for ; o.volume < len(o.head.Volumes); o.volume++ {
		o.close()
	}
	if o.head.TreeSHA256 != "" && !o.found {
		return invalid("the tree_sha256 %s is that of no volume's files", o.head.TreeSHA256)
	}
	return nil
}

func checkFileList(h FileList) error {
	switch {
	case !ValidID(h.Carrier):
		return invalid("carrier id %q", clamp(h.Carrier, 64))
	case h.ImageVersion < 1 || h.ImageVersion > maxVersion:
		return invalid("image version %d", h.ImageVersion)
	case h.TreeSHA256 != "" && !isSHA256(h.TreeSHA256):
		return invalid("tree_sha256 %q", clamp(h.TreeSHA256, 80))
	case len(h.Volumes) > maxVolumes:
		return invalid("%d volumes", len(h.Volumes))
	}
	for _, v := range h.Volumes {
		for _, s := range []string{v.System, v.View, v.Label} {
			if !utf8.ValidString(s) || len(s) > maxText {
				return invalid("a volume named %q", clamp(s, 64))
			}
		}
	}
	return nil
}

// checkFile refuses an entry that contradicts itself. volumes is how many
// there are.
func checkFile(e *FileEntry, volumes int) error {
	bad := func(format string, args ...any) error {
		return invalid("file %q: %s", clamp(e.Path, 256), fmt.Sprintf(format, args...))
	}
	switch {
	case !validFilePath(e.Path):
		return bad("it is no path of a list")
	case e.Volume < 0 || e.Volume >= volumes:
		return bad("volume %d of %d", e.Volume, volumes)
	case !oneOf(e.Type, TypeFile, TypeDirectory, TypeLink, TypeOther):
		return bad("type %q", clamp(string(e.Type), 64))
	case e.Mode != "" && (len(e.Mode) != 4 || strings.Trim(e.Mode, "01234567") != ""):
		return bad("mode %q", clamp(e.Mode, 64))
	case e.Size < 0:
		return bad("%d bytes", e.Size)
	case !utf8.ValidString(e.Link) || !utf8.ValidString(e.Reason):
		return bad("its link or reason is not UTF-8")
	case e.Link != "" && e.Type != TypeLink:
		return bad("it is no link and has a target")
	case e.SHA256 != "" && !isSHA256(e.SHA256):
		return bad("sha256 %q", clamp(e.SHA256, 80))
	case e.SHA256 != "" && e.Type != TypeFile:
		return bad("it is a %s and has a digest", e.Type)
	case e.SHA256 != "" && len(e.Damaged) > 0:
		return bad("it has a digest and parts that were not read")
	case e.Type == TypeFile && e.SHA256 == "" && e.Reason == "":
		return bad("it has no digest and no reason why")
	}
	var sum int64
	for _, x := range e.Extents {
		if err := checkExtent(x); err != nil {
			return bad("%v", err)
		}
		if sum += x.Length; sum < 0 {
			sum = math.MaxInt64
		}
	}
	if e.SHA256 != "" && e.Extents != nil && sum < e.Size {
		return bad("it has a digest, and its extents hold %d bytes of %d", sum, e.Size)
	}
	end := int64(0)
	for i, x := range e.Damaged {
		if !x.plain() || i > 0 && x.Offset <= end {
			return bad("damaged bytes %d+%d", x.Offset, x.Length)
		}
		end = x.end()
	}
	if e.Extents != nil && len(e.Damaged) > 0 {
		return damageOutside(e, bad)
	}
	return nil
}

// damageOutside finds damage that touches no extent of the file.
func damageOutside(e *FileEntry, bad func(string, ...any) error) error {
	spans := joined(e.Extents)
	for _, d := range e.Damaged {
		i, _ := slices.BinarySearchFunc(spans, d.Offset+1, func(s FileExtent, at int64) int { return int(min(1, max(-1, s.end()-at))) })
		if i == len(spans) || spans[i].Offset >= d.end() {
			return bad("the damaged bytes %d+%d are none of its own", d.Offset, d.Length)
		}
	}
	return nil
}

// joined is where extents stand on the image: sorted, apart, without holes.
// What lies between the units of an interleaved one counts in.
func joined(in []FileExtent) []FileExtent {
	var out []FileExtent
	for _, x := range in {
		if end := x.end(); end > 0 {
			out = append(out, FileExtent{Offset: x.Offset, Length: end - x.Offset})
		}
	}
	slices.SortFunc(out, func(a, b FileExtent) int { return int(min(1, max(-1, a.Offset-b.Offset))) })
	n := 0
	for _, x := range out {
		if n > 0 && x.Offset <= out[n-1].end() {
			out[n-1].Length = max(out[n-1].end(), x.end()) - out[n-1].Offset
			continue
		}
		out[n] = x
		n++
	}
	return out[:n]
}

func checkExtent(x FileExtent) error {
	for _, n := range []int64{x.Length, x.Unit, x.Gap} {
		if n < 0 || n > maxOffset {
			return fmt.Errorf("an extent of %d bytes, unit %d, gap %d", x.Length, x.Unit, x.Gap)
		}
	}
	switch {
	case x.Offset < -1 || x.Offset > maxOffset:
		return fmt.Errorf("an extent at %d", x.Offset)
	case (x.Unit == 0) != (x.Gap == 0) || x.Unit > 0 && x.Offset < 0:
		return fmt.Errorf("an extent at %d with unit %d and gap %d", x.Offset, x.Unit, x.Gap)
	case x.Unit > 0 && float64(x.Length)/float64(x.Unit)*float64(x.Gap) > maxOffset:
		return fmt.Errorf("an extent at %d that reaches too far", x.Offset)
	}
	return nil
}

// validFilePath takes what tree.Name makes, with slashes between.
func validFilePath(p string) bool {
	if p == "" || !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }) {
		return false
	}
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}
