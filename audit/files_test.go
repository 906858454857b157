package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// listed archives a disc whose bag has a file list, one that is not held in
// memory, and records it with all digests of its tag files.
func (b *bench) listed() (id string, list []byte) {
	b.t.Helper()
	ctx := context.Background()
	id = catalog.NewID()
	image := make([]byte, sectors*2048)
	var text bytes.Buffer
	w, err := catalog.NewFileListWriter(&text, catalog.FileList{Carrier: id, ImageVersion: 1, Volumes: []catalog.FileVolume{{System: "UDF", View: "UDF"}}})
	b.must(err)
	for i := range 500 {
		b.must(w.Add(catalog.FileEntry{Path: fmt.Sprintf("file %04d", i), Type: catalog.TypeFile, Size: 1, Extents: []catalog.FileExtent{{Offset: int64(i) * 2048, Length: 1}},
			SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte{0}))}))
	}
	b.must(w.Close())
	list = text.Bytes()
	bag, record := bagOf(b.t, id, image)
	bag.Metadata = append(bag.Metadata, archive.File{Path: catalog.FilesPath, Size: int64(len(list)), Source: bytes.NewReader(list), CRC64NVME: archive.CRC64NVME(list),
		SHA512: fmt.Sprintf("%x", sha512.Sum512(list)), SHA256: fmt.Sprintf("%x", sha256.Sum256(list))})
	in := catalog.Commit{RecordBytes: record, FileList: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(list)), nil }}
	tags, err := bag.TagFiles()
	b.must(err)
	for _, f := range tags {
		in.Files = append(in.Files, catalog.Object{Role: catalog.RoleTag, Path: f.Path, Size: f.Size, SHA512: f.SHA512, SHA256: f.SHA256})
	}
	for _, st := range b.stores {
		_, err := archive.Send(ctx, st, bag, archive.SendOptions{})
		b.must(err)
		when := time.Now().Add(-24 * time.Hour)
		in.Copies = append(in.Copies, catalog.Copy{Store: st.Name(), Key: id + "/v1/", State: catalog.ReadBack, StoredAt: &when, ReadBackAt: &when})
	}
	b.must(b.cat.Commit(ctx, in))
	return id, list
}

// A file list in a bag that is not the catalog's is found, and so is one in
// the catalog that is not the bag's.
func TestFileListDiffers(t *testing.T) {
	for name, tc := range map[string]struct {
		harm func(b *bench, id string)
		full []Code
		key  string
	}{
		"whole": {func(*bench, string) {}, nil, ""},
		"edited": {func(b *bench, id string) {
			b.edit(b.path("shelf", id, catalog.FilesPath), func(p []byte) []byte { p[len(p)/2] ^= 1; return p })
		}, []Code{DigestDiffers}, "/v1/" + catalog.FilesPath},
		"forged with its manifests": {func(b *bench, id string) {
			b.replace(b.path("shelf", id, catalog.FilesPath), func(p []byte) []byte { return bytes.Replace(p, []byte("file 0007"), []byte("file 000x"), 1) })
			b.reseal(id)
		}, []Code{DigestDiffers}, "/v1/"},
		"lost": {func(b *bench, id string) { b.must(os.Remove(b.path("shelf", id, catalog.FilesPath))) }, []Code{TagFileMissing}, "/v1/" + catalog.FilesPath},
		"edited in the catalog": {func(b *bench, id string) {
			db, err := sql.Open("sqlite", b.db)
			b.must(err)
			defer db.Close()
			_, err = db.Exec("DELETE FROM files WHERE path = 'file 0007'")
			b.must(err)
		}, []Code{CatalogDamaged}, "files"},
	} {
		b := newBench(t)
		id, _ := b.listed()
		tc.harm(b, id)
		full := b.audit(true)
		if !slices.Equal(codes(full), tc.full) {
			t.Errorf("%s: %v", name, full.Findings)
		}
		if len(tc.full) > 0 && !strings.Contains(full.Findings[0].Key, tc.key) {
			t.Errorf("%s: %v, want it to name %s", name, full.Findings, tc.key)
		}
		for _, f := range full.Findings {
			if tc.full[0] == DigestDiffers && f.Key == id+"/v1/data/image.iso" {
				t.Errorf("%s: the image is blamed: %v", name, f)
			}
		}
	}
}
