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
	Damaged         []DamagedFile `json:"damaged"`
	DamagedTotal    int64         `json:"damaged_total"`
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
	Path    string      `json:"path"`    // empty for a structure that belongs to no file
	View    string      `json:"view"`    // the tree or file system
	What    string      `json:"what"`    // "file", "directory", "path table L"
	Sectors disc.Counts `json:"sectors"` // that are not simply read
	Bytes   int64       `json:"bytes"`   // of its own that were not read, or cannot be believed
}

// DamageWords says for a person which files are damaged, naming at most most of
// them; "" when nothing is.
func (c *Content) DamageWords(most int) string {
	var parts []string
	var names []string
	damaged, suspect := int64(0), int64(0)
	for _, d := range c.Damaged {
		if d.Bytes == 0 {
			suspect++
			continue
		}
		if damaged++; len(names) < most {
			names = append(names, fmt.Sprintf("%s (%d bytes missing)", clamp(d.Path, 200), d.Bytes))
		}
	}
	damaged += c.DamagedTotal - int64(len(c.Damaged)) // beyond those that are named
	if n := damaged - int64(len(names)); n > 0 && len(names) > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	if damaged > 0 {
		parts = append(parts, fmt.Sprintf("damaged: %s; %s", strings.Join(names, ", "), c.wholeWords(damaged)))
	}
	if suspect > 0 {
		parts = append(parts, fmt.Sprintf("%d files have sectors that were read after errors and not confirmed", suspect))
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
		return fmt.Sprintf("%d files whole, %d more cannot be read in full", c.Whole, rest)
	case damaged > 0:
		return fmt.Sprintf("all %d other files whole", c.Whole)
	}
	return fmt.Sprintf("all %d files whole", c.Whole)
}
