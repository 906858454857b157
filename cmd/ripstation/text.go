package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/docker/go-units"
)

// safeWriter passes text on with everything that could steer a terminal
// spelled out: what it prints may have come from a disc. Line ends and tabs
// are left.
type safeWriter struct{ w io.Writer }

func (s safeWriter) Write(p []byte) (int, error) {
	if _, err := s.w.Write(escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func escape(p []byte) []byte {
	if ascii(p) || !bytes.ContainsFunc(p, steers) && utf8.Valid(p) {
		return p
	}
	var b bytes.Buffer
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, p[0])
		case steers(r):
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
		p = p[n:]
	}
	return b.Bytes()
}

// ascii reports whether a text is all ASCII that prints, line ends and tabs: most
// is, and long lists are looked through quickly.
func ascii(p []byte) bool {
	for _, b := range p {
		if b < ' ' && b != '\n' && b != '\t' || b > '~' {
			return false
		}
	}
	return true
}

func steers(r rune) bool {
	if r == '\n' || r == '\t' || r == ' ' {
		return false
	}
	return !unicode.IsPrint(r)
}

// safeJSON is a value as JSON in which whatever could steer a terminal is
// spelled as JSON does, so that it is the same value and passes safeWriter
// unchanged.
func safeJSON(v any, indent string) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	p := bytes.TrimSuffix(plain.Bytes(), []byte("\n"))
	if ascii(p) || !bytes.ContainsFunc(p, steers) {
		return p, nil
	}
	var b bytes.Buffer
	for _, r := range string(p) { // outside of its strings, JSON is ASCII that prints
		switch {
		case !steers(r):
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes(), nil
}

// one makes a text fit for one cell or line.
func one(s string) string {
	return string(escape([]byte(blanks.Replace(s))))
}

var blanks = strings.NewReplacer("\n", `\n`, "\t", `\t`)

// orDash is what stands in a table for what is not known.
func orDash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return one(*s)
}

// short is enough of an id to type.
func short(id string) string { return one(id[:min(8, len(id))]) }

func size(n int64) string { return units.BytesSize(float64(n)) }

func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02")
}

// when is a time that may not be known; zero when it is not.
func when(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func sectors(n int64) string {
	if n == 1 {
		return "1 SECTOR"
	}
	return fmt.Sprintf("%d SECTORS", n)
}
