package proofs

import (
	"encoding/hex"
	"path"
	"strings"

	"ripstation/discfs/digest"
)

// line is what one line of a checksum file says.
type line struct {
	name string
	algo digest.Algo
	sum  []byte
}

// sizes tells digests by their length in bytes. Those of .sfv files have 4.
var sizes = map[int]digest.Algo{16: digest.MD5, 20: digest.SHA1, 32: digest.SHA256, 64: digest.SHA512}

// bsd are the names of digests in lines "SHA256 (name) = hex".
var bsd = map[string]digest.Algo{
	"MD5": digest.MD5, "SHA1": digest.SHA1, "SHA256": digest.SHA256, "SHA512": digest.SHA512,
	"SHA-1": digest.SHA1, "SHA-256": digest.SHA256, "SHA-512": digest.SHA512,
}

// listKind tells from a file's name whether it may be a list of checksums.
type listKind int

const (
	noList listKind = iota
	sumList
	crcList
)

func kindOf(name string) listKind {
	name = strings.ToLower(name)
	ext := path.Ext(name)
	switch ext {
	case ".sfv":
		return crcList
	case ".md5", ".sha1", ".sha256", ".sha512", ".md5sum", ".sha1sum", ".sha256sum", ".sha512sum",
		".md5sums", ".sha1sums", ".sha256sums", ".sha512sums":
		return sumList
	case "", ".txt", ".asc":
	default:
		return noList
	}
	switch strings.TrimSuffix(name, ext) {
	case "md5sum", "md5sums", "sha1sum", "sha1sums", "sha256sum", "sha256sums", "sha512sum", "sha512sums",
		"checksum", "checksums", "checksum.md5", "checksum.sha1", "checksum.sha256", "checksum.sha512":
		return sumList
	}
	return noList
}

// parseList reads a whole list. listName is its own. bad counts lines that are
// neither checksums nor comments.
func parseList(kind listKind, listName string, text []byte, most int) (lines []line, bad int, more bool) {
	rest := strings.TrimPrefix(string(text), "\ufeff")
	signed := false // in the head of a clear-signed text (RFC 9580, 7)
	for len(rest) > 0 {
		var s string
		s, rest, _ = strings.Cut(rest, "\n")
		s = strings.TrimSuffix(s, "\r")
		switch {
		case strings.HasPrefix(s, "-----BEGIN PGP SIGNED MESSAGE"):
			signed = true
			continue
		case strings.HasPrefix(s, "-----BEGIN PGP SIGNATURE"):
			return lines, bad, false
		case strings.TrimSpace(s) == "":
			signed = false
			continue
		case signed, s[0] == '#', s[0] == ';':
			continue
		}
		l, ok := parseSum(s)
		if kind == crcList {
			l, ok = parseCRC(s)
		} else if !ok {
			l, ok = parseLone(s, listName)
		}
		if !ok {
			bad++
			continue
		}
		if len(lines) == most {
			return lines, bad, true
		}
		lines = append(lines, l)
	}
	return lines, bad, false
}

// parseSum reads "hex  name", "hex *name", and "ALGO (name) = hex". A backslash
// before it says that backslashes and line ends in the name are escaped.
func parseSum(s string) (line, bool) {
	s, escaped := strings.CutPrefix(s, `\`)
	var l line
	digits, name, ok := strings.Cut(s, " ")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		digits, name = s[:i], s[i+1:]
	}
	if sum, err := hex.DecodeString(digits); ok && err == nil && sizes[len(sum)] != "" {
		l = line{algo: sizes[len(sum)], sum: sum}
		if name != "" && (name[0] == ' ' || name[0] == '*') { // text, binary
			name = name[1:]
		} else if t := strings.TrimLeft(name, " \t"); t != "" {
			name = strings.TrimPrefix(t, "*")
		}
		l.name = name
	} else if algo, inside, ok := strings.Cut(s, " ("); ok && bsd[algo] != "" {
		i := strings.LastIndex(inside, ") = ")
		if i < 0 {
			return l, false
		}
		sum, err := hex.DecodeString(strings.TrimSpace(inside[i+4:]))
		if err != nil || sizes[len(sum)] != bsd[algo] {
			return l, false
		}
		l = line{name: inside[:i], algo: bsd[algo], sum: sum}
	}
	if escaped {
		l.name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(l.name)
	}
	return l, l.name != ""
}

// parseLone reads a digest without a name in a file that is named after
// another one: "disc.iso.md5".
func parseLone(s, listName string) (line, bool) {
	sum, err := hex.DecodeString(strings.TrimSpace(s))
	name := strings.TrimSuffix(listName, path.Ext(listName))
	if err != nil || sizes[len(sum)] == "" || name == "" || name == listName {
		return line{}, false
	}
	return line{name: name, algo: sizes[len(sum)], sum: sum}, true
}

// parseCRC reads "name hex" of an .sfv file.
func parseCRC(s string) (line, bool) {
	s = strings.TrimRight(s, " \t")
	i := strings.LastIndexAny(s, " \t")
	if i < 0 {
		return line{}, false
	}
	name := strings.TrimRight(s[:i], " \t")
	sum, err := hex.DecodeString(s[i+1:])
	if err != nil || len(sum) != 4 || name == "" {
		return line{}, false
	}
	return line{name: name, algo: digest.CRC32, sum: sum}, true
}
