package station_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// The catalog is lost, and two discs are in the spool: the one that has its place
// keeps it, and the one that was cut before it had any takes another. Until then
// no report says that the batch's discs may go back.
func TestPlacesOfTheSpoolStandBeforeNewOnes(t *testing.T) {
	dark := func(c *station.Config) {
		g := &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	}
	r := newRig(t, dark)
	one, two := r.bench.Add(simdrive.Options{Serial: "ONE"}), r.bench.Add(simdrive.Options{Serial: "TWO"})
	r.start()
	r.open("17")
	must(t, one.Insert(simdrive.PressedCD(iso(t, "ONE", 320, 2000), 2000)))
	r.await(1, word(station.WordWaitStore))
	must(t, two.Insert(simdrive.PressedCD(iso(t, "TWO", 321, 2000), 2000)))
	r.awaitStatus(func(s station.Status) bool {
		n := 0
		for _, j := range s.Jobs {
			if j.Step == station.StepSealed {
				n++
			}
		}
		return n == 2
	})
	r.stop()
	rep := r.report("17")
	first, second := rep.Discs[0].ID, rep.Discs[1].ID
	must(t, r.catalog.Close())
	for _, f := range []string{"catalog.db", "catalog.db-wal", "catalog.db-shm"} {
		if err := os.Remove(filepath.Join(r.dir, f)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	// As if the disc that came first was known last, and cut before its place was
	// written down.
	r.spoils(first, func(events []any) []any {
		var out []any
		for _, e := range events {
			if c, _ := e.(map[string]any)["changes"].(map[string]any); c["place"] == nil {
				out = append(out, e)
			}
		}
		return out
	})
	r.spoils(second, func(events []any) []any {
		for _, e := range events {
			if c, _ := e.(map[string]any)["changes"].(map[string]any); c["place"] != nil {
				c["place"] = 1
			}
		}
		return events
	})
	r.assemble()
	r.open("17")
	r.closeBatch()
	under, err := station.Underway(r.cfg.Spool)
	must(t, err)
	rep, err = r.catalog.BatchReport(t.Context(), "17", catalog.BatchSight{Underway: under})
	must(t, err)
	n := 0
	for _, a := range rep.Against {
		if strings.Contains(a.What, "has no place yet") {
			n++
		}
	}
	if rep.MayGoBack || n != 2 {
		t.Errorf("%+v", rep.Against)
	}
	r.start()
	r.await(1, word(station.WordShelf))
	rep = r.report("17")
	if len(rep.Discs) != 2 || rep.Discs[0].ID != second || rep.Discs[0].Place != 1 || rep.Discs[1].ID != first || rep.Discs[1].Place != 2 {
		t.Errorf("%+v", rep.Discs)
	}
}

// spoils changes the events of a job in the spool.
func (r *rig) spoils(id string, change func(events []any) []any) {
	r.t.Helper()
	name := filepath.Join(r.dir, "spool", id, "job.json")
	b, err := os.ReadFile(name)
	must(r.t, err)
	var job map[string]any
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	must(r.t, dec.Decode(&job))
	job["events"] = change(job["events"].([]any))
	b, err = json.Marshal(job)
	must(r.t, err)
	must(r.t, os.WriteFile(name, b, 0o640))
}

// A batch of which a row is damaged is never told of, and keeps no other one
// from being told.
func TestADamagedBatchLeavesTheOthers(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	r.open("16")
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "ONE", 330, 2000), 2000)))
	r.ended(1, station.OutcomeDone)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(r.dir, "catalog.db")+"?_pragma=busy_timeout(60000)") // the station writes, too
	must(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE places SET since = 'long ago'")
	must(t, errors.Join(err, db.Close()))
	r.closeBatch()
	r.open("17")
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "TWO", 331, 2000), 2000)))
	r.ended(2, station.OutcomeDone)
	r.closeBatch()
	if n := r.await(1, word(station.WordShelf)); !strings.HasPrefix(n.Text, "batch 17:") {
		t.Errorf("%q", n.Text)
	}
	r.awaitStatus(func(s station.Status) bool {
		return len(s.Batches) == 2 && s.Batches[0].Told != nil && s.Batches[1].Told == nil && strings.Contains(s.Batches[1].Text, "cannot be read")
	})
}
