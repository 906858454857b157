package catalog

import "ripstation/disc"

// Content is what was found on an image when it was sealed. The whole list is
// in the bag's metadata/files.json.
type Content struct {
	Filesystems []string `json:"filesystems"` // "ISO 9660", "UDF"; of those that are known
	Files       int64    `json:"files"`       // in the list
	Directories int64    `json:"directories"`
	Bytes       int64    `json:"bytes"` // of all listed files
	// TreeSHA256 is the content digest of the main tree; null when a file has
	// no digest, or there is no tree.
	TreeSHA256 *string `json:"tree_sha256"`
	// ListSHA256 is the digest of metadata/files.json.
	ListSHA256 string `json:"list_sha256"`
	// Listed counts regular files, each once though several names or trees lead
	// to its bytes; Whole those of them that have every byte.
	Listed int64 `json:"listed"`
	Whole  int64 `json:"whole"`
	// Damaged are files that bad sectors stand in, Structures what else of a
	// file system they stand in: at most MaxDamaged each, of so many.
	Damaged         []DamagedFile `json:"damaged"`
	DamagedTotal    int64     `json:"damaged_total"`
	Structures      []DamagedFile `json:"structures"`
	StructuresTotal int64     `json:"structures_total"`
	// Unused are bad sectors that nothing known stands in.
	Unused disc.Counts `json:"unused"`
	// Unknown are directories of which not all names are known.
	Unknown      []string `json:"unknown"`
	UnknownTotal int64    `json:"unknown_total"`
}

// MaxDamaged is how many files, structures and directories a Content names.
const MaxDamaged = 10_000

// DamagedFile is one file or structure that bad sectors stand in.
type DamagedFile struct {
	Path    string      `json:"path"`    // empty for a structure that belongs to no file
	View    string      `json:"view"`    // the tree or file system
	What    string      `json:"what"`    // "file", "directory", "path table L"
	Sectors disc.Counts `json:"sectors"` // that are not simply read
	Bytes   int64       `json:"bytes"`   // of its own that were not read, or cannot be believed
}
