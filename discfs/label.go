package discfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"ripstation/disc"
)

// maxLabel is how many characters of a label are kept; the raw descriptors
// hold the rest.
const maxLabel = 128

// cleanLabel makes a label fit to be shown anywhere: padding trimmed, bytes
// that are no UTF-8 and characters that do not print (control characters,
// those that turn the direction of writing) spelled out as \xNN or \u{NNNN}.
func cleanLabel(raw string) string {
	raw = strings.Trim(raw, " \x00")
	var b strings.Builder
	for n := 0; len(raw) > 0; n++ {
		if n == maxLabel {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(raw)
		switch {
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, raw[0])
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
		raw = raw[size:]
	}
	return strings.TrimSpace(b.String())
}

// utf16BE decodes Joliet's big-endian 16-bit characters.
func utf16BE(p []byte) string {
	u := make([]uint16, len(p)/2)
	for i := range u {
		u[i] = binary.BigEndian.Uint16(p[2*i:])
	}
	return string(utf16.Decode(u))
}

// dstring decodes a fixed-length character field of OSTA compressed Unicode
// (ECMA-167 1/7.2.12; UDF 2.60, 2.1.3): the first byte tells 8-bit from
// 16-bit characters, the last one how many bytes are used.
func dstring(field []byte) string {
	n := int(field[len(field)-1])
	if n < 2 || n > len(field)-1 {
		return ""
	}
	body := field[1:n]
	switch field[0] {
	case 8, 254:
		r := make([]rune, len(body))
		for i, b := range body {
			r[i] = rune(b)
		}
		return string(r)
	case 16, 255:
		return utf16BE(body)
	}
	return ""
}

// bestLabel prefers UDF's, which is the longest field. Joliet's field holds
// half as many characters as the primary one's but keeps their case, so it
// wins unless it was cut.
func bestLabel(vols []Volume) string {
	best := map[System]string{}
	for _, v := range vols {
		if best[v.System] == "" {
			best[v.System] = v.Label
		}
	}
	if l := best[UDF]; l != "" {
		return l
	}
	if j, i := best[Joliet], best[ISO9660]; utf8.RuneCountInString(j) >= utf8.RuneCountInString(i) {
		return j
	}
	return best[ISO9660]
}

func sortDescriptors(ds []disc.Descriptor) {
	slices.SortFunc(ds, func(a, b disc.Descriptor) int { return cmp.Compare(a.LBA, b.LBA) })
}
