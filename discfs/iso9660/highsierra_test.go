package iso9660

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// sheet is an image that is laid down by hand.
type sheet []byte

func (s sheet) at(sector int) []byte { return s[sector*sectorSize : (sector+1)*sectorSize] }

func both32(p []byte, v uint32) {
	binary.LittleEndian.PutUint32(p, v)
	binary.BigEndian.PutUint32(p[4:], v)
}

func both16(p []byte, v uint16) {
	binary.LittleEndian.PutUint16(p, v)
	binary.BigEndian.PutUint16(p[2:], v)
}

// hsRecord is a directory record of High Sierra: a date of six bytes, then the flags.
func hsRecord(name string, lba, size uint32, flags byte) []byte {
	n := 33 + len(name)
	p := make([]byte, n+n%2)
	p[0] = byte(len(p))
	both32(p[2:], lba)
	both32(p[10:], size)
	copy(p[18:], []byte{86, 5, 28, 12, 30, 59})
	p[24] = flags
	both16(p[28:], 1)
	p[32] = byte(len(name))
	copy(p[33:], name)
	return p
}

// hsPath is a path table record of High Sierra: the location comes first.
func hsPath(order binary.AppendByteOrder, name string, lba uint32, parent uint16) []byte {
	p := order.AppendUint32(nil, lba)
	p = append(p, 0, byte(len(name)))
	p = append(order.AppendUint16(p, parent), name...)
	if len(name)%2 == 1 {
		p = append(p, 0)
	}
	return p
}

// highSierra has a file in the root and one in a folder.
func highSierra() (sheet, map[string][]byte) {
	s := make(sheet, 26*sectorSize)
	p := s.at(16)
	both32(p, 16)
	p[8] = 1
	copy(p[9:], "CDROM")
	p[14] = 1
	copy(p[16:], "SYSTEM          ")
	copy(p[48:], "HIGH_SIERRA_86"+strings.Repeat(" ", 18))
	both32(p[88:], 26)
	both16(p[128:], 1)
	both16(p[132:], 1)
	both16(p[136:], 2048)
	dirs := func(order binary.AppendByteOrder) []byte {
		return append(hsPath(order, "\x00", 20, 1), hsPath(order, "SUB", 21, 1)...)
	}
	both32(p[140:], uint32(len(dirs(binary.LittleEndian))))
	binary.LittleEndian.PutUint32(p[148:], 18)
	binary.BigEndian.PutUint32(p[164:], 19)
	copy(p[180:], hsRecord("\x00", 20, 2048, flagDirectory))
	for _, f := range []struct{ at, n int }{{214, 512}, {726, 64}} {
		for i := range f.n {
			p[f.at+i] = ' '
		}
	}
	copy(p[790:], "1986052812305900"+strings.Repeat("0", 48))
	q := s.at(17)
	both32(q, 17)
	q[8] = 255
	copy(q[9:], "CDROM")
	copy(s.at(18), dirs(binary.LittleEndian))
	copy(s.at(19), dirs(binary.BigEndian))
	files := map[string][]byte{"README.TXT": bytes.Repeat([]byte("hello "), 100), "SUB/DEEP.DAT": bytes.Repeat([]byte{1, 2, 3}, 900)}
	copy(s.at(20), bytes.Join([][]byte{hsRecord("\x00", 20, 2048, flagDirectory), hsRecord("\x01", 20, 2048, flagDirectory),
		hsRecord("README.TXT;1", 22, uint32(len(files["README.TXT"])), 0), hsRecord("SUB", 21, 2048, flagDirectory)}, nil))
	copy(s.at(21), bytes.Join([][]byte{hsRecord("\x00", 21, 2048, flagDirectory), hsRecord("\x01", 20, 2048, flagDirectory),
		hsRecord("DEEP.DAT;1", 23, uint32(len(files["SUB/DEEP.DAT"])), 0)}, nil))
	copy(s[22*sectorSize:], files["README.TXT"])
	copy(s[23*sectorSize:], files["SUB/DEEP.DAT"])
	return s, files
}

func open(s sheet) tree.Found {
	return Read(tree.NewSource(bytes.NewReader(s), int64(len(s))))
}

func outcome(f tree.Found, code string) disc.Outcome {
	for _, c := range f.Checks {
		if c.Code == code {
			return c.Outcome
		}
	}
	return ""
}

func TestHighSierra(t *testing.T) {
	s, files := highSierra()
	f := open(s)
	if len(f.Systems) != 1 || f.Systems[0] != HighSierra || len(f.Volumes) != 1 {
		t.Fatalf("systems %v, %d volumes", f.Systems, len(f.Volumes))
	}
	v := f.Volumes[0]
	if v.View != HighSierra || v.Label != "HIGH_SIERRA_86" || v.Root == nil {
		t.Fatalf("%+v", v)
	}
	if len(v.Dates) != 1 || v.Dates[0].Time == nil || !v.Dates[0].Time.Equal(time.Date(1986, 5, 28, 12, 30, 59, 0, time.UTC)) {
		t.Errorf("dates %+v", v.Dates)
	}
	if len(f.Claims) != 1 || f.Claims[0].Bytes != 26*2048 || f.Claims[0].System != HighSierra {
		t.Errorf("claims %+v", f.Claims)
	}
	for _, c := range f.Checks {
		if c.Outcome == disc.Failure || c.Outcome == disc.Warning || c.Outcome == disc.NotRun {
			t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
		}
	}
	fsys := tree.NewFS(v.Root, bytes.NewReader(s), int64(len(s)))
	if err := fstest.TestFS(fsys, "README.TXT", "SUB/DEEP.DAT"); err != nil {
		t.Error(err)
	}
	for name, want := range files {
		got, err := fs.ReadFile(fsys, name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if fi, err := fsys.Stat(name); err != nil || !fi.ModTime().Equal(time.Date(1986, 5, 28, 12, 30, 59, 0, time.UTC)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each fault gives the check that is meant for it.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(s sheet)
		code string
		want disc.Outcome
	}{
		"path table L":              {func(s sheet) { s.at(18)[10] ^= 1 }, "F205", disc.Failure},
		"path table M":              {func(s sheet) { s.at(19)[9+3] ^= 1 }, "F204", disc.Failure},
		"byte orders of the space":  {func(s sheet) { s.at(16)[95] ^= 1 }, "F203", disc.Failure},
		"byte orders of a record":   {func(s sheet) { s.at(20)[68+17] ^= 1 }, "F203", disc.Failure},
		"a record cut short":        {func(s sheet) { s.at(20)[68] = 20 }, "F206", disc.Failure},
		"a record over its sector":  {func(s sheet) { copy(s.at(21)[112:], bytes.Repeat(hsRecord("XY", 23, 0, 0), 60)) }, "F206", disc.Failure},
		"a directory of zeroes":     {func(s sheet) { clear(s.at(21)) }, "F206", disc.Failure},
		"a length of zero":          {func(s sheet) { s.at(21)[68] = 0 }, "F206", disc.Failure},
		"a loop":                    {func(s sheet) { r := hsRecord("SUB", 20, 2048, flagDirectory); copy(s.at(20)[68+46:], r) }, "F207", disc.Failure},
		"a directory outside":       {func(s sheet) { copy(s.at(20)[68+46:], hsRecord("SUB", 900, 2048, flagDirectory)) }, "F208", disc.Failure},
		"a file outside":            {func(s sheet) { copy(s.at(21)[68:], hsRecord("DEEP.DAT;1", 24, 1<<20, 0)) }, "F209", disc.Failure},
		"a section that is missing": {func(s sheet) { s.at(21)[68+24] = flagMore }, "F210", disc.Failure},
		"no terminator":             {func(s sheet) { clear(s.at(17)) }, "F201", disc.Warning},
		"no primary descriptor":     {func(s sheet) { s.at(16)[8] = 4 }, "F202", disc.Failure},
		"no primary, no terminator": {func(s sheet) { s.at(16)[8] = 4; clear(s.at(17)) }, "F202", disc.Failure},
		"no date":                   {func(s sheet) { s.at(16)[790] = 'x' }, "F211", disc.Warning},
		"a block size of 77":        {func(s sheet) { both16(s.at(16)[136:], 77) }, "F212", disc.Failure},
	} {
		s, _ := highSierra()
		c.harm(s)
		if f := open(s); outcome(f, c.code) != c.want || len(f.Systems) != 1 {
			t.Errorf("%s: %s is %q, want %q; systems %v", name, c.code, outcome(f, c.code), c.want, f.Systems)
		}
	}
}

// A set of which a sector was not read is not said to lack what may stand there.
func TestSetThatWasNotReadWhole(t *testing.T) {
	s, _ := highSierra()
	for gone, want := range map[int64]disc.Outcome{16: disc.NotRun, 17: disc.Pass} {
		have := func(off, n int64) bool { return off+n <= gone*sectorSize || off >= (gone+1)*sectorSize }
		f := Read(tree.NewSource(bytes.NewReader(s), int64(len(s))).Gate(have))
		if outcome(f, "F202") != want || outcome(f, "F201") != disc.NotRun || len(f.Systems) != 1 {
			t.Errorf("without sector %d: F201 %q, F202 %q, systems %v", gone, outcome(f, "F201"), outcome(f, "F202"), f.Systems)
		}
	}
}
