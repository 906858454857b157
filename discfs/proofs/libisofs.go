package proofs

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// Bounds of what is followed: sessions of an image, and sectors behind a
// session's first descriptor in which its first tag is looked for.
const (
	maxSessions   = 64
	maxTagSectors = 48
)

// A session begins at a multiple of so many sectors on all media that can be
// written over, and not far behind the one before.
const (
	sessionAlign = 32
	maxAlign     = 8
)

// tags are the kinds that libisofs writes: over the volume descriptors, over
// them and the tree, over the whole session, and over the descriptors that
// stand at the image's begin for a later session.
var tags = []struct{ magic, what string }{
	{"libisofs_sb_checksum_tag_v1 ", "superblock"},
	{"libisofs_tree_checksum_tag_v1 ", "tree"},
	{"libisofs_checksum_tag_v1 ", "session"},
	{"libisofs_rlsb32_checksum_tag_v1 ", "relocated superblock"},
}

// tag is one tag's text. Places are in sectors.
type tag struct {
	what          string
	pos           int64
	start, size   int64 // the range
	next, session int64 // -1 when there is none
	sum           []byte
	intact        bool // its own sum is right
}

// parseTag reads a sector that begins with a tag's magic; nil for others.
func parseTag(sector []byte) *tag {
	for _, k := range tags {
		if !bytes.HasPrefix(sector, []byte(k.magic)) {
			continue
		}
		text, _, _ := strings.Cut(string(sector), "\n")
		t := &tag{what: k.what, pos: -1, start: -1, size: -1, next: -1, session: -1}
		own, self, ok := strings.Cut(text, " self=")
		for _, f := range strings.Fields(own)[1:] {
			name, value, _ := strings.Cut(f, "=")
			n, err := strconv.ParseUint(value, 10, 32)
			if name == "md5" {
				t.sum, err = hex.DecodeString(value)
			}
			if err != nil {
				ok = false
				continue
			}
			switch name {
			case "pos":
				t.pos = int64(n)
			case "range_start":
				t.start = int64(n)
			case "range_size":
				t.size = int64(n)
			case "next":
				t.next = int64(n)
			case "session_start":
				t.session = int64(n)
			}
		}
		sum := md5.Sum([]byte(own))
		want, err := hex.DecodeString(self)
		t.intact = ok && err == nil && bytes.Equal(want, sum[:]) && t.pos >= 0 && t.start >= 0 && t.size >= 0 && len(t.sum) == md5.Size
		return t
	}
	return nil
}

// libisofs is what was found of its tags.
type libisofs struct {
	p        *Proofs
	sessions []int64 // where they begin, in sectors
	seen     map[int64]bool
	tags     int
	good     int
	bytes    int64 // that good ones cover, the largest
}

func (p *Proofs) planLibisofs() {
	l := &libisofs{p: p, seen: map[int64]bool{}}
	l.begin(0)
	l.begin(sessionAlign) // the first session of a medium that can be written over
	for i := 0; i < len(l.sessions); i++ {
		l.session(l.sessions[i])
	}
	p.after = append(p.after, func() {
		if l.good > 0 {
			p.sheet.Pass(libisofsMD5, "%s agree with what they cover, the largest with %d bytes", count(l.good, "MD5 tag", "MD5 tags"), l.bytes)
		}
	})
}

// begin adds a sector at which a session may begin.
func (l *libisofs) begin(sector int64) {
	for _, s := range l.sessions {
		if s == sector {
			return
		}
	}
	if len(l.sessions) < maxSessions {
		l.sessions = append(l.sessions, sector)
	}
}

// session looks for the first tag of a session and follows it to the others.
func (l *libisofs) session(start int64) {
	for s := start + firstDescriptor; s < start+firstDescriptor+maxTagSectors; s++ {
		d, err := l.p.src.Read(s*disc.SectorSize, disc.SectorSize)
		if err != nil {
			if errors.Is(err, tree.ErrAbsent) && (start == 0 || l.tags > 0) {
				l.p.sheet.NotRun(libisofsMD5, "sector %d, where a tag may be: %v", s, err)
			}
			return
		}
		if s == start+firstDescriptor && string(d[1:6]) != "CD001" {
			return
		}
		if t := parseTag(d); t != nil {
			l.follow(s, t)
			return
		}
	}
}

// follow checks a tag at a sector and goes on to that which it names.
func (l *libisofs) follow(at int64, t *tag) {
	for {
		if l.seen[at] {
			return
		}
		l.seen[at] = true
		l.tags++
		if !t.intact {
			l.p.sheet.Fail(libisofsMD5, "the %s tag at sector %d is damaged: its own MD5 is another", t.what, at)
			return
		}
		if t.pos != at {
			l.p.sheet.NotRun(libisofsMD5, "the %s tag at sector %d was written for sector %d: this is not the whole of what it covers", t.what, at, t.pos)
			return
		}
		l.check(at, t)
		if t.session >= 0 {
			l.begin(t.session)
		}
		if t.next < 0 {
			for i := int64(1); t.what == "session" && i <= maxAlign; i++ {
				l.begin((at/sessionAlign + i) * sessionAlign)
			}
			return
		}
		what := t.what
		d, err := l.p.src.Read(t.next*disc.SectorSize, disc.SectorSize)
		if err != nil {
			l.p.cannot(libisofsMD5, "the tag that the "+what+" tag names", err)
			return
		}
		at = t.next
		if t = parseTag(d); t == nil {
			l.p.sheet.Fail(libisofsMD5, "sector %d has no tag, but the %s tag says so", at, what)
			return
		}
	}
}

func (l *libisofs) check(at int64, t *tag) {
	size := t.size * disc.SectorSize
	j := &digest.Job{Extents: []tree.Extent{{Offset: t.start * disc.SectorSize, Length: size}}, Size: size, Algos: []digest.Algo{digest.MD5}}
	what, sum := t.what, t.sum
	if err := l.p.add(j); err != nil {
		l.p.cannot(libisofsMD5, "the "+what+" tag at sector "+strconv.FormatInt(at, 10), err)
		return
	}
	l.p.after = append(l.p.after, func() {
		switch {
		case j.Err != nil:
			l.p.cannot(libisofsMD5, "the "+what+" tag at sector "+strconv.FormatInt(at, 10), j.Err)
		case !bytes.Equal(j.Sums[digest.MD5], sum):
			l.p.sheet.Fail(libisofsMD5, "the %s tag at sector %d has the MD5 %x of %d bytes, which have %x", what, at, sum, size, j.Sums[digest.MD5])
		default:
			l.good++
			l.bytes = max(l.bytes, size)
		}
	})
}
