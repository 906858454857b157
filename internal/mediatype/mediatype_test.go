package mediatype

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for head, want := range map[string]string{
		"\xff\xd8\xff\xe0\x00\x10JFIF": "image/jpeg",
		"\x89PNG\r\n\x1a\n\x00\x00":    "image/png",
		"II*\x00\x08":                  "image/tiff",
		"MM\x00*\x00":                  "image/tiff",
		"II+\x00\x08":                  "image/tiff",
		"RIFF\x10\x00\x00\x00WEBPVP8L": "image/webp",
		"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic": "image/heic",
		"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic": "image/heic",
		"%PDF-1.7\n":                   "application/pdf",
		"":                             "",
		"\xff\xd8":                     "",
		"GIF89a":                       "",
		"<html><body>":                 "",
		"MZ\x90\x00":                   "",
		"RIFF\x10\x00\x00\x00WAVEfmt ": "",
		"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1": "",
		"\x00\x00\x00\x10ftypmif1\x00\x00\x00\x00heic":     "", // behind the box
		"\x00\x00\x00\x18ftypisomheicisommp42":             "", // not at a brand's place
		"PDF-1.7":                                          "",
		" %PDF-1.7":                                        "",
		strings.Repeat("\x00", 4096) + "\xff\xd8\xff\xe0":  "",
		"\x89PNG\n\x1a\n":                                  "",
		"\x00\x00\x00\x08ftyp":                             "",
		"\x00\x00\x00\x00ftypheic\x00\x00\x00\x00heic":     "", // a box without a size
	} {
		got, known := Of([]byte(head))
		if got.Name != want || known != (want != "") {
			t.Errorf("%.40q is %q, want %q", head, got.Name, want)
		}
		if known && Ext(got.Name) != got.Ext {
			t.Errorf("%s ends in %q", got.Name, Ext(got.Name))
		}
	}
	if len(All()) != 6 || Ext("text/html") != "" {
		t.Error(All())
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic"))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8 "))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, known := Of(b)
		c, again := Of(b[:min(len(b), Enough)])
		if a != c || known != again || known != (a.Name != "") {
			t.Errorf("%v %v, of its beginning %v %v", a, known, c, again)
		}
	})
}
