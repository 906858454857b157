package audit

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
)

// fickle is a store that gives one file right the first time that it is read, and
// other bytes from then on.
type fickle struct {
	archive.Store
	file string
	read atomic.Int32
}

func (f *fickle) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := f.Store.Read(ctx, key, offset, length)
	if err != nil || !strings.HasSuffix(key, f.file) || f.read.Add(1) == 1 {
		return r, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	b[0] ^= 1
	return io.NopCloser(strings.NewReader(string(b))), nil
}

// third gives the bench one more store.
func (b *bench) third() {
	b.t.Helper()
	b.roots["attic"] = filepath.Join(b.t.TempDir(), "attic")
	st, err := archive.NewDir(archive.DirConfig{Name: "attic", Root: b.roots["attic"], Create: true})
	b.must(err)
	b.stores = append(b.stores, st)
}

func (b *bench) repair(id string) RepairReport {
	b.t.Helper()
	r, err := Repair(context.Background(), RepairConfig{Catalog: b.cat, Stores: b.stores, CarrierID: id})
	b.must(err)
	return r
}

// A copy that was right when it was looked at and gives other bytes when it is to
// be the source is passed over for the next one, and that is told. Without
// another one the message is of that copy.
func TestRepairPassesOverADamagedSource(t *testing.T) {
	const file = "metadata/sectors.map"
	for _, another := range []bool{true, false} {
		b := newBench(t)
		if another {
			b.third()
		}
		id, _ := b.listed()
		b.must(os.Remove(b.path("vault", id, file)))
		b.must(os.Remove(b.path("vault", id, "data/image.iso")))
		b.stores[0] = &fickle{Store: b.stores[0], file: file}
		r := b.repair(id)
		if len(r.Copies) != 1 || r.Copies[0].Store != "vault" {
			t.Fatalf("%+v", r)
		}
		c := r.Copies[0]
		events, err := b.cat.Events(context.Background(), id)
		b.must(err)
		told := ""
		for _, e := range events {
			if e.Type == catalog.EventReplication {
				told += e.Detail + "\n"
			}
		}
		if another {
			if !c.Whole() || c.From != "shelf, attic" || len(c.PassedOver) != 1 || !strings.Contains(c.PassedOver[0], "shelf") || !strings.Contains(c.PassedOver[0], file) || !strings.Contains(told, "passed over") {
				t.Errorf("%+v\n%s", c, told)
			}
			continue
		}
		if c.Whole() || c.Failed == "" || strings.Contains(c.Failed, "spool") || !strings.Contains(c.Failed, "store shelf") || !strings.Contains(c.Failed, file) {
			t.Errorf("%+v", c)
		}
		if _, err := os.Stat(b.path("vault", id, file)); !os.IsNotExist(err) {
			t.Errorf("wrong bytes were sent: %v", err)
		}
	}
}
