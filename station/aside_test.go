package station_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ripstation/catalog"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// parkedJob is a station with one sealed image in its spool that no store took,
// stopped, and the same before its start.
func parkedJob(t *testing.T, label string) (r *rig, id string, drive *simbench.Slot) {
	t.Helper()
	var on atomic.Bool
	on.Store(true)
	r = newRig(t)
	r.cfg.Stores[0].Store = foreign{r.store, &on}
	slot := r.add(simdrive.Options{})
	r.start()
	must(t, slot.Insert(simdrive.PressedCD(iso(t, label, 41, 2000), 2000)))
	id = r.await(1, final).ID
	second := r.again(r.bench)
	return second, id, slot
}

// edit changes a job.json by hand.
func (r *rig) edit(id string, change func(map[string]any)) {
	r.t.Helper()
	path := filepath.Join(r.dir, "spool", id, "job.json")
	b, err := os.ReadFile(path)
	must(r.t, err)
	var m map[string]any
	must(r.t, json.Unmarshal(b, &m))
	change(m)
	b, err = json.Marshal(m)
	must(r.t, err)
	must(r.t, os.WriteFile(path, b, 0o640))
}

// spoolFiles are all files of a job's folder, with their bytes' sizes and times.
func (r *rig) spoolFiles(id string) string {
	r.t.Helper()
	var s strings.Builder
	must(r.t, filepath.Walk(filepath.Join(r.dir, "spool", id), func(path string, info os.FileInfo, err error) error {
		if err == nil {
			s.WriteString(strings.Join([]string{path, info.Mode().String(), info.ModTime().String(), "\n"}, " "))
		}
		return err
	}))
	return s.String()
}

// recordOther commits another image under a job's id and version.
func (r *rig) recordOther(id string) {
	r.t.Helper()
	r2 := newRig(r.t)
	slot := r2.add(simdrive.Options{})
	r2.start()
	must(r.t, slot.Insert(simdrive.PressedCD(iso(r.t, "OTHER", 99, 2000), 2000)))
	other := r2.ended(1, station.OutcomeDone).ID
	body, err := r2.catalog.Record(r.t.Context(), other, 1)
	must(r.t, err)
	rec, err := catalog.ParseRecord(body)
	must(r.t, err)
	rec.Carrier.ID, rec.Events = id, nil
	body, err = catalog.EncodeRecord(rec)
	must(r.t, err)
	must(r.t, r.catalog.Commit(r.t.Context(), catalog.Commit{RecordBytes: body}))
}

// A job that the catalog contradicts is told with the reason, stands in status
// and review, with and without a station, and nothing of it is touched: not by
// the courier, not by a disc that comes.
func TestJobThatContradictsTheCatalog(t *testing.T) {
	for name, c := range map[string]struct {
		make func(r *rig, id string)
		says string
	}{
		"other digests are committed": {func(r *rig, id string) { r.recordOther(id) }, "with other digests"},
		"withdrawn": {func(r *rig, id string) {
			r.recordOther(id)
			d := catalog.Withdrawn
			must(t, r.catalog.Annotate(t.Context(), id, catalog.Annotation{Disposition: &d}))
		}, "withdrawn"},
		"recorded, and the catalog knows no such disc": {func(r *rig, id string) { r.edit(id, func(m map[string]any) { m["step"] = "recorded" }) }, "no such disc"},
		"done, and the catalog knows no such disc":     {func(r *rig, id string) { r.edit(id, func(m map[string]any) { m["step"] = "done" }) }, "no such disc"},
		"recorded, and the catalog has another version": {func(r *rig, id string) {
			r.recordOther(id)
			r.edit(id, func(m map[string]any) { m["step"], m["image_version"] = "recorded", 2 })
		}, "no image 2"},
		"committed, and the job is still being read": {func(r *rig, id string) {
			r.recordOther(id)
			r.edit(id, func(m map[string]any) { m["step"], m["sealed"] = "reading", nil })
		}, "has not sealed it"},
	} {
		t.Run(name, func(t *testing.T) {
			r, id, drive := parkedJob(t, "LEFT")
			c.make(r, id)
			before := r.spoolFiles(id)
			holds := func(rev station.Review, err error) {
				t.Helper()
				must(t, err)
				for _, w := range rev.Wanting {
					if w.Kind == station.WantingJob {
						if w.ID != id || w.Since == nil || len(w.Reasons) != 1 || !strings.Contains(w.Reasons[0], c.says) || len(w.Actions) == 0 || w.Label != "LEFT" {
							t.Errorf("%+v", w)
						}
						return
					}
				}
				t.Errorf("it is not among %+v", rev.Wanting)
			}
			holds(station.ReviewWithout(t.Context(), r.catalog, filepath.Join(r.dir, "spool")))
			r.start()
			if n := r.await(1, word(station.WordNeedsYou)); n.ID != id || !strings.Contains(n.Text, c.says) {
				t.Errorf("%+v", n)
			}
			holds(r.station.Review(t.Context()))
			if st := r.station.Status(); len(st.LeftAlone) != 1 || st.LeftAlone[0].ID != id || !st.LeftAlone[0].Contradicts || len(st.Jobs) != 0 {
				t.Errorf("%+v", st)
			}
			r.bench.SpuriousChange(drive)
			r.await(1, final)
			if after := r.spoolFiles(id); after != before {
				t.Errorf("the folder was touched:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// A job that agrees with the catalog goes on, whatever else: its image is
// recorded, and only the job has not heard.
func TestJobThatAgreesGoesOn(t *testing.T) {
	r, id, _ := parkedJob(t, "AGREES")
	r.start()
	r.await(1, word(station.WordReleased))
	if st := r.station.Status(); len(st.LeftAlone) != 0 {
		t.Errorf("%+v", st.LeftAlone)
	}
	third := r.again(r.bench)
	third.edit(id, func(m map[string]any) { m["step"] = "recorded" }) // as if it had been stopped there
	third.start()
	third.await(1, word(station.WordReleased))
	if st := third.station.Status(); len(st.LeftAlone) != 0 {
		t.Errorf("%+v", st.LeftAlone)
	}
}

// What cannot be read as a job is left alone, too, and a disc of that carrier
// does not write over it.
func TestBrokenJobIsLeftAlone(t *testing.T) {
	r, id, _ := parkedJob(t, "BROKEN")
	path := filepath.Join(r.dir, "spool", id, "job.json")
	must(t, os.WriteFile(path, []byte("{"), 0o640))
	must(t, os.MkdirAll(filepath.Join(r.dir, "spool", "holiday", "photos"), 0o755))
	rev, err := station.ReviewWithout(t.Context(), r.catalog, filepath.Join(r.dir, "spool"))
	must(t, err)
	if len(rev.Wanting) != 2 {
		t.Errorf("%+v", rev.Wanting)
	}
	r.recordOther(id) // the catalog knows the carrier, and no store has it: it is to be read anew
	must(t, r.catalog.AskRetry(t.Context(), []string{id}, "SIM1"))
	r.start()
	if st := r.station.Status(); len(st.LeftAlone) != 2 {
		r.await(2, word(station.WordNeedsYou))
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "{" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "spool", "holiday")); err != nil {
		t.Error(err)
	}
}
