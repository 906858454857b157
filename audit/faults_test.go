package audit

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
)

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
		{"bag deleted", func(b *bench, id, _ string) { b.must(os.RemoveAll(filepath.Join(b.roots["shelf"], id))) }, "A001", "A001", catalog.Missing},
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

// A stranger's file in a bag does not hide what is wrong with the bag's own: the
// copy is not called read back, and is no source of another.
func TestFaultBesideAStranger(t *testing.T) {
	for _, c := range []struct{ damaged, beside string }{
		{"bag-info.txt", "data/extra.txt"},
		{"bag-info.txt", "metadata/extra.txt"},
		{"metadata/sectors.map", "data/extra.txt"},
		{"tagmanifest-sha256.txt", "data/extra.txt"},
	} {
		b := newBench(t)
		id := b.disc(1)
		b.replace(b.path("shelf", id, c.damaged), func(p []byte) []byte { p[0] = "ab"[map[bool]int{true: 1}[p[0] == 'a']]; return p })
		b.must(os.WriteFile(b.path("shelf", id, c.beside), []byte("extra\n"), 0o644))
		full := b.audit(true)
		got := map[string]Code{}
		for _, f := range full.Findings {
			got[strings.TrimPrefix(f.Key, id+"/v1/")] = f.Code
		}
		if got[c.beside] != Untracked || full.Copies.ReadBack != 1 || full.Copies.Damaged != 1 || b.state("shelf", id).State != catalog.Damaged {
			t.Errorf("%v: %v, %+v", c, full.Findings, full.Copies)
		}
		if c.damaged != "tagmanifest-sha256.txt" && got[c.damaged] != DigestDiffers {
			t.Errorf("%v: %v", c, full.Findings)
		}
	}
}

// Whatever lies in a bag and is not of it is told, whatever its name: a file that
// later bags may have, one that no key can name, one that is no regular file. A
// write that was cut off leaves nothing in a bag, and is none of it.
func TestStrangersInABag(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(dir string) error
		key  string // as it is told
		what string
	}{
		"reads.log":      {write("metadata/reads.log"), "metadata/reads.log", ""},
		"files.json":     {write("metadata/files.json"), "metadata/files.json", ""},
		"hidden":         {write(".hidden"), ".hidden", "a file"},
		"a newline":      {write("data/a\nb"), `data/a\nb`, "a file"},
		"no UTF-8":       {write("data/\xff\x1b"), `data/\xff\x1b`, "a file"},
		"a blank":        {write("metadata/a b"), "metadata/a b", "a file"},
		"hidden folder":  {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "data/.x/y"), 0o755) }, "data/.x", "a folder"},
		"a link":         {func(dir string) error { return os.Symlink("image.iso", filepath.Join(dir, "data/link")) }, "data/link", "a symbolic link"},
		"a pipe":         {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "data/pipe"), 0o644) }, "data/pipe", "a named pipe"},
		"cut-off upload": {write("../../.uploads/put-abc"), "", ""},
		"set aside":      {write("../../.set-aside/2026-11-22/x"), "", ""},
	} {
		for _, known := range []bool{false, true} {
			b := newBench(t)
			var id string
			if known && name != "files.json" {
				id, _ = b.listed()
			} else {
				id = b.disc(1)
			}
			b.must(tc.make(filepath.Join(b.roots["shelf"], id, "v1")))
			full := b.audit(true)
			if full.Copies.ReadBack != 2 || full.CouldNotLook {
				t.Errorf("%s: %+v, %v", name, full.Copies, full.Findings)
			}
			if tc.key == "" {
				if len(full.Findings) != 0 {
					t.Errorf("%s: %v", name, full.Findings)
				}
				continue
			}
			if len(full.Findings) != 1 || full.Findings[0].Code != Untracked || full.Findings[0].Key != id+"/v1/"+tc.key || !strings.Contains(full.Findings[0].Message, tc.what) {
				t.Errorf("%s: %+v", name, full.Findings)
			}
			if light := b.audit(false); (known && name != "files.json" || tc.what != "") && len(light.Findings) != 1 {
				t.Errorf("%s, light: %v", name, light.Findings)
			}
		}
	}
}

// write makes a small file in a bag.
func write(name string) func(dir string) error {
	return func(dir string) error {
		p := filepath.Join(dir, name)
		return errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte("hi\n"), 0o644))
	}
}

// What lies in the place of an object is told with it.
func TestSomethingElseInPlaceOfAnObject(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"a folder":        func(p string) error { return os.Mkdir(p, 0o755) },
		"a symbolic link": func(p string) error { return os.Symlink("/etc/hostname", p) },
		"a named pipe":    func(p string) error { return syscall.Mkfifo(p, 0o644) },
	} {
		for inside, code := range map[string]Code{"data/image.iso": ObjectMissing, "metadata/sectors.map": TagFileMissing} {
			b := newBench(t)
			id := b.disc(1)
			p := b.path("shelf", id, inside)
			b.must(os.Remove(p))
			b.must(make(p))
			full := b.audit(true)
			if len(full.Findings) != 1 || full.Findings[0].Code != code || full.Findings[0].Key != id+"/v1/"+inside || !strings.Contains(full.Findings[0].Message, what+" lies in its place") {
				t.Errorf("%s: %+v", what, full.Findings)
			}
		}
	}
}

// A copy is called read back only when every file that it has to hold was hashed,
// or is told of: whatever a reader leaves out keeps those words away.
func TestUnhashedIsNotReadBack(t *testing.T) {
	s := &shelf{run: &run{}, name: "shelf"}
	h := &held{HeldCopy: catalog.HeldCopy{Copy: catalog.Copy{Key: "x/v1/"}}}
	want := expected{"data/image.iso": {Path: "data/image.iso"}, "metadata/record.json": {Path: "metadata/record.json"}}
	all := func() map[string]bool {
		m := map[string]bool{"data/image.iso": true}
		for _, p := range tagFiles {
			m[p] = true
		}
		return m
	}
	if p := s.unhashed(h, want, all(), nil); p != "" {
		t.Errorf("%q was not hashed", p)
	}
	for p := range all() {
		held := all()
		delete(held, p)
		if got := s.unhashed(h, want, held, nil); got != p {
			t.Errorf("%q instead of %q", got, p)
		}
		for code, enough := range map[Code]bool{DigestDiffers: true, BagMalformed: true, TagFileMissing: true, Untracked: false, StoreChecksum: false} {
			if got := s.unhashed(h, want, held, []Finding{s.finding(h, code, p, "")}); (got == "") != enough {
				t.Errorf("%s with %s: %q", p, code, got)
			}
		}
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
