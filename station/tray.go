package station

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// Tray says what becomes of a disc when its story has ended.
type Tray string

const (
	TrayEject Tray = "eject"
	TrayHold  Tray = "hold"
)

// Trays are the policies, by how a disc's stay ended (docs/decisions/0013). An
// empty one is its default: all eject, but Failed.
type Trays struct{ Done, Incomplete, Refused, Already, NeedsYou, Failed Tray }

// trayKey is a policy's key in the configuration.
type trayKey string

const (
	trayDone       trayKey = "done"       // read and archived
	trayIncomplete trayKey = "incomplete" // archived with sectors missing
	trayRefused    trayKey = "refused"    // an ISO image cannot hold it
	trayAlready    trayKey = "already"    // known, and not read
	trayNeedsYou   trayKey = "needs_you"  // a check failed, or it is not clear which disc it is
	trayFailed     trayKey = "failed"     // it could not be read or archived
)

func (t *Trays) all() map[trayKey]*Tray {
	return map[trayKey]*Tray{trayDone: &t.Done, trayIncomplete: &t.Incomplete, trayRefused: &t.Refused,
		trayAlready: &t.Already, trayNeedsYou: &t.NeedsYou, trayFailed: &t.Failed}
}

func (t *Trays) validate() error {
	for key, p := range t.all() {
		switch {
		case *p == "" && key == trayFailed:
			*p = TrayHold
		case *p == "":
			*p = TrayEject
		case *p != TrayEject && *p != TrayHold:
			return fmt.Errorf("station: eject.%s is %q; it can be eject or hold", key, *p)
		}
	}
	return nil
}

func (t Trays) of(key trayKey) Tray { return *t.all()[key] }

// trayOf is the policy for a disc of which there is an image.
func trayOf(out Outcome) trayKey {
	switch out {
	case OutcomeDone:
		return trayDone
	case OutcomeIncomplete:
		return trayIncomplete
	case OutcomeAlready: // by samples, or compared in full
		return trayAlready
	}
	return trayNeedsYou
}

// errStays says that the tray must not open now, whatever the policy is.
var errStays = errors.New("the disc stays in the drive")

// part opens the tray under a disc whose story has ended, or holds it there, as
// the policy of key says. who: which item it is, as far as somebody has said so.
func (b *bay) part(ctx context.Context, d Drive, s seen, key trayKey, id string, who catalog.CarrierInfo, text, hint string) error {
	if b.s.cfg.Tray.of(key) == TrayHold && hasTray(d) {
		b.hold(s, key, id, text, hint)
		return nil
	}
	if err := b.open(ctx, d, s.ins, id, text, hint); err != nil {
		return err
	}
	b.gave(s.identity, who)
	return nil
}

// hold keeps a disc in the drive, and says why and how to get it.
func (b *bay) hold(s seen, key trayKey, id, text, hint string) {
	hint = strings.TrimPrefix(hint+"; "+b.howToGet(), "; ")
	k := &kept{Insertion: s.ins, Key: key, ID: id, Hint: hint, Text: fmt.Sprintf("%s. It stays in the drive (eject.%s = \"hold\")", text, key), identity: s.identity}
	b.kept = k
	b.notice(k.notice())
	b.s.books.change(b.info(), func(r *bayRow) { r.Kept = k })
}

// hasTray is false for an image file, which cannot be held.
func hasTray(d Drive) bool {
	t, ok := d.(interface{ HasTray() bool })
	return !ok || t.HasTray()
}

func (b *bay) howToGet() string {
	return "to take it out: `ripstation eject " + driveWord(b.info()) + "` or the drive's button"
}

// driveWord is how a person calls a drive on the command line.
func driveWord(d disc.Drive) string {
	if d.Node == "" {
		return d.Key
	}
	return strings.TrimPrefix(filepath.Clean(d.Node), "/dev/")
}

// kept is a disc that is held in a bay after its story. It is never changed.
type kept struct {
	Insertion disc.Insertion `json:"insertion"`
	Key       trayKey        `json:"policy"`
	ID        string         `json:"id"`
	Text      string         `json:"text"`
	Hint      string         `json:"hint"`

	identity disc.Identity
}

func (k *kept) notice() Notice { return Notice{ID: k.ID, Word: WordHeld, Text: k.Text, Hint: k.Hint} }

// forgetKept is told when the disc has left. No story is told then.
func (b *bay) forgetKept() {
	b.kept = nil
	if b.s.books.row(b.info().Key).Kept != nil {
		b.s.books.change(b.info(), func(r *bayRow) { r.Kept = nil })
	}
}

// sawItLeave notes in the jobs whose disc's story has been told, and which was
// held here or could not be given back, that it has left: what comes now is
// another disc or comes anew, as after an eject.
func (b *bay) sawItLeave() {
	k, key := b.s.books.row(b.info().Key).Kept, b.info().Key
	for _, j := range b.s.allJobs() {
		f := j.file()
		held := k != nil && k.Insertion == f.Insertion
		intended := f.Eject != nil && !f.Eject.Done && f.Eject.Insertion == f.Insertion
		if f.Insertion.DriveKey != key || !f.Step.atLeast(StepRecorded) || !held && !intended {
			continue
		}
		j.mu.Lock()
		j.left = true
		j.mu.Unlock()
		err := j.update(func(f *jobFile) { f.Eject = &intent{Insertion: f.Insertion, Time: time.Now().UTC(), Done: true} })
		if err != nil { // of a full disk; after a restart the disc goes on with its job when it comes back
			b.s.cfg.Log.Warn().Err(err).Str("id", j.ID).Msg("that the disc has left could not be noted")
		}
	}
}

// outcome is how the held disc's stay has ended; of none, nothing.
func (k *kept) outcome() Outcome {
	if k == nil {
		return ""
	}
	switch k.Key {
	case trayDone:
		return OutcomeDone
	case trayIncomplete:
		return OutcomeIncomplete
	case trayAlready:
		return OutcomeAlready
	}
	return OutcomeNeedsYou
}

// keptBefore is the disc that was held when the station ended, if the drive
// still has that insertion. What a person asks for is done.
func (b *bay) keptBefore(ins disc.Insertion, ask *Request) *kept {
	k := b.s.books.row(b.info().Key).Kept
	if k == nil || k.Insertion != ins || ask != nil {
		return nil
	}
	b.kept = k
	b.notice(k.notice())
	return k
}

// keptHere is the disc that is held here. Of one that was held when the station
// started, the catalog has the samples.
func (b *bay) keptHere(ctx context.Context, s seen) (*kept, error) {
	if b.kept == nil || b.kept.identity.Medium != "" {
		return b.kept, nil
	}
	alike, err := b.s.cfg.Catalog.Candidates(ctx, s.identity)
	if err != nil && !errors.Is(err, catalog.ErrDamaged) {
		return nil, err
	}
	for _, h := range alike {
		if h.CarrierID == b.kept.ID {
			k := *b.kept
			k.identity = h.Identity
			return &k, nil
		}
	}
	return nil, nil
}

// stillHeld gives the disc that is held here if the drive still has it: a
// media change that did not happen must not have it read, or ejected, after
// all.
func (b *bay) stillHeld(ctx context.Context, d Drive, s seen, ask *Request) (*kept, error) {
	k, err := b.keptHere(ctx, s)
	if err != nil {
		return nil, err
	}
	b.kept = nil // only if it is the same disc
	if k == nil || ask != nil || disc.LooksLike(k.identity, s.identity) == disc.Different {
		return nil, nil
	}
	samples := k.identity.Samples
	agree, disagree, err := compare(ctx, d, samples)
	if err != nil {
		b.kept = k // asked again when the drive answers
		return nil, err
	}
	if disagree > 0 || agree < min(disc.EnoughSamples, len(samples)) {
		return nil, nil
	}
	same := *k
	same.Insertion = s.ins
	b.kept = &same
	b.notice(same.notice())
	b.s.books.change(b.info(), func(r *bayRow) { r.Kept = &same })
	return &same, nil
}
