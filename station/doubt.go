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

// crossed takes back what was said of a job's disc when one goes on with it in
// another drive than it lay in as the station was stopped: the two may look the
// same in all that was read, and the job's own lie where it lay. What is said of
// this one again counts. In this life a drive was seen to open.
func (b *bay) crossed(f *jobFile, s seen, ask *Request) {
	last := len(f.Captures) - 1
	if f.Carrier.Item == "" || last < 0 || !f.Captures[last].Started.Before(b.s.started) || ask != nil && ask.Item == f.Carrier.Item {
		return
	}
	was := shownAs(f.Carrier.Item, f.Carrier.Part, f.Carrier.Parts, f.Carrier.Side)
	f.hear(b.s, b.s.arrivals.crossed(f, s, was))
}

func (as *arrivals) crossed(f *jobFile, s seen, was string) *word {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.words++
	return &word{N: as.words, Codes: []string{was}, Against: f.Carrier.Item, Reason: fmt.Sprintf("item %s was said of a disc that lay in drive %s when the station was stopped; this one lies in drive %s and looks the same in all that had been read of it, which another may, too",
		was, f.Captures[len(f.Captures)-1].Insertion.DriveKey, s.ins.DriveKey)}
}
