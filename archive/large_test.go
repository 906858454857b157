package archive_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

const listPath = "metadata/files.json"

// large is a tag file that stays where it is.
func large(body []byte) archive.File {
	p := payload(listPath, body)
	return archive.File{Path: p.Path, Size: p.Size, Source: p.Source, SHA512: p.SHA512, SHA256: p.SHA256, CRC64NVME: p.CRC64NVME}
}

var bigList = archivetest.Bytes(77, 2*archivetest.PartSize+99)

func bagWithList(list []byte) archive.Bag {
	b := sampleBag()
	b.Metadata = append(b.Metadata, large(list))
	return b
}

// A tag file with a Source gives the same bag as one held in memory.
func TestLargeTagFileIsATagFile(t *testing.T) {
	small := sampleBag()
	small.Metadata = append(small.Metadata, archive.File{Path: listPath, Body: bigList})
	a, err := small.TagFiles()
	if err != nil {
		t.Fatal(err)
	}
	b, err := bagWithList(bigList).TagFiles()
	if err != nil || len(a) != len(b) {
		t.Fatal(err)
	}
	for i := range a {
		if a[i].Path != b[i].Path || a[i].Size != b[i].Size || a[i].SHA512 != b[i].SHA512 || a[i].SHA256 != b[i].SHA256 || a[i].CRC64NVME != b[i].CRC64NVME {
			t.Errorf("%+v\n%+v", a[i], b[i])
		}
		if b[i].Path != listPath && !bytes.Equal(a[i].Body, b[i].Body) {
			t.Errorf("%s differs", a[i].Path)
		}
	}
}

func TestLargeTagFileInStores(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	root := filepath.Join(t.TempDir(), "store")
	for _, s := range []archive.Store{openDir(t, root), openS3(t, server, nil)} {
		w := &watched{Store: s}
		bag := bagWithList(bigList)
		var intents []string
		var last, total int64
		opts := archive.SendOptions{BeforeComplete: func(key string) error { intents = append(intents, key); return nil },
			Progress: func(done, of int64) { last, total = done, of }}
		res, err := archive.Send(t.Context(), w, bag, opts)
		if err != nil {
			t.Fatal(err)
		}
		at := func(path string) int { return slices.Index(w.done, bag.Key(path)) }
		if i := at(listPath); i < at("data/disc.cue") || i > at("manifest-sha256.txt") || at(archive.TagManifest) != len(w.done)-1 {
			t.Errorf("order %q", w.done)
		}
		if !slices.Contains(intents, bag.Key(listPath)) || last != total || total != bag.Size()+int64(len(bigList)) || res.SentBytes != total || len(res.Payload) != 2 {
			t.Errorf("intents %q, %d of %d, %+v", intents, last, total, res)
		}
		w.parts = 0
		if again, err := archive.Send(t.Context(), w, bagWithList(bigList), archive.SendOptions{}); err != nil || w.parts != 0 || !again.AlreadyWhole {
			t.Errorf("again: %v, %d parts", err, w.parts)
		}
		for _, look := range []func() (archive.ReadBackResult, error){
			func() (archive.ReadBackResult, error) {
				return archive.ReadBack(t.Context(), s, archive.Expected{Prefix: bag.Prefix, TagManifest: res.TagManifest, Payload: bag.Payload})
			},
			func() (archive.ReadBackResult, error) { return archive.Validate(t.Context(), s, bag.Prefix) },
		} {
			if got, err := look(); err != nil || len(got.Flaws) != 0 || got.Files != 11 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		// Another list under the same key is neither changed nor taken for this one.
		other := bytes.Clone(bigList)
		other[5] ^= 1
		for _, list := range [][]byte{other, bigList[1:]} {
			if _, err := archive.Send(t.Context(), s, bagWithList(list), archive.SendOptions{}); !errors.Is(err, archive.ErrExists) {
				t.Errorf("another list: %v", err)
			}
		}
	}
	dir := filepath.Join(root, "mfzwizltorxgk", "v1")
	cmd := exec.Command("sh", "-c", "sha512sum --quiet -c manifest-sha512.txt tagmanifest-sha512.txt && sha256sum --quiet -c tagmanifest-sha256.txt && grep -c files.json tagmanifest-sha512.txt")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "1\n" {
		t.Errorf("sha512sum (Debian package coreutils): %v %s", err, out)
	}
	flip(t, filepath.Join(dir, listPath), 7)
	got, err := archive.ReadBack(t.Context(), openDir(t, root), archive.Expected{Prefix: "mfzwizltorxgk/v1"})
	if err != nil || len(got.Flaws) != 1 || got.Flaws[0].Path != listPath || got.Flaws[0].Fault != archive.Damaged {
		t.Errorf("%+v, %v", got, err)
	}
}

// Cut off anywhere, the list goes on where it was, and no tag manifest stands
// before it.
func TestLargeTagFileGoesOn(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	w := &watched{Store: s}
	bag := bagWithList(bigList)
	for step := 0; ; step++ {
		left := 1
		w.fail = func(op, key string, n int) error {
			if _, err := s.Stat(t.Context(), key); err == nil || op == "begin" {
				return nil
			}
			if left--; left < 0 {
				return errCable
			}
			return nil
		}
		_, err := archive.Send(t.Context(), w, bag, archive.SendOptions{})
		if _, there := s.Stat(t.Context(), bag.Key(archive.TagManifest)); there == nil {
			if _, list := s.Stat(t.Context(), bag.Key(listPath)); list != nil {
				t.Fatalf("step %d: the tag manifest stands before the list", step)
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errCable) || step > 30 {
			t.Fatalf("step %d: %v", step, err)
		}
	}
	if w.parts != 5 {
		t.Errorf("%d parts were sent, 5 are needed", w.parts)
	}
}

func TestLargeTagFileThatChanged(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	bag := bagWithList(bigList)
	other := bytes.Clone(bigList)
	other[len(other)-1] ^= 1
	bag.Metadata[2].Source = bytes.NewReader(other)
	if _, err := archive.Send(t.Context(), s, bag, archive.SendOptions{}); !errors.Is(err, archive.ErrSourceChanged) {
		t.Errorf("%v", err)
	}
	for _, path := range []string{listPath, archive.TagManifest} {
		if _, err := s.Stat(t.Context(), bag.Key(path)); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for name, change := range map[string]func(f *archive.File){
		"both":      func(f *archive.File) { f.Body = []byte("x") },
		"no digest": func(f *archive.File) { f.SHA512 = "" },
		"negative":  func(f *archive.File) { f.Size = -1 },
		"payload":   func(f *archive.File) { f.Path = "data/files.json" },
	} {
		bag := bagWithList(bigList)
		change(&bag.Metadata[2])
		if _, err := archive.Send(context.Background(), s, bag, archive.SendOptions{}); !errors.Is(err, archive.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
