package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// standing is what stands against giving a batch's discs back: it is open, a
// place has no record, or an image of a disc has not given every required
// store's proof.
func standing(ctx context.Context, q querier, r BatchReport, sight BatchSight) ([]Standing, error) {
	var out []Standing
	say := func(d BatchDisc, do, format string, args ...any) {
		out = append(out, Standing{d.Place, d.ID, fmt.Sprintf(format, args...), do})
	}
	if r.Closed == nil {
		say(BatchDisc{}, "ripstation batch close", "the batch is open")
	}
	for _, c := range sight.Coming {
		say(BatchDisc{}, "", "%s", c)
	}
	for _, u := range sight.Underway {
		if u.Batch == r.Name && !slices.ContainsFunc(r.Discs, func(d BatchDisc) bool { return d.ID == u.ID }) {
			say(BatchDisc{ID: u.ID}, "", "disc %.8s came while it was open and has no place yet: %s", u.ID, u.What)
		}
	}
	if len(r.Discs) == 0 {
		say(BatchDisc{}, "", "no disc came")
	}
	recorded, withdrawn, err := recordedOf(ctx, q, r.Discs)
	if err != nil {
		return out, err
	}
	images, copies, err := imagesOf(ctx, q, r.Discs)
	if err != nil {
		return out, err
	}
	for _, d := range r.Discs {
		if u := sight.underway(d.ID); u != nil {
			say(d, "", "%s", u.What)
			continue
		}
		if !recorded[d.ID] {
			say(d, d.Do, "it has no record")
			continue
		}
		if withdrawn[d.ID] {
			continue
		}
		for _, v := range images[d.ID] {
			for _, st := range sight.Required {
				i := slices.IndexFunc(copies[d.ID], func(c HeldCopy) bool { return c.Version == v && c.Store == st.Name })
				switch {
				case i < 0:
					say(d, fmt.Sprintf("ripstation repair %.8s --to %s", d.ID, st.Name), "image %d has no copy in %s", v, st.Name)
				case !st.proven(copies[d.ID][i].State):
					state := copies[d.ID][i].State
					do := ""
					switch {
					case oneOf(state, Missing, Damaged):
						do = fmt.Sprintf("ripstation repair %.8s", d.ID)
					case state == Unknown, state == Stored:
						do = fmt.Sprintf("ripstation verify %.8s", d.ID)
					}
					say(d, do, "image %d is %s in %s", v, state, st.Name)
				}
			}
		}
	}
	return out, nil
}

func idsOf(discs []BatchDisc) (string, error) {
	ids := make([]string, len(discs))
	for i, d := range discs {
		ids[i] = d.ID
	}
	b, err := json.Marshal(ids)
	return string(b), err
}

const inIDs = " IN (SELECT value FROM json_each(?)) "

func recordedOf(ctx context.Context, q querier, discs []BatchDisc) (recorded, withdrawn map[string]bool, err error) {
	list, err := idsOf(discs)
	if err != nil {
		return nil, nil, err
	}
	rs, err := carriers.rows(ctx, q, "WHERE id"+inIDs, list)
	recorded, withdrawn = map[string]bool{}, map[string]bool{}
	for _, r := range rs {
		recorded[r.str("id")] = true
		withdrawn[r.str("id")] = Disposition(r.str("decision")) == Withdrawn
	}
	return recorded, withdrawn, err
}

// imagesOf gives every version of the discs' images, and their copies.
func imagesOf(ctx context.Context, q querier, discs []BatchDisc) (map[string][]int, map[string][]HeldCopy, error) {
	list, err := idsOf(discs)
	if err != nil {
		return nil, nil, err
	}
	is, err := images.rows(ctx, q, "WHERE carrier"+inIDs+"ORDER BY carrier, version", list)
	cs, err2 := copies.rows(ctx, q, "WHERE carrier"+inIDs, list)
	versions, held := map[string][]int{}, map[string][]HeldCopy{}
	for _, r := range is {
		versions[r.str("carrier")] = append(versions[r.str("carrier")], int(r.num("version")))
	}
	for _, r := range cs {
		held[r.str("carrier")] = append(held[r.str("carrier")], HeldCopy{r.str("carrier"), int(r.num("version")), copyOf(r)})
	}
	return versions, held, errors.Join(err, err2)
}

// TellBatch notes that a closed batch's discs may go back, if that is so and was
// not noted before: it gives true once.
func (c *Catalog) TellBatch(ctx context.Context, name string, sight BatchSight) (first bool, err error) {
	err = c.write(ctx, "look at batch "+clamp(name, 64), func(tx *sql.Tx) error {
		first = false
		b, err := mustBatch(ctx, tx, name)
		if err != nil || b.str("told") != "" || b.str("closed") == "" {
			return err
		}
		r, err := batchReport(ctx, tx, name, sight)
		if err != nil || !r.MayGoBack {
			return err
		}
		first = true
		b.set("told", formatTime(time.Now()))
		return b.update(ctx, tx)
	})
	return first, err
}

// quietBatches notes of the batches of a catalog that is made anew that nothing
// is to be said of them: whether it was said before is not known, and the report
// tells what stands against it.
func quietBatches(ctx context.Context, tx *sql.Tx) error {
	rs, err := batches.rows(ctx, tx, "WHERE told IS NULL")
	if err != nil {
		return err
	}
	for _, r := range rs {
		r.set("told", formatTime(time.Now()))
		if err := r.update(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}
