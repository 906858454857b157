package station

import (
	"context"
	"time"

	"ripstation/disc"
)

// given is the disc that a bay's tray gave back last.
type given struct {
	identity disc.Identity
	named    bool // somebody has said which item it is
	at       time.Time
	times    int // in a row, with no other disc between
}

// gave notes that the tray has opened under a disc. Only the story does so.
func (b *bay) gave(identity disc.Identity, named bool) {
	times := 1
	if b.recent(identity) {
		times += b.given.times
	}
	b.given = given{identity, named, time.Now(), times}
}

func (b *bay) recent(identity disc.Identity) bool {
	return b.given.times > 0 && time.Since(b.given.at) < b.s.cfg.ComeBack && disc.LooksLike(b.given.identity, identity) != disc.Different
}

// cameBack reports whether the disc has just been given back and is in the
// drive again: a tray that closes by itself must not make a night's work of one
// disc. A recordable is taken for the same at its first return, since it would
// be read anew each time; any other at its second, since a person may well put
// it in once more. The tray stays shut then. What a person asks for is done.
func (b *bay) cameBack(ctx context.Context, d Drive, s seen, ask *Request) (bool, error) {
	shut := s.identity.Recordable || b.given.times >= 2
	if ask != nil || !b.recent(s.identity) || !shut && !b.s.arrivals.undecided(s.arrival) {
		return false, nil
	}
	samples := b.given.identity.Samples
	agree, disagree, err := compare(ctx, d, samples)
	if err != nil {
		return false, err
	}
	if disagree > 0 || agree < min(disc.EnoughSamples, len(samples)) || (s.refusal == "" && agree == 0) {
		return false, nil
	}
	b.s.arrivals.none(s.arrival, nil, b.given.named) // not even when it is looked at once more
	if !shut {
		return false, nil
	}
	b.notice(Notice{Word: WordEjected, Text: "it was given back a moment ago and is in the drive again; it is not read a second time",
		Hint: "press the drive's button and take it out; if it is another disc: ripstation rip " + b.info().Node})
	return true, nil
}
