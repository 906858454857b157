package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"ripstation/catalog"
)

// printBatch prints a batch's report: for people a table, expected discs first.
func (a *app) printBatch(r catalog.BatchReport) error {
	if a.json {
		return a.printJSON(r)
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "batch %s: %s, %s\n", one(r.Name), batchWhen(r.Batch), plural(r.Places, "disc"))
	if r.Sides > 0 {
		fmt.Fprintf(w, "expected %d = stored %d + incomplete %d + not captured %d + never presented %d\n", r.Sides, r.Stored, r.Incomplete, r.NotCaptured, r.NeverPresented)
		if r.Listed != nil {
			fmt.Fprintf(w, "the list: %s, imported %s by %s\n", plural(r.Batch.Expected, "row"), moment(*r.Listed), one(r.ListedBy))
		}
		fmt.Fprintln(w, "\nEXPECTED\tPART\tSIDE\tTITLE\tSTATE\tPLACE\tDISC\tWHAT TO DO")
		for _, row := range r.Rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one(row.Item), orDash(ptr(row.PartText())), orDash(&row.Side), orDash(&row.Title), row.State, placeText(row.Place),
				orDash(ptr(short(row.ID))), whyAndDo(row.Why, row.Do))
		}
	}
	var others []catalog.BatchDisc
	for _, d := range r.Discs {
		if !d.OnList {
			others = append(others, d)
		}
	}
	if len(others) > 0 {
		what := "CAME"
		if r.Sides > 0 {
			what = "ON NO ROW"
		}
		fmt.Fprintf(w, "\n%s\tPART\tSIDE\tLABEL\tSTATE\tPLACE\tDISC\tWHAT TO DO\n", what)
		for _, d := range others {
			item := orDash(&d.Item)
			if d.Item == "" {
				item = "NEEDS IDENTITY"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", item, orDash(&d.Part), orDash(&d.Side), orDash(&d.Label), d.State, placeText(d.Place), short(d.ID), whyAndDo(d.Why, d.Do))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.batchReview(r)
	return nil
}

// batchReview tells what a person has still to look at, and whether the discs
// may go back.
func (a *app) batchReview(r catalog.BatchReport) {
	line := func(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }
	for i, f := range r.Flip {
		if i == 0 {
			line("")
		}
		side := "its other side"
		if f.Side != "" {
			side = "side " + f.Side
		}
		line("FLIP DISC: item %s, place %d: %s has not come", one(f.Item), f.Place, one(side))
	}
	n := 0
	for _, d := range r.Discs {
		for _, need := range d.Needs {
			if d.Disposition != catalog.NeedsReview {
				continue
			}
			if n++; n == 1 {
				line("\nNEEDS REVIEW")
			}
			line("  place %d (%s): %s", d.Place, short(d.ID), one(need))
		}
	}
	if r.MayGoBack {
		line("\nall read back, discs may go back to the shelf")
		return
	}
	line("\nKEEP THE DISCS: against giving them back stands")
	for i, s := range r.Against {
		if i == 40 {
			line("  and %d things more (--json has all)", len(r.Against)-i)
			break
		}
		text := one(s.What)
		if s.Place > 0 {
			text = fmt.Sprintf("place %d (%s): %s", s.Place, short(s.ID), text)
		}
		if s.Do != "" {
			text += " -> " + one(s.Do)
		}
		line("  %s", text)
	}
}

func batchWhen(b catalog.Batch) string {
	s := "open since " + moment(b.Opened)
	if b.Closed != nil {
		s = "closed " + moment(*b.Closed)
	}
	if b.Closed != nil && b.ClosedBy != "" {
		s += " by " + one(b.ClosedBy)
	}
	return s
}

func placeText(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// whyAndDo is more of a state in one cell.
func whyAndDo(why, do string) string {
	s := one(why)
	if do != "" {
		s = strings.TrimSpace(s + " -> " + one(do))
	}
	return orDash(&s)
}

func (a *app) printBatches(all []catalog.Batch) error {
	if len(all) == 0 {
		a.say("there is no batch yet: ripstation batch open NAME")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "BATCH\tSTATE\tDISCS\tLIST\tMAY GO BACK")
	for _, b := range all {
		list := "-"
		if b.Expected > 0 {
			list = plural(b.Expected, "row")
		}
		back := "not said"
		if b.Told != nil {
			back = "said " + moment(*b.Told)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", one(b.Name), batchWhen(b), b.Places, list, back)
	}
	return w.Flush()
}

func (a *app) printImported(i catalog.Imported) {
	if i.None() {
		a.say("batch %s has this list already: %s, nothing changed", one(i.Batch), plural(i.Rows, "row"))
		return
	}
	for _, p := range []struct {
		what string
		all  []string
	}{{"added", i.Added}, {"changed", i.Changed}, {"removed", i.Removed}} {
		for n, s := range p.all {
			if n == 20 {
				a.say("%s: %d more (--json has all)", p.what, len(p.all)-n)
				break
			}
			a.say("%s: %s", p.what, one(s))
		}
	}
	a.say("batch %s expects %s: %d added, %d changed, %d removed", one(i.Batch), plural(i.Rows, "row"), len(i.Added), len(i.Changed), len(i.Removed))
}

func (a *app) printMoved(all []catalog.Moved) error {
	if a.json {
		return a.printJSON(all)
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PLACE\tDISC\tITEM\tPART\tSIDE")
	for _, m := range all {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", m.Place, short(m.ID), orDash(&m.Item), orDash(&m.Part), orDash(&m.Side))
	}
	return w.Flush()
}
