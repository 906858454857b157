package proofs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// planCopies looks for the second copies that video and audio discs have of
// their tables.
func (p *Proofs) planCopies(names *resolver) {
	p.pairs(dvdCopies, names, "VIDEO_TS", "DVDVIDEO-VMG", "DVDVIDEO-VTS")
	p.pairs(audioCopies, names, "AUDIO_TS", "", "")
	c := &copies{p: p, code: bdCopies}
	for _, k := range []struct{ dir, exts string }{
		{"", ".bdmv .bdm"},
		{"PLAYLIST", ".mpls .mpl"},
		{"CLIPINF", ".clpi .cpi"},
		{"BDJO", ".bdjo .bdj"},
	} {
		main, backup := dirAt(names, "BDMV/"+k.dir), dirAt(names, "BDMV/BACKUP/"+k.dir)
		if main == nil || !main.node().IsDir() {
			continue
		}
		where := path.Join("BDMV", k.dir)
		for _, n := range main.node().Children {
			ext := strings.ToLower(path.Ext(n.Name))
			if !n.Mode.IsRegular() || ext == "" || !strings.Contains(k.exts+" ", ext+" ") {
				continue
			}
			var twin *tree.Node
			if backup != nil && backup.node().IsDir() {
				twin = names.child(backup.node(), n.Name)
			}
			if twin == nil && backup != nil && backup.node().Err != nil {
				p.cannot(bdCopies, quote(path.Join("BDMV/BACKUP", k.dir)), backup.node().Err)
				continue
			}
			c.pair(path.Join(where, n.Name), n, twin)
		}
		if main.node().Err != nil {
			p.cannot(bdCopies, where, main.node().Err)
		}
	}
	c.end()
}

// dirAt finds a place from the root; nil when there is none.
func dirAt(names *resolver, name string) place {
	p, _ := names.find(place{names.root}, name)
	return p
}

// pairs compares the IFO files of a directory with its BUP files (DVD
// specifications, part 3, VI4.1 and VTSI). vmg and vts are what the first begins with.
func (p *Proofs) pairs(code string, names *resolver, dirName, vmg, vts string) {
	at := dirAt(names, dirName)
	if at == nil || !at.node().IsDir() {
		return
	}
	dir := at.node()
	if dir.Err != nil {
		p.cannot(code, dirName, dir.Err)
	}
	c := &copies{p: p, code: code}
	tables, sound := 0, 0
	for _, n := range dir.Children {
		base := strings.TrimSuffix(n.Name, path.Ext(n.Name))
		switch strings.ToLower(path.Ext(n.Name)) {
		case ".ifo":
			c.pair(path.Join(dirName, n.Name), n, names.child(dir, base+".BUP"))
			if vmg == "" {
				continue
			}
			want := vts
			if strings.EqualFold(base, dirName) {
				want = vmg
			}
			tables++
			if p.table(path.Join(dirName, n.Name), n, want) {
				sound++
			}
		case ".bup":
			if dir.Err == nil && names.child(dir, base+".IFO") == nil {
				p.sheet.Fail(code, "%s is there, but no IFO file that it is the copy of", quote(path.Join(dirName, n.Name)))
			}
		}
	}
	c.end()
	if sound > 0 {
		p.sheet.Pass(dvdTables, "%s of %d are what they say", count(sound, "IFO file", "IFO files"), tables)
	}
}

// table checks what an IFO file says of itself: its identifier in bytes 0 to
// 11, the last sector of its tables in 28 to 31.
func (p *Proofs) table(name string, n *tree.Node, want string) bool {
	if n.Err != nil {
		p.cannot(dvdTables, quote(name), n.Err)
		return false
	}
	head := make([]byte, 32)
	_, err := io.ReadFull(io.NewSectionReader(tree.NewContent(n, p.src, p.src.Size()), 0, n.Size), head)
	switch last := int64(binary.BigEndian.Uint32(head[28:])); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		p.sheet.Fail(dvdTables, "%s has only %d bytes", quote(name), n.Size)
	case err != nil:
		p.cannot(dvdTables, quote(name), err)
	case string(head[:12]) != want:
		p.sheet.Fail(dvdTables, "%s begins with %q, not with %q", quote(name), quote(string(head[:12])), want)
	case (last+1)*disc.SectorSize > n.Size:
		p.sheet.Fail(dvdTables, "%s says that it has %d bytes, and has %d", quote(name), (last+1)*disc.SectorSize, n.Size)
	default:
		return true
	}
	return false
}

// copies compares files in pairs.
type copies struct {
	p    *Proofs
	code string
	todo []twins
}

type twins struct {
	name        string
	first, copy *digest.Job
}

// pair asks for the digests of a file and its copy, which is nil when there is
// none.
func (c *copies) pair(name string, n, twin *tree.Node) {
	sheet := c.p.sheet
	switch {
	case !n.Mode.IsRegular():
	case twin == nil || !twin.Mode.IsRegular():
		sheet.Warn(c.code, "%s has no second copy", quote(name))
	case n.Size != twin.Size && n.Err == nil && twin.Err == nil:
		sheet.Fail(c.code, "%s has %d bytes, its copy has %d", quote(name), n.Size, twin.Size)
	default:
		first, err := c.p.file(n, digest.SHA256)
		if err != nil {
			c.p.cannot(c.code, quote(name), err)
			return
		}
		second, err := c.p.file(twin, digest.SHA256)
		if err != nil {
			c.p.cannot(c.code, "the copy of "+quote(name), err)
			return
		}
		c.todo = append(c.todo, twins{name, first, second})
	}
}

// end leaves the comparing to Checks.
func (c *copies) end() {
	c.p.after = append(c.p.after, func() {
		equal := 0
		for _, t := range c.todo {
			switch {
			case t.first.Err != nil:
				c.p.cannot(c.code, quote(t.name), t.first.Err)
			case t.copy.Err != nil:
				c.p.cannot(c.code, "the copy of "+quote(t.name), t.copy.Err)
			case !bytes.Equal(t.first.Sums[digest.SHA256], t.copy.Sums[digest.SHA256]):
				c.p.sheet.Fail(c.code, "%s and its copy have different bytes", quote(t.name))
			default:
				equal++
			}
		}
		if equal > 0 {
			c.p.sheet.Pass(c.code, "%s", plural(equal))
		}
	})
}

func plural(equal int) string {
	if equal == 1 {
		return "1 file equals its copy"
	}
	return count(equal, "", "files equal their copies")
}
