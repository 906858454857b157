package iso9660

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/discfs/tree"
)

// maxLabel is how many characters of a text of a descriptor are kept; the raw descriptors
// hold the rest.
const maxLabel = 128

// identifiers are the texts of a descriptor (ECMA-119, 8.4).
var identifiers = []struct {
	name     string
	at, size int
}{
	{"system identifier", 8, 32}, {"volume set identifier", 190, 128}, {"publisher identifier", 318, 128},
	{"data preparer identifier", 446, 128}, {"application identifier", 574, 128}, {"copyright file identifier", 702, 37},
	{"abstract file identifier", 739, 37}, {"bibliographic file identifier", 776, 37},
}

// hsIdentifiers are those of High Sierra.
var hsIdentifiers = []struct {
	name     string
	at, size int
}{
	{"system identifier", 16, 32}, {"volume set identifier", 214, 128}, {"publisher identifier", 342, 128},
	{"data preparer identifier", 470, 128}, {"application identifier", 598, 128}, {"copyright file identifier", 726, 32},
	{"abstract file identifier", 758, 32},
}

// dates are those of a descriptor (ECMA-119, 8.4.26): 17 bytes; High Sierra's
// have 16, without a zone.
var dates = []struct {
	name string
	at   int
}{
	{"volume creation date", 813}, {"volume modification date", 830}, {"volume expiration date", 847}, {"volume effective date", 864},
}

var hsDates = []struct {
	name string
	at   int
}{
	{"volume creation date", 790}, {"volume modification date", 806}, {"volume expiration date", 822}, {"volume effective date", 838},
}

// volume follows one descriptor to its tree, which may give two views.
func (r *reader) volume(d descriptor) {
	system := ISO
	if d.hs {
		system = HighSierra
	}
	v := &tree.Volume{System: system, View: d.view, Session: r.session, Identifiers: map[string]string{}}
	text := func(p []byte) string {
		if d.view == Joliet {
			return tree.CleanText(strings.TrimRight(tree.UTF16BE(p[:len(p)&^1]), " \x00"), maxLabel)
		}
		return tree.CleanText(string(p), maxLabel)
	}
	label, ids, ds, dateSize := 40, identifiers, dates, 17
	if d.hs {
		label, ids, ds, dateSize = 48, hsIdentifiers, hsDates, 16
	}
	v.Label = text(d.p[label : label+32])
	for _, id := range ids {
		if s := text(d.p[id.at : id.at+id.size]); s != "" {
			v.Identifiers[id.name] = s
		}
	}
	for _, x := range ds {
		raw := d.p[x.at : x.at+dateSize]
		date, known := longDate(raw)
		if !known {
			r.sheet.Warn("F211", "the %s at sector %d is no date", x.name, d.sector)
		} else {
			r.sheet.Pass("F211", "they are dates, or say that there is none")
		}
		if date.IsZero() && known {
			continue
		}
		out := tree.Date{Name: x.name, Raw: rawText(raw)}
		if known {
			out.Time = &date
		}
		v.Dates = append(v.Dates, out)
	}
	w := r.walker(d, v)
	if w == nil {
		r.found.Volumes = append(r.found.Volumes, v)
		return
	}
	rock := w.walk()
	r.found.Volumes = append(r.found.Volumes, v)
	if rock != nil {
		second := *v
		second.View, second.Root = RockRidge, rock
		r.found.Volumes = append(r.found.Volumes, &second)
	}
	if !r.single {
		r.pathTables(d, w)
	}
}

// walker is ready at the root of a descriptor's tree, or nil when there is
// none that could be walked.
func (r *reader) walker(d descriptor, v *tree.Volume) *walker {
	f := fieldsOf(d.hs)
	block := int64(le16(d.p[f.block:]))
	switch block {
	case 512, 1024, 2048: // the only ones that sectors of 2048 bytes allow (ECMA-119, 6.2.2)
		r.sheet.Pass("F212", "it is %d bytes", block)
	default:
		v.Err = fmt.Errorf("the logical block size %d cannot be", block)
		r.sheet.Fail("F212", "sector %d: a logical block size of %d bytes cannot be; the tree was not walked", d.sector, block)
		return nil
	}
	root, err := parseRecord(d.p[f.root:f.root+34], d.hs)
	if err != nil || !root.dir() {
		v.Err = errors.New("the descriptor's root directory record is none")
		r.sheet.Fail("F206", "sector %d: the root directory record of the descriptor is none", d.sector)
		return nil
	}
	return &walker{r: r, d: d, v: v, block: block, rootRecord: root}
}

// longDate reads the date of a descriptor. A zero time with known set says
// that no date is given.
func longDate(p []byte) (t time.Time, known bool) {
	digits := p[:16]
	blank := true
	for _, b := range digits {
		if b != '0' && b != 0 && b != ' ' {
			blank = false
		}
		if (b < '0' || b > '9') && b != 0 && b != ' ' {
			return t, false
		}
	}
	if blank {
		return t, true
	}
	n := func(from, to int) (v int) {
		for _, b := range digits[from:to] {
			if b < '0' || b > '9' {
				return -1
			}
			v = 10*v + int(b-'0')
		}
		return v
	}
	zone := 0
	if len(p) > 16 {
		zone = int(int8(p[16]))
	}
	return civil(n(0, 4), n(4, 6), n(6, 8), n(8, 10), n(10, 12), n(12, 14), n(14, 16), zone)
}

// civil is a time in a zone of so many quarters of an hour (ECMA-119, 8.4.26.1
// and 9.1.5), when it is one.
func civil(year, month, day, hour, minute, second, hundredths, zone int) (time.Time, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || hundredths < 0 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, hundredths*10_000_000, time.UTC)
	if t.Day() != day {
		return time.Time{}, false // the 30th of February
	}
	if zone < -48 || zone > 56 {
		zone = 0 // some programs write nonsense there
	}
	t = t.Add(-time.Duration(zone) * 15 * time.Minute)
	return t, t.Year() >= 1 && t.Year() <= 9999 // what RFC 3339 can say
}

// rawText is a date's bytes: as text when they print, else in hexadecimal.
func rawText(p []byte) string {
	for _, b := range p[:16] {
		if b < ' ' || b > '~' {
			return fmt.Sprintf("%x", p)
		}
	}
	if len(p) > 16 {
		return fmt.Sprintf("%s %+d", p[:16], int8(p[16]))
	}
	return string(p[:16])
}
