package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
)

func TestAllIsWell(t *testing.T) {
	b := newBench(t)
	a, c := b.disc(1), b.disc(2)
	for _, key := range []string{"README.txt", "verify.sh", "schema/record.json", "probe/x7"} {
		b.must(b.stores[0].Put(context.Background(), key, []byte("reserved")))
	}
	light := b.audit(false)
	if len(light.Findings) != 0 || light.CouldNotLook || light.BytesRead != 0 || light.Copies.ReadBack != 0 || light.Copies.LookedAt != 4 ||
		light.Copies.Present+light.Copies.Unchanged != 4 {
		t.Errorf("light: %+v", light)
	}
	if got := b.fixities(a); len(got) != 0 {
		t.Errorf("a look at a list left the events %v", got)
	}
	before := b.state("shelf", a).ReadBackAt
	var seen []Progress
	full, err := Run(context.Background(), Config{Catalog: b.cat, Stores: b.stores, Full: true, Progress: func(p Progress) { seen = append(seen, p) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(full.Findings) != 0 || full.Copies.ReadBack != 4 || full.Copies.Present != 0 || full.BytesRead < 4*sectors*disc.SectorSize {
		t.Errorf("full: %+v", full)
	}
	if len(seen) == 0 || seen[len(seen)-1].Done != 4 || seen[0].Total != 4 {
		t.Errorf("progress %+v", seen)
	}
	if got := b.fixities(c); !slices.Equal(got, []catalog.EventOutcome{catalog.EventSuccess, catalog.EventSuccess}) {
		t.Errorf("a full read left the events %v", got)
	}
	if after := b.state("shelf", a); after.State != catalog.ReadBack || !after.ReadBackAt.After(*before) {
		t.Errorf("the copy is %+v", after)
	}
	if s := light.Summary(); strings.Contains(s, "read back") || !strings.HasPrefix(s, "4 copies looked at") {
		t.Errorf("a light audit says %q", s)
	}
}

func TestUntracked(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	id := b.disc(1)
	shelf := b.stores[0]
	stranger := catalog.NewID()
	image := make([]byte, sectors*disc.SectorSize)
	bag, _ := bagOf(t, stranger, image)
	if _, err := archive.Send(ctx, shelf, bag, archive.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	bag, _ = bagOf(t, id, image)
	bag.Prefix = id + "/v2"
	if _, err := archive.Send(ctx, shelf, bag, archive.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	cutOff := catalog.NewID()
	b.must(shelf.Put(ctx, cutOff+"/v1/bagit.txt", []byte("x")))
	b.must(shelf.Put(ctx, "holiday.jpg", []byte("x")))
	b.must(shelf.Put(ctx, "schematic/deep/er", []byte("x")))
	for _, full := range []bool{false, true} {
		r := b.audit(full)
		got := map[string]Code{}
		for _, f := range r.Findings {
			got[f.Key] = f.Code
		}
		want := map[string]Code{stranger + "/v1/": Untracked, id + "/v2/": Unrecorded, cutOff + "/v1/": Unfinished, "holiday.jpg": Untracked, "schematic/deep/": Untracked}
		if fmt.Sprint(got) != fmt.Sprint(want) || r.CouldNotLook {
			t.Errorf("full %v: %v, want %v", full, got, want)
		}
	}
	// What the station is sending just now is nobody's fault.
	r, err := Run(ctx, Config{Catalog: b.cat, Stores: b.stores, OnTheWay: func(store, key string) bool { return strings.HasPrefix(key, cutOff) }})
	if err != nil || slices.Contains(codes(r), Unfinished) || len(r.Findings) != 4 {
		t.Errorf("on the way: %v, %v", r.Findings, err)
	}
	b.must(b.cat.SetCopy(ctx, id, 1, catalog.Copy{Store: "attic", Key: id + "/v1/", State: catalog.Sending}))
	if r := b.audit(false); r.Copies.OnTheWay != 0 && r.Copies.LookedAt != 2 {
		t.Errorf("a copy that is being sent was judged: %+v", r.Copies)
	}
}

func TestStoreGone(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	b.must(os.Rename(b.roots["shelf"], b.roots["shelf"]+".away"))
	for _, full := range []bool{false, true} {
		r := b.audit(full)
		if !r.CouldNotLook || r.Faults() != 0 || !slices.Equal(codes(r), []Code{CouldNotLook}) || r.Copies.Unknown != 1 || r.Copies.Missing != 0 || r.Copies.LookedAt != 2 {
			t.Errorf("full %v: %+v", full, r)
		}
		if c := b.state("shelf", id); c.State != catalog.Unknown || c.Detail == "" || c.ReadBackAt == nil {
			t.Errorf("the copy is %+v", c)
		}
	}
	if fix := b.fixities(id); !slices.Contains(fix, catalog.EventNotRun) || slices.Contains(fix, catalog.EventFail) {
		t.Errorf("events %v", fix)
	}
	b.must(os.Rename(b.roots["shelf"]+".away", b.roots["shelf"]))
	before := b.state("shelf", id).ReadBackAt
	if r := b.audit(false); len(r.Findings) != 0 {
		t.Errorf("back again: %v", r.Findings)
	}
	// The date of the last full read is the old one: nothing was read now.
	if c := b.state("shelf", id); c.State != catalog.ReadBack || !c.ReadBackAt.Equal(*before) || c.Detail != "" {
		t.Errorf("back again it is %+v", c)
	}
}

// A copy that is missing comes back as stored: that it was read back once says
// nothing of what was put there now.
func TestMissingComesBack(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	bag := filepath.Join(b.roots["shelf"], id)
	b.must(os.Rename(bag, bag+".away"))
	if r := b.audit(false); r.Copies.Missing != 1 || b.state("shelf", id).State != catalog.Missing {
		t.Fatalf("gone: %+v", r)
	}
	b.must(os.Rename(b.roots["shelf"], b.roots["shelf"]+".away"))
	if r := b.audit(false); r.Copies.Unknown != 1 || b.state("shelf", id).State != catalog.Missing {
		t.Errorf("a store that cannot be looked at cleared what was missing: %+v, %+v", r.Copies, b.state("shelf", id))
	}
	b.must(os.Rename(b.roots["shelf"]+".away", b.roots["shelf"]))
	b.must(os.Rename(bag+".away", bag))
	if r := b.audit(false); len(r.Findings) != 0 || b.state("shelf", id).State != catalog.Stored {
		t.Errorf("back: %+v, %+v", r, b.state("shelf", id))
	}
	if r := b.audit(true); len(r.Findings) != 0 || b.state("shelf", id).State != catalog.ReadBack {
		t.Errorf("read: %+v", r)
	}
}

func TestStoreNobodyConfigured(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	r, err := Run(context.Background(), Config{Catalog: b.cat, Stores: b.stores[:1]})
	if err != nil || !r.CouldNotLook || r.Copies.Unknown != 1 || r.Faults() != 0 || b.state("vault", id).State != catalog.Unknown {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCatalogRowChanged(t *testing.T) {
	for name, stmt := range map[string]string{
		"a copy's state":  "UPDATE copies SET state = 'missing' WHERE store = 'shelf'",
		"a digest":        "UPDATE objects SET sha512 = replace(sha512, 'a', 'b')",
		"a record":        "UPDATE records SET body = CAST(replace(body, 'DISC', 'DOSC') AS BLOB)",
		"an image's size": "UPDATE images SET size = size + 1",
	} {
		b := newBench(t)
		b.disc(1)
		db, err := sql.Open("sqlite", b.db)
		b.must(err)
		_, err = db.Exec(stmt)
		b.must(err)
		b.must(db.Close())
		for _, full := range []bool{false, true} {
			r := b.audit(full)
			if got := codes(r); !slices.Equal(got, []Code{CatalogDamaged}) || r.Faults() == 0 {
				t.Errorf("%s, full %v: %v", name, full, r.Findings)
			}
		}
	}
}

// away is a store that answers lists and fails when it is asked for bytes.
type away struct{ archive.Store }

var errAway = errors.New("connection refused")

func (a away) Stat(context.Context, string) (archive.Info, error) { return archive.Info{}, errAway }

// other is a store that recorded another checksum and holds the right bytes.
type other struct{ archive.Store }

func (o other) Stat(ctx context.Context, key string) (archive.Info, error) {
	info, err := o.Store.Stat(ctx, key)
	info.CRC64NVME = archive.FormatCRC64NVME(1)
	return info, err
}

// A store's word counts until the bytes themselves were read.
func TestStoreChecksum(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	b.stores[0] = other{b.stores[0]}
	if r := b.audit(false); !slices.Equal(codes(r), []Code{StoreChecksum}) || r.Copies.Damaged != 1 || b.state("shelf", id).State != catalog.Damaged {
		t.Errorf("light: %+v", r)
	}
	if r := b.audit(true); !slices.Equal(codes(r), []Code{StoreChecksum}) || r.Copies.ReadBack != 2 || b.state("shelf", id).State != catalog.ReadBack {
		t.Errorf("full: %+v", r)
	}
	if fix := b.fixities(id); !slices.Contains(fix, catalog.EventWarning) {
		t.Errorf("events %v", fix)
	}
}

// blind is a store that breaks off in the middle of its list.
type blind struct{ archive.Store }

func (s blind) List(ctx context.Context, prefix string) iter.Seq2[archive.Info, error] {
	return func(yield func(archive.Info, error) bool) {
		n := 0
		for i, err := range s.Store.List(ctx, prefix) {
			if n++; n > 3 {
				yield(archive.Info{}, errAway)
				return
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

func TestStoreThatStopsAnswering(t *testing.T) {
	for name, wrap := range map[string]func(archive.Store) archive.Store{
		"after the list": func(s archive.Store) archive.Store { return away{s} },
		"in the list":    func(s archive.Store) archive.Store { return blind{s} },
	} {
		b := newBench(t)
		id := b.disc(1)
		b.stores[0] = wrap(b.stores[0])
		r := b.audit(false)
		if !r.CouldNotLook || r.Faults() != 0 || r.Copies.Unknown != 1 || r.Copies.Missing != 0 || b.state("shelf", id).State != catalog.Unknown {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCancelled(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, Config{Catalog: b.cat, Stores: b.stores, Full: true, Progress: func(Progress) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	if c := b.state("shelf", id); c.State != catalog.ReadBack {
		t.Errorf("an audit that was called off left the copy %+v", c)
	}
}

func TestReportJSON(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	b.must(os.Remove(b.path("shelf", id, "data/image.iso")))
	r := b.audit(false)
	raw, err := json.Marshal(r)
	b.must(err)
	var back Report
	b.must(json.Unmarshal(raw, &back))
	if fmt.Sprint(back) != fmt.Sprint(r) || !strings.Contains(string(raw), `"code":"A001"`) {
		t.Errorf("%s", raw)
	}
	if s := r.Findings[0].String(); !strings.HasPrefix(s, "A001 shelf "+id+"/v1/data/image.iso: an object is missing") {
		t.Errorf("told as %q", s)
	}
	for c := range meanings {
		if c.Meaning() == "" || c.Hint() == "" {
			t.Errorf("%s has no words", c)
		}
	}
}
