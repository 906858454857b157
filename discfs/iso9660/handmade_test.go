package iso9660

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// isoRecord is a directory record of ECMA-119 (9.1), with a system use area.
func isoRecord(name string, lba, size uint32, flags byte, use ...[]byte) []byte {
	p := make([]byte, 33+len(name)+(1-len(name)%2))
	both32(p[2:], lba)
	both32(p[10:], size)
	copy(p[18:], []byte{100, 5, 28, 12, 30, 59, 0})
	p[25] = flags
	both16(p[28:], 1)
	p[32] = byte(len(name))
	copy(p[33:], name)
	p = append(p, bytes.Join(use, nil)...)
	p = append(p, make([]byte, len(p)%2)...)
	p[0] = byte(len(p))
	return p
}

// onDisc gives a record the number of another volume.
func onDisc(n uint16, record []byte) []byte {
	both16(record[28:], n)
	return record
}

// use is an entry of the System Use Sharing Protocol.
func use(sig string, data ...byte) []byte {
	return append([]byte{sig[0], sig[1], byte(4 + len(data)), 1}, data...)
}

// numbers are in both byte orders.
func numbers(v ...uint32) (p []byte) {
	for _, n := range v {
		p = append(p, make([]byte, 8)...)
		both32(p[len(p)-8:], n)
	}
	return p
}

func px(mode uint32) []byte { return use("PX", numbers(mode, 1, 0, 0)...) }

var sp = use("SP", 0xbe, 0xef, 0)

// handmade is an image whose root, of that many sectors from 20, has those
// records behind its own two; own is the system use of its first. There is a
// directory SUB at sector 30, empty, and bytes in the sectors from 40 on.
func handmade(sectors int, own []byte, records ...[]byte) sheet {
	s := make(sheet, 60*sectorSize)
	p := s.at(16)
	copy(p, "\x01CD001\x01")
	copy(p[8:], strings.Repeat(" ", 64))
	both32(p[80:], 60)
	both16(p[120:], 3)
	both16(p[124:], 1)
	both16(p[128:], 2048)
	dirs := [][]byte{isoPath(binary.LittleEndian, "\x00", 20), isoPath(binary.BigEndian, "\x00", 20)}
	if slices.ContainsFunc(records, func(r []byte) bool { return bytes.HasPrefix(r[33:], []byte("SUB")) }) {
		dirs[0] = append(dirs[0], isoPath(binary.LittleEndian, "SUB", 30)...)
		dirs[1] = append(dirs[1], isoPath(binary.BigEndian, "SUB", 30)...)
	}
	both32(p[132:], uint32(len(dirs[0])))
	binary.LittleEndian.PutUint32(p[140:], 18)
	binary.BigEndian.PutUint32(p[148:], 19)
	size := uint32(sectors * sectorSize)
	copy(p[156:], isoRecord("\x00", 20, size, flagDirectory))
	for _, f := range []struct{ at, n int }{{190, 623}} {
		copy(p[f.at:], strings.Repeat(" ", f.n))
	}
	copy(p[813:], strings.Repeat("0", 16)+"\x00"+strings.Repeat("0", 16)+"\x00"+strings.Repeat("0", 16)+"\x00"+strings.Repeat("0", 16)+"\x00")
	copy(s.at(17), "\xffCD001\x01")
	copy(s.at(18), dirs[0])
	copy(s.at(19), dirs[1])
	at := 20 * sectorSize
	for _, r := range append([][]byte{isoRecord("\x00", 20, size, flagDirectory, own), isoRecord("\x01", 20, size, flagDirectory)}, records...) {
		if at%sectorSize+len(r) > sectorSize {
			at += sectorSize - at%sectorSize
		}
		at += copy(s[at:], r)
	}
	copy(s.at(30), slices.Concat(isoRecord("\x00", 30, 2048, flagDirectory), isoRecord("\x01", 20, size, flagDirectory)))
	for i := 40; i < 60; i++ {
		copy(s.at(i), bytes.Repeat([]byte{byte(i)}, sectorSize))
	}
	return s
}

func isoPath(order binary.AppendByteOrder, name string, lba uint32) []byte {
	p := order.AppendUint16(order.AppendUint32([]byte{byte(len(name)), 0}, lba), 1)
	p = append(p, name...)
	return append(p, make([]byte, len(name)%2)...)
}

func without(s sheet, sectors ...int64) tree.Found {
	return Read(tree.NewSource(bytes.NewReader(s), int64(len(s))).Gate(func(off, n int64) bool {
		return !slices.ContainsFunc(sectors, func(x int64) bool { return off < (x+1)*sectorSize && off+n > x*sectorSize })
	}))
}

// view is the root of one view of what was found.
func view(t *testing.T, f tree.Found, name string) *tree.Node {
	t.Helper()
	for _, v := range f.Volumes {
		if v.View == name && v.Root != nil {
			return v.Root
		}
	}
	t.Fatalf("there is no %s tree; %+v", name, f.Checks)
	return nil
}

func child(t *testing.T, n *tree.Node, name string) *tree.Node {
	t.Helper()
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no %q", name)
	return nil
}

func message(f tree.Found, code string) string {
	for _, c := range f.Checks {
		if c.Code == code {
			return c.Message
		}
	}
	return ""
}

// first is the first byte of each sector that a file's extents have; each sector
// here is filled with its number.
func first(n *tree.Node) (out []int64) {
	for _, e := range n.Extents {
		out = append(out, e.Offset/sectorSize)
	}
	return out
}

func bad(t *testing.T, f tree.Found, allowed ...string) {
	t.Helper()
	for _, c := range f.Checks {
		if c.Outcome != disc.Pass && c.Outcome != disc.NotApplicable && !slices.Contains(allowed, c.Code) {
			t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
		}
	}
}
