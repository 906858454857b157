package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
)

// batchName is the batch that a soak's discs come in.
func (o *soak) batchName() string { return fmt.Sprintf("soak %d", o.script.seed) }

// openBatch begins the day's batch with the library's list.
func (o *soak) openBatch() {
	for up := false; !up; { // a station that is about to start is none yet
		_, err := o.screen()
		if up = err == nil; !up && o.ctx.Err() != nil {
			o.t.Fatalf("the station does not come up: %v", err)
		}
	}
	var list strings.Builder
	fmt.Fprintln(&list, "item;title")
	for _, p := range o.script.pieces {
		fmt.Fprintf(&list, "%s;%s\n", p.code, p.label)
	}
	const file = "/tmp/list.csv"
	o.write(file, list.String(), 0o644)
	for _, argv := range [][]string{{"batch", "open", o.batchName()}, {"batch", "import", file}} {
		if out, exit := o.text(argv...); exit != 0 {
			o.wrong("%s: exit %d\n%s", strings.Join(argv, " "), exit, out)
		}
	}
	o.upset()
}

// closeBatch ends it, and waits until the station says whether the discs may go
// back.
func (o *soak) closeBatch() (r catalog.BatchReport) {
	if out, exit := o.text("batch", "close"); exit != 0 {
		o.wrong("batch close: exit %d\n%s", exit, out)
	}
	for limit := time.Now().Add(time.Minute); ; {
		if exit := o.verb(&r, "batch", "report", o.batchName()); exit != 0 {
			o.wrong("batch report: exit %d", exit)
		}
		if len(r.Against) == 0 || time.Now().After(limit) {
			return r
		}
	}
}

// batch holds the report against the records and the operator's knowledge.
func (o *soak) batch(r catalog.BatchReport, all []*carrier) {
	n := len(o.script.pieces)
	if r.Sides != n || r.Stored+r.Incomplete+r.NotCaptured+r.NeverPresented != n || len(r.Rows) != n {
		o.wrong("the batch expected %d discs: the report says %d, %d stored, %d incomplete, %d not captured, %d never presented, in %d rows",
			n, r.Sides, r.Stored, r.Incomplete, r.NotCaptured, r.NeverPresented, len(r.Rows))
	}
	for _, row := range r.Rows {
		want := catalog.RowState("never presented")
		for _, c := range all {
			switch {
			case c.Item == nil || *c.Item != row.Item:
			case c.Image == nil:
				want = "not captured"
			case c.Image.State == catalog.Complete:
				want = "stored"
			default:
				want = "incomplete"
			}
		}
		if row.State != want {
			o.wrong("the batch's report says of %s that it is %s; by its records it is %s", row.Item, row.State, want)
		}
	}
	places := map[int]bool{}
	for _, d := range r.Discs {
		if places[d.Place] || d.Place < 1 {
			o.wrong("the batch's place %d is there twice or is none", d.Place)
		}
		places[d.Place] = true
		if !slices.ContainsFunc(all, func(c *carrier) bool { return c.ID == d.ID }) {
			o.wrong("place %d of the batch is carrier %.8s, of which there is no record", d.Place, d.ID)
		}
	}
	for _, c := range all {
		if !slices.ContainsFunc(r.Discs, func(d catalog.BatchDisc) bool { return d.ID == c.ID }) {
			o.wrong("carrier %.8s (disc %s) came while the batch was open and has no place in it", c.ID, o.names(c.content))
		}
	}
	if r.MayGoBack != (len(r.Against) == 0) {
		o.wrong("the batch's discs may go back: %v; against it stand %v", r.MayGoBack, r.Against)
	}
	o.t.Logf("batch: %d places; %d stored, %d incomplete, %d not captured, %d never presented; may go back: %v %v", len(r.Discs), r.Stored, r.Incomplete, r.NotCaptured, r.NeverPresented, r.MayGoBack, r.Against)
}
