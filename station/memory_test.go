package station_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Four discs at once, each into two stores in parts of the usual size: what is
// held in memory does not grow with them. Eight transfers of two parts would
// be 256 MiB, beside the readers' buffers and the simulated drives.
func TestFourDiscsAtOnceFitInMemory(t *testing.T) {
	const sectors = 20000 // three parts of 16 MiB
	r := newRig(t)
	var stores []*seen
	r.cfg.Stores = nil
	for _, name := range []string{"shelf", "usb"} {
		d, err := archive.NewDir(archive.DirConfig{Name: name, Root: filepath.Join(r.dir, map[string]string{"shelf": "store", "usb": "usb"}[name]), Create: true})
		must(t, err)
		stores = append(stores, watch(d))
		r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: stores[len(stores)-1], Required: true})
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r.start()
	discs := map[string]*simdrive.Disc{}
	for n := range 4 {
		label := fmt.Sprintf("DISC%d", n)
		discs[label] = simdrive.PressedCD(iso(t, label, uint64(300+n), sectors), sectors)
		must(t, r.add(simdrive.Options{Serial: label}).Insert(discs[label]))
	}
	over, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse+now.StackInuse)
			select {
			case <-over:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	ids := map[string]bool{}
	for n := 1; n <= 4; n++ {
		x := r.ended(n, station.OutcomeDone)
		ids[x.ID] = true
	}
	close(over)
	most := <-peak
	if grown := int64(most) - int64(before.HeapInuse+before.StackInuse); grown > 128<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	for _, s := range stores {
		if n := s.count("part"); n != 12 {
			t.Errorf("%s was sent %d parts, 12 are needed", s.Name(), n)
		}
	}
	for id := range ids {
		v := r.show(id)
		sameAsDisc(t, r.image(id, 1), discs[v.Label])
	}
}
