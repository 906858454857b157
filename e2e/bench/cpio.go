package bench

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// cpioWriter writes a cpio archive of the "newc" kind, as the kernel's initramfs
// takes it (Documentation/driver-api/early-userspace/buffer-format.rst).
// Folders above an entry are made as they are needed.
type cpioWriter struct {
	w    io.Writer
	ino  uint32
	dirs map[string]bool
	err  error
}

func newCPIO(w io.Writer) *cpioWriter {
	return &cpioWriter{w: w, dirs: map[string]bool{"": true, ".": true}}
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

func (c *cpioWriter) dir(name string) {
	if c.dirs[name] {
		return
	}
	c.parents(name)
	c.dirs[name] = true
	c.entry(name, modeDir|0o755, nil)
}

func (c *cpioWriter) parents(name string) {
	if up := path.Dir(name); !c.dirs[up] {
		c.dir(up)
	}
}

func (c *cpioWriter) file(name string, perm fs.FileMode, body []byte) {
	c.parents(name)
	c.entry(name, modeFile|uint32(perm.Perm()), body)
}

func (c *cpioWriter) link(name, to string) {
	c.parents(name)
	c.dirs[name] = true // a link may stand for a folder
	c.entry(name, modeLink|0o777, []byte(to))
}

func (c *cpioWriter) entry(name string, mode uint32, body []byte) {
	if c.err != nil {
		return
	}
	c.ino++
	var b bytes.Buffer
	b.WriteString("070701")
	links := 1
	for _, v := range []uint32{c.ino, mode, 0, 0, uint32(links), 0, uint32(len(body)), 0, 0, 0, 0, uint32(len(name) + 1), 0} {
		fmt.Fprintf(&b, "%08X", v)
	}
	b.WriteString(name)
	b.WriteByte(0)
	pad(&b)
	if _, c.err = c.w.Write(b.Bytes()); c.err != nil {
		return
	}
	b.Reset()
	b.Write(body)
	pad(&b)
	_, c.err = c.w.Write(b.Bytes())
}

func pad(b *bytes.Buffer) { b.Write(make([]byte, -b.Len()&3)) }

func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}
