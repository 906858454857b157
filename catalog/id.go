package catalog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// idLength is what 128 bits take in base32 without padding.
const idLength = 26

var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// NewID gives 128 random bits: RFC 4648 base32, lower case, 26 characters.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: the program ends instead (crypto/rand)
	return idEncoding.EncodeToString(b[:])
}

// ValidID reports whether s has the form of an id. Nothing else may become a
// part of a key or a path.
func ValidID(s string) bool {
	return len(s) == idLength && idPrefix(s)
}

func idPrefix(s string) bool {
	return s != "" && len(s) <= idLength && strings.Trim(s, idAlphabet) == ""
}

// contentID is an id that the same bytes always get.
func contentID(b []byte) string {
	sum := sha256.Sum256(b)
	return idEncoding.EncodeToString(sum[:16])
}
