package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ripstation/internal/carrierlist"
)

// RowState is what became of an expected disc.
type RowState string

const (
	RowStored      RowState = "stored"          // complete, and every required store has it
	RowIncomplete  RowState = "incomplete"      // stored, with sectors missing
	RowNotCaptured RowState = "not captured"    // it came, and not every required store has an image of it
	RowNever       RowState = "never presented" // it did not come
)

// BatchStore is a store that a batch has to be in.
type BatchStore struct {
	Name string
	// Checksum: that the store accepted a copy with matching checksums is the
	// proof that the spool waits for; else only reading it back is.
	Checksum bool
}

// proven reports whether a copy in this state has given the store's proof.
func (s BatchStore) proven(c CopyState) bool {
	return c == ReadBack || c == Stored && s.Checksum
}

// Underway is what a spool knows of a disc that is not recorded yet, or is being
// read anew.
type Underway struct {
	CarrierInfo
	Label string
	What  string // in words: "being read"
	// Batch is the one in which it came, empty when none was open: it may have no
	// place there yet.
	Batch string
}

// BatchSight is what the catalog cannot know of a batch by itself.
type BatchSight struct {
	Required []BatchStore
	Underway []Underway
	// Coming are discs that came while the batch was open and have no carrier yet,
	// in words.
	Coming []string
}

func (s BatchSight) underway(id string) *Underway {
	i := slices.IndexFunc(s.Underway, func(u Underway) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Underway[i]
}

// BatchReport is what became of a batch (docs/decisions/0011).
type BatchReport struct {
	Batch
	// Expected = Stored + Incomplete + NotCaptured + NeverPresented, in sides of
	// discs; all 0 when the batch has no list.
	Sides          int `json:"expected_sides"`
	Stored         int `json:"stored"`
	Incomplete     int `json:"incomplete"`
	NotCaptured    int `json:"not_captured"`
	NeverPresented int `json:"never_presented"`

	Rows  []BatchRow  `json:"rows"`  // what is expected, in the list's order, a side each
	Discs []BatchDisc `json:"discs"` // what came, by place
	Flip  []BatchFlip `json:"flip"`  // discs of which one side came and the other did not
	// Against is what stands against giving the discs back; MayGoBack is true when
	// nothing does.
	Against   []Standing `json:"against"`
	MayGoBack bool       `json:"may_go_back"`
}

// BatchRow is one side of an expected disc.
type BatchRow struct {
	carrierlist.Row
	State RowState `json:"state"`
	Place int      `json:"place"` // of the disc that came; 0 when none did
	ID    string   `json:"id"`
	Why   string   `json:"why"` // more of the state, in words
	Do    string   `json:"do"`  // what to do, or empty
}

// BatchDisc is one disc that came.
type BatchDisc struct {
	Place       int         `json:"place"`
	ID          string      `json:"id"`
	Item        string      `json:"item"`
	Part        string      `json:"part"`
	Side        string      `json:"side"`
	Title       string      `json:"title"`
	Label       string      `json:"label"`
	State       RowState    `json:"state"`
	Why         string      `json:"why"`
	Do          string      `json:"do"`
	OnList      bool        `json:"on_list"`
	Row         int         `json:"-"` // its row of the list, -1 when it is on none
	Needs       []string    `json:"needs"`
	Disposition Disposition `json:"disposition"`
	// Recorded is false while the catalog has no record of it. PartNumber is the
	// number in Part, 0 when there is none.
	Recorded   bool `json:"recorded"`
	PartNumber int  `json:"-"`
}

// BatchFlip is a two-sided disc of which one side has not come.
type BatchFlip struct {
	Item  string `json:"item"`
	Part  string `json:"part"`
	Place int    `json:"place"` // of the side that came
	ID    string `json:"id"`
	Side  string `json:"side"` // the one that is missing; empty when nobody said which came
}

// Standing is one thing that stands against giving a batch's discs back.
type Standing struct {
	Place int    `json:"place"` // 0: it is the whole batch
	ID    string `json:"id"`
	What  string `json:"what"`
	Do    string `json:"do"`
}

// BatchReport tells what became of a batch, as of one moment. Damaged rows are
// left out and told in an error that wraps ErrDamaged.
func (c *Catalog) BatchReport(ctx context.Context, name string, sight BatchSight) (BatchReport, error) {
	op := "report batch " + clamp(name, 64)
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return BatchReport{}, explain(op, err)
	}
	defer tx.Rollback()
	r, err := batchReport(ctx, tx, name, sight)
	return r, explain(op, err)
}

func batchReport(ctx context.Context, q querier, name string, sight BatchSight) (BatchReport, error) {
	b, err := batchOf(ctx, q, name)
	if err != nil {
		return BatchReport{}, err
	}
	out := BatchReport{Batch: b, Rows: []BatchRow{}, Discs: []BatchDisc{}, Flip: []BatchFlip{}, Against: []Standing{}}
	rows, bad := listOf(ctx, q, name)
	discs, err := batchDiscs(ctx, q, name, sight)
	bad = errors.Join(bad, err)
	if bad != nil && !errors.Is(bad, ErrDamaged) {
		return out, bad
	}
	m := match(rows, discs)
	for i := range discs {
		d := &discs[i]
		d.Row = -1
		if s := m.of[i]; s >= 0 {
			d.OnList, d.Row = true, m.slots[s].row
			if t := rows[d.Row].Title; t != "" {
				d.Title = t
			}
		}
		d.ask(m.why[i])
	}
	out.Discs = append(out.Discs, discs...)
	for _, s := range m.slots {
		row := BatchRow{Row: rows[s.row], State: RowNever}
		if s.side != "" {
			row.Side = s.side
		}
		if len(s.came) > 0 {
			d := discs[s.came[0]]
			row.State, row.Place, row.ID, row.Why, row.Do = d.State, d.Place, d.ID, d.Why, d.Do
		}
		out.Rows = append(out.Rows, row)
	}
	out.flip(m, rows)
	if err := out.elsewhere(ctx, q); err != nil {
		bad = errors.Join(bad, err)
	}
	out.count()
	against, err := standing(ctx, q, out, sight)
	out.Against = append(out.Against, against...)
	bad = errors.Join(bad, err)
	out.MayGoBack = bad == nil && len(out.Against) == 0
	return out, bad
}

// count is the equation; every row is in one of the four.
func (r *BatchReport) count() {
	r.Sides = len(r.Rows)
	for _, row := range r.Rows {
		switch row.State {
		case RowStored:
			r.Stored++
		case RowIncomplete:
			r.Incomplete++
		case RowNotCaptured:
			r.NotCaptured++
		case RowNever:
			r.NeverPresented++
		}
	}
}

// flip finds the discs that have to be turned over.
func (r *BatchReport) flip(m matched, rows []carrierlist.Row) {
	for i, s := range m.slots {
		if !rows[s.row].TwoSided || len(s.came) > 0 {
			continue
		}
		other := i + 1 // the two sides of a row stand beside each other
		if s.side == carrierlist.Sides[1] {
			other = i - 1
		}
		if len(m.slots[other].came) == 0 {
			continue
		}
		d := r.Discs[m.slots[other].came[0]]
		f := BatchFlip{Item: d.Item, Part: rows[s.row].PartText(), Place: d.Place, ID: d.ID, Side: s.side}
		if d.Side == "" {
			f.Side = ""
		}
		r.Flip = append(r.Flip, f)
		r.Rows[i].Do = fmt.Sprintf("FLIP DISC: turn over the disc of place %d and put it in again", d.Place)
	}
}

// elsewhere says of rows whose disc did not come in this batch that the catalog
// knows its item. All of them are asked for at once: a list may have ten thousand.
func (r *BatchReport) elsewhere(ctx context.Context, q querier) error {
	here := map[string]bool{}
	for _, d := range r.Discs {
		here[d.ID] = true
	}
	var never []*BatchRow
	asked := []string{}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.State == RowNever && row.Do == "" {
			never, asked = append(never, row), append(asked, row.Item)
		}
	}
	list, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	cs, err := carriers.rows(ctx, q, "WHERE item"+inIDs+"ORDER BY item, id", string(list))
	known := map[string][]row{}
	for _, c := range cs {
		if !here[c.str("id")] {
			known[c.str("item")] = append(known[c.str("item")], c)
		}
	}
	for _, row := range never {
		row.Do = "find the disc and put it in"
		for _, c := range known[row.Item] {
			if part := int(c.num("part")); row.Part != 0 && part != 0 && part != row.Part {
				continue
			}
			row.Why = fmt.Sprintf("the catalog has this item as %.8s, which did not come in this batch", c.str("id"))
			row.Do = fmt.Sprintf("look whether it is the same disc: ripstation show %.8s", c.str("id"))
			break
		}
	}
	return err
}

// batchDiscs gives the discs of a batch by place.
func batchDiscs(ctx context.Context, q querier, name string, sight BatchSight) ([]BatchDisc, error) {
	ps, bad := places.rows(ctx, q, "WHERE batch = ? ORDER BY place, since, carrier", name)
	var ids []string
	for _, p := range ps {
		ids = append(ids, p.str("carrier"))
	}
	by := map[string]Summary{}
	for page := range slices.Chunk(ids, listPage) {
		// A carrier that has no row yet is not told as damaged: it is not recorded.
		ss, err := summaries(ctx, q, page)
		bad = errors.Join(bad, err)
		for _, s := range ss {
			by[s.ID] = s
		}
	}
	var out []BatchDisc
	for _, p := range ps {
		d := BatchDisc{Place: int(p.num("place")), ID: p.str("carrier"), Needs: []string{}, Disposition: None, Row: -1}
		u := sight.underway(d.ID)
		s, there := by[d.ID]
		if there {
			d.Item, d.Part, d.Side, d.Title, d.Label = orZero(s.Item), orZero(s.Part), orZero(s.Side), orZero(s.Title), s.Label
			d.Needs, d.Disposition = s.Needs, s.Disposition
			if len(s.Needs) == 0 {
				d.Needs = []string{}
			}
		} else if u != nil {
			d.Item, d.Part, d.Side, d.Title, d.Label = u.Item, partText(int64(u.Part), int64(u.Parts)), u.Side, u.Title, u.Label
		}
		d.Recorded = there
		n, _, _ := strings.Cut(d.Part, "/")
		d.PartNumber, _ = strconv.Atoi(n) // partText wrote it, or it is empty
		d.State, d.Why, d.Do = became(d.ID, s, there, u, sight.Required)
		out = append(out, d)
	}
	return out, bad
}

// became is what a disc that came has come to.
func became(id string, s Summary, there bool, u *Underway, required []BatchStore) (state RowState, why, do string) {
	switch {
	case !there && u == nil:
		return RowNotCaptured, "it has no record, and the spool has no part of it", "put the disc in again"
	case u != nil && s.Image == nil:
		return RowNotCaptured, u.What, ""
	case s.Image == nil:
		why = map[CaptureOutcome]string{Refused: "not imaged", Failed: "reading failed", Interrupted: "reading was interrupted"}[s.Outcome]
		if len(s.Needs) > 0 {
			why = s.Needs[0]
		}
		return RowNotCaptured, why, fmt.Sprintf("ripstation show %.8s", id)
	}
	lacking := []string{}
	for _, st := range required {
		i := slices.IndexFunc(s.Copies, func(c Copy) bool { return c.Store == st.Name })
		switch {
		case i < 0:
			lacking = append(lacking, "no copy in "+st.Name)
		case s.Copies[i].State != Stored && s.Copies[i].State != ReadBack:
			lacking = append(lacking, fmt.Sprintf("%s in %s", s.Copies[i].State, st.Name))
			if oneOf(s.Copies[i].State, Missing, Damaged, Unknown) {
				do = fmt.Sprintf("ripstation verify %.8s", id)
			}
		}
	}
	if len(lacking) > 0 {
		return RowNotCaptured, strings.Join(lacking, ", "), do
	}
	state = RowStored
	if s.Image.State != Complete {
		c := s.Image.Sectors
		state, why = RowIncomplete, fmt.Sprintf("%s: %d sectors missing", s.Image.State, c.Untried+c.Skipped+c.Unreadable+c.Contested+c.Protected)
		do = "clean the disc and put it in again, or try another drive"
	}
	switch {
	case u != nil:
		why, do = strings.TrimPrefix(why+"; "+u.What+" anew", "; "), ""
	case s.Disposition == Rejected || s.Disposition == Withdrawn:
		why, do = strings.TrimPrefix(why+"; "+string(s.Disposition), "; "), ""
	}
	return state, why, do
}

// ask adds what people have still to say of a disc.
func (d *BatchDisc) ask(why string) {
	if why != "" {
		d.Why = strings.TrimPrefix(d.Why+"; "+why, "; ")
	}
	switch {
	case d.Do != "":
	case d.Item == "":
		d.Do = fmt.Sprintf("say which item it is: ripstation annotate %.8s --item ID", d.ID)
	case why == whichPart:
		d.Do = fmt.Sprintf("say which part it is: ripstation annotate %.8s --part N/M", d.ID)
	case why == whichSide:
		d.Do = fmt.Sprintf("say which side it is: ripstation annotate %.8s --side A (or B)", d.ID)
	case len(d.Needs) > 0 && d.Disposition == NeedsReview:
		d.Do = fmt.Sprintf("look at it: ripstation show %.8s", d.ID)
	}
}

// listOf is a batch's list, in its order.
func listOf(ctx context.Context, q querier, name string) ([]carrierlist.Row, error) {
	rs, err := expected.rows(ctx, q, "WHERE batch = ? ORDER BY n", name)
	var out []carrierlist.Row
	for _, r := range rs {
		out = append(out, carrierlist.Row{Item: r.str("item"), Part: int(r.num("part")), Parts: int(r.num("parts")), Side: r.str("side"),
			Title: r.str("title"), TwoSided: r.num("two_sided") != 0})
	}
	return out, err
}
