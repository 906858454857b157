package e2e

import (
	"slices"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/export"
)

// useOf reads files out of the archived copy.
func (s *rig) useOf(id string, x *scratched) {
	s.t.Helper()
	var ls struct {
		Files []struct {
			Path    string
			Type    string
			Missing []struct{ Offset, Length int64 }
		}
	}
	exit := s.verb(&ls, "ls", "-R", id)
	files := 0
	for _, f := range ls.Files {
		if f.Type == "directory" {
			continue
		}
		files++
		n, first := int64(0), int64(-1)
		for _, e := range f.Missing {
			if n += e.Length; first < 0 {
				first = e.Offset
			}
		}
		if want, ok := x.damaged[f.Path]; ok && first != x.first[f.Path] || n != want {
			s.t.Errorf("ls says that %d bytes of %s are missing from byte %d on, want %d from %d on", n, f.Path, first, want, x.first[f.Path])
		}
	}
	if want := map[bool]int{false: 0, true: 3}[x.hidden]; exit != want || files != len(x.whole)+len(x.damaged) {
		s.t.Errorf("ls lists %d files, exit %d, want %d and %d", files, exit, len(x.whole)+len(x.damaged), want)
	}

	// Of a damaged file, what stands before the first missing byte; of a whole
	// one, all of it. Digests are taken in the guest.
	s.must("sh", "-c", "rm -rf "+service+"/out; mkdir "+service+"/out; chown ripstation "+service+"/out")
	for p, first := range x.first {
		r := s.run("cat", id, p)
		want := make([]byte, first)
		if _, err := x.img.ReadAt(want, int64(x.lost[p][0].Start)*disc.SectorSize-first); err != nil {
			s.t.Fatal(err)
		}
		if r.Exit != 3 || r.Stdout != string(want) || !strings.Contains(r.Stderr, "missing") {
			s.t.Errorf("cat of %s: exit %d, %d bytes, want 3 and the first %d; it says %s", p, r.Exit, len(r.Stdout), first, r.Stderr)
		}
	}
	for p, data := range x.whole {
		if !strings.EqualFold(p, "after.bin") {
			continue // the others come all at once
		}
		if r := s.run("extract", id, p, service+"/out"); r.Exit != 0 {
			s.t.Errorf("extract of %s: exit %d\n%s%s", p, r.Exit, r.Stdout, r.Stderr)
		}
		got := s.must("sha256sum", service+"/out/"+p)
		if _, sum, _, _ := sums(data); !strings.HasPrefix(got, sum) {
			s.t.Errorf("extract of %s gives %s, want %s", p, strings.TrimSpace(got), sum)
		}
	}
	// All of it at once: what is damaged is told, and nothing but that.
	var ex struct {
		Items []struct{ Path, State string }
	}
	if exit := s.verb(&ex, "extract", id, service+"/out/all"); exit != 3 {
		s.t.Errorf("extract of the disc: exit %d, want 3", exit)
	}
	lines := strings.Split(s.must("sh", "-c", "cd "+service+"/out/all/* && find . -type f -exec sha256sum {} +"), "\n")
	for p, data := range x.whole {
		if _, sum, _, _ := sums(data); !slices.Contains(lines, sum+"  ./"+p) {
			s.t.Errorf("extract does not give %s with the digest %s, but\n%s", p, sum, strings.Join(lines, "\n"))
		}
	}
	partly := map[string]bool{}
	for _, it := range ex.Items {
		if it.State == string(export.Partly) {
			partly[it.Path] = true
		} else if it.State != string(export.Written) {
			s.t.Errorf("extract says of %s: %s", it.Path, it.State)
		}
	}
	for p := range x.damaged {
		if !partly[p] {
			s.t.Errorf("extract does not say that %s is incomplete", p)
		}
		delete(partly, p)
	}
	if x.hidden {
		delete(partly, gone)
	}
	if len(partly) > 0 {
		s.t.Errorf("extract says that %v are incomplete, too", partly)
	}
}
