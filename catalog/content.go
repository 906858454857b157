package catalog

import (
	"fmt"
	"strings"

	"ripstation/disc"
)

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
	Damaged      []DamagedFile `json:"damaged"`
	DamagedTotal int64         `json:"damaged_total"`
	// SuspectTotal are those of DamagedTotal of which every byte was read, some
	// after errors and not confirmed.
	SuspectTotal    int64         `json:"suspect_total"`
	Structures      []DamagedFile `json:"structures"`
	StructuresTotal int64         `json:"structures_total"`
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
	Path    string      `json:"path"`           // empty for a structure that belongs to no file
	View    string      `json:"view"`           // the tree or file system
	Also    []string    `json:"also,omitempty"` // further names of its bytes in that tree, up to a hundred
	What    string      `json:"what"`           // "file", "directory", "path table L"
	Sectors disc.Counts `json:"sectors"`        // that are not simply read
	Bytes   int64       `json:"bytes"`          // of its own that were not read, or cannot be believed
}

// also tells of a file's further names.
func (d DamagedFile) also() string {
	switch len(d.Also) {
	case 0:
		return ""
	case 1:
		return ", which is " + clamp(d.Also[0], 200) + " too"
	}
	return fmt.Sprintf(", which is %s and has %d more names", clamp(d.Also[0], 200), len(d.Also)-1)
}

// DamageWords says for a person which files are damaged, naming at most most of
// them; "" when nothing is.
func (c *Content) DamageWords(most int) string {
	var parts []string
	var names []string
	suspect := c.SuspectTotal
	if suspect == 0 { // not counted, in records made before it was
		for _, d := range c.Damaged {
			if d.Bytes == 0 {
				suspect++
			}
		}
	}
	damaged := c.DamagedTotal - suspect
	for _, d := range c.Damaged {
		if d.Bytes > 0 && len(names) < most {
			names = append(names, fmt.Sprintf("%s%s (%d bytes missing)", clamp(d.Path, 200), d.also(), d.Bytes))
		}
	}
	if n := damaged - int64(len(names)); n > 0 && len(names) > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	if damaged > 0 {
		parts = append(parts, fmt.Sprintf("damaged: %s; %s", strings.Join(names, ", "), c.wholeWords(damaged)))
	}
	if suspect > 0 {
		have := "files have"
		if suspect == 1 {
			have = "file has"
		}
		parts = append(parts, fmt.Sprintf("%d %s sectors that were read after errors and not confirmed", suspect, have))
	}
	if n := c.StructuresTotal; n > 0 && len(c.Structures) > 0 {
		s := c.Structures[0]
		parts = append(parts, fmt.Sprintf("of the file system itself %s is hit", strings.TrimSpace(s.What+" "+clamp(s.Path, 200))))
		if n > 1 {
			parts[len(parts)-1] += fmt.Sprintf(", and %d more places", n-1)
		}
	}
	if n := c.UnknownTotal; n > 0 {
		parts = append(parts, fmt.Sprintf("what is in %s is not known in full", clamp(c.Unknown[0], 200)))
		if n > 1 {
			parts[len(parts)-1] += fmt.Sprintf(", nor in %d more directories", n-1)
		}
	}
	if c.Unused.Total > 0 && len(parts) == 0 {
		if len(c.Filesystems) == 0 {
			return ""
		}
		parts = append(parts, "no file that is known is hit; "+c.wholeWords(0))
	}
	return strings.Join(parts, "; ")
}

// wholeWords says of how many files every byte is there. Of all others it is said
// only when none is left over that could not be read for another reason.
func (c *Content) wholeWords(damaged int64) string {
	rest := c.Listed - c.Whole - damaged
	switch {
	case rest > 0:
		return fmt.Sprintf("%s whole, %d more cannot be read in full", countFiles(c.Whole), rest)
	case damaged > 0 && c.Whole == 0:
		return "no file is whole"
	case damaged > 0 && c.Whole == 1:
		return "the other file is whole"
	case damaged > 0:
		return fmt.Sprintf("all %d other files whole", c.Whole)
	case c.Whole == 1:
		return "the one file is whole"
	}
	return fmt.Sprintf("all %d files whole", c.Whole)
}

func countFiles(n int64) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
