package nights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/operator"
	"ripstation/station"
)

// The night is over when for this long nothing has changed: longer than the
// longest wait between two tries.
const stillFor, mostSettling = 2 * time.Hour, 72 * time.Hour

// settle waits until nothing changes any more.
func (l *life) settle(ctx context.Context) error {
	var before string
	since := time.Now()
	for end := time.Now().Add(mostSettling); time.Now().Before(end); {
		now, err := l.outline(ctx)
		if err != nil {
			return err
		}
		if now != before {
			before, since = now, time.Now()
		}
		if time.Since(since) >= stillFor {
			return nil
		}
		select {
		case <-time.After(time.Minute):
		case what := <-l.end:
			return errors.New("a life was to end (" + what + ") when the night was over")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("the station does not come to rest in %s: %s", mostSettling, before)
}

// outline is what changes while the station works.
func (l *life) outline(ctx context.Context) (string, error) {
	var s strings.Builder
	st := l.station.Status()
	for _, j := range st.Jobs {
		slices.SortFunc(j.Copies, func(a, b station.DeliveryStatus) int { return strings.Compare(a.Store, b.Store) })
		fmt.Fprintf(&s, "%s %s %v\n", j.ID, j.Step, j.Copies)
	}
	for _, b := range st.Bays {
		fmt.Fprintf(&s, "%s %s %s\n", b.Drive.Key, b.Word, b.ID)
	}
	for _, w := range l.stores {
		ids, err := l.catalog.Unsent(ctx, w.Name(), "", 1000)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&s, "%s has not got the events of %v\n", w.Name(), ids)
	}
	return s.String(), nil
}

// repair does what a person is told to do of images that had to leave a spool
// without room before a best-effort store had them, or had given them back.
func (l *life) repair(ctx context.Context) error {
	all, err := notes[told](l.path(noticesFile))
	if err != nil {
		return err
	}
	unread := map[string]bool{}
	for _, n := range all {
		unread[n.ID] = unread[n.ID] || strings.Contains(n.Text, "was accepted, and not read back")
	}
	var ids []string
	for c, err := range l.catalog.AllCopies(ctx) {
		if err != nil {
			return err
		}
		left := c.State == catalog.Missing && strings.Contains(c.Detail, "others needed the room") || c.State == catalog.Stored && unread[c.CarrierID]
		if left && !slices.Contains(ids, c.CarrierID) {
			ids = append(ids, c.CarrierID)
		}
	}
	var stores []archive.Store
	for _, w := range l.stores {
		stores = append(stores, w.Dir)
	}
	for _, id := range ids {
		report, err := audit.Repair(ctx, audit.RepairConfig{Catalog: l.catalog, Stores: stores, CarrierID: id})
		if err != nil {
			return err
		}
		for _, c := range report.Copies {
			if !c.Whole() {
				return fmt.Errorf("the copy of %s in %s was not made good: %s%s", id, c.Store, c.Failed, c.Refused)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return l.settle(ctx)
}

// morning is what must be so when the station has been stopped.
type morning struct {
	*life
	flaws []string
}

func (m *morning) flaw(format string, v ...any) { m.flaws = append(m.flaws, fmt.Sprintf(format, v...)) }

// morning holds all that the station left behind against the night. An error
// is one of the looking.
func (l *life) morning(ctx context.Context, status station.Status) ([]string, error) {
	m := &morning{life: l, flaws: []string{}}
	c, err := catalog.Open(ctx, l.path("catalog.db"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	problems, err := c.IntegrityCheck(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		m.flaw("catalog: %v", p)
	}
	what, err := m.account(ctx, c, status)
	if err != nil {
		return nil, err
	}
	diary := l.hand.Diary()
	if err := l.tell(diary, what); err != nil {
		return nil, err
	}
	m.flaws = append(m.flaws, operator.Account(l.night, diary, what)...)
	for _, f := range []func(context.Context, *catalog.Catalog) error{m.racked, m.rebuilt, m.audited, m.uploads} {
		if err := f(ctx, c); err != nil {
			return nil, err
		}
	}
	m.leftInSpool(status)
	for _, p := range status.Pending {
		m.flaw("every fault is over, and %s is still on the pending rack: %v", p.ID, p.Stores)
	}
	seen, err := notes[string](l.path(seenFile))
	if err != nil {
		return nil, err
	}
	m.flaws = append(m.flaws, seen...)
	return m.flaws, nil
}

func (m *morning) driveOf(key string) int {
	for n, s := range m.slots {
		if s.Info.Key == key {
			return n
		}
	}
	return -1
}

// tell writes down what the night was made of.
func (l *life) tell(diary []operator.Entry, what operator.Morning) error {
	t := tales{"hours": int(time.Since(dawn).Hours())}
	for _, a := range operator.Arrivals(diary) {
		t["insertions"]++
		if a.Ejected {
			t["ejected by the station"]++
		}
		if len(a.Codes) > 0 {
			t["insertions with an identifier"]++
		}
	}
	for _, b := range what.Batches {
		t["batches"]++
		if b.Told != nil {
			t["batches back to the shelf"]++
		}
		for _, r := range b.Rows {
			t["batch rows "+r.State]++
		}
	}
	for _, e := range diary {
		switch e.What {
		case operator.Asked:
			t["asked to "+e.Code]++
		case operator.Corrected:
			t["identifiers corrected"]++
		case operator.Decided:
			t["decided "+e.Code]++
		}
	}
	for _, c := range what.Carriers {
		t["carriers"]++
		if c.Item != "" {
			t["carriers with an item"]++
		}
		for _, p := range c.Captures {
			t["captures "+p.Outcome]++
		}
		for _, i := range c.Images {
			t["images "+i.State]++
		}
	}
	for _, n := range what.Notices {
		switch n.Word {
		case string(station.WordWaitForSpace):
			t["waited for space"]++
		case string(station.WordPending):
			t["given back pending"]++
		case string(station.WordHeld):
			t["held after its story"]++
		case string(station.WordHeldAtStart):
			t["held at start"]++
		case string(station.WordOnHold):
			t["drives on hold"]++
		}
	}
	t["jobs left"] += len(what.Jobs)
	lives, err := notes[moment](l.path(livesFile))
	if err != nil {
		return err
	}
	for _, m := range lives {
		if m.What == "begins" {
			t["lives"]++
		}
		if (m.What == "fault" || m.What == "killed") && m.Fault >= 0 {
			t[string(l.fault(m.Fault).What)]++
		}
	}
	for _, f := range l.night.Faults {
		switch f.What {
		case operator.StoreAway, operator.StoreHangs, operator.StoreSlow, operator.StoreErrors:
			t[string(f.What)]++
		}
	}
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(l.path(talesFile), b, 0o644)
}

// account puts what the station has to show into the operator's words.
func (m *morning) account(ctx context.Context, c *catalog.Catalog, status station.Status) (what operator.Morning, err error) {
	list, err := c.List(ctx, catalog.Filter{})
	if err != nil {
		return what, err
	}
	for _, s := range list {
		v, err := c.Show(ctx, s.ID)
		if err != nil {
			return what, err
		}
		car := operator.Carrier{ID: s.ID, Disposition: string(v.Disposition)}
		if v.Item != nil {
			car.Item = *v.Item
		}
		for _, p := range v.Captures {
			car.Captures = append(car.Captures, operator.Capture{Drive: m.driveOf(p.Drive.Key), Insertion: p.Insertion, Started: p.Started, Outcome: string(p.Outcome)})
		}
		for _, e := range v.Events {
			if strings.HasPrefix(e.Detail, "ejected pending: ") {
				car.Racked = append(car.Racked, e.Time)
			}
		}
		next, err := c.NextVersion(ctx, s.ID)
		if err != nil {
			return what, err
		}
		for version := 1; version < next; version++ {
			img, err := m.image(ctx, c, s.ID, version)
			if err != nil {
				return what, err
			}
			car.Images = append(car.Images, img...)
		}
		what.Carriers = append(what.Carriers, car)
	}
	if what.Batches, err = m.batches(ctx, c, m.station.BatchSight); err != nil {
		return what, err
	}
	jobs, err := filepath.Glob(filepath.Join(m.spool(), "*", "job.json"))
	if err != nil {
		return what, err
	}
	for _, path := range jobs {
		var j struct {
			ID        string
			Step      string
			Insertion disc.Insertion
			Created   time.Time
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &j)
		}
		if err != nil {
			return what, err
		}
		what.Jobs = append(what.Jobs, operator.Job{ID: j.ID, Step: j.Step, Drive: m.driveOf(j.Insertion.DriveKey), Insertion: j.Insertion, Created: j.Created})
	}
	all, err := notes[told](m.path(noticesFile))
	if err != nil {
		return what, err
	}
	for _, n := range all {
		if n.Final && (strings.Contains(n.Text, syscall.ENOSPC.Error()) || strings.Contains(n.Text, "its image needs")) {
			m.flaw("drive %s: %s: %s: a full disk ends no disc's story, it waits", n.Drive, n.Word, n.Text)
		}
		what.Notices = append(what.Notices, operator.Notice{At: n.Time, Drive: m.driveOf(n.Drive), ID: n.ID, Word: string(n.Word), Text: n.Text, Final: n.Final, Outcome: string(n.Outcome),
			Ejecting: n.Word == station.WordEjected || n.Word == station.WordPending, Pending: n.Word == station.WordPending})
	}
	lives, err := notes[moment](m.path(livesFile))
	if err != nil {
		return what, err
	}
	what.Interrupted = func(a *operator.Arrival) (n int) {
		within := func(from, to time.Time) bool { return !to.Before(a.From) && (a.To.IsZero() || from.Before(a.To)) }
		for _, l := range lives {
			if f := m.fault(l.Fault); l.Fault >= 0 && (l.What == "killed" || l.What == "fault") && within(l.At, l.At.Add(f.For)) &&
				(f.What.Life() || f.Drive == a.Drive && (f.What == operator.Wedged || f.What == operator.Unplugged || f.What == operator.Spurious)) {
				n++
			}
		}
		return n
	}
	what.Awake = func(from, to time.Time) (d time.Duration) {
		for i, l := range lives {
			if l.What != "begins" {
				continue
			}
			end := l.At
			for _, next := range lives[i+1:] {
				if next.What == "begins" {
					break
				}
				end = next.At
			}
			begin := l.At
			if from.After(begin) {
				begin = from
			}
			if to.Before(end) {
				end = to
			}
			d += max(end.Sub(begin), 0)
		}
		return d
	}
	return what, nil
}

// image is one version of a carrier in each store that the catalog says has it.
func (m *morning) image(ctx context.Context, c *catalog.Catalog, id string, version int) (all []operator.Image, err error) {
	record, err := c.Record(ctx, id, version)
	if err != nil {
		return nil, err
	}
	var r struct {
		Image struct {
			State   string
			Sectors disc.Counts
		}
	}
	if err := json.Unmarshal(record, &r); err != nil {
		return nil, err
	}
	copies, err := c.Copies(ctx, id, version)
	if err != nil {
		return nil, err
	}
	events, err := c.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, w := range m.stores {
		i := slices.IndexFunc(copies, func(p catalog.Copy) bool { return p.Store == w.Name() })
		if i < 0 || copies[i].State != catalog.ReadBack {
			m.flaw("carrier %s, version %d: every fault is over, and the copy in %s is %v", id, version, w.Name(), copies)
			continue
		}
		proven := firstReadBack(events, fmt.Sprintf("%s/v%d", id, version), w.Name())
		all = append(all, operator.Image{Store: w.Name(), Version: version, State: r.Image.State, Missing: r.Image.Sectors.Missing(), Stored: copies[i].StoredAt, ReadBack: proven, Bytes: func() ([]byte, error) {
			f, err := w.Dir.Read(ctx, fmt.Sprintf("%s/v%d/data/image.iso", id, version), 0, -1)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return io.ReadAll(f)
		}})
	}
	return all, nil
}

// rebuilt makes the catalog anew from each store: it must say the same.
func (m *morning) rebuilt(ctx context.Context, c *catalog.Catalog) error {
	var want bytes.Buffer
	if err := c.ExportCanonical(ctx, &want); err != nil {
		return err
	}
	for _, w := range m.stores {
		fresh, err := catalog.Open(ctx, m.path("rebuilt-"+w.Name()+".db"))
		if err != nil {
			return err
		}
		report, err := audit.Rebuild(ctx, audit.RebuildConfig{Catalog: fresh, Store: w.Dir})
		var got bytes.Buffer
		if err == nil {
			err = fresh.ExportCanonical(ctx, &got)
		}
		if err := errors.Join(err, fresh.Close()); err != nil {
			return err
		}
		for _, f := range report.Findings {
			m.flaw("rebuild from %s: %v", w.Name(), f)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			m.flaw("the catalog made anew from %s is another one: %s", w.Name(), firstDifference(want.String(), got.String()))
		}
	}
	return nil
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] == g[i] {
			continue
		}
		at := 0
		for at < min(len(w[i]), len(g[i])) && w[i][at] == g[i][at] {
			at++
		}
		from := max(at-200, 0)
		return fmt.Sprintf("line %d of %d and %d: %.600s\nbecame %.600s", i+1, len(w), len(g), w[i][from:], g[i][from:])
	}
	return fmt.Sprintf("%d lines became %d", len(w), len(g))
}

// audited reads every copy in full.
func (m *morning) audited(ctx context.Context, c *catalog.Catalog) error {
	var stores []archive.Store
	for _, w := range m.stores {
		stores = append(stores, w.Dir)
	}
	report, err := audit.Run(ctx, audit.Config{Catalog: c, Stores: stores, Full: true})
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		m.flaw("audit: %v", f)
	}
	return nil
}

// uploads asks what unfinished uploads are left: only a disc that is not read
// to its end may have one.
func (m *morning) uploads(ctx context.Context, _ *catalog.Catalog) error {
	for _, w := range m.stores {
		for u, err := range w.Dir.Unfinished(ctx) {
			if err != nil {
				return err
			}
			id, _, _ := strings.Cut(u.Key, "/")
			if _, err := os.Stat(filepath.Join(m.spool(), id, "image.iso")); err != nil {
				m.flaw("%s has an unfinished upload of %s, which nobody goes on with", w.Name(), u.Key)
			}
		}
	}
	return nil
}

// inserted is the insertion of a job's disc, and its drive.
func (m *morning) inserted(id string) (ins disc.Insertion, drive int) {
	var j struct{ Insertion disc.Insertion }
	b, err := os.ReadFile(filepath.Join(m.spool(), id, "job.json"))
	if err == nil {
		err = json.Unmarshal(b, &j)
	}
	if err != nil {
		m.flaw("%v", err)
	}
	return j.Insertion, m.driveOf(j.Insertion.DriveKey)
}

// lies reports whether a job's disc is in its drive, whatever else the drive has
// called it since. The bay may show the carrier that the disc turned out to be.
func (m *morning) lies(id string) bool {
	ins, drive := m.inserted(id)
	return drive >= 0 && m.slots[drive].Tray() != disc.TrayOpen && m.slots[drive].Tray() != disc.TrayEmpty &&
		slices.ContainsFunc(operator.Arrivals(m.hand.Diary()), func(x *operator.Arrival) bool { return x.To.IsZero() && slices.Contains(x.Insertions, ins) })
}

// leftInSpool looks at what is left in it: jobs that wait for their discs, and
// nothing else; and at the lock.
func (m *morning) leftInSpool(status station.Status) {
	words := map[string]station.BayStatus{}
	for _, b := range status.Bays {
		words[b.ID] = b
	}
	for _, j := range status.Jobs {
		b, inDrive := words[j.ID]
		switch {
		case j.Step == station.StepDone && (inDrive || m.lies(j.ID)): // its disc never left the drive
		case j.Step == station.StepDone:
			m.flaw("job %s is done and still lies in the spool", j.ID)
		case j.Step != station.StepIdentified && j.Step != station.StepReading:
			m.flaw("every fault is over, and job %s is still %s: %+v", j.ID, j.Step, j.Copies)
		case inDrive && b.Hint == "":
			m.flaw("job %s is %s, and its disc lies in drive %s, which says %s: %s", j.ID, j.Step, b.Drive.Node, b.Word, b.Text)
		}
	}
	entries, err := os.ReadDir(m.spool())
	if err != nil {
		m.flaw("%v", err)
	}
	for _, e := range entries {
		known := slices.ContainsFunc(status.Jobs, func(j station.JobStatus) bool { return j.ID == e.Name() })
		if e.IsDir() && !known {
			m.flaw("the spool holds %s, which is no job", e.Name())
		}
	}
	f, err := os.Open(filepath.Join(m.spool(), "lock"))
	if err != nil {
		m.flaw("%v", err)
		return
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		m.flaw("the spool is still locked: %v", err)
	}
}
