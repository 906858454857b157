package archive

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tag is one metadata element of bag-info.txt (RFC 8493, 2.2.2). The value may
// be anything, a disc's own label too: what would break the line is written as
// U+FFFD, so the exact bytes belong into a metadata file as well.
type Tag struct{ Label, Value string }

const (
	tagWidth = 79   // the line length that RFC 8493 recommends
	maxValue = 4000 // bytes; no element of ours comes near it
)

// checkTags holds the labels, which the program chooses, to the RFC.
func checkTags(tags []Tag) error {
	for _, t := range tags {
		if t.Label == "" || strings.TrimSpace(t.Label) != t.Label || strings.ContainsAny(t.Label, ":\r\n") || cleanText(t.Label) != t.Label {
			return fmt.Errorf("%s: %q cannot be a label", bagInfoFile, t.Label)
		}
		if t.Label == "Payload-Oxum" {
			return fmt.Errorf("%s: Payload-Oxum is computed, not given", bagInfoFile)
		}
	}
	return nil
}

// formatTags writes the elements in order. One without a value is left out.
func formatTags(tags []Tag) []byte {
	var out bytes.Buffer
	for _, t := range tags {
		if v := strings.TrimSpace(cleanText(t.Value)); v != "" {
			fold(&out, t.Label+": "+v)
		}
	}
	return out.Bytes()
}

// cleanText replaces what is no text, or text that changes how its neighbours
// look: line ends and other control characters, bidirectional overrides, bytes
// that are no UTF-8.
func cleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Co, r):
			return utf8.RuneError
		case r != ' ' && unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	if len(s) <= maxValue {
		return s
	}
	cut := maxValue
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// fold writes one element, continued at spaces. The space stays at the end of
// the line that it is in, because the padding of the next one is no part of the
// value; a word too long for a line is left whole.
func fold(out *bytes.Buffer, line string) {
	indent := ""
	for {
		cut := foldAt(line, tagWidth-len(indent))
		if cut < 0 {
			out.WriteString(indent + line + "\n")
			return
		}
		out.WriteString(indent + line[:cut] + "\n")
		line, indent = line[cut:], "  "
	}
}

// foldAt is where line may be cut so that what stands before fits in width, or
// as little as can be; -1 if it fits whole or cannot be cut. Neither side may
// be blank, and the label must keep its first word of value.
func foldAt(line string, width int) int {
	if utf8.RuneCountInString(line) <= width {
		return -1
	}
	best, runes := -1, 0
	for i, r := range line {
		runes++
		if r != ' ' || i+1 >= len(line) || line[i+1] == ' ' || line[i-1] == ':' {
			continue
		}
		if runes > width && best >= 0 {
			break
		}
		best = i + 1
		if runes > width {
			break
		}
	}
	return best
}

// parseTags reads bag-info.txt or bagit.txt: elements in their order, folded
// lines joined.
func parseTags(b []byte) ([]Tag, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("not UTF-8")
	}
	var tags []Tag
	var value []byte
	end := func() {
		if len(tags) > 0 {
			tags[len(tags)-1].Value = string(value)
		}
	}
	for n, text := range textLines(b) {
		if n >= maxLines {
			return nil, fmt.Errorf("more than %d lines", maxLines)
		}
		if text == "" {
			return nil, fmt.Errorf("line %d is empty", n+1)
		}
		if text[0] == ' ' || text[0] == '\t' {
			if len(tags) == 0 {
				return nil, fmt.Errorf("line %d continues nothing", n+1)
			}
			value = append(value, strings.TrimLeft(text, " \t")...)
			continue
		}
		label, first, ok := strings.Cut(text, ":")
		if !ok || label == "" || strings.TrimSpace(label) != label || first == "" || first[0] != ' ' && first[0] != '\t' {
			return nil, fmt.Errorf("line %d is not a label, a colon, a blank and a value", n+1)
		}
		end()
		tags, value = append(tags, Tag{Label: label}), append(value[:0], first[1:]...)
	}
	end()
	return tags, nil
}
