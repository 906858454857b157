package station_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// goDark has the rig's only store away, and discs go to the pending rack soon.
func goDark(r *rig, after time.Duration) *gate {
	r.cfg.WhenDark, r.cfg.DarkAfter = station.DarkPending, after
	return r.shut()
}

// rack are the carrier's events about the pending rack.
func (r *rig) rack(id string) (details []string) {
	r.t.Helper()
	events, err := r.catalog.Events(r.t.Context(), id)
	must(r.t, err)
	for _, e := range events {
		if e.Type == catalog.EventTransfer {
			details = append(details, e.Detail)
		}
	}
	return details
}

func TestPendingRack(t *testing.T) {
	r := newRig(t)
	g := goDark(r, 50*time.Millisecond)
	var once sync.Once
	var list []catalog.Summary
	var events []catalog.Event
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		once.Do(func() {
			if list, _ = r.catalog.List(ctx, catalog.Filter{}); len(list) == 1 {
				events, _ = r.catalog.Events(ctx, list[0].ID)
			}
		})
		return d.Eject(ctx)
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "ONLYHERE", 301, 2000), 2000)
	must(t, drive.Insert(d))
	out := r.await(1, word(station.WordPending))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeDone || drive.Ejects() != 1 || !strings.Contains(out.Text, "STORED IN 0 OF 1") || !strings.Contains(out.Hint, "pending rack") {
		t.Errorf("%s, %d ejects: %q -> %q", x.Outcome, drive.Ejects(), out.Text, out.Hint)
	}
	if len(list) != 1 || list[0].Image == nil || list[0].Copies[0].State == catalog.Stored {
		t.Fatalf("when the tray opened the catalog had %+v", list)
	}
	if last := events[len(events)-1]; !strings.HasPrefix(last.Detail, "ejected pending: ") || last.Outcome != catalog.EventWarning || !strings.Contains(last.Detail, "shelf") {
		t.Errorf("when the tray opened the last event was %+v", last)
	}
	pending := func(r *rig) {
		t.Helper()
		p := r.station.Status().Pending
		if len(p) != 1 || p[0].ID != x.ID || p[0].Label != "ONLYHERE" || len(p[0].Stores) != 1 || p[0].Stores[0] != "shelf" || p[0].Since.IsZero() {
			t.Errorf("the status says %+v", p)
		}
	}
	pending(r)
	must(t, drive.Insert(d)) // somebody mixes up the racks
	y := r.ended0(2)
	if y.Outcome != station.OutcomeAlready || !strings.Contains(r.await(1, word(station.WordStillSending)).Hint, "pending rack") {
		t.Errorf("ended as %q; the story:\n%s", y.Outcome, r.story())
	}

	second := r.again(r.bench)
	second.cfg.WhenDark, second.cfg.DarkAfter = station.DarkPending, time.Hour
	g = second.shut()
	second.start()
	if n := second.await(1, word(station.WordResumed)); !strings.Contains(n.Text, "pending rack") || !strings.Contains(n.Hint, "shelf") {
		t.Errorf("at the start it is told: %q -> %q", n.Text, n.Hint)
	}
	second.await(1, word(station.WordWaitStore))
	pending(second)
	if len(second.notes(word(station.WordOffRack))) != 0 {
		t.Error("it may leave the rack, and no store has it")
	}
	g.shut.Store(false)
	n := second.await(1, word(station.WordOffRack))
	if n.ID != x.ID || !strings.Contains(n.Text, "ONLYHERE") || !strings.Contains(n.Text, "may leave the pending rack") {
		t.Errorf("told: %+v", n)
	}
	second.cleared(x.ID)
	if p := second.station.Status().Pending; len(p) != 0 {
		t.Errorf("still pending: %+v", p)
	}
	if got := second.rack(x.ID); len(got) != 2 || !strings.HasPrefix(got[0], "ejected pending") || !strings.HasPrefix(got[1], "no longer pending") {
		t.Errorf("the events are %q", got)
	}
	sameAsDisc(t, second.image(x.ID, 1), d)
	if n := drive.Ejects(); n != 2 {
		t.Errorf("%d ejects of two insertions", n)
	}
}

// ended0 is the n-th disc's end, whatever became of its image.
func (r *rig) ended0(n int) station.Notice {
	r.t.Helper()
	return r.await(n, final)
}

// The default keeps the disc for as long as the store is dark.
func TestDarkStoreHoldsByDefault(t *testing.T) {
	r := newRig(t)
	g := goDark(r, time.Millisecond)
	r.cfg.WhenDark = ""
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "HELD", 302, 2000), 2000)))
	r.await(8, word(station.WordWaitStore))
	if drive.Ejects() != 0 || len(r.station.Status().Pending) != 0 {
		t.Fatalf("%d ejects; the story:\n%s", drive.Ejects(), r.story())
	}
	g.shut.Store(false)
	x := r.ended(1, station.OutcomeDone)
	if got := r.rack(x.ID); len(got) != 0 {
		t.Errorf("events of a rack: %q", got)
	}
}

// A store that takes one part after the other is slow, not dark.
func TestSlowStoreIsNotDark(t *testing.T) {
	r := newRig(t)
	r.cfg.WhenDark, r.cfg.DarkAfter = station.DarkPending, 2*time.Second
	r.cfg.Stores[0].Store = lazy{r.cfg.Stores[0].Store, 300 * time.Millisecond}
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "SLOW", 303, 6000), 6000)))
	r.ended(1, station.OutcomeDone)
	if n := r.notes(word(station.WordPending)); len(n) != 0 {
		t.Errorf("it went to the pending rack: %+v", n)
	}
}

type lazy struct {
	archive.Store
	part time.Duration
}

func (s lazy) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	u, err := s.Store.Begin(ctx, key, size)
	return lazyUpload{u, s.part}, err
}

type lazyUpload struct {
	archive.Upload
	part time.Duration
}

func (u lazyUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	select {
	case <-time.After(u.part):
	case <-ctx.Done():
		return ctx.Err()
	}
	return u.Upload.PartFrom(ctx, n, src, crc)
}

// With eject.when = "read-back" a copy that cannot be read back is none yet.
func TestPendingUntilReadBack(t *testing.T) {
	r := newRig(t)
	r.cfg.Eject, r.cfg.WhenDark, r.cfg.DarkAfter = station.EjectReadBack, station.DarkPending, 100*time.Millisecond
	b := &blind{Store: r.cfg.Stores[0].Store}
	b.shut.Store(true)
	r.cfg.Stores[0].Store = b
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "UNREAD", 304, 2000), 2000)))
	r.await(1, word(station.WordPending))
	x := r.await(1, final)
	if c := r.show(x.ID).Copies; c[0].State != catalog.Stored && c[0].State != catalog.Sending {
		t.Errorf("the copy is %s", c[0].State)
	}
	if n := r.notes(word(station.WordOffRack)); len(n) != 0 {
		t.Errorf("may leave the rack: %+v", n)
	}
	b.shut.Store(false)
	r.await(1, word(station.WordOffRack))
	r.cleared(x.ID)
	if got := r.rack(x.ID); len(got) != 2 {
		t.Errorf("the events are %q", got)
	}
}

// blind is a store that takes everything and gives nothing back while it is
// shut.
type blind struct {
	archive.Store
	shut atomic.Bool
}

func (b *blind) Read(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if b.shut.Load() {
		return nil, io.ErrUnexpectedEOF
	}
	return b.Store.Read(ctx, key, off, n)
}

// What makes a disc safe on the rack is looked at before the tray opens.
func TestNotPending(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, r *rig){
		"the image in the spool is short": func(t *testing.T, r *rig) {
			m, err := filepath.Glob(filepath.Join(r.dir, "spool", "*", "image.iso"))
			must(t, err)
			must(t, os.Truncate(m[0], 1<<20))
		},
		"the image in the spool is gone": func(t *testing.T, r *rig) {
			m, err := filepath.Glob(filepath.Join(r.dir, "spool", "*", "image.iso"))
			must(t, err)
			must(t, os.Remove(m[0]))
		},
		"the record cannot be committed": func(t *testing.T, r *rig) { must(t, r.catalog.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			goDark(r, 500*time.Millisecond)
			drive := r.add(simdrive.Options{})
			r.start()
			must(t, drive.Insert(simdrive.PressedCD(iso(t, "UNSAFE", 305, 2000), 2000)))
			r.await(1, word(station.WordComplete))
			harm(t, r)
			x := r.await(1, final)
			if x.Outcome != station.OutcomeNeedsYou || drive.Ejects() != 0 || len(r.station.Status().Pending) != 0 {
				t.Errorf("ended as %q, %d ejects; the story:\n%s", x.Outcome, drive.Ejects(), r.story())
			}
		})
	}
}
