package station

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// given is the disc that a bay's tray gave back last.
type given struct {
	identity disc.Identity
	who      catalog.CarrierInfo // as far as somebody has said it
	at       time.Time           // zero when there was none
}

// gave notes that the tray has opened under a disc. Only the story does so.
func (b *bay) gave(identity disc.Identity, who catalog.CarrierInfo) {
	if !b.back { // else the tray has stayed shut
		b.given = given{identity, who, time.Now()}
	}
}

// cameBack finds out whether the disc has just been given back and is in the
// drive again: a tray that closes by itself must not make a night's work of one
// disc. What is held of it is told, but it is not read, and the tray stays shut
// (docs/decisions/0006-come-back.md). What a person asks for is done.
func (b *bay) cameBack(ctx context.Context, d Drive, s seen, ask *Request) error {
	b.back = false
	g := b.given
	if ask != nil || g.at.IsZero() || time.Since(g.at) >= b.s.cfg.ComeBack || disc.LooksLike(g.identity, s.identity) == disc.Different {
		return nil
	}
	if anew, err := b.toRetry(ctx, d, s, ask); anew != nil || errors.Is(err, errWhichRetry) {
		return nil // a person has asked for it since
	} else if err != nil {
		return err
	}
	agree, disagree, err := compare(ctx, d, g.identity.Samples)
	if err != nil {
		return err
	}
	if b.back = disagree == 0 && agree >= min(disc.EnoughSamples, len(g.identity.Samples)) && (s.refusal != "" || agree > 0); b.back {
		b.s.arrivals.none(s.arrival, nil, g.who) // not even when it is looked at once more
	}
	return nil
}

// staysShut says so of the tray under a disc that came back. text is what else
// there is to say of it.
func (b *bay) staysShut(id, text string) {
	if text != "" {
		text += ". It"
	} else {
		text = "it"
	}
	b.notice(Notice{ID: id, Word: WordEjected, Text: text + " was given back a moment ago and is in the drive again; the tray stays shut",
		Hint: "press the drive's button and take it out; to have it read all the same: ripstation rip " + b.info().Node})
}

// notAgain ends the story of a disc that would be read, but came back.
func (b *bay) notAgain() error {
	b.staysShut("", "")
	return fmt.Errorf("%w, since the disc was given back a moment ago", errShut)
}
