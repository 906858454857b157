package station

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/internal/labelfit"
)

// BatchStatus is a batch on a screen: the one that is open, those whose discs may
// not go back yet, and those told of last.
type BatchStatus struct {
	Name     string     `json:"name"`
	Opened   time.Time  `json:"opened"`
	Closed   *time.Time `json:"closed"` // null while it is open
	Places   int        `json:"places"`
	Expected int        `json:"expected"`
	Told     *time.Time `json:"told"`    // when it was said that its discs may go back
	Against  int        `json:"against"` // how many things stand against that
	Text     string     `json:"text"`
}

// backRemembered is how many batches whose discs may go back stay on the screen.
const backRemembered = 3

// look holds each batch that is not over against what is recorded by now.
func (bs *batches) look(ctx context.Context) error {
	all, bad := bs.s.cfg.Catalog.Batches(ctx)
	if bad != nil && !errors.Is(bad, catalog.ErrDamaged) {
		return bad
	}
	var view []BatchStatus
	told := 0
	for _, b := range all {
		st := BatchStatus{Name: b.Name, Opened: b.Opened, Closed: b.Closed, Places: b.Places, Expected: b.Expected, Told: b.Told}
		if b.Told != nil {
			if told++; told <= backRemembered {
				st.Text = backText(b.Name, bs.s.cfg.Stores)
				view = append(view, st)
			}
			continue
		}
		err := bs.lookAt(ctx, &st)
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return err
		}
		switch {
		case err != nil: // of the others all is known
			bad = errors.Join(bad, err)
			st.Text = fmt.Sprintf("some of it cannot be read, so nothing is said of its discs: ripstation batch report %s", b.Name)
		case st.Told != nil:
		case b.Closed == nil:
			st.Text = fmt.Sprintf("open: %d discs came", b.Places)
		default:
			st.Text = fmt.Sprintf("closed: %d things stand against giving its discs back; ripstation batch report %s", st.Against, b.Name)
		}
		view = append(view, st)
	}
	bs.mu.Lock()
	bs.view = view
	bs.mu.Unlock()
	return bad
}

// lookAt holds one batch against what is recorded, and tells what is new of it.
func (bs *batches) lookAt(ctx context.Context, st *BatchStatus) error {
	sight := bs.s.BatchSight(st.Name)
	r, err := bs.s.cfg.Catalog.BatchReport(ctx, st.Name, sight)
	if err != nil {
		return err
	}
	if err := bs.doubts(ctx, r); err != nil {
		return err
	}
	if st.Against = len(r.Against); !r.MayGoBack {
		return nil
	}
	first, err := bs.s.cfg.Catalog.TellBatch(ctx, st.Name, sight)
	if err != nil || !first {
		return err
	}
	now := time.Now().UTC()
	st.Told, st.Text = &now, backText(st.Name, bs.s.cfg.Stores)
	bs.s.say(Notice{Word: WordShelf, Text: st.Text})
	return nil
}

// backText says that a batch's discs may go back, and on what grounds.
func backText(batch string, stores []Store) string {
	for _, st := range BatchStores(stores) {
		if st.Checksum {
			return fmt.Sprintf("batch %s: all read back, or accepted with matching checksums where that is enough; discs may go back to the shelf", batch)
		}
	}
	return fmt.Sprintf("batch %s: all read back, discs may go back to the shelf", batch)
}

// doubts tells of labels that speak against what a disc is said to be, once
// each. What the labels are held against is the same until something of it
// changes.
func (bs *batches) doubts(ctx context.Context, r catalog.BatchReport) error {
	discs, titles, key := labels(r)
	if bs.seen[r.Name] == key {
		return nil
	}
	var doubts []catalog.Doubt
	for _, d := range labelfit.Doubts(discs, titles) {
		doubts = append(doubts, catalog.Doubt{ID: r.Discs[d.Disc].ID, Reason: doubtWords(r, d, titles)})
	}
	fresh, err := bs.s.cfg.Catalog.DoubtLabels(ctx, r.Name, doubts, catalog.Agent{Role: catalog.RoleOperator, Name: catalog.Unattended}, bs.s.agent())
	if err != nil {
		return err
	}
	bs.seen[r.Name] = key
	recorded := map[string]bool{}
	for _, d := range r.Discs {
		recorded[d.ID] = d.Recorded
	}
	for _, d := range doubts {
		text := "batch " + r.Name + ": " + d.Reason
		told := d.ID + " " + text
		if bs.doubt[told] || recorded[d.ID] && !slices.Contains(fresh, d) {
			continue
		}
		bs.doubt[told] = true
		bs.s.say(Notice{ID: d.ID, Word: WordLabel, Text: text,
			Hint: fmt.Sprintf("look at the disc: ripstation batch swap or shift moves identifiers, ripstation annotate %.8s says another, or accept it as it is", d.ID)})
	}
	return nil
}

// labels are the discs of a batch as the comparison wants them, every title that
// it expects or has, and all of that in one text.
func labels(r catalog.BatchReport) (discs []labelfit.Disc, titles []labelfit.Title, key string) {
	var k strings.Builder
	there := map[labelfit.Title]bool{}
	add := func(t labelfit.Title) {
		if t.Text != "" && !there[t] {
			there[t] = true
			titles = append(titles, t)
		}
	}
	for _, row := range r.Rows {
		add(labelfit.Title{Text: row.Title, Part: row.Row.Part})
	}
	for _, d := range r.Discs {
		l := labelfit.Disc{Label: d.Label, Title: d.Title, Part: d.PartNumber}
		discs = append(discs, l)
		add(labelfit.Title{Text: l.Title, Part: l.Part})
		fmt.Fprintf(&k, "%d %s %v %q %q %q %d\n", d.Place, d.ID, d.Recorded, d.Item, l.Label, l.Title, l.Part)
	}
	for _, t := range titles {
		fmt.Fprintf(&k, "%q %d\n", t.Text, t.Part)
	}
	return discs, titles, k.String()
}

// doubtWords says what a label speaks for. The words stay the same while that
// does: they are the name of a review.
func doubtWords(r catalog.BatchReport, d labelfit.Doubt, titles []labelfit.Title) string {
	me := r.Discs[d.Disc]
	if d.Title >= 0 {
		return fmt.Sprintf("label %q fits the title %q better than %q, the title of item %s", me.Label, titles[d.Title].Text, me.Title, me.Item)
	}
	which := "on"
	if d.By < 0 {
		which = "back"
	}
	return fmt.Sprintf("label %q fits the title of the place one %s better than %q, the title of item %s, and so do the labels beside it", me.Label, which, me.Title, me.Item)
}

// flip says of a disc that goes out that its other side has not come.
func (bs *batches) flip(ctx context.Context, batch, id string) string {
	if batch == "" {
		return ""
	}
	r, err := bs.s.cfg.Catalog.BatchReport(ctx, batch, bs.s.BatchSight(batch))
	if err != nil {
		bs.s.cfg.Log.Warn().Err(err).Str("id", id).Msg("whether the disc has another side could not be looked up")
		return ""
	}
	for _, f := range r.Flip {
		switch {
		case f.ID != id:
		case f.Side == "":
			return "turn it over and put it in again: its other side has not come"
		default:
			return "turn it over and put it in again: side " + f.Side + " has not come"
		}
	}
	return ""
}

// sayFlip tells FLIP DISC of a disc that the tray gives out.
func (b *bay) sayFlip(flip, id string) {
	if flip == "" {
		return
	}
	d := b.info()
	b.s.say(Notice{ID: id, Drive: d.Key, Node: d.Node, Word: WordFlip, Text: flip})
}

func nonEmpty(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
