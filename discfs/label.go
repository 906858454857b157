package discfs

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// maxLabel is how many characters of a label are kept; the raw descriptors
// hold the rest.
const maxLabel = 128

// cleanLabel makes a label fit to be shown anywhere.
func cleanLabel(raw string) string { return tree.CleanText(raw, maxLabel) }

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
		return tree.UTF16BE(body)
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
