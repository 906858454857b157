package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
)

// give adds a photo to a disc and sends it to the stores named, event and all.
func (b *bench) give(id, text string, to ...string) catalog.AddedFile {
	b.t.Helper()
	ctx := context.Background()
	sum := sha256.Sum256([]byte(text))
	a := catalog.Added{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text)), MediaType: "image/png", Role: "case"}
	_, err := b.cat.AddFile(ctx, id, a, catalog.Agent{Role: catalog.RoleOperator, Name: "ada"})
	b.must(err)
	for _, st := range b.stores {
		if slices.Contains(to, st.Name()) {
			b.must(archive.PutFile(ctx, st, catalog.AddedKey(id, a.SHA256), strings.NewReader(text), a.Size, a.SHA256))
		}
	}
	b.post(id, to...)
	all, err := b.cat.Added(ctx, id)
	b.must(err)
	return all[len(all)-1]
}

// post sends what is due of a disc's events to the stores named.
func (b *bench) post(id string, to ...string) {
	b.t.Helper()
	ctx := context.Background()
	for _, st := range b.stores {
		if !slices.Contains(to, st.Name()) {
			continue
		}
		p, err := b.cat.PostFor(ctx, id, st.Name())
		b.must(err)
		for _, e := range p.Events {
			body, err := e.Encode()
			b.must(err)
			b.must(st.Put(ctx, catalog.EventKey(id, e.Seq, body), body))
		}
		b.must(b.cat.Sent(ctx, id, st.Name(), p))
	}
}

func (b *bench) added(store string, f catalog.AddedFile) string {
	return filepath.Join(b.roots[store], f.CarrierID, "added", f.SHA256)
}

// An added file that is missing, of another size or with other bytes is found,
// each by what was done to see it, and changes no copy's state; so is an object
// that no event names. One that is on its way is nobody's fault.
func TestAddedFiles(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	b.give(id, "well", "shelf", "vault")
	if r := b.audit(false); len(r.Findings) != 0 || r.Added.LookedAt != 2 || r.Added.ReadBack != 0 || !strings.Contains(r.Summary(), "2 added files") {
		t.Errorf("well: %+v", r)
	}
	if r := b.audit(true); len(r.Findings) != 0 || r.Added.LookedAt != 2 || r.Added.ReadBack != 2 {
		t.Errorf("read: %+v", r)
	}
	gone, cut, bent := b.give(id, "gone", "shelf", "vault"), b.give(id, "cut short", "shelf", "vault"), b.give(id, "bent", "shelf", "vault")
	b.must(os.Remove(b.added("shelf", gone)))
	for p, text := range map[string]string{b.added("shelf", cut): "cut", b.added("vault", bent): "BENT"} {
		b.must(os.Remove(p))
		b.must(os.WriteFile(p, []byte(text), 0o444))
	}
	stranger := id + "/added/" + strings.Repeat("ab", 32)
	b.must(b.stores[1].Put(context.Background(), stranger, []byte("who put this here")))
	onTheWay := b.give(id, "on the way", "shelf")
	for _, full := range []bool{false, true} {
		r := b.audit(full)
		want := map[string]Code{"shelf " + gone.SHA256: AddedMissing, "shelf " + cut.SHA256: AddedDiffers, "vault " + strings.Repeat("ab", 32): AddedUnnamed}
		if full {
			want["vault "+bent.SHA256] = AddedDiffers
		}
		got := map[string]Code{}
		for _, f := range r.Findings {
			got[f.Store+" "+filepath.Base(f.Key)] = f.Code
			if f.CarrierID != id || f.Code.Hint() == "" || f.Code.Meaning() == "" {
				t.Errorf("%+v", f)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || r.Added.OnTheWay != 1 || r.Added.Missing != 1 || r.CouldNotLook {
			t.Errorf("full %v: %v, want %v; %+v", full, got, want, r.Added)
		}
		if r.Copies.Damaged+r.Copies.Missing != 0 {
			t.Errorf("a photo's fault is a bag's: %+v", r.Copies)
		}
	}
	if fix := b.fixities(id); !slices.Contains(fix, catalog.EventFail) {
		t.Errorf("no event says so: %v", fix)
	}
	// Asked for one disc, the same is said of it.
	r, err := Run(context.Background(), Config{Catalog: b.cat, Stores: b.stores, Full: true, Only: &Only{CarrierID: id}})
	if err != nil || len(r.Findings) != 4 || r.Added.OnTheWay != 1 {
		t.Errorf("%v, %+v", err, r)
	}
	r, err = Run(context.Background(), Config{Catalog: b.cat, Stores: b.stores, Only: &Only{CarrierID: id, Store: "vault"}})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Code != AddedUnnamed {
		t.Errorf("%v, %+v", err, r.Findings)
	}

	// Repair brings back what is missing and leaves what is another file.
	rep, err := Repair(context.Background(), RepairConfig{Catalog: b.cat, Stores: b.stores, CarrierID: id})
	if err != nil {
		t.Fatal(err)
	}
	did := map[string]RepairedAdded{}
	for _, a := range rep.Added {
		did[a.Store+" "+filepath.Base(a.Key)] = a
	}
	if a := did["shelf "+gone.SHA256]; len(did) != 3 || a.From != "vault" || a.Failed != "" {
		t.Errorf("%+v", rep.Added)
	}
	for _, p := range []string{"shelf " + cut.SHA256, "vault " + bent.SHA256} {
		if a := did[p]; !a.Damaged || a.Failed == "" || a.From != "" {
			t.Errorf("%s: %+v", p, a)
		}
	}
	if body, err := os.ReadFile(b.added("shelf", gone)); err != nil || string(body) != "gone" {
		t.Errorf("%q, %v", body, err)
	}
	if body, err := os.ReadFile(b.added("shelf", cut)); err != nil || string(body) != "cut" {
		t.Errorf("it was written over: %q, %v", body, err)
	}
	if _, err := os.Stat(b.added("vault", onTheWay)); !os.IsNotExist(err) {
		t.Errorf("what is on its way was sent before its time: %v", err)
	}
	// Nothing is brought back out of what is not the file itself.
	b.must(os.Remove(b.added("vault", gone)))
	b.must(os.Remove(b.added("shelf", gone)))
	b.must(os.WriteFile(b.added("vault", gone), []byte("g0ne"), 0o444))
	rep, err = Repair(context.Background(), RepairConfig{Catalog: b.cat, Stores: b.stores, CarrierID: id, To: "shelf"})
	if err != nil || !slices.ContainsFunc(rep.Added, func(a RepairedAdded) bool { return filepath.Base(a.Key) == gone.SHA256 && a.Failed != "" }) {
		t.Errorf("%v, %+v", err, rep.Added)
	}
	if _, err := os.Stat(b.added("shelf", gone)); !os.IsNotExist(err) {
		t.Error("a wrong file was copied")
	}
}

// When no store has a photo, that is what is said of it, and not that one need
// only move something away; a store that cannot be looked at is unknown, and no
// failure of the repair.
func TestRepairOfAPhotoThatNoStoreHas(t *testing.T) {
	spoil := func(b *bench, store string, f catalog.AddedFile) {
		b.must(os.Remove(b.added(store, f)))
		b.must(os.WriteFile(b.added(store, f), []byte("ruin"), 0o444))
	}
	for name, tc := range map[string]struct {
		harm    func(b *bench, f catalog.AddedFile)
		damaged int
		words   []string
	}{
		"damaged in both": {func(b *bench, f catalog.AddedFile) { spoil(b, "shelf", f); spoil(b, "vault", f) }, 2,
			[]string{"no store that could be looked at has this file", "another file in shelf, another file in vault", "`ripstation photo`"}},
		"missing in both": {func(b *bench, f catalog.AddedFile) {
			b.must(os.Remove(b.added("shelf", f)))
			b.must(os.Remove(b.added("vault", f)))
		}, 0, []string{"missing in shelf, missing in vault"}},
		"damaged in one, missing in the other": {func(b *bench, f catalog.AddedFile) { spoil(b, "shelf", f); b.must(os.Remove(b.added("vault", f))) }, 1,
			[]string{"another file in shelf, missing in vault"}},
	} {
		b := newBench(t)
		id := b.disc(1)
		f := b.give(id, "gone", "shelf", "vault")
		tc.harm(b, f)
		r := b.repair(id)
		damaged := 0
		for _, a := range r.Added {
			if a.Damaged {
				damaged++
			}
			if !a.Lost || a.Unknown || a.From != "" || strings.Contains(a.Failed, "must first move it away") {
				t.Errorf("%s: %+v", name, a)
			}
			for _, w := range tc.words {
				if !strings.Contains(a.Failed, w) {
					t.Errorf("%s: %q does not say %q", name, a.Failed, w)
				}
			}
		}
		if len(r.Added) != 2 || damaged != tc.damaged {
			t.Errorf("%s: %+v", name, r.Added)
		}
	}
	b := newBench(t)
	id := b.disc(1)
	f := b.give(id, "kept", "shelf", "vault")
	b.must(os.Rename(b.roots["shelf"], b.roots["shelf"]+".away"))
	if r := b.repair(id); len(r.Added) != 1 || !r.Added[0].Unknown || r.Added[0].Lost || r.Added[0].Store != "shelf" || r.Added[0].Failed == "" {
		t.Errorf("one away: %+v", r.Added)
	}
	b.must(os.Remove(b.added("vault", f)))
	r := b.repair(id)
	if len(r.Added) != 2 || !r.Added[0].Unknown || !r.Added[1].Lost || !strings.Contains(r.Added[1].Failed, "could not be looked at in shelf") || !strings.Contains(r.Added[1].Failed, "give the command again") {
		t.Errorf("one away, one missing: %+v", r.Added)
	}
}

// The photos of a withdrawn disc may be gone.
func TestAddedFilesOfAWithdrawnDisc(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	f := b.give(id, "gone", "shelf", "vault")
	d := catalog.Withdrawn
	b.must(b.cat.Annotate(context.Background(), id, catalog.Annotation{Disposition: &d}))
	b.must(os.Remove(b.added("shelf", f)))
	if r := b.audit(true); len(r.Findings) != 0 || r.Added.Withdrawn != 1 || r.Added.ReadBack != 1 {
		t.Errorf("%+v", r)
	}
}

// A catalog made anew from one store knows the photos, and says the same.
func TestRebuildKnowsAddedFiles(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	f := b.give(id, "kept", "shelf", "vault")
	var before, after bytes.Buffer
	b.must(b.cat.ExportCanonical(t.Context(), &before))
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "new.db"))
	b.must(err)
	defer cat.Close()
	r, err := Rebuild(t.Context(), RebuildConfig{Catalog: cat, Store: b.stores[0]})
	if err != nil || len(r.Findings) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	b.must(cat.ExportCanonical(t.Context(), &after))
	if before.String() != after.String() {
		t.Errorf("%s\n%s", before.String(), after.String())
	}
	all, err := cat.Added(t.Context(), id)
	if err != nil || len(all) != 1 || all[0] != f {
		t.Errorf("%+v, %v; was %+v", all, err, f)
	}
	rep, err := Run(t.Context(), Config{Catalog: cat, Stores: b.stores[:1], Full: true})
	if err != nil || len(rep.Findings) != 0 || rep.Added.ReadBack != 1 {
		t.Errorf("%+v, %v", rep, err)
	}
}
