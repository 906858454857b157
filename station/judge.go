package station

import (
	"slices"

	"ripstation/catalog"
)

// verdictOn is what becomes of a disc, by the table of docs/decisions/0012. At
// most one field is set; the zero value reads it as a new disc.
type verdictOn struct {
	not    *notRead // it is not read
	next   *held    // it is read anew, as the next version of this carrier
	with   []held   // it is read to be compared with these
	beside *held    // it is read as a carrier of its own, though it is the same as this one of another item, or of none
}

// notRead is a disc that is not read: what it is held as, and what else looks
// the same.
type notRead struct {
	held
	other bool     // it is held under another item
	also  []string // further carriers that look the same
}

// mostCompared is how many carriers a recordable is held against.
const mostCompared = 16

// judge says what becomes of a disc that looks like these carriers.
func (b *bay) judge(alike []held, recordable bool, ask *Request) verdictOn {
	var own, others []held
	for _, h := range alike {
		if another(ask, h.who) {
			others = append(others, h)
		} else {
			own = append(own, h)
		}
	}
	if len(own) > 0 && recordable && b.s.cfg.Recordable == RecordableCompare {
		// One whose image is not whole, or not safe, can prove nothing.
		own = slices.DeleteFunc(own, func(h held) bool { return h.State != catalog.Complete || !b.enough(h) })
		return verdictOn{with: own[:min(len(own), mostCompared)]}
	}
	if len(own) > 0 {
		return b.judgeOwn(own, ask)
	}
	if len(others) == 0 {
		return verdictOn{}
	}
	i := slices.IndexFunc(others, b.enough)
	if i < 0 || recordable || b.s.cfg.SameOtherItem == SameRead {
		return verdictOn{beside: &others[max(i, 0)]}
	}
	return verdictOn{not: &notRead{held: others[i], other: true, also: namesBut(others, i)}}
}

// judgeOwn is judge for a disc that may be one of these carriers': that of its
// item before one whose item nobody knows, and then one of which enough is held.
func (b *bay) judgeOwn(own []held, ask *Request) verdictOn {
	i := slices.IndexFunc(own, b.enough)
	if ask != nil && ask.Item != "" {
		named := func(h held) bool { return h.who.Item == ask.Item }
		if k := slices.IndexFunc(own, func(h held) bool { return named(h) && b.enough(h) }); k >= 0 {
			i = k
		} else if k := slices.IndexFunc(own, named); k >= 0 {
			return verdictOn{next: &own[k]}
		}
	}
	switch {
	case i < 0 && ask != nil && ask.Item != "": // nobody has named them: it may be a further copy of the pressing
		return verdictOn{beside: &own[0]}
	case i < 0:
		return verdictOn{next: &own[0]}
	}
	return verdictOn{not: &notRead{held: own[i], also: namesBut(own, i)}}
}

func namesBut(list []held, but int) (names []string) {
	for i, h := range list {
		if i != but {
			names = append(names, name(h.Item, h.CarrierID))
		}
	}
	return names
}

// another reports whether a person says that the disc is another one than the
// carrier's: of another item, or another part or side of it.
func another(ask *Request, who catalog.CarrierInfo) bool {
	if ask == nil || ask.Item == "" || who.Item == "" {
		return false
	}
	return ask.Item != who.Item || ask.Part > 0 && who.Part > 0 && ask.Part != who.Part || ask.Side != "" && who.Side != "" && ask.Side != who.Side
}
