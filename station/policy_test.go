package station_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// gate is a store whose every call fails while it is shut.
type gate struct {
	archive.Store
	shut  atomic.Bool
	tries atomic.Int64
}

func (g *gate) err() error {
	if g.shut.Load() {
		g.tries.Add(1)
		return errors.New("connection refused")
	}
	return nil
}

func (g *gate) Put(ctx context.Context, key string, body []byte) error {
	if err := g.err(); err != nil {
		return err
	}
	return g.Store.Put(ctx, key, body)
}

func (g *gate) Stat(ctx context.Context, key string) (archive.Info, error) {
	if err := g.err(); err != nil {
		return archive.Info{}, err
	}
	return g.Store.Stat(ctx, key)
}

func (g *gate) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	return g.Store.Begin(ctx, key, size)
}

func (g *gate) Read(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	return g.Store.Read(ctx, key, off, n)
}

func TestTrayStaysShutWhileStoreIsAway(t *testing.T) {
	var g *gate
	r := newRig(t, func(c *station.Config) {
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "AWAY", 27, 2000), 2000)
	must(t, drive.Insert(d))
	r.await(3, word(station.WordWaitStore))
	if drive.Ejects() != 0 {
		t.Fatal("the tray opened while no store had the bag")
	}
	if st := r.station.Status(); len(st.Stores) != 1 || st.Stores[0].Waiting != 1 || !strings.Contains(st.Stores[0].Message, "connection refused") {
		t.Errorf("the status says %+v", st.Stores)
	}
	if l, err := r.catalog.List(t.Context(), catalog.Filter{}); err != nil || len(l) != 0 {
		t.Errorf("recorded before it was stored: %+v %v", l, err)
	}
	g.shut.Store(false)
	end := r.ended(1, station.OutcomeDone)
	sameAsDisc(t, r.image(end.ID, 1), d)
}

func TestEjectWhenImaged(t *testing.T) {
	var g *gate
	r := newRig(t, func(c *station.Config) {
		c.Eject = station.EjectImaged
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "IMAGED", 28, 2000), 2000)))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeDone || drive.Ejects() != 1 {
		t.Fatalf("outcome %q, %d ejects", x.Outcome, drive.Ejects())
	}
	if c := r.show(x.ID).Copies; len(c) != 1 || c[0].State != catalog.Queued && c[0].State != catalog.Sending {
		t.Errorf("copies %+v, want one that is not stored yet", c)
	}
	g.shut.Store(false)
	r.ended(1, station.OutcomeDone)
	if c := r.show(x.ID).Copies; c[0].State != catalog.ReadBack {
		t.Errorf("copies %+v, want read back", c)
	}
}

func TestEjectWhenReadBack(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Eject = station.EjectReadBack })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "PROVEN", 29, 2000), 2000)))
	r.ended(1, station.OutcomeDone)
	story := r.story()
	if strings.Index(story, string(station.WordReadBack)) > strings.Index(story, string(station.WordEjected)) {
		t.Errorf("the tray opened before the copy was read back:\n%s", story)
	}
	if drive.Ejects() != 1 {
		t.Errorf("%d ejects", drive.Ejects())
	}
}

func TestBestEffortStoreHoldsNothingUp(t *testing.T) {
	var g *gate
	r := newRig(t)
	second, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: r.dir + "/usb", Create: true})
	must(t, err)
	g = &gate{Store: second}
	g.shut.Store(true)
	r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: g})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "EFFORT", 30, 2000), 2000)))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeDone || drive.Ejects() != 1 {
		t.Fatalf("outcome %q, %d ejects; the story:\n%s", x.Outcome, drive.Ejects(), r.story())
	}
	g.shut.Store(false)
	r.ended(1, station.OutcomeDone)
	for _, c := range r.show(x.ID).Copies {
		if c.State != catalog.ReadBack {
			t.Errorf("copy in %s: %s", c.Store, c.State)
		}
	}
}

func TestDamagedCopyKeepsTheImage(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Stores[0].Store = liar{c.Stores[0].Store} })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "ROTTEN", 31, 2000), 2000)))
	x := r.await(1, word(station.WordDamaged))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.station.Settled(ctx, x.ID); err == nil || ctx.Err() != nil {
		t.Errorf("a damaged copy settled: %v", err)
	}
	if c := r.show(x.ID).Copies; c[0].State != catalog.Damaged || c[0].ReadBackAt != nil {
		t.Errorf("copies %+v, want damaged", c)
	}
	if st := r.station.Status(); len(st.Jobs) != 1 {
		t.Errorf("the image left the spool: %+v", st.Jobs)
	}
}

// liar gives one wrong byte back in every image.
type liar struct{ archive.Store }

func (l liar) Read(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	r, err := l.Store.Read(ctx, key, off, n)
	if err != nil || !strings.HasSuffix(key, ".iso") {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader("X"), skip(r, 1)), r}, nil
}

func skip(r io.Reader, n int64) io.Reader {
	io.CopyN(io.Discard, r, n)
	return r
}
