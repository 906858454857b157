package discfs

import (
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

func TestTreesOfABridgeDisc(t *testing.T) {
	udf := func(nodes ...*tree.Node) *tree.Volume {
		return &tree.Volume{System: "UDF", View: "UDF", Root: dirNode("", 20, nodes...)}
	}
	iso := func(view string, nodes ...*tree.Node) *tree.Volume {
		return &tree.Volume{System: "ISO 9660", View: view, Root: dirNode("", 21, nodes...)}
	}
	file := func(name string, sector int64) *tree.Node { return fileNode(name, at(sector, 2, 0)) }
	unread := dirNode("gone", 22)
	unread.Err = tree.ErrAbsent
	for name, c := range map[string]struct {
		a, b    *tree.Volume
		outcome disc.Outcome
		words   string
	}{
		"the same":                      {udf(file("a", 50), file("b", 60)), iso("Rock Ridge", file("a", 50), file("b", 60)), disc.Pass, "2 files in both"},
		"the same under other names":    {udf(file("a", 50)), iso("ISO 9660", file("A.;1", 50)), disc.Pass, "1 files in both"},
		"one in one alone":              {udf(file("a", 50), file("b", 60)), iso("Rock Ridge", file("a", 50)), disc.Warning, "b is not in the ISO 9660 tree"},
		"one path, other bytes":         {udf(file("a", 50)), iso("Rock Ridge", file("a", 60)), disc.Failure, "a has 4096 bytes from byte 102400"},
		"capitals of the plain tree":    {udf(file("readme.txt", 50)), iso("ISO 9660", file("README.TXT", 60)), disc.Failure, "readme.txt has"},
		"names that differ in case":     {udf(file("A", 50), file("a", 60)), iso("Rock Ridge", file("A", 50)), disc.Warning, "a is not in the ISO 9660 tree"},
		"a directory that was not read": {udf(file("a", 50)), iso("Rock Ridge", file("a", 50), unread), disc.NotRun, "not all directories"},
	} {
		m := &Image{Size: 200 * disc.SectorSize}
		m.Volumes = []*tree.Volume{c.b, c.a}
		checks := m.agree()
		if len(checks) != 1 || checks[0].Code != "F801" || checks[0].Outcome != c.outcome || !strings.Contains(checks[0].Message, c.words) {
			t.Errorf("%s: %+v, want %s: %s", name, checks, c.outcome, c.words)
		}
	}
}
