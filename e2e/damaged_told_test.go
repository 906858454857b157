package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/station"
)

// filesOf holds what the record, the bag's list and what was said tell of a
// disc's files against what is.
func (s *rig) filesOf(id string, x *scratched) {
	s.t.Helper()
	c := s.show(id).Content
	if c == nil {
		s.t.Fatal("the record says nothing of the disc's content")
	}
	named := map[string]int64{}
	for _, f := range c.Damaged {
		if f.What != "file" || f.View != x.main {
			s.t.Errorf("the record names %+v among the damaged files", f)
		}
		named[f.Path] = f.Bytes
	}
	if fmt.Sprint(named) != fmt.Sprint(x.damaged) || c.DamagedTotal != int64(len(x.damaged)) {
		s.t.Errorf("the record names %v, %d in all, as damaged, want %v", named, c.DamagedTotal, x.damaged)
	}
	if len(c.Structures) != 1 || c.StructuresTotal != 1 || c.Structures[0].Path != gone || c.Structures[0].What != "directory" || c.Structures[0].View != "ISO 9660" {
		s.t.Errorf("the record names %+v, want the directory %s alone", c.Structures, gone)
	}
	if !slices.Equal(c.Unknown, []string{gone}) || c.UnknownTotal != 1 {
		s.t.Errorf("the record says that the names in %v are not all known", c.Unknown)
	}
	if c.Unused != (disc.Counts{Total: 1, Unreadable: 1}) || c.Whole != int64(len(x.whole)) || c.Listed != int64(len(x.whole)+len(x.damaged)) {
		s.t.Errorf("the record counts %d files, %d whole, bad sectors of nobody's %+v; want %d, %d and 1", c.Listed, c.Whole, c.Unused, len(x.whole)+len(x.damaged), len(x.whole))
	}
	s.listOf(id, c, x)

	text, _ := s.text("show", id)
	for _, want := range []string{fmt.Sprintf("all %d other files whole", len(x.whole)), "directory " + gone + " is hit", "what is in " + gone + " is not known"} {
		if !strings.Contains(text, want) {
			s.t.Errorf("show does not say %q:\n%s", want, text)
		}
	}
	s.names(text, "show", x)
	verdict := s.toldLast(station.WordIncomplete)
	out := s.toldLast(station.WordEjected)
	for what, text := range map[string]string{"what is said when all is read": verdict.Message, "what is said when the tray opens": out.Message} {
		s.names(text, what, x)
	}
}

// names holds which files a text calls damaged: as many as it has room for.
func (s *rig) names(text, what string, x *scratched) {
	s.t.Helper()
	n := 0
	for p, lost := range x.damaged {
		if strings.Contains(text, fmt.Sprintf("%s (%d bytes missing)", p, lost)) {
			n++
		}
	}
	if more := fmt.Sprintf("and %d more", len(x.damaged)-3); n != len(x.damaged) && (n != 3 || !strings.Contains(text, more)) {
		s.t.Errorf("%s names %d of the %d damaged files: %s", what, n, len(x.damaged), text)
	}
	if got := strings.Count(text, " bytes missing)"); got != n {
		s.t.Errorf("%s names %d files as damaged, %d of them are: %s", what, got, n, text)
	}
}

// listOf holds the bag's files.json: every file once, the digest of every one
// that is whole, and of the others the bytes that are lost.
func (s *rig) listOf(id string, c *catalog.Content, x *scratched) {
	s.t.Helper()
	b, err := os.ReadFile(s.s3.File(bucket, id+"/v1/metadata/files.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var list struct {
		TreeSHA256 *string `json:"tree_sha256"`
		Volumes    []struct{ View string }
		Files      []struct {
			Volume  int
			Path    string
			Type    string
			Size    int64
			SHA256  *string `json:"sha256"`
			Damaged []struct{ Offset, Length int64 }
		}
	}
	if err := json.Unmarshal(b, &list); err != nil {
		s.t.Fatal(err)
	}
	if _, sum, _, _ := sums(b); c.ListSHA256 != sum {
		s.t.Errorf("the record says that the list is %s, it is %s", c.ListSHA256, sum)
	}
	if list.TreeSHA256 != nil || len(list.Volumes) == 0 || list.Volumes[0].View != x.main {
		s.t.Errorf("the list has the tree digest %v of the volumes %+v", list.TreeSHA256, list.Volumes)
	}
	files, dirs := map[string]bool{}, []string{}
	for _, f := range list.Files {
		if f.Volume != 0 {
			s.t.Errorf("the list has %+v, whose bytes the main tree has too", f)
			continue
		}
		if f.Type == "directory" {
			dirs = append(dirs, f.Path)
			continue
		}
		files[f.Path] = true
		var lost []disc.Extent
		for _, e := range f.Damaged {
			lost = append(lost, disc.Extent{Start: disc.LBA(e.Offset / disc.SectorSize), Count: (e.Length + disc.SectorSize - 1) / disc.SectorSize})
		}
		if data, ok := x.whole[f.Path]; ok {
			_, sum, _, _ := sums(data)
			if f.SHA256 == nil || *f.SHA256 != sum || len(f.Damaged) > 0 || f.Size != int64(len(data)) {
				s.t.Errorf("the list has %+v, want %d bytes, whole, with the digest %s", f, len(data), sum)
			}
		} else if f.SHA256 != nil || !slices.Equal(lost, x.lost[f.Path]) {
			s.t.Errorf("the list has %+v, want no digest and the sectors %v lost", f, x.lost[f.Path])
		}
	}
	if len(files) != len(x.whole)+len(x.damaged) || !slices.Equal(dirs, x.dirs) {
		s.t.Errorf("the list has the files %v and the directories %v", files, dirs)
	}
}
