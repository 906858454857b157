package station

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
)

// already ends the story of a disc that is not read: an event on its carrier,
// and the tray.
func (b *bay) already(ctx context.Context, d Drive, s seen, h notRead, ask *Request) (Outcome, error) {
	if h.other {
		return b.looksTheSame(ctx, d, s, h, ask)
	}
	needs, err := b.recordAlready(ctx, s, ask, h.CarrierID, h.who.Item != "", h.agreement())
	if err != nil {
		return "", err
	}
	b.carried(s.arrival, h.CarrierID, nil)
	b.s.arrivals.known(s.arrival, h.Identity.Samples)
	word, text, out, hint := WordAlready, "held as "+name(h.Item, h.CarrierID), OutcomeAlready, ""
	if !h.proven(b.s.cfg.Stores) {
		word, text = WordStillSending, "its image is in the spool and on its way; held as "+name(h.Item, h.CarrierID)
		if h.State != catalog.Complete {
			out, hint = OutcomeIncomplete, "that image is "+string(h.State)+": put the disc in again for a better one when it has left the spool"
		}
	}
	if len(needs) > 0 && h.who.Item == "" {
		hint = needs[0].Reason
	}
	flip := b.s.batches.flip(ctx, b.s.batches.of(s.ins), h.CarrierID)
	if flip != "" {
		hint = flip
	}
	if b.s.onRack(h.CarrierID) {
		hint = strings.TrimPrefix(hint+"; put it back on the pending rack: its image is only on this station", "; ")
	}
	b.notice(Notice{ID: h.CarrierID, Word: word, Text: text, Hint: hint})
	s.identity = h.Identity // with its samples
	if err := b.part(ctx, d, s, trayOf(out), h.CarrierID, h.who, string(word)+": "+text, hint); err != nil {
		return "", err
	}
	if b.s.cfg.Tray.of(trayOf(out)) == TrayEject {
		b.sayFlip(flip, h.CarrierID)
	}
	return out, nil
}

// recordAlready records that a disc came of which enough is held: a capture that
// gave no image. named says whether its carrier has an item. It gives what a
// person is asked for it.
func (b *bay) recordAlready(ctx context.Context, s seen, ask *Request, id string, named bool, reason string) ([]catalog.Need, error) {
	cap := b.capture(s, ask)
	cap.ID = s.insertionID("capture")
	cap.Outcome, cap.Ended = catalog.AlreadyArchived, time.Now().UTC()
	cap.Reason = reason
	carrier := carrierInfo(ask) // the catalog keeps what it has, and asks a person where this says otherwise
	carrier.ID = id
	needs, events := b.s.said(ask, s.drive, id, named)
	if !named {
		carrier, needs, events = unnamed(carrier, needs, events, b.event(catalog.EventModify, catalog.EventWarning, "", cap, id))
	}
	return needs, b.s.recordAttempt(ctx, catalog.Attempt{
		Carrier: carrier, Disc: s.disc, Identity: s.identity, Capture: cap, Needs: needs,
		Events: append([]catalog.Event{b.event(catalog.EventCapture, catalog.EventSuccess, "already archived: "+cap.Reason, cap, id)}, events...),
	})
}

// unnamed is what is taken over of a disc that is the same as one which nobody
// has named. What it came under may be that one's, or a further copy's of its
// pressing, and no drive can tell: a person is asked, and nothing is named. What
// was said stays as an event of the carrier: the question is about the last one.
func unnamed(said catalog.CarrierInfo, needs []catalog.Need, scans []catalog.Event, e catalog.Event) (catalog.CarrierInfo, []catalog.Need, []catalog.Event) {
	if said.Item == "" {
		return said, needs, scans
	}
	reason := fmt.Sprintf("a disc with the same bytes came as item %s; if it is this one, say so: ripstation annotate %.8s --item ITEM", shownAs(said.Item, said.Part, said.Parts, said.Side), said.ID)
	e.Detail = reason
	if len(scans) > 0 {
		e.Agents = scans[0].Agents // whoever scanned it
	}
	return catalog.CarrierInfo{ID: said.ID}, []catalog.Need{{Kind: catalog.NeedsIdentity, Reason: reason}}, []catalog.Event{e}
}

// agreement says by what the disc was known.
func (h *notRead) agreement() string {
	what := "pressed disc"
	if h.Identity.Recordable {
		what = "recordable, by its samples alone," // identity.recordable = "samples"
	}
	text := fmt.Sprintf("the same %s as version %d: descriptors and %d sample sectors agree", what, h.Version, h.agree)
	if len(h.also) > 0 {
		text += "; so they do with " + strings.Join(h.also[:min(len(h.also), 8)], ", ") + ", and nobody has said which it is"
	}
	return text
}

// looksTheSame ends the story of a disc that is the same as one that is held
// under another item: a further copy of one pressing, or a disc under
// another's name. It is not read; a carrier of its own says so, and asks a person.
func (b *bay) looksTheSame(ctx context.Context, d Drive, s seen, h notRead, ask *Request) (Outcome, error) {
	id, err := b.waiting(ctx, s, ask)
	if err != nil {
		return "", err
	}
	as := name(h.Item, h.CarrierID)
	reason := "LOOKS THE SAME AS " + as + ", NOT READ"
	needs := []catalog.Need{{Kind: catalog.NeedsReview, Reason: reason}}
	if id == "" {
		id = s.insertionID("carrier")
	} else if v, err := b.s.cfg.Catalog.Show(ctx, id); err == nil && v.Disposition == catalog.Accepted {
		needs = nil // a person has decided that
	}
	cap := b.capture(s, ask)
	cap.ID = s.insertionID("capture")
	cap.Outcome, cap.Ended = catalog.NotRead, time.Now().UTC()
	cap.Reason = fmt.Sprintf("it looks the same as %s, version %d: descriptors and %d sample sectors agree", as, h.Version, h.agree)
	carrier := carrierInfo(ask)
	carrier.ID = id
	_, events := b.s.said(ask, s.drive, id, true)
	err = b.s.recordAttempt(ctx, catalog.Attempt{
		Carrier: carrier, Disc: s.disc, Identity: s.identity, Capture: cap, Needs: needs,
		Events: append([]catalog.Event{b.event(catalog.EventCapture, catalog.EventWarning, reason, cap, id, h.image().bag())}, events...),
	})
	if err != nil {
		return "", err
	}
	b.carried(s.arrival, id, nil)
	b.s.arrivals.known(s.arrival, h.Identity.Samples)
	hint := fmt.Sprintf("is it a further copy of item %s, or the wrong disc? To have it read: ripstation retry %.8s --drive %s; to leave it so: ripstation accept %.8s --reason TEXT",
		ask.Item, id, b.info().Node, id)
	b.notice(Notice{ID: id, Word: WordLooksSame, Text: as, Hint: hint})
	s.identity = h.Identity // with its samples
	return OutcomeNeedsYou, b.part(ctx, d, s, trayNeedsYou, id, carrier, reason, hint)
}

// waiting is the carrier that the disc of this item got when it came before and
// was not read, "" when there is none.
func (b *bay) waiting(ctx context.Context, s seen, ask *Request) (string, error) {
	ids, err := b.s.cfg.Catalog.NotReadYet(ctx, ask.Item, s.identity)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		who, err := b.s.cfg.Catalog.Carrier(ctx, id)
		if err != nil {
			return "", err
		}
		if !another(ask, who) {
			return id, nil
		}
	}
	return "", nil
}
