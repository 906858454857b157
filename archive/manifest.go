package archive

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// algorithms are those that a manifest's name may hold (RFC 8493, 2.4).
// MD5 and SHA-1 are there for bags of others.
var algorithms = map[string]func() hash.Hash{
	"sha512": sha512.New, "sha256": sha256.New, "sha1": sha1.New, "md5": md5.New,
}

func sum(algorithm string, b []byte) string {
	h := algorithms[algorithm]()
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// manifestLine is one line of a manifest (RFC 8493, 2.1.3).
type manifestLine struct {
	digest string // lower-case hex
	path   string
}

// formatManifest writes the lines sorted by path, as sha512sum does.
func formatManifest(lines []manifestLine) []byte {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b manifestLine) int { return strings.Compare(a.path, b.path) })
	var out bytes.Buffer
	for _, l := range lines {
		fmt.Fprintf(&out, "%s  %s\n", l.digest, encodePath(l.path))
	}
	return out.Bytes()
}

// encodePath hides what would break a line of a manifest; nothing else may be
// encoded (RFC 8493, 2.1.3).
var encodePath = strings.NewReplacer("\n", "%0A", "\r", "%0D", "%", "%25").Replace

// decodePath undoes encodePath. Lower-case hex is taken too.
var decodePath = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%25", "%").Replace

// maxLines bounds what one manifest may list.
const maxLines = 1_000_000

// parseManifest reads a manifest of an algorithm with digests of size bytes.
// Bytes of any sort are allowed in; what is not a manifest by the letter is an
// error that names the line.
func parseManifest(b []byte, size int) ([]manifestLine, error) {
	return parseManifestAs(b, size, decodePath)
}

// parseManifestAs is parseManifest with names written as decode undoes.
func parseManifestAs(b []byte, size int, decode func(string) string) ([]manifestLine, error) {
	var lines []manifestLine
	seen := map[string]bool{}
	for n, text := range textLines(b) {
		if n >= maxLines {
			return nil, fmt.Errorf("more than %d lines", maxLines)
		}
		digest, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
		path := strings.TrimLeft(text[len(text)-len(rest):], " \t")
		// sha512sum -b writes an asterisk; the RFC allows no such thing, and a
		// file's name may begin with one.
		if !isDigest(strings.ToLower(digest), size) {
			return nil, fmt.Errorf("line %d does not begin with %d hex digits", n+1, 2*size)
		}
		path = strings.TrimPrefix(decode(path), "./")
		if err := checkBagPath(path); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		if seen[path] {
			return nil, fmt.Errorf("line %d: %q is listed twice", n+1, path)
		}
		seen[path] = true
		lines = append(lines, manifestLine{strings.ToLower(digest), path})
	}
	return lines, nil
}

// checkBagPath refuses whatever could lead out of the bag (RFC 8493, 5.1).
func checkBagPath(path string) error {
	if path == "" {
		return fmt.Errorf("no path")
	}
	if len(path) > 4096 {
		return fmt.Errorf("a path of %d bytes", len(path))
	}
	if path[0] == '/' || path[0] == '~' || strings.Contains(path, "\\") || strings.Contains(path, "\x00") {
		return fmt.Errorf("path %.80q is not one inside the bag", path)
	}
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return fmt.Errorf("path %.80q is not one inside the bag", path)
		}
	}
	return nil
}

// textLines cuts at LF, CR or CRLF; an empty last line is none.
func textLines(b []byte) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for n := 0; len(b) > 0; n++ {
			end := bytes.IndexAny(b, "\r\n")
			line, next := b, len(b)
			if end >= 0 {
				line, next = b[:end], end+1
				if b[end] == '\r' && next < len(b) && b[next] == '\n' {
					next++
				}
			}
			if !yield(n, string(line)) {
				return
			}
			b = b[next:]
		}
	}
}

// ParseManifest reads the manifest of that name: the digests that it lists, in
// lower-case hex, by path.
func ParseManifest(name string, body []byte) (map[string]string, error) {
	m := manifestName.FindStringSubmatch(name)
	if m == nil || algorithms[m[2]] == nil {
		return nil, fmt.Errorf("read %.80q: its name is not that of a manifest of a known algorithm", name)
	}
	lines, err := parseManifest(body, algorithms[m[2]]().Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	digests := make(map[string]string, len(lines))
	for _, l := range lines {
		digests[l.path] = l.digest
	}
	return digests, nil
}
