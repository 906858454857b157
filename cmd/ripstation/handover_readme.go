package main

import (
	"bytes"
	"fmt"
	"strings"

	"ripstation/catalog"
)

// readmeName is the file that stands first in what is handed over.
const readmeName = "README.txt"

// readme says what a handed-over file holds, and how to check it with what every
// system has. It depends on the discs alone.
func (p *parcel) readme() []byte {
	var b bytes.Buffer
	what := "one optical disc"
	if n := len(p.discs); n != 1 {
		what = fmt.Sprintf("%d optical discs", n)
	}
	fmt.Fprintf(&b, `This file holds %s, copied out of an archive by ripstation.

Each folder is one disc, as a BagIt bag (RFC 8493):

  data/image.iso          every sector of the disc, as one image
  metadata/               what was read, by which drive, how well; which files are on it
  bag-info.txt            the same in short, for people
  manifest-*.txt          digests of the image
  tagmanifest-*.txt       digests of everything else

A folder whose name ends in ".added" holds photos and scans that people added to
the disc of that name. Each file's name begins with its own SHA-256.

To check a folder, go into it and run

  sha512sum --strict -c manifest-sha512.txt tagmanifest-sha512.txt

Every line has to end in "OK", and no WARNING may stand below them: that is a line
of the two files that is damaged itself. (On macOS: shasum -a 512 --strict -c, with
each of the two files.) An image can be mounted, burned, or opened by most programs that unpack
archives.

`, what)
	for _, g := range p.discs {
		fmt.Fprintf(&b, "%s/\n", g.name)
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(&b, "  %-10s %s\n", name+":", plain(value))
			}
		}
		line("disc", fmt.Sprintf("%s, image %d", g.id, g.version))
		line("item", g.item)
		line("label", g.label)
		if !g.image.SealedAt.IsZero() {
			line("read", g.image.SealedAt.UTC().Format("2006-01-02"))
		}
		if g.image.State == catalog.Complete {
			line("image", imageWords(g.image.State, g.image.Sectors))
		} else {
			line("image", missingWords(g.image.State, g.image.Missing))
		}
		if g.guarded() {
			line("access", g.accessWords())
		}
		line("SHA-512", g.sha512)
		if g.sealed {
			line("checked", "every byte, against the digests that were sealed when the disc was read")
		} else {
			line("checked", "every byte, against the digests in the bag itself; no catalog was at hand")
		}
		for _, w := range p.added[g.id] {
			if w.err != nil {
				line("LACKING", fmt.Sprintf("a photo of the %s, with the SHA-256 %s, could not be read", w.Role, w.SHA256))
				continue
			}
			words := g.name + addedFolder + "/" + w.name
			if w.Role != "" {
				words += ": the " + w.Role
			}
			if w.Note != "" {
				words += ", " + w.Note
			}
			line("photo", words)
		}
		fmt.Fprintf(&b, "  %-10s cd %s && sha512sum --strict -c manifest-sha512.txt tagmanifest-sha512.txt\n\n", "to check:", shellWord(g.name))
	}
	return b.Bytes()
}

// plain is one line of text: what a label says can move nothing on a screen.
func plain(s string) string { return string(escape([]byte(strings.Join(strings.Fields(s), " ")))) }

// shellWord quotes a name so that a shell takes it as it is.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
