package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

// bags are the bags in the bucket, as ID/vN, whole or not.
func (s *rig) bags() []string {
	s.t.Helper()
	found, err := filepath.Glob(s.s3.File(bucket, "*/v*"))
	if err != nil {
		s.t.Fatal(err)
	}
	var bags []string
	for _, f := range found {
		name, err := filepath.Rel(s.s3.File(bucket, ""), f)
		if err != nil {
			s.t.Fatal(err)
		}
		if filepath.Dir(name) != "probe" { // random names, some with a v in front
			bags = append(bags, name)
		}
	}
	slices.Sort(bags)
	return bags
}

// bag holds the one bag of a carrier against the disc it was made of, with
// the tools that a person has in fifty years. Missing extents must be zeroes.
func (s *rig) bag(id string, m *simdrive.Disc, missing ...disc.Extent) {
	s.t.Helper()
	dir := s.s3.File(bucket, id+"/v1")
	for _, sum := range []string{"sha512sum", "sha256sum"} {
		for _, manifest := range []string{"manifest-", "tagmanifest-"} {
			file := manifest + strings.TrimSuffix(sum, "sum") + ".txt"
			check := exec.Command(sum, "--strict", "-c", file)
			check.Dir = dir
			if out, err := check.CombinedOutput(); err != nil {
				s.t.Errorf("%s -c %s: %v\n%s", sum, file, err, out)
			}
		}
	}
	s.listed(dir)
	got, err := os.ReadFile(filepath.Join(dir, "data/image.iso"))
	if err != nil {
		s.t.Fatal(err)
	}
	if want := onDisc(s.t, m, missing...); !bytes.Equal(got, want) {
		s.t.Errorf("the image in the bag is not the disc: %d bytes, the disc has %d, the first difference is at %d", len(got), len(want), differs(got, want))
	}
}

// listed holds the files of a bag against its manifests: none may lie in it
// that no manifest names, and it must say what it is.
func (s *rig) listed(dir string) {
	s.t.Helper()
	named := map[string]bool{"tagmanifest-sha512.txt": true, "tagmanifest-sha256.txt": true}
	for _, file := range []string{"manifest-sha512.txt", "tagmanifest-sha512.txt"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if _, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
				named[name] = true
			}
		}
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, rerr := filepath.Rel(dir, path)
			files, err = append(files, rel), rerr
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		if !named[f] {
			s.t.Errorf("%s lies in the bag, and no manifest names it", f)
		}
	}
	for _, f := range []string{"bagit.txt", "bag-info.txt", "data/image.iso", "metadata/record.json", "metadata/sectors.map", "metadata/ddrescue.map"} {
		if !slices.Contains(files, f) {
			s.t.Errorf("the bag has no %s, but %v", f, files)
		}
	}
}

type failer interface {
	Helper()
	Fatal(...any)
}

// onDisc is what an image of the disc must be.
func onDisc(t failer, m *simdrive.Disc, missing ...disc.Extent) []byte {
	t.Helper()
	data, err := m.UserData(0, m.Sectors())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range missing {
		clear(data[int64(e.Start)*disc.SectorSize : int64(e.End())*disc.SectorSize])
	}
	return data
}

func differs(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// sums are the digests of a file as a record tells them.
func sums(b []byte) (s512, s256, s1, m5 string) {
	a, c, d, e := sha512.Sum512(b), sha256.Sum256(b), sha1.Sum(b), md5.Sum(b)
	return hex.EncodeToString(a[:]), hex.EncodeToString(c[:]), hex.EncodeToString(d[:]), hex.EncodeToString(e[:])
}
