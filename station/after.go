package station

import (
	"context"
	"errors"
	"time"

	"ripstation/disc"
)

// retries counts how often a story was told for one insertion without an end.
type retries struct {
	changed, trouble, full int
	failed                 *failedEnd // how the last one ended, when it failed
}

// The most times that a bay takes a story up again by itself.
const (
	maxChanged = 20 // unit attentions: each one only costs an identification
	maxTrouble = 5
)

// after looks at how a story ended: what the bay shows, and whether and when
// it is told again by itself.
func (b *bay) after(ctx context.Context, out Outcome, err error, tries *retries) (wait time.Duration, again bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	id := b.viewID()
	end := func(w Word, o Outcome, hint string) (time.Duration, bool) {
		if o == OutcomeFailed {
			return b.endFailed(id, w, err, hint, tries)
		}
		b.notice(Notice{ID: id, Word: w, Text: err.Error(), Hint: hint, Final: true, Outcome: o})
		return 0, false
	}
	if err == nil {
		d := b.info()
		b.s.say(Notice{ID: id, Drive: d.Key, Node: d.Node, Final: true, Outcome: out})
		return 0, false
	}
	switch class := disc.ClassOf(err); {
	case class == disc.ClassGone && id == "":
		b.notice(Notice{Word: WordEmpty, Text: ErrNoDisc.Error(), Final: true, Outcome: OutcomeFailed})
		return 0, false
	case errors.Is(err, errTakenOut):
		b.notice(b.takenOut(id))
		return 0, false
	case class == disc.ClassGone:
		n := b.takenOut(id)
		n.Text = "the disc or its drive is not there any more; " + n.Text
		b.notice(n)
		return 0, false
	case errors.Is(err, errButton), errors.Is(err, errAnotherStory), errors.Is(err, context.Canceled):
		return 0, false
	case errors.Is(err, errNotThis):
		return end(WordPaused, OutcomeTakenOut, "the disc's own story is told; this one is read as a new disc")
	case errors.Is(err, errOnHold):
		return end(WordOnHold, OutcomeNeedsYou, releaseHint(b.info()))
	case errors.Is(err, errHeldAtStart):
		return end(WordHeldAtStart, OutcomeNeedsYou, "to have it read: `ripstation rip "+driveWord(b.info())+"`, or take it out and put it in again")
	case errors.Is(err, errStays):
		return end(WordNeedsYou, OutcomeNeedsYou, "keep the disc; look at the spool's disk")
	case errors.Is(err, errParked):
		return end(WordNeedsYou, OutcomeNeedsYou, "keep the disc: its copy is not safe yet; mend the cause and restart the station")
	case errors.Is(err, errUnfinished):
		return end(WordNeedsYou, OutcomeNeedsYou, "mend what that says, restart the station, and put the disc in again")
	case errors.Is(err, errWhichRetry):
		return end(WordNeedsYou, OutcomeNeedsYou, "say which it is: `ripstation rip DRIVE --item ITEM`, or take one back: `ripstation retry ID --cancel`")
	case errors.Is(err, errShut): // the view says already what became of the disc
		b.s.say(Notice{ID: id, Drive: b.info().Key, Node: b.info().Node, Final: true, Outcome: OutcomeNeedsYou})
		return 0, false
	case passing(err):
		b.notice(Notice{ID: id, Word: WordWaitForSpace, Text: err.Error(), Hint: "the disc stays in the drive and goes on as soon as there is room; images leave when their copies are read back"})
		return 0, true // in its turn: line.go
	case class == disc.ClassChanged && tries.changed < maxChanged:
		tries.changed++
		return 0, true
	case class == disc.ClassWedged:
		return end(WordDriveFault, OutcomeFailed, "switch the drive off and on, with the disc in it: it goes on by itself where it stopped; the other drives work on")
	case class == disc.ClassPermission:
		return end(WordDriveFault, OutcomeFailed, "the user that runs ripstation must be in the group that owns the drive's node (cdrom)")
	case tries.trouble < maxTrouble && class != disc.ClassRefused:
		tries.trouble++
		b.notice(Notice{ID: id, Word: WordPaused, Text: err.Error(), Hint: "it is tried again by itself"})
		return b.s.cfg.ReadyWait << tries.trouble, true
	case class == disc.ClassTransport, class == disc.ClassNotReady, class == disc.ClassChanged:
		return end(WordDriveFault, OutcomeFailed, "check the drive's cable and power, or try another drive; what was read is kept")
	}
	return end(WordFailed, OutcomeFailed, "what was read is kept; mend the cause, then take the disc out and put it in again")
}

// noMedium reports whether it was the drive's own word that there is no disc in
// it (02/3A, SPC-4 annex D), not that the drive has left.
func noMedium(err error) bool {
	var re *disc.ReadError
	return errors.As(err, &re) && re.Key == 2 && re.ASC == 0x3a
}

func (b *bay) viewID() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view.ID
}
