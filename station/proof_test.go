package station_test

import (
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// unvouched is a store whose word proves nothing.
type unvouched struct{ *seen }

const takesAll = "the server takes bytes with a wrong checksum"

func (u unvouched) Unvouched() string { return takesAll }

// With store-checksum and a server that looks at no checksum, nothing is
// released on its word: the copy is read back, and status says so.
func TestProofByAServerThatLooksAtNoChecksum(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Stores[0].Proof = station.ProofChecksum })
	w := watch(r.store)
	r.cfg.Stores[0].Store = unvouched{w}
	drive := r.hooked(w, func() {})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "CHECKSUM", 207, 6000), 6000)))
	x := r.ended(1, station.OutcomeDone)
	r.cleared(x.ID)
	if n := w.count("read"); n == 0 {
		t.Error("the copy was not read")
	}
	if c := r.copyIn(x.ID, "shelf"); c.State != catalog.ReadBack || c.ReadBackAt == nil {
		t.Errorf("the copy is %+v", c)
	}
	events, err := r.catalog.Events(t.Context(), x.ID)
	must(t, err)
	for _, e := range events {
		if strings.Contains(e.Detail, "not read back") {
			t.Errorf("an event says that the store's word was enough: %+v", e)
		}
	}
	notes := strings.Join(r.station.Status().Stores[0].Notes, "; ")
	if !strings.Contains(notes, takesAll) || !strings.Contains(notes, "read back before the spool lets go") {
		t.Errorf("status says %q", notes)
	}
	if archive.Unvouched(r.store) != "" {
		t.Error("a directory's word counts for nothing")
	}
}
