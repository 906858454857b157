package station_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/station"
)

// between stands between the station and a drive. What is nil is as the drive
// has it.
type between struct {
	station.Drive
	insertion func(station.Drive, context.Context) (disc.Insertion, error)
	eject     func(station.Drive, context.Context) error
	identify  func(station.Drive, context.Context) (disc.Disc, error)
}

func (d between) Identify(ctx context.Context) (disc.Disc, error) {
	if d.identify == nil {
		return d.Drive.Identify(ctx)
	}
	return d.identify(d.Drive, ctx)
}

func (d between) Insertion(ctx context.Context) (disc.Insertion, error) {
	if d.insertion == nil {
		return d.Drive.Insertion(ctx)
	}
	return d.insertion(d.Drive, ctx)
}

func (d between) Eject(ctx context.Context) error {
	if d.eject == nil {
		return d.Drive.Eject(ctx)
	}
	return d.eject(d.Drive, ctx)
}

// put has every drive opened through d.
func (r *rig) put(d between) {
	open := r.cfg.Open
	r.cfg.Open = func(ctx context.Context, info disc.Drive) (station.Drive, error) {
		real, err := open(ctx, info)
		if err != nil {
			return nil, err
		}
		d := d
		d.Drive = real
		return d, nil
	}
}

// without loses all events of one kind.
func (r *rig) without(kind disc.EventKind) {
	r.t.Helper()
	r.losing(func(e disc.DriveEvent) bool { return e.Kind == kind })
}

// losing loses the events that are said.
func (r *rig) losing(lost func(disc.DriveEvent) bool) {
	out := make(chan disc.DriveEvent)
	in := r.cfg.Events
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case e := <-in:
				if lost(e) {
					continue
				}
				select {
				case out <- e:
				case <-stop:
					return
				}
			case <-stop:
				return
			}
		}
	}()
	r.cfg.Events = out
	r.t.Cleanup(func() { close(stop); <-ended })
}

// settled waits until a carrier's image has left the spool, and then until
// its job has.
func (r *rig) cleared(id string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	must(r.t, r.station.Settled(ctx, id))
	for {
		if _, err := os.Stat(filepath.Join(r.dir, "spool", id)); os.IsNotExist(err) {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("the job of %s stays in the spool; the story:\n%s", id, r.story())
		case <-time.After(time.Millisecond):
		}
	}
}

// again is a second life on the same folder and, when it is given, the same
// bench.
func (r *rig) again(bench *simbench.Bench, change ...func(*station.Config)) *rig {
	r.t.Helper()
	r.stop()
	must(r.t, r.catalog.Close())
	second := &rig{t: r.t, dir: r.dir, bench: bench, news: make(chan struct{}, 1)}
	second.assemble(change...)
	return second
}

func (r *rig) told() []station.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]station.Notice(nil), r.notices...)
}

// jobs are the job folders of the spool.
func (r *rig) jobs() []string {
	m, err := filepath.Glob(filepath.Join(r.dir, "spool", "*", "job.json"))
	must(r.t, err)
	return m
}

func (r *rig) notes(fits func(station.Notice) bool) (n []station.Notice) {
	for _, x := range r.told() {
		if fits(x) {
			n = append(n, x)
		}
	}
	return n
}
