package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// letter is what a bag declares itself to be, and what follows from that.
type letter struct {
	version  string // "1.0", "0.97"
	encoding string // of its tag files, manifests among them
}

// versions are those that a bag may declare: RFC 8493 and the drafts before it.
var versions = []string{"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"}

func (l letter) final() bool { return l.version == "1.0" }

// ValidateAny holds a bag of anybody's, in a folder, to the letter of the
// version that it declares: RFC 8493 for 1.0, the drafts for 0.93 to 0.97. It
// asks for no more than that: a bag needs no tag manifest then, and may have tag
// files that none lists. Names are compared byte by byte, so one that was
// listed in another form of Unicode normalization is missing. An error means
// that it could not look.
func ValidateAny(ctx context.Context, fsys fs.FS) (ReadBackResult, error) {
	l := look{src: folderSource{fsys}, algorithms: []string{"sha512", "sha256", "sha1", "md5"}, any: &letter{}}
	res, err := l.run(ctx)
	if err != nil {
		return res, err
	}
	if info, err := fs.Stat(fsys, strings.TrimSuffix(payloadDir, "/")); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		res.Flaws = append(res.Flaws, Flaw{payloadDir, Missing, "what has no such folder is no bag"})
	} else if err != nil {
		return res, err
	}
	return res, nil
}

var bagVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// declared takes what bagit.txt declares (RFC 8493, 2.1.1).
func (l *look) declared(body []byte) error {
	tags, err := parseTags(body)
	switch {
	case bytes.HasPrefix(body, []byte("\ufeff")):
		return errors.New("it begins with a byte order mark")
	case err != nil:
		return err
	case len(tags) != 2 || tags[0].Label != "BagIt-Version" || tags[1].Label != "Tag-File-Character-Encoding":
		return errors.New("it is not a version and an encoding, one line each")
	case !bagVersion.MatchString(tags[0].Value) || !slices.Contains(versions, tags[0].Value):
		return fmt.Errorf("version %.40q is none that is known here", tags[0].Value)
	}
	*l.any = letter{tags[0].Value, strings.ToUpper(tags[1].Value)}
	if _, err := l.any.text(nil); err != nil {
		return err
	}
	return nil
}

// text gives a tag file's text in UTF-8.
func (l letter) text(b []byte) ([]byte, error) {
	switch l.encoding {
	case "UTF-8", "": // without a declaration, as if it had been read
		return b, nil
	case "ISO-8859-1":
		out := make([]byte, 0, len(b))
		for _, c := range b {
			out = append(out, string(rune(c))...)
		}
		return out, nil
	case "UTF-16", "UTF-16BE", "UTF-16LE":
		var order binary.ByteOrder = binary.BigEndian
		if l.encoding == "UTF-16LE" || l.encoding == "UTF-16" && bytes.HasPrefix(b, []byte{0xff, 0xfe}) {
			order = binary.LittleEndian
		}
		if l.encoding == "UTF-16" && len(b) >= 2 && order.Uint16(b) == 0xfeff {
			b = b[2:]
		}
		if len(b)%2 != 0 {
			return nil, errors.New("an odd number of bytes is no UTF-16")
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = order.Uint16(b[2*i:])
		}
		return []byte(string(utf16.Decode(units))), nil
	}
	return nil, fmt.Errorf("encoding %.40q is none that is known here", l.encoding)
}

// decodeDraft is decodePath for the drafts, in which a percent sign stands for
// itself.
var decodeDraft = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r").Replace

// parse reads a manifest as the bag's version has it.
func (l letter) parse(b []byte, size int) ([]manifestLine, error) {
	b, err := l.text(b)
	if err != nil {
		return nil, err
	}
	if l.final() {
		return parseManifest(b, size)
	}
	// The drafts let tools that check digests write an asterisk before a name.
	return parseManifestAs(b, size, func(path string) string { return decodeDraft(strings.TrimPrefix(path, "*")) })
}

// draftTag lets a draft's element stand without a blank behind its colon.
var draftTag = regexp.MustCompile(`(?m)^([^\s:][^:\r\n]*):([^ \t\r\n])`)

// tags reads bag-info.txt as the bag's version has it.
func (l letter) tags(b []byte) ([]Tag, error) {
	b, err := l.text(b)
	if err != nil {
		return nil, err
	}
	if !l.final() {
		b = draftTag.ReplaceAll(b, []byte("$1: $2"))
	}
	return parseTags(b)
}

// fetched holds fetch.txt to RFC 8493, 2.2.3: a URL, a length and a name a line.
// What it names must be there, and in every manifest of a final version.
func (l *look) fetched(ctx context.Context, perManifest map[string]map[string]bool) error {
	const name = "fetch.txt"
	if _, ok := l.files[name]; !ok {
		return nil
	}
	body, err := l.small(ctx, name)
	if err != nil || body == nil {
		return err
	}
	if body, err = l.any.text(body); err != nil {
		l.flaw(name, Malformed, "%v", err)
		return nil
	}
	seen := map[string]bool{}
	for n, line := range textLines(body) {
		if n >= maxLines {
			l.flaw(name, Malformed, "more than %d lines", maxLines)
			return nil
		}
		url, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		length, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		at := strings.Index(line, length)
		path := strings.TrimLeft(line[min(len(line), at+len(length)):], " \t")
		if _, err := strconv.ParseUint(length, 10, 63); length == "" || err != nil && length != "-" || !strings.Contains(url, ":") {
			l.flaw(name, Malformed, "line %d is not a URL, a length and a name", n+1)
			continue
		}
		path = strings.TrimPrefix(decodePath(path), "./")
		if err := checkBagPath(path); err != nil || !strings.HasPrefix(path, payloadDir) {
			l.flaw(name, Malformed, "line %d: %.80q is no payload", n+1, path)
			continue
		}
		if seen[path] {
			l.flaw(name, Malformed, "line %d: %.80q is listed twice", n+1, path)
		}
		seen[path] = true
		if _, there := l.files[path]; !there {
			l.flaw(path, Missing, "it lies elsewhere, and has not been fetched")
		}
		for manifest, listed := range perManifest {
			if !listed[path] && l.any.final() {
				l.flaw(manifest, Malformed, "it does not list %.200q, which %s names", path, name)
			}
		}
	}
	return nil
}
