package archive

import (
	"errors"
	"fmt"
	"strings"
)

// MaxKey is the longest key in bytes. S3 allows 1024, a store's own prefix
// included.
const MaxKey = 512

// maxSegment keeps every part of a key below the 255 bytes that file systems
// allow for one name.
const maxSegment = 200

// CheckKey reports what is wrong with a key, or nil. A key is one or more
// segments of the characters A-Z a-z 0-9 . _ - with single slashes between
// them; no segment starts with a dot, so that no key can leave a directory
// store's tree or name its own files. Such a key means the same in every store
// and on every file system.
func CheckKey(key string) error {
	if key == "" {
		return errors.New("the key is empty")
	}
	if len(key) > MaxKey {
		return fmt.Errorf("the key is %d bytes long, more than %d", len(key), MaxKey)
	}
	for seg := range strings.SplitSeq(key, "/") {
		if err := checkSegment(seg); err != nil {
			return fmt.Errorf("key %.80q: %w", key, err)
		}
	}
	return nil
}

func checkSegment(seg string) error {
	if seg == "" {
		return errors.New("an empty segment")
	}
	if len(seg) > maxSegment {
		return fmt.Errorf("a segment is %d bytes long, more than %d", len(seg), maxSegment)
	}
	if seg[0] == '.' {
		return errors.New("a segment starts with a dot")
	}
	for i := range len(seg) {
		c := seg[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("character %q is not allowed", rune(c))
		}
	}
	return nil
}
