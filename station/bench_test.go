package station_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// patience bounds how long a test waits for something that must come.
const patience = 60 * time.Second

// rig is a station on simulated drives, with a directory as its store.
type rig struct {
	t       *testing.T
	dir     string
	bench   *simbench.Bench
	cfg     station.Config
	catalog *catalog.Catalog
	store   *archive.Dir
	station *station.Station
	stop    func()

	mu      sync.Mutex
	log     []simdrive.Event
	notices []station.Notice
	news    chan struct{}
}

// newRig makes the parts; start begins. change may alter the config first.
func newRig(t *testing.T, change ...func(*station.Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), news: make(chan struct{}, 1)}
	r.bench = simbench.New("boot-1")
	r.assemble(change...)
	return r
}

// assemble makes what a process has: store, catalog, config.
func (r *rig) assemble(change ...func(*station.Config)) {
	r.t.Helper()
	must(r.t, r.build(r.t.Context(), change...))
	r.t.Cleanup(func() { r.catalog.Close() })
}

func (r *rig) build(ctx context.Context, change ...func(*station.Config)) (err error) {
	if r.store, err = archive.NewDir(archive.DirConfig{Name: "shelf", Root: filepath.Join(r.dir, "store"), Create: true, PartSize: 1 << 20}); err != nil {
		return err
	}
	if r.catalog, err = catalog.Open(ctx, filepath.Join(r.dir, "catalog.db")); err != nil {
		return err
	}
	r.cfg = station.Config{
		Spool: filepath.Join(r.dir, "spool"), Stores: []station.Store{{Store: r.store, Required: true}}, Eject: station.EjectStored, Retries: 3,
		Program: catalog.Program{Name: "ripstation", Version: "test"}, Catalog: r.catalog, Events: r.bench.Events(), Log: zerolog.Nop(),
		Open:       func(ctx context.Context, d disc.Drive) (station.Drive, error) { return r.bench.Open(ctx, d) },
		SwapNotice: time.Nanosecond, // the simulated drives tell at once
		ComeBack:   time.Nanosecond, // a person puts discs in again at once
		BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, EjectRetry: 20 * time.Millisecond, ReadyWait: time.Millisecond,
	}
	for _, f := range change {
		f(&r.cfg)
	}
	return nil
}

// start runs the station until the test ends or stop is called.
func (r *rig) start() *rig {
	r.t.Helper()
	var err error
	r.station, err = station.New(r.cfg)
	must(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	notices, unlisten := r.station.Listen()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.station.Run(ctx); err != nil {
			r.t.Errorf("the station ended: %v", err)
		}
	})
	wg.Go(func() { r.bench.Run(ctx) })
	wg.Go(func() {
		for n := range notices {
			r.mu.Lock()
			r.notices = append(r.notices, n)
			r.mu.Unlock()
			select {
			case r.news <- struct{}{}:
			default:
			}
		}
	})
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			unlisten()
			wg.Wait()
		})
	}
	r.t.Cleanup(r.stop)
	return r
}

func (r *rig) add(o simdrive.Options) *simbench.Slot {
	if o.Serial == "" {
		o.Serial = "SIM1"
	}
	o.Log = func(e simdrive.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, e)
	}
	return r.bench.Add(o)
}

// await waits for the n-th notice (from 1) that fits.
func (r *rig) await(n int, fits func(station.Notice) bool) station.Notice {
	r.t.Helper()
	end := time.After(patience)
	for {
		r.mu.Lock()
		seen := 0
		for _, x := range r.notices {
			if fits(x) {
				if seen++; seen == n {
					r.mu.Unlock()
					return x
				}
			}
		}
		r.mu.Unlock()
		select {
		case <-r.news:
		case <-end:
			r.t.Fatalf("what was waited for did not come; the story so far:\n%s", r.story())
		}
	}
}

func word(w station.Word) func(station.Notice) bool {
	return func(n station.Notice) bool { return n.Word == w && n.Progress == nil && n.Text != "" }
}

func final(n station.Notice) bool { return n.Final }

// ended waits for the n-th disc's end and for its image to leave the spool.
func (r *rig) ended(n int, want station.Outcome) station.Notice {
	r.t.Helper()
	x := r.await(n, final)
	if x.Outcome != want {
		r.t.Fatalf("the disc ended as %q, want %q; the story:\n%s", x.Outcome, want, r.story())
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	must(r.t, r.station.Settled(ctx, x.ID))
	return x
}

func (r *rig) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s strings.Builder
	for _, n := range r.notices {
		if n.Progress == nil {
			fmt.Fprintf(&s, "%-8.8s %-8s %s: %s %s %v\n", n.ID, n.Drive, n.Word, n.Text, n.Outcome, n.Final)
		}
	}
	return s.String()
}

// commands are the drive's commands of one name so far.
func (r *rig) commands(op string) (found []simdrive.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.log {
		if e.Op == op {
			found = append(found, e)
		}
	}
	return found
}

func (r *rig) show(id string) catalog.View {
	r.t.Helper()
	v, err := r.catalog.Show(r.t.Context(), id)
	must(r.t, err)
	return v
}

// image is the image of a stored bag, after the whole bag was found valid.
func (r *rig) image(id string, version int) []byte {
	r.t.Helper()
	prefix := fmt.Sprintf("%s/v%d", id, version)
	res, err := archive.Validate(r.t.Context(), r.store, prefix)
	must(r.t, err)
	if len(res.Flaws) > 0 {
		r.t.Fatalf("the bag %s has flaws: %v", prefix, res.Flaws)
	}
	b, err := os.ReadFile(filepath.Join(r.dir, "store", prefix, "data/image.iso"))
	must(r.t, err)
	return b
}

// bags are the bags of the store.
func (r *rig) bags() []string {
	r.t.Helper()
	m, err := filepath.Glob(filepath.Join(r.dir, "store", "*", "v*"))
	must(r.t, err)
	return m
}

// sameAsDisc holds an image against what the disc really bears; missing
// extents must be zero.
func sameAsDisc(t *testing.T, img []byte, d *simdrive.Disc, missing ...disc.Extent) {
	t.Helper()
	want, err := d.UserData(0, d.Sectors())
	must(t, err)
	for _, e := range missing {
		clear(want[int64(e.Start)*disc.SectorSize : int64(e.End())*disc.SectorSize])
	}
	if !bytes.Equal(img, want) {
		t.Fatalf("the image of %d bytes is not what the disc of %d bytes holds", len(img), len(want))
	}
}

// iso is a small file system image on a disc of the given size.
func iso(t *testing.T, label string, seed uint64, sectors int64) *isoimage.Image {
	t.Helper()
	img, err := isoimage.New(isoimage.Options{Label: label, Seed: seed, Sectors: sectors})
	must(t, err)
	return img
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
