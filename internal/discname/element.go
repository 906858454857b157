package discname

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Max is the longest name, in bytes: with the ending of what is still being made
// what Linux file systems take, and, since no character has more units of UTF-16
// than bytes of UTF-8, Windows' too.
const Max = 255 - len(partial)

// forbidden are the characters that a path or Windows gives a meaning.
const forbidden = `/\:*?"<>|`

// clean replaces what cannot stand in a name by "_": forbidden characters,
// those that act on a screen instead of being seen, bytes that are no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, strings.ContainsRune(forbidden, r), unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
}

// partial ends the names of folders that a restore is still making, and added
// those that photos come into, beside the disc's: a label that ends so would have
// another disc's restore take the folder for its own.
const (
	partial = ".incomplete"
	added   = ".added"
)

// Element makes one safe element of a path of any text: at most Max bytes of
// UTF-8, no separators, nothing that Windows reserves, no leading dash or dot,
// no space or dot at its end, and no ending that a restore gives. It is empty when
// nothing is left.
func Element(s string) string {
	s = strings.TrimLeft(clean(s), " ")
	s = trimEnd(Cut(s, Max))
	if s == "" {
		return ""
	}
	if s[0] == '.' || s[0] == '-' || s[0] == '~' {
		s = "_" + s[1:]
	}
	if reserved(s) {
		s = "_" + s
	}
	s = trimEnd(Cut(s, Max))
	for _, ending := range []string{partial, added} {
		if n := len(s) - len(ending); n >= 0 && strings.EqualFold(s[n:], ending) {
			s = s[:n] + "_" + s[n+1:]
		}
	}
	return s
}

// Fit puts a suffix behind a name and shortens the name as far as it takes.
// The suffix is the caller's own, and short.
func Fit(name, suffix string) string {
	s := trimEnd(Cut(name, max(Max-len(suffix), 0))) + suffix
	return Element(s)
}

func trimEnd(s string) string { return strings.TrimRight(s, " .") }

// Cut shortens s to at most n bytes without cutting through a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// reserved reports whether Windows takes the name for a device, with whatever
// extension.
func reserved(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, device := range []string{"COM", "LPT"} {
		if n, ok := strings.CutPrefix(base, device); ok && utf8.RuneCountInString(n) == 1 && strings.ContainsAny(n, "0123456789¹²³") {
			return true
		}
	}
	return false
}
