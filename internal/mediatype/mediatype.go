// Package mediatype knows the formats of the pictures and scans that people add
// to a disc by their first bytes. A file's name says nothing.
package mediatype

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Type is one format.
type Type struct {
	Name string // the media type, as IANA registers it
	Ext  string // how a file's name ends, with its dot
	Word string // for people
}

// Enough is how many bytes of a file Of looks at, at most.
const Enough = 512

var types = []struct {
	Type
	is func(b []byte) bool
}{
	{Type{"image/jpeg", ".jpg", "JPEG"}, begins("\xff\xd8\xff")},
	{Type{"image/png", ".png", "PNG"}, begins("\x89PNG\r\n\x1a\n")},
	{Type{"image/tiff", ".tif", "TIFF"}, begins("II*\x00", "MM\x00*", "II+\x00", "MM\x00+")},
	{Type{"image/webp", ".webp", "WebP"}, func(b []byte) bool {
		return len(b) >= 16 && string(b[:4]) == "RIFF" && string(b[8:15]) == "WEBPVP8"
	}},
	{Type{"image/heic", ".heic", "HEIC"}, heic},
	{Type{"application/pdf", ".pdf", "PDF"}, begins("%PDF-")},
}

// All are the formats that Of knows.
func All() (all []Type) {
	for _, t := range types {
		all = append(all, t.Type)
	}
	return all
}

// Of says what a file is that begins with head, of which Enough bytes are looked
// at; known is false when it is none of All.
func Of(head []byte) (t Type, known bool) {
	head = head[:min(len(head), Enough)]
	for _, t := range types {
		if t.is(head) {
			return t.Type, true
		}
	}
	return Type{}, false
}

// Ext is how the name of a file of a media type ends, empty when it is not known.
func Ext(name string) string {
	for _, t := range types {
		if t.Name == name {
			return t.Ext
		}
	}
	return ""
}

func begins(with ...string) func([]byte) bool {
	return func(b []byte) bool {
		return slices.ContainsFunc(with, func(w string) bool { return bytes.HasPrefix(b, []byte(w)) })
	}
}

// heic looks into the file type box (ISO/IEC 14496-12, 4.3) for one of the
// brands that ISO/IEC 23008-12 gives images coded with HEVC.
func heic(b []byte) bool {
	if len(b) < 16 || string(b[4:8]) != "ftyp" {
		return false
	}
	size := binary.BigEndian.Uint32(b)
	if size < 16 {
		return false
	}
	b = b[:min(uint32(len(b)), size)]
	for at := 8; at+4 <= len(b); at += 4 {
		if at == 12 { // the minor version
			continue
		}
		switch string(b[at : at+4]) {
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return true
		}
	}
	return false
}
