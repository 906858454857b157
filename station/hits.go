package station

import (
	"context"
	"fmt"
	"io"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/ripper"
)

// mostLists is how many places a publisher's sums and lists may lie in to be
// read first: each takes a seek.
const mostLists = 16

// tagPlaces is where the first of them may stand, behind the descriptors: read
// with those it costs nothing.
var tagPlaces = disc.Extent{Start: 16, Count: 96}

// wanted says which sectors the ripper shall read first: the structures and
// directories that the image so far leads to.
func wanted(toc disc.TOC) func(img io.ReaderAt, have func(off, n int64) bool) []disc.Extent {
	begun, gaveUp := false, false
	return func(img io.ReaderAt, have func(off, n int64) bool) (list []disc.Extent) {
		// What a hostile disc makes of it costs the first look, and nothing else.
		defer func() {
			if recover() != nil {
				list = nil
			}
		}()
		size, ok := img.(interface{ Size() int64 })
		if !ok || gaveUp {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), firstLookLimit)
		defer cancel()
		m := discfs.Open(hurried{img, ctx}, size.Size(), have)
		m.AddSessions(toc)
		switch list = m.Wanted(); {
		case !begun:
			begun = true
			list = append(list, tagPlaces)
		case len(list) == 0:
			// What a publisher's lists ask for can go along with the reading if they are
			// known before it.
			if list = m.Ahead().Wanted(); len(list) > mostLists {
				list = nil
			}
		}
		gaveUp = ctx.Err() != nil
		return list
	}
}

// hitSoFar tells, while a disc is still being read, which files its bad
// sectors belong to. Those that were not tried yet are not bad.
// What was said last is not said again.
func (b *bay) hitSoFar(j *job, img *ripper.Image, p ripper.PassResult, said *string) {
	if p.Errors == 0 {
		return
	}
	defer func() { _ = recover() }() // the seal looks again, and says so
	sm := img.Map()
	ctx, cancel := context.WithTimeout(context.Background(), firstLookLimit)
	defer cancel()
	m := discfs.Open(hurried{img, ctx}, img.Size(), discfs.Have(sm))
	m.AddSessions(j.file().Disc.TOC)
	if ctx.Err() != nil {
		return
	}
	content := &catalog.Content{Filesystems: m.Systems}
	damage(content, m.Damage(sm, disc.StatusUntried, disc.StatusUnrecorded))
	content.Unknown, content.UnknownTotal = nil, 0 // most of it is still to come
	if words := content.DamageWords(3); words != "" && words != *said {
		*said = words
		b.notice(Notice{ID: j.ID, Word: WordPass, Text: fmt.Sprintf("after %s, so far: %s", p.Name, words)})
	}
}
