package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/archive"
)

// mending is the work on one copy.
type mending struct {
	from, to archive.Copy
	used     []string // the stores that gave something
	out      *Repaired
}

// task is one file that the copy has not got as it should be.
type task struct {
	archive.BagFile
	damaged bool   // else it is missing
	old     string // the damaged object's version, as it stays under a new one; empty when it would not
	inPlace string // what lies in its place, or in that of one of its folders, and is none
	at      string // the key that it has
}

// outOf works on the copy out of one source after another, until one gives all
// that is to be sent. A source that turns out to be damaged itself is passed over.
func (m *mending) outOf(ctx context.Context, sources []archive.Copy, bad CopyReport, want archive.Expected) (err error) {
	for i, from := range sources {
		m.from = from
		var work []task
		work, err = m.plan(ctx, bad, want)
		if err == nil && len(m.out.MoveAway) == 0 {
			err = m.do(ctx, work)
		}
		if i == len(sources)-1 || !errors.Is(err, archive.ErrCopyDamaged) && !errors.Is(err, archive.ErrNotWhole) {
			break
		}
		m.out.PassedOver = append(m.out.PassedOver, err.Error())
	}
	m.out.From = strings.Join(m.used, ", ")
	if len(m.used) == 0 {
		m.out.From = m.from.Store.Name()
	}
	return err
}

// smallEnough is a file that is read once more whatever the first look said.
const smallEnough = 16 << 20

// plan finds out, file by file, what is missing and what is damaged. A
// damaged object that is right when it is read again is no damage.
func (m *mending) plan(ctx context.Context, bad CopyReport, want archive.Expected) ([]task, error) {
	bag, err := archive.OpenBag(ctx, []archive.Copy{m.from}, want, archive.RetrieveOptions{
		Pause: func(_ context.Context, _ int, err error) error { return err }})
	if err != nil {
		return nil, err
	}
	suspect := map[string]bool{}
	for _, f := range bad.Findings {
		suspect[strings.TrimPrefix(f.Key, m.to.Prefix+"/")] = true
	}
	var work []task
	for _, f := range inOrder(bag.Files) {
		t := task{BagFile: f}
		if t.inPlace, t.at, err = m.inPlace(ctx, f); err != nil {
			return nil, err
		}
		if t.inPlace != "" {
			work = append(work, t)
			continue
		}
		state, err := m.look(ctx, f, suspect[f.Path])
		if err != nil {
			return nil, err
		}
		if t.damaged = state == archive.Damaged; t.damaged {
			if t.old, err = m.kept(ctx, f); err != nil {
				return nil, err
			}
		}
		if state != "" {
			work = append(work, t)
		}
	}
	m.moveAway(work)
	return work, nil
}

// inPlace is what lies under a file's key and is no object, or where one of its
// folders has to be, and its own key. Both are empty when nothing does.
func (m *mending) inPlace(ctx context.Context, f archive.BagFile) (what, at string, err error) {
	if d, ok := archive.FoldersOf(m.to.Store); ok {
		return d.InPlaceOf(ctx, m.to.Prefix+"/"+f.Path)
	}
	return "", "", nil
}

// kept is the version of a damaged object that would stay under a new one, empty
// when it would be lost.
func (m *mending) kept(ctx context.Context, f archive.BagFile) (string, error) {
	v, ok := archive.VersionedOf(m.to.Store)
	if !ok {
		return "", nil
	}
	return v.Current(ctx, m.to.Prefix+"/"+f.Path)
}

// inOrder puts the payload first and the tag manifest last, as when a bag is
// sent for the first time.
func inOrder(files []archive.BagFile) []archive.BagFile {
	rank := func(f archive.BagFile) int {
		switch {
		case strings.HasPrefix(f.Path, "data/"):
			return 0
		case f.Path == archive.TagManifest:
			return 3
		case strings.HasPrefix(f.Path, "tagmanifest-"):
			return 2
		}
		return 1
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b archive.BagFile) int { return rank(a) - rank(b) })
	return files
}

// look says of one file whether it is missing or damaged; empty when neither.
func (m *mending) look(ctx context.Context, f archive.BagFile, suspect bool) (state archive.Fault, err error) {
	key := m.to.Prefix + "/" + f.Path
	info, err := m.to.Store.Stat(ctx, key)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return archive.Missing, nil
	case err != nil:
		return "", err
	case info.Size != f.Size:
		return archive.Damaged, nil
	case !suspect && f.Size > smallEnough:
		return "", nil // read a moment ago, and nothing was found
	}
	for range 2 {
		sum, err := archive.DigestOf(ctx, m.to.Store, key)
		if err == nil && sum == f.SHA512 {
			return "", nil
		}
		if err != nil && !errors.Is(err, archive.ErrChecksum) {
			return "", err
		}
	}
	return archive.Damaged, nil
}

// moveAway lists what somebody has to move before anything can be done.
func (m *mending) moveAway(work []task) {
	day := time.Now().UTC().Format(time.DateOnly)
	for _, t := range work {
		what, at := t.inPlace, t.at
		if t.damaged && t.old == "" {
			what, at = "damaged", m.to.Prefix+"/"+t.Path
		}
		if what == "" {
			continue
		}
		mv := Move{Path: strings.TrimPrefix(at, m.to.Prefix+"/"), What: what, From: at}
		if a, ok := archive.AsideOf(m.to.Store); ok {
			mv.From, mv.To = a.Aside(at, day)
		}
		if !slices.Contains(m.out.MoveAway, mv) { // one file may be in the way of many
			m.out.MoveAway = append(m.out.MoveAway, mv)
		}
	}
}

// unmark lists the delete markers that somebody has to remove before the rest of
// the work can be done; marked is why the first file could not be sent, and what is
// told when no marker lies on it.
func (m *mending) unmark(ctx context.Context, work []task, marked error) error {
	s, ok := archive.MarkedOf(m.to.Store)
	if !ok {
		return marked
	}
	markers, err := s.Markers(ctx, m.to.Prefix+"/")
	if err != nil { // the refusal says more
		return marked
	}
	if markers[m.to.Prefix+"/"+work[0].Path] == "" {
		return marked
	}
	for _, t := range work {
		key := m.to.Prefix + "/" + t.Path
		id, ok := markers[key]
		if !ok {
			continue
		}
		mv := Move{Path: t.Path, From: key, Marker: id}
		if a, ok := archive.AsideOf(m.to.Store); ok {
			mv.From, _ = a.Aside(key, "")
		}
		m.out.MoveAway = append(m.out.MoveAway, mv)
	}
	return nil
}

// tries is how often one file is sent when waiting may help.
const tries = 3

// do sends what is missing, and puts what is damaged on top.
func (m *mending) do(ctx context.Context, work []task) error {
	for i, t := range work {
		for try := 1; ; try++ {
			err := m.one(ctx, t)
			if err == nil {
				break
			}
			if errors.Is(err, archive.ErrMarked) {
				return m.unmark(ctx, work[i:], err)
			}
			if try == tries && ctx.Err() == nil && !t.damaged {
				// A server that refuses a large object may do so in the middle of it, and
				// the reason is lost: a marker that lies there is one.
				return m.unmark(ctx, work[i:], err)
			}
			if try == tries || ctx.Err() != nil || errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrExists) ||
				errors.Is(err, archive.ErrUnversioned) || errors.Is(err, archive.ErrCopyDamaged) || t.damaged {
				return err
			}
		}
	}
	return nil
}

func (m *mending) one(ctx context.Context, t task) error {
	if err := m.put(ctx, t); err != nil {
		return err
	}
	if from := m.from.Store.Name(); !slices.Contains(m.used, from) {
		m.used = append(m.used, from)
	}
	return nil
}

func (m *mending) put(ctx context.Context, t task) error {
	if !t.damaged {
		if err := archive.SendAgain(ctx, m.from, m.to, t.BagFile); err != nil {
			return err
		}
		m.out.Sent = append(m.out.Sent, t.Path)
		return nil
	}
	v, ok := archive.VersionedOf(m.to.Store)
	if !ok {
		return fmt.Errorf("%s: %w", t.Path, archive.ErrUnversioned)
	}
	id, err := v.Supersede(ctx, m.from, m.to, t.BagFile, t.old)
	if err != nil {
		return err
	}
	m.out.Superseded = append(m.out.Superseded, Superseded{t.Path, t.old, id})
	return nil
}
