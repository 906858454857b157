package iso9660

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// What is on another volume of the set is not taken from this one.
func TestFilesOfOtherVolumes(t *testing.T) {
	s := handmade(1, sp, isoRecord("HERE.;1", 40, 2048, 0, px(0o100644)), onDisc(2, isoRecord("OTHER.;1", 41, 2048, 0, px(0o100644))),
		isoRecord("PART.;1", 42, 2048, flagMore, px(0o100644)), onDisc(3, isoRecord("PART.;1", 43, 2048, flagMore, px(0o100644))),
		isoRecord("PART.;1", 44, 2048, 0, px(0o100644)), onDisc(2, isoRecord("SUB", 30, 2048, flagDirectory, px(0o040755))), onDisc(0, isoRecord("ZERO.;1", 45, 2048, 0, px(0o100644))))
	f := open(s)
	bad(t, f, "F213", "F205")
	if outcome(f, "F213") != disc.Warning || !strings.Contains(message(f, "F213"), "OTHER: its bytes are on disc 2 of the set") {
		t.Errorf("F213 %s: %s", outcome(f, "F213"), message(f, "F213"))
	}
	if outcome(f, "F205") != disc.NotRun {
		t.Errorf("F205 %s: %s", outcome(f, "F205"), message(f, "F205"))
	}
	for _, name := range []string{ISO, RockRidge} {
		root := view(t, f, name)
		for name, want := range map[string]struct {
			sectors []int64
			err     bool
		}{"HERE": {[]int64{40}, false}, "ZERO": {[]int64{45}, false}, "OTHER": {nil, true}, "PART": {[]int64{42}, true}, "SUB": {nil, true}} {
			n := child(t, root, name)
			if !slices.Equal(first(n), want.sectors) || (n.Err != nil) != want.err || len(n.Meta) > 0 {
				t.Errorf("%s: %+v", name, n)
			}
			_, err := fs.ReadFile(tree.NewFS(root, bytes.NewReader(s), int64(len(s))), name)
			if (err != nil) != want.err {
				t.Errorf("read %s: %v", name, err)
			}
		}
	}
	// A program that numbers all records alike, on the third volume.
	s = handmade(1, nil, isoRecord("HERE.;1", 40, 2048, 0), onDisc(3, isoRecord("TOO.;1", 41, 2048, 0)), onDisc(2, isoRecord("X.;1", 42, 2048, 0)))
	both16(s.at(16)[124:], 3)
	f = open(s)
	for name, want := range map[string]bool{"HERE": false, "TOO": false, "X": true} {
		if n := child(t, view(t, f, ISO), name); (n.Err != nil) != want {
			t.Errorf("%s: %v", name, n.Err)
		}
	}
	if outcome(f, "F213") != disc.Warning {
		t.Errorf("F213 is %s", outcome(f, "F213"))
	}
}

// An associated file has the name of a data file, and sections of its own.
func TestSectionsOfAssociatedFiles(t *testing.T) {
	data := func(sector uint32, flags byte) []byte { return isoRecord("A.;1", sector, 2048, flags) }
	for name, c := range map[string]struct {
		records     [][]byte
		fork, plain []int64
		want        disc.Outcome
	}{
		"in order":          {[][]byte{data(40, flagAssociated|flagMore), data(41, flagAssociated), data(42, flagMore), data(43, 0)}, []int64{40, 41}, []int64{42, 43}, disc.Pass},
		"one in the other":  {[][]byte{data(42, flagMore), data(40, flagAssociated), data(43, 0)}, []int64{40}, []int64{42, 43}, disc.Pass},
		"one without a end": {[][]byte{data(40, flagAssociated|flagMore), data(42, 0)}, []int64{40}, []int64{42}, disc.Failure},
	} {
		f := open(handmade(1, nil, c.records...))
		var fork, plain []int64
		for _, n := range view(t, f, ISO).Children {
			if n.Associated {
				fork = append(fork, first(n)...)
			} else {
				plain = append(plain, first(n)...)
			}
		}
		if n := len(view(t, f, ISO).Children); n != 2 || !slices.Equal(fork, c.fork) || !slices.Equal(plain, c.plain) || outcome(f, "F210") != c.want {
			t.Errorf("%s: %d files, associated %v, data %v, F210 %s", name, n, fork, plain, outcome(f, "F210"))
		}
	}
}

// Where records of a directory were not read, files that may have sections
// there are neither whole nor faulty.
func TestSectionsThatWereNotRead(t *testing.T) {
	many := func(prefix string, n int) (out [][]byte) {
		for i := range n {
			out = append(out, isoRecord(prefix+strings.Repeat("N", 190)+string(rune('A'+i))+".;1", 40, 2048, 0))
		}
		return out
	}
	// M begins in the first sector and ends in the third of four.
	records := many("A", 7)
	records = append(records, isoRecord("M.;1", 41, 2048, flagMore))
	for range 80 {
		records = append(records, isoRecord("M.;1", 42, 2048, flagMore))
	}
	records = append(records, isoRecord("M.;1", 43, 2048, 0))
	records = append(records, many("P", 12)...)
	s := handmade(4, nil, records...)
	whole := open(s)
	bad(t, whole)
	all := map[string]*tree.Node{}
	for _, n := range view(t, whole, ISO).Children {
		all[n.Name] = n
	}
	if len(all) != 20 || len(all["M"].Extents) != 82 {
		t.Fatalf("%d files, %+v", len(all), all["M"])
	}
	for gone := int64(20); gone < 24; gone++ {
		f := without(s, gone)
		root := view(t, f, ISO)
		if !errors.Is(root.Err, tree.ErrAbsent) || outcome(f, "F206") != disc.NotRun || outcome(f, "F210") == disc.Failure {
			t.Errorf("without sector %d: %v, F206 %s, F210 %s: %s", gone, root.Err, outcome(f, "F206"), outcome(f, "F210"), message(f, "F210"))
		}
		if (gone == 21 || gone == 22) != (outcome(f, "F210") == disc.NotRun) {
			t.Errorf("without sector %d, F210 is %s", gone, outcome(f, "F210"))
		}
		if len(root.Children) < 10 {
			t.Errorf("without sector %d there are %d names", gone, len(root.Children))
		}
		for _, n := range root.Children {
			want := all[n.Name]
			switch {
			case want == nil:
				t.Errorf("without sector %d there is %q", gone, n.Name)
			case n.Err == nil && (n.Size != want.Size || !slices.Equal(n.Extents, want.Extents)):
				t.Errorf("without sector %d: %q has %d bytes, not %d", gone, n.Name, n.Size, want.Size)
			case n.Err != nil && !errors.Is(n.Err, tree.ErrAbsent):
				t.Errorf("without sector %d: %q: %v", gone, n.Name, n.Err)
			}
		}
	}
}

// A relocated directory at block 0 cannot be, and is told.
func TestRelocatedToBlockZero(t *testing.T) {
	f := open(handmade(1, sp, isoRecord("DEEP", 40, 2048, 0, px(0o040755), use("CL", numbers(0)...))))
	n := child(t, view(t, f, RockRidge), "DEEP")
	if outcome(f, "F302") != disc.Failure || !n.IsDir() || n.Err == nil || len(n.Extents) > 0 {
		t.Errorf("F302 %s, %+v", outcome(f, "F302"), n)
	}
}

// Entries of Rock Ridge that are not as they should be.
func TestRockRidgeFaults(t *testing.T) {
	link := func(p ...byte) []byte {
		return isoRecord("L.;1", 0, 0, 0, px(0o120777), use("SL", append([]byte{0}, p...)...))
	}
	uneven := func(p []byte) []byte { p[4+7]++; return p }
	for name, c := range map[string]struct {
		own  []byte
		file []byte
		code string
		want disc.Outcome
	}{
		"a sound link":               {sp, link(0, 3, 'a', 'b', 'c'), "F301", disc.Pass},
		"a component too long":       {sp, link(0, 9, 'a', 'b', 'c'), "F301", disc.Failure},
		"a component without end":    {sp, link(1, 3, 'a', 'b', 'c'), "F301", disc.Failure},
		"bytes behind a component":   {sp, link(0, 3, 'a', 'b', 'c', 7), "F301", disc.Failure},
		"a root that is a link":      {slices.Concat(sp, px(0o120777), use("SL", 0, 0, 1, 'x')), link(0, 1, 'a'), "F301", disc.Failure},
		"a root that is a file":      {slices.Concat(sp, px(0o100644)), link(0, 1, 'a'), "F301", disc.Failure},
		"a mode in two ways":         {sp, isoRecord("F.;1", 40, 2048, 0, uneven(px(0o100644))), "F203", disc.Warning},
		"a continuation in two ways": {sp, isoRecord("F.;1", 40, 2048, 0, px(0o100644), uneven(use("CE", numbers(31, 0, 0)...))), "F203", disc.Warning},
		"zisofs":                     {sp, isoRecord("F.;1", 40, 2048, 0, px(0o100644), use("ZF", append([]byte{'p', 'z', 4, 15}, numbers(9999)...)...)), "F304", disc.Warning},
		"a sparse file":              {sp, isoRecord("F.;1", 40, 2048, 0, px(0o100644), use("SF", append(numbers(0, 9999), 1)...)), "F304", disc.Warning},
		"neither":                    {sp, isoRecord("F.;1", 40, 2048, 0, px(0o100644)), "F304", disc.NotApplicable},
	} {
		f := open(handmade(1, c.own, c.file))
		if outcome(f, c.code) != c.want {
			t.Errorf("%s: %s is %s: %s", name, c.code, outcome(f, c.code), message(f, c.code))
		}
		bad(t, f, c.code)
		root := view(t, f, RockRidge)
		if root.Mode.Type() != fs.ModeDir || root.Link != "" {
			t.Errorf("%s: the root is %v, %q", name, root.Mode, root.Link)
		}
		if c.code == "F304" && first(root.Children[0])[0] != 40 {
			t.Errorf("%s: %+v", name, root.Children[0])
		}
	}
	if m := message(open(handmade(1, sp, isoRecord("F.;1", 40, 2048, 0, use("ZF", append([]byte{'p', 'z', 4, 15}, numbers(9999)...)...)))), "F304"); !strings.Contains(m, "F is stored compressed (zisofs, 9999 bytes before); the 2048 bytes") {
		t.Error(m)
	}
}

// Zeroes where records should be.
func TestRecordsThatAreMissing(t *testing.T) {
	var records [][]byte
	for i := range 34 {
		records = append(records, isoRecord("A"+strings.Repeat("N", 190)+string(rune('A'+i))+".;1", 40, 2048, 0))
	}
	end := func(s sheet, sector int) int { // where the records of a sector end
		return len(bytes.TrimRight(s.at(sector), "\x00"))
	}
	for name, c := range map[string]struct {
		harm func(s sheet) sheet
		want disc.Outcome
		err  bool
	}{
		"none":                                  {func(s sheet) sheet { return s }, disc.Pass, false},
		"behind the parent's record":            {func(s sheet) sheet { clear(s.at(20)[68:]); return s }, disc.Failure, true},
		"behind the parent's record, all":       {func(s sheet) sheet { clear(s[20*sectorSize+68 : 25*sectorSize]); return s }, disc.Failure, true},
		"the first sector":                      {func(s sheet) sheet { clear(s.at(20)); return s }, disc.Failure, true},
		"a sector between others":               {func(s sheet) sheet { clear(s.at(21)); return s }, disc.Failure, true},
		"two sectors between others":            {func(s sheet) sheet { clear(s.at(21)); clear(s.at(22)); return s }, disc.Failure, true},
		"the end of a sector":                   {func(s sheet) sheet { clear(s.at(21)[end(s, 21)-228:]); return s }, disc.Warning, false},
		"the last sectors":                      {func(s sheet) sheet { clear(s.at(23)); clear(s.at(24)); return s }, disc.Warning, false},
		"an empty directory":                    {func(sheet) sheet { return handmade(1, nil) }, disc.Pass, false},
		"an empty directory of several sectors": {func(sheet) sheet { return handmade(3, nil) }, disc.Failure, true},
	} {
		s := c.harm(handmade(5, nil, records...))
		f := open(s)
		if root := view(t, f, ISO); outcome(f, "F206") != c.want || (root.Err != nil) != c.err {
			t.Errorf("%s: F206 is %s: %s; %v", name, outcome(f, "F206"), message(f, "F206"), root.Err)
		}
		bad(t, f, "F206", "F205")
	}
}

// What is out of order, or says two things, is told and loses nothing.
func TestOrders(t *testing.T) {
	file := func(name string) []byte { return isoRecord(name, 40, 2048, 0) }
	sub := isoRecord("SUB", 30, 2048, flagDirectory)
	for name, c := range map[string]struct {
		make func() sheet
		code string
		want disc.Outcome
	}{
		"names ascend":                       {func() sheet { return handmade(1, nil, file("A.TXT;1"), file("A1.TXT;1"), file("A_.TXT;1"), sub) }, "F214", disc.Pass},
		"by all characters":                  {func() sheet { return handmade(1, nil, file("A-B.TXT;1"), file("A.TXT;1"), sub) }, "F214", disc.Pass},
		"by name, then extension":            {func() sheet { return handmade(1, nil, file("A.TXT;1"), file("A-B.TXT;1"), sub) }, "F214", disc.Pass},
		"without regard to case":             {func() sheet { return handmade(1, nil, file("a.;1"), file("B.;1"), file("c.;1")) }, "F214", disc.Pass},
		"names descend":                      {func() sheet { return handmade(1, nil, file("B.TXT;1"), file("A.TXT;1"), sub) }, "F214", disc.Warning},
		"a directory behind":                 {func() sheet { return handmade(1, nil, file("T.;1"), sub) }, "F214", disc.Warning},
		"blocks of attributes":               {func() sheet { s := handmade(1, nil, sub); s.at(18)[11] = 1; return s }, "F215", disc.Warning},
		"blocks of attributes in one table":  {func() sheet { s := handmade(1, nil, sub); s.at(19)[11] = 1; return s }, "F215", disc.Warning},
		"no blocks of attributes":            {func() sheet { return handmade(1, nil, sub) }, "F215", disc.NotApplicable},
		"directories of the tables in order": {func() sheet { return tables("A", "B") }, "F214", disc.Pass},
		"directories of the tables not so":   {func() sheet { return tables("B", "A") }, "F214", disc.Warning},
	} {
		f := open(c.make())
		if outcome(f, c.code) != c.want {
			t.Errorf("%s: %s is %s: %s", name, c.code, outcome(f, c.code), message(f, c.code))
		}
		bad(t, f, c.code)
	}
}

// tables has two directories in a root that is in order, and in that order in
// the path tables.
func tables(a, b string) sheet {
	s := handmade(1, nil, isoRecord("A", 30, 2048, flagDirectory), isoRecord("B", 31, 2048, flagDirectory))
	copy(s.at(31), slices.Concat(isoRecord("\x00", 31, 2048, flagDirectory), isoRecord("\x01", 20, 2048, flagDirectory)))
	sectors := map[string]uint32{"A": 30, "B": 31}
	for i, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		copy(s.at(18+i), slices.Concat(isoPath(order, "\x00", 20), isoPath(order, a, sectors[a]), isoPath(order, b, sectors[b])))
	}
	both32(s.at(16)[132:], 30)
	return s
}
