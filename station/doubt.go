package station

import (
	"fmt"
	"slices"
	"time"

	"ripstation/catalog"
)

// none says that an arrival was none: the disc goes on with its job in its
// drive, or its tray closed by itself. who is which item that disc is: a scan of
// that was meant for it. When none was, any scan may have been: then its round
// gives nobody an identifier. Nor does the job keep its own, when another item
// was scanned beside it: the disc may be one that looks the same. j is its job,
// nil when it has none.
func (as *arrivals) none(a *arrival, j *job, who catalog.CarrierInfo) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a.job = j; j != nil {
		a.id = j.ID
		if j.arrival == a {
			return // the same arrival, told again
		}
	}
	if a.said && j != nil {
		if f := j.file(); !f.Step.atLeast(StepSealed) && (who.Item == "" || who.Item == a.word.Item) {
			as.decide(a, a.word)
			as.tell()
			return
		}
	}
	own := words{Item: who.Item, Title: who.Title, Part: who.Part, Parts: who.Parts, Side: who.Side}
	switch {
	case as.open[a.n] == nil:
	case who.Item == "", !as.rounds.Meant(time.Now(), a.n, own.covers):
		as.rounds.Doubt(a.n)
		if as.goesOn(a, j, own) {
			as.advance()
			return // whose it is, is known when its round is over
		}
	default:
		as.meant(a, own)
	}
	as.void(a, own, "the disc that came was one that the station had in its hands already", scanAgain)
	if was := a.word; as.goesOn(a, j, own) {
		as.decide(a, was)
	} else {
		as.decide(a, nil)
	}
	as.advance()
}

// goesOn makes an arrival that of a job whose identifier it may put in doubt.
// What is sealed stays as it is. as.mu is held.
func (as *arrivals) goesOn(a *arrival, j *job, own words) bool {
	if j == nil || own.Item == "" || j.step().atLeast(StepSealed) {
		return false
	}
	a.goes, j.arrival = &own, a
	return true
}

// doubted is goesOn for an arrival that got its word before it was known that it
// goes on with a job, in another drive.
func (as *arrivals) doubted(a *arrival, j *job, who catalog.CarrierInfo) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a != nil && !a.said && as.goesOn(a, j, words{Item: who.Item, Part: who.Part, Parts: who.Parts, Side: who.Side}) {
		as.decide(a, a.word)
		as.tell()
	}
}

// against is the word that takes back what a job was named, when another item
// was scanned beside its arrival; nil when none was. as.mu is held.
func (as *arrivals) against(a *arrival, w *word) *word {
	if w == nil {
		return nil
	}
	codes := w.Codes
	if w.Item != "" {
		codes = []string{shownAs(w.Item, w.Part, w.Parts, w.Side)}
	}
	own := a.goes
	if !slices.ContainsFunc(codes, func(code string) bool {
		return code != own.Item && code != shownAs(own.Item, own.Part, own.Parts, own.Side)
	}) {
		return nil
	}
	as.words++
	return &word{N: as.words, Codes: codes, Against: own.Item, Reason: inDoubt(own.Item, codes)}
}

// inDoubt is why a job does not keep its item.
func inDoubt(item string, codes []string) string {
	return because(fmt.Sprintf("item %s was said of a disc that looks the same and was taken out before it was done, and another was scanned when this one came", item), codes)
}
