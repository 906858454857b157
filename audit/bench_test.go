package audit

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
)

const sectors = 600

// bench is a catalog with two stores, real ones in folders.
type bench struct {
	t      *testing.T
	cat    *catalog.Catalog
	db     string
	roots  map[string]string
	stores []archive.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, db: filepath.Join(dir, "catalog.db"), roots: map[string]string{}}
	var err error
	if b.cat, err = catalog.Open(context.Background(), b.db); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.cat.Close() })
	for _, name := range []string{"shelf", "vault"} {
		b.roots[name] = filepath.Join(dir, name)
		st, err := archive.NewDir(archive.DirConfig{Name: name, Root: b.roots[name], Create: true})
		if err != nil {
			t.Fatal(err)
		}
		b.stores = append(b.stores, st)
	}
	return b
}

// disc archives a disc of random content in both stores and records it as read
// back. bagFiles hands the digests of the tag files to the catalog, too.
func (b *bench) disc(seed uint64, bagFiles ...catalog.Object) string {
	b.t.Helper()
	ctx := context.Background()
	id := catalog.NewID()
	image := make([]byte, sectors*disc.SectorSize)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range image {
		image[i] = byte(r.Uint32())
	}
	bag, record := bagOf(b.t, id, image)
	in := catalog.Commit{RecordBytes: record, Files: bagFiles}
	for _, st := range b.stores {
		if _, err := archive.Send(ctx, st, bag, archive.SendOptions{}); err != nil {
			b.t.Fatal(err)
		}
		when := time.Now().Add(-24 * time.Hour)
		in.Copies = append(in.Copies, catalog.Copy{Store: st.Name(), Key: id + "/v1/", State: catalog.ReadBack, StoredAt: &when, ReadBackAt: &when})
	}
	if err := b.cat.Commit(ctx, in); err != nil {
		b.t.Fatal(err)
	}
	return id
}

func bagOf(t *testing.T, id string, image []byte) (archive.Bag, []byte) {
	t.Helper()
	crc := archive.CRC64NVME(image)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := catalog.Object{Role: catalog.RoleImage, Path: "data/image.iso", Size: int64(len(image)), SHA512: fmt.Sprintf("%x", sha512.Sum512(image)),
		SHA256: fmt.Sprintf("%x", sha256.Sum256(image)), SHA1: fmt.Sprintf("%x", sha1.Sum(image)), MD5: fmt.Sprintf("%x", md5.Sum(image)),
		CRC64NVME: archive.FormatCRC64NVME(crc)}
	record, err := catalog.EncodeRecord(catalog.Record{
		Carrier: catalog.CarrierInfo{ID: id, Item: "B-1"},
		Image: catalog.ImageInfo{Version: 1, State: catalog.Complete, Size: o.Size, SectorSize: disc.SectorSize,
			Sectors: disc.Counts{Total: sectors, Read: sectors}, SealedAt: at},
		Objects: []catalog.Object{o}, Disc: disc.Disc{Kind: disc.KindData, Medium: disc.MediumCD, Sectors: sectors},
		Identity: disc.Identity{Kind: disc.KindData, Medium: disc.MediumCD, Sectors: sectors, Label: "DISC"},
		Captures: []catalog.Capture{{ID: catalog.NewID(), Started: at, Ended: at, Outcome: catalog.Imaged}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bag{Prefix: id + "/v1", Info: []archive.Tag{{Label: "External-Identifier", Value: id}},
		Payload: []archive.Payload{{Path: o.Path, Size: o.Size, Source: bytes.NewReader(image), SHA512: o.SHA512, SHA256: o.SHA256, CRC64NVME: crc}},
		Metadata: []archive.File{{Path: "metadata/record.json", Body: record}, {Path: "metadata/sectors.map", Body: []byte("map\n")},
			{Path: "metadata/ddrescue.map", Body: []byte("map\n")}}}, record
}

func (b *bench) path(store, id, inside string) string {
	return filepath.Join(b.roots[store], id, "v1", inside)
}

func (b *bench) audit(full bool) Report {
	b.t.Helper()
	r, err := Run(context.Background(), Config{Catalog: b.cat, Stores: b.stores, Full: full})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) state(store, id string) catalog.Copy {
	b.t.Helper()
	cs, err := b.cat.Copies(context.Background(), id, 1)
	if err != nil {
		b.t.Fatal(err)
	}
	return cs[slices.IndexFunc(cs, func(c catalog.Copy) bool { return c.Store == store })]
}

// fixities are the outcomes of the fixity checks in a disc's events.
func (b *bench) fixities(id string) (out []catalog.EventOutcome) {
	b.t.Helper()
	es, err := b.cat.Events(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range es {
		if e.Type == catalog.EventFixity {
			out = append(out, e.Outcome)
		}
	}
	return out
}

func codes(r Report) (out []Code) {
	for _, f := range r.Findings {
		out = append(out, f.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *bench) edit(path string, change func([]byte) []byte) {
	b.t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	// In place, as damage at rest is: extended attributes stay.
	if err := os.WriteFile(path, change(body), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// replace puts another file in a file's place, which takes its extended
// attributes away.
func (b *bench) replace(path string, change func([]byte) []byte) {
	b.t.Helper()
	body, err := os.ReadFile(path)
	b.must(err)
	b.must(os.WriteFile(path+".new", change(body), 0o644))
	b.must(os.Rename(path+".new", path))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// shell runs a command of coreutils, which know nothing of this program.
func shell(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}
