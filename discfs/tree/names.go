package tree

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxName bounds a name, in bytes; no file system here has longer ones (UDF:
// 255 bytes of compressed Unicode, at most 3 bytes of UTF-8 each).
const maxName = 1024

// Name makes one element of a path of a name from a disc, given as UTF-8 as far
// as it is any. Bytes that are no UTF-8 and characters that would act on a
// screen or split a path are spelled out as \xNN or \u{NNNN}; "", "." and ".."
// become \u{...} too. Everything else stays as it is.
func Name(raw string) string {
	switch raw {
	case "":
		return `\u{}`
	case ".":
		return `\u{002e}`
	case "..":
		return `\u{002e}\u{002e}`
	}
	return spell(raw, maxName, false)
}

// CleanText makes a text from a disc fit to be shown anywhere, in the way of
// Name, with padding trimmed and cut behind max characters.
func CleanText(raw string, max int) string {
	return strings.TrimSpace(spell(strings.Trim(raw, " \x00"), max, true))
}

func spell(raw string, most int, slash bool) string {
	if len(raw) <= most && plain(raw, slash) {
		return raw
	}
	var b strings.Builder
	for n := 0; len(raw) > 0; n++ {
		if n == most {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(raw)
		switch {
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, raw[0])
		case r == '/' && !slash, acts(r):
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
		raw = raw[size:]
	}
	return b.String()
}

// plain reports whether a text is ASCII that prints, as most are.
func plain(raw string, slash bool) bool {
	for i := range len(raw) {
		if c := raw[i]; c < ' ' || c > '~' || c == '/' && !slash {
			return false
		}
	}
	return true
}

// acts reports whether a character does something other than be seen: control
// characters, those that turn the direction of writing, line separators. The
// two joiners are part of some scripts' words.
func acts(r rune) bool {
	switch r {
	case 0x200c, 0x200d:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Zl, unicode.Zp)
}

// Unique gives every child a name of its own: those that another has already
// get "~2", "~3" and so on behind them, in the order of the disc.
func Unique(children []*Node) {
	seen := make(map[string]bool, len(children))
	next := map[string]int{} // so that many equal names cost no more than few
	for _, c := range children {
		seen[c.Name] = false
	}
	for _, c := range children {
		if !seen[c.Name] {
			seen[c.Name] = true
			continue
		}
		if c.Raw == nil {
			c.Raw = []byte(c.Name)
		}
		base := c.Name
		for i := max(next[base], 2); ; i++ {
			name := fmt.Sprintf("%s~%d", base, i)
			if _, taken := seen[name]; !taken {
				c.Name, seen[name], next[base] = name, true, i+1
				break
			}
		}
	}
}

// UTF16BE decodes big-endian 16-bit characters. Half a pair becomes U+FFFD.
func UTF16BE(p []byte) string {
	u := make([]uint16, len(p)/2)
	for i := range u {
		u[i] = uint16(p[2*i])<<8 | uint16(p[2*i+1])
	}
	return string(utf16.Decode(u))
}
