package audit

import (
	"context"
	"crypto/sha512"
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
	for _, key := range []string{"README.txt", "verify.sh", "schema/record.json", "probe/x7", a + "/events/1-ab.json", a + "/added/ab"} {
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

// Every fault is made on a healthy archive of two discs in two stores. Beside
// the codes, the state of the copy and the other store's copy are looked at.
func TestFaults(t *testing.T) {
	const iso = "data/image.iso"
	flip := func(at func(n int) int) func(*bench, string, string) {
		return func(b *bench, id, _ string) {
			b.edit(b.path("shelf", id, iso), func(p []byte) []byte { p[at(len(p))] ^= 1; return p })
		}
	}
	cut := func(left func(n int) int) func(*bench, string, string) {
		return func(b *bench, id, _ string) {
			b.must(os.Truncate(b.path("shelf", id, iso), int64(left(sectors*disc.SectorSize))))
		}
	}
	remove := func(inside string) func(*bench, string, string) {
		return func(b *bench, id, _ string) { b.must(os.Remove(b.path("shelf", id, inside))) }
	}
	for _, tc := range []struct {
		name        string
		make        func(b *bench, id, other string)
		light, full string // codes
		state       catalog.CopyState
	}{
		{"first bit", flip(func(int) int { return 0 }), "", "A003", catalog.Damaged},
		{"middle bit", flip(func(n int) int { return n / 2 }), "", "A003", catalog.Damaged},
		{"last bit", flip(func(n int) int { return n - 1 }), "", "A003", catalog.Damaged},
		{"a byte short", cut(func(n int) int { return n - 1 }), "A002", "A002", catalog.Damaged},
		{"a sector short", cut(func(n int) int { return n - disc.SectorSize }), "A002", "A002", catalog.Damaged},
		{"empty", cut(func(int) int { return 0 }), "A002", "A002", catalog.Damaged},
		{"a byte too many", func(b *bench, id, _ string) {
			b.edit(b.path("shelf", id, iso), func(p []byte) []byte { return append(p, 0) })
		}, "A002", "A002", catalog.Damaged},
		{"a zeroed page", func(b *bench, id, _ string) {
			b.edit(b.path("shelf", id, iso), func(p []byte) []byte { clear(p[4096:8192]); return p })
		}, "", "A003", catalog.Damaged},
		{"image deleted", remove(iso), "A001", "A001", catalog.Missing},
		{"bag deleted", func(b *bench, id, _ string) { b.must(os.RemoveAll(filepath.Join(b.roots["shelf"], id))) }, "A001 A011", "A001 A011", catalog.Missing},
		{"last tag manifest deleted", remove(archive.TagManifest), "A011", "A011", catalog.Damaged},
		{"other tag manifest deleted", remove("tagmanifest-sha256.txt"), "A011", "A011", catalog.Damaged},
		{"manifest deleted", remove("manifest-sha512.txt"), "A011", "A011", catalog.Damaged},
		{"record deleted", remove("metadata/record.json"), "A011", "A011", catalog.Damaged},
		{"map deleted", remove("metadata/sectors.map"), "A011", "A011", catalog.Damaged},
		{"map changed", func(b *bench, id, _ string) {
			b.edit(b.path("shelf", id, "metadata/sectors.map"), func([]byte) []byte { return []byte("mop\n") })
		}, "", "A003", catalog.Damaged},
		{"bagit.txt changed", func(b *bench, id, _ string) {
			b.replace(b.path("shelf", id, "bagit.txt"), func(p []byte) []byte { return append(p, "X: y\n"...) })
		}, "", "A012", catalog.Damaged},
		{"a file too many in the bag", func(b *bench, id, _ string) {
			b.must(os.WriteFile(b.path("shelf", id, "data/extra"), []byte("x"), 0o644))
		}, "A004", "A004", catalog.ReadBack},
		{"record of another disc", func(b *bench, id, other string) {
			body, err := os.ReadFile(b.path("shelf", other, "metadata/record.json"))
			b.must(err)
			b.replace(b.path("shelf", id, "metadata/record.json"), func([]byte) []byte { return body })
			b.reseal(id)
		}, "", "A008", catalog.Damaged},
		{"image and manifests forged together", func(b *bench, id, _ string) {
			b.replace(b.path("shelf", id, iso), func(p []byte) []byte { p[1000] ^= 0x80; return p })
			b.reseal(id)
		}, "", "A003", catalog.Damaged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id, other := b.disc(1), b.disc(2)
			tc.make(b, id, other)
			light := b.audit(false)
			if got := fmt.Sprint(codes(light)); got != "["+tc.light+"]" {
				t.Errorf("light: %s, want [%s]: %v", got, tc.light, light.Findings)
			}
			if light.Copies.LookedAt != 4 || light.Copies.ReadBack != 0 || light.BytesRead != 0 {
				t.Errorf("light: %+v", light.Copies)
			}
			full := b.audit(true)
			got := map[Code]bool{}
			for _, f := range full.Findings {
				got[f.Code] = true
				if f.Store != "shelf" || f.CarrierID != id || f.Version != 1 || f.Message == "" || f.Code.Hint() == "" {
					t.Errorf("finding %+v", f)
				}
			}
			want := strings.Fields(tc.full)
			if !got[Code(want[0])] {
				t.Errorf("full: %v, want %s", full.Findings, tc.full)
			}
			for c := range got {
				if !slices.Contains(want, string(c)) {
					t.Errorf("full: %s is too much: %v", c, full.Findings)
				}
			}
			if c := b.state("shelf", id); c.State != tc.state || tc.state != catalog.ReadBack && c.Detail == "" {
				t.Errorf("the copy is %+v, want %q", c, tc.state)
			}
			for _, healthy := range [][2]string{{"vault", id}, {"shelf", other}, {"vault", other}} {
				if c := b.state(healthy[0], healthy[1]); c.State != catalog.ReadBack {
					t.Errorf("the copy in %s of %s is %+v", healthy[0], healthy[1], c)
				}
			}
			if tc.state == catalog.ReadBack {
				return
			}
			if full.Copies.ReadBack != 3 || full.Copies.Damaged+full.Copies.Missing != 1 || full.Faults() == 0 {
				t.Errorf("full: %+v", full.Copies)
			}
			if fix := b.fixities(id); !slices.Contains(fix, catalog.EventFail) {
				t.Errorf("events %v", fix)
			}
			// A look at a list cannot clear what a full read found.
			if again := b.audit(false); again.Faults() == 0 || b.state("shelf", id).State == catalog.ReadBack {
				t.Errorf("a later light audit calls it well: %s", again.Summary())
			}
		})
	}
}

// reseal writes the bag's manifests anew over what lies in it now, as a forger
// would who knows BagIt.
func (b *bench) reseal(id string) {
	b.t.Helper()
	for _, step := range []struct{ manifest, sum, files string }{
		{"manifest-sha512.txt", "sha512sum", "data/image.iso"},
		{"manifest-sha256.txt", "sha256sum", "data/image.iso"},
		{"tagmanifest-sha256.txt", "sha256sum", "bagit.txt bag-info.txt manifest-sha256.txt manifest-sha512.txt metadata/*"},
		{"tagmanifest-sha512.txt", "sha512sum", "bagit.txt bag-info.txt manifest-sha256.txt manifest-sha512.txt metadata/*"},
	} {
		shell(b.t, filepath.Join(b.roots["shelf"], id, "v1"), fmt.Sprintf("%s %s > new && mv new %s", step.sum, step.files, step.manifest))
	}
}

func TestSwappedObjects(t *testing.T) {
	b := newBench(t)
	one, two := b.disc(1), b.disc(2)
	p, q := b.path("shelf", one, "data/image.iso"), b.path("shelf", two, "data/image.iso")
	b.must(os.Rename(p, p+"x"))
	b.must(os.Rename(q, p))
	b.must(os.Rename(p+"x", q))
	light := b.audit(false)
	// The store's checksum travels with the file, where the file system keeps one.
	if got := codes(light); light.Copies.Unchanged > 0 && !slices.Equal(got, []Code{StoreChecksum}) {
		t.Errorf("light: %v", light.Findings)
	}
	full := b.audit(true)
	if !slices.Contains(codes(full), DigestDiffers) || full.Copies.Damaged != 2 || full.Copies.ReadBack != 2 {
		t.Errorf("full: %v %+v", full.Findings, full.Copies)
	}
	b.must(os.Rename(p, p+"x"))
	b.must(os.Rename(q, p))
	b.must(os.Rename(p+"x", q))
	if light := b.audit(false); !slices.Equal(codes(light), []Code{DamagedSoFar}) || light.Copies.Damaged != 2 {
		t.Errorf("a list cleared a damaged copy: %v", light.Findings)
	}
	if full := b.audit(true); len(full.Findings) != 0 || b.state("shelf", one).State != catalog.ReadBack || b.state("shelf", one).Detail != "" {
		t.Errorf("mended: %v", full.Findings)
	}
}

// With the tag files' digests in the catalog, a map that was forged together
// with the manifests is found, too.
func TestForgedTagFile(t *testing.T) {
	b := newBench(t)
	body := []byte("map\n")
	id := b.disc(1, catalog.Object{Role: catalog.RoleTag, Path: "metadata/sectors.map", Size: 4, SHA512: fmt.Sprintf("%x", sha512.Sum512(body))})
	b.replace(b.path("shelf", id, "metadata/sectors.map"), func([]byte) []byte { return []byte("mop\n") })
	b.reseal(id)
	if full := b.audit(true); !slices.Equal(codes(full), []Code{DigestDiffers}) || full.Findings[0].Key != id+"/v1/metadata/sectors.map" {
		t.Errorf("full: %v", full.Findings)
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
