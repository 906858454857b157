package nights

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/operator"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// held is what a process holds. Descriptors are without those of the catalog,
// whose readers come one by one, up to four.
type held struct {
	goroutines, descriptors, locks int
	heap                           uint64
}

func (h held) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d lock files, %d KiB of heap", h.goroutines, h.descriptors, h.locks, h.heap>>10)
}

func holding(t *testing.T, dir string) (h held) {
	t.Helper()
	synctest.Wait()
	runtime.GC()
	runtime.GC() // what had a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.goroutines, h.heap = runtime.NumGoroutine(), m.HeapAlloc
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && !strings.HasPrefix(to, filepath.Join(dir, "catalog.db")) {
			h.descriptors++
		}
	}
	locks, err := filepath.Glob(filepath.Join(dir, "spool", "*lock*"))
	if err != nil {
		t.Fatal(err)
	}
	h.locks = len(locks)
	return h
}

// TestInsertionsLeaveNothingBehind puts discs into four drives, one after the
// other, and counts what the process holds after a tenth of them and after all:
// no goroutine, descriptor or lock file more, and a heap that has not grown by
// more than a part in eight and a MiB. INSERTIONS is how many; make nights has
// 10,000.
func TestInsertionsLeaveNothingBehind(t *testing.T) {
	if child() {
		return
	}
	insertions := setting(t, "INSERTIONS", 500)
	dir, err := os.MkdirTemp(root(t), "flat-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		bench := simbench.New("boot-1")
		var slots []*simbench.Slot
		for i := range 4 {
			slots = append(slots, bench.Add(simdrive.Options{Serial: fmt.Sprintf("SIM%d", i), Timing: simdrive.Timing{SpinUp: time.Second}}))
		}
		shelf, err := archive.NewDir(archive.DirConfig{Name: "shelf", Root: filepath.Join(dir, "shelf"), Create: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := catalog.Open(ctx, filepath.Join(dir, "catalog.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := station.New(station.Config{Spool: filepath.Join(dir, "spool"), Eject: station.EjectStored, Retries: 1, Program: catalog.Program{Name: "ripstation", Version: "test"},
			ComeBack: time.Nanosecond, // a disc that is known comes again at once, and shall be given back
			Stores:   []station.Store{{Store: shelf, Required: true}}, Catalog: c, Events: bench.Events(), Log: zerolog.Nop(),
			Open: func(ctx context.Context, d disc.Drive) (station.Drive, error) { return bench.Open(ctx, d) }})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { bench.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		put := func(i int) {
			slot := slots[i%len(slots)]
			for begin := time.Now(); slot.Tray() != disc.TrayOpen && slot.Tray() != disc.TrayEmpty; time.Sleep(time.Second) {
				if time.Since(begin) > 24*time.Hour {
					t.Fatalf("insertion %d: the drive never gave its disc back: %+v", i, s.Status().Bays)
				}
			}
			slot.TakeOut()
			d, err := kindOf(i).Physical()
			if err == nil {
				err = slot.Insert(d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		still := func() held {
			for _, slot := range slots {
				for begin := time.Now(); slot.Tray() != disc.TrayOpen; time.Sleep(time.Second) {
					if time.Since(begin) > 24*time.Hour {
						t.Fatalf("a drive never gave its disc back: %+v", s.Status().Bays)
					}
				}
			}
			time.Sleep(time.Hour)
			return holding(t, dir)
		}
		var early held
		for i := range insertions {
			if put(i); i == insertions/10 {
				early = still()
			}
		}
		late := still()
		t.Logf("after %d: %v\nafter %d: %v", insertions/10, early, insertions, late)
		if late.goroutines > early.goroutines || late.descriptors > early.descriptors || late.locks > early.locks {
			t.Errorf("after %d insertions it holds %v, after %d %v", insertions/10, early, insertions, late)
		}
		if late.heap > early.heap+early.heap/8+1<<20 {
			t.Errorf("the heap has grown from %d to %d bytes", early.heap, late.heap)
		}
		if jobs, err := filepath.Glob(filepath.Join(dir, "spool", "*", "job.json")); err != nil || len(jobs) > 0 {
			t.Errorf("the spool holds %v, %v", jobs, err)
		}
		if list, err := c.List(ctx, catalog.Filter{}); err != nil || len(list) < insertions/4 {
			t.Errorf("%d records of %d insertions, %v", len(list), insertions, err)
		}
	})
}

// kindOf is the disc of an insertion: new ones of many sizes, one that is known, and some that
// no image is made of.
func kindOf(i int) operator.Disc {
	d := operator.Disc{Number: i, Model: i, Kind: operator.Pressed, Label: fmt.Sprintf("V%d", i), Seed: uint64(i+1) << 8, Sectors: 210 + int64(i%211)}
	switch i % 11 {
	case 0, 4: // new, pressed
	case 8:
		d.Kind = operator.Recordable
	case 2:
		d.Kind, d.Bad = operator.Scratched, []disc.Extent{{Start: 100, Count: 2}}
	case 5:
		d.Kind = operator.Audio
	case 6:
		d.Kind = operator.Blank
	default:
		d.Number, d.Label, d.Seed, d.Sectors = 0, "V0", 1<<8, 210
	}
	return d
}
