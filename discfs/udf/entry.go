package udf

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ripstation/discfs/tree"
)

const maxIndirect = 64

// entry is a file entry or extended file entry (4/14.9, 4/14.17).
type entry struct {
	kind                                 byte // file type of the ICB tag (4/14.6.6)
	mode                                 fs.FileMode
	uid, gid                             int64
	links                                int
	size                                 int64
	extents                              []tree.Extent
	body, pad                            int64     // bytes of the extents so far, and what the last one lacks to a block
	ragged                               bool      // an extent that is not the last ended inside of a block
	stretches                            []stretch // of a directory's bytes
	modified, accessed, changed, created time.Time
	meta                                 []tree.Extent // blocks that it stands in
	streams                              longAD
	err                                  error // why the extents are not all there
}

// isDir reports whether it is that of a directory, be it one of streams.
func (e *entry) isDir() bool { return e.kind == 4 || e.kind == 13 }

// icb reads the entry that an ICB leads to, and says where it stands. With
// strategy 4096 the last of a chain counts (UDF 2.60, 2.3.5.1).
func (r *reader) icb(at longAD) (e entry, off int64, err error) {
	var meta []tree.Extent
	for range maxIndirect {
		p, o, id, err := r.descriptor(at)
		if err != nil {
			return e, o, err
		}
		if id != tagFileEntry && id != tagExtendedFile {
			return e, o, fmt.Errorf("a descriptor of type %d stands where a file entry should", id)
		}
		if e, err = r.entry(p, o, at.ref); err != nil {
			return e, o, err
		}
		meta = append(meta, tree.Extent{Offset: o, Length: r.bs})
		e.meta = append(meta, e.meta...)
		off = o
		if le16(p[20:]) != 4096 {
			return e, off, nil
		}
		// The indirect entry stands in the next block of the ICB.
		q, o, err := r.block(longAD{block: at.block + 1, ref: at.ref})
		if err != nil {
			return e, off, nil
		}
		if id, err := checkTag(q, at.block+1); err != nil || id != tagIndirect {
			return e, off, nil
		}
		meta = append(meta, tree.Extent{Offset: o, Length: r.bs})
		next := parseLong(q[36:])
		if next.n == 0 {
			return e, off, nil
		}
		at = next
	}
	return e, off, errors.New("its chain of entries has no end")
}

// descriptor reads a block that holds a descriptor, and proves it. Where the
// metadata file fails, its mirror may have the block (UDF 2.60, 2.2.13).
func (r *reader) descriptor(at longAD) (p []byte, off int64, id uint16, err error) {
	p, off, err = r.block(at)
	if err == nil {
		id, err = checkTag(p, at.block)
	}
	if err == nil || int(at.ref) >= len(r.maps) {
		return p, off, id, err
	}
	m, ok := r.maps[at.ref].(*metadata)
	if !ok || m.mirror == nil {
		return p, off, id, err
	}
	o, _, merr := m.mirror.place(at.block)
	if merr != nil {
		return p, off, id, err
	}
	q, merr := r.bytes(o, int(r.bs))
	if merr != nil {
		return p, off, id, err
	}
	i, merr := checkTag(q, at.block)
	if merr != nil {
		return p, off, id, err
	}
	r.silent("F507", "block %d of the metadata file: %v; the mirror's was taken", at.block, err)
	return q, o, i, nil
}

// block reads one block.
func (r *reader) block(at longAD) (p []byte, off int64, err error) {
	if int(at.ref) >= len(r.maps) {
		return nil, 0, fmt.Errorf("there is no partition reference %d", at.ref)
	}
	off, _, err = r.maps[at.ref].place(at.block)
	if err != nil {
		return nil, off, err
	}
	p, err = r.bytes(off, int(r.bs))
	return p, off, err
}

// entry reads a file entry whose tag was proved. off is where it stands.
func (r *reader) entry(p []byte, off int64, ref uint16) (e entry, err error) {
	if len(p) < 216 {
		return e, errors.New("it is too short for a file entry")
	}
	extended := le16(p) == tagExtendedFile
	e.kind = p[27]
	flags := le16(p[34:])
	e.uid, e.gid = owner(le32(p[36:])), owner(le32(p[40:]))
	e.mode = mode(e.kind, le32(p[44:]), flags)
	e.links = int(le16(p[48:]))
	size := le64(p[56:])
	if size > 1<<62 {
		return e, fmt.Errorf("it says that the file has %d bytes", size)
	}
	e.size = int64(size)
	times, lengths := 72, 168
	if extended {
		times, lengths = 80, 208
		e.created = stamp(p[104:])
		e.streams = parseLong(p[152:])
	}
	e.accessed, e.modified = stamp(p[times:]), stamp(p[times+12:])
	e.changed = stamp(p[times+24:])
	if extended {
		e.changed = stamp(p[times+36:])
	}
	ea, ad := int64(le32(p[lengths:])), int64(le32(p[lengths+4:]))
	at := int64(lengths + 8)
	if ea > int64(len(p))-at || ad > int64(len(p))-at-ea {
		return e, fmt.Errorf("its attributes of %d bytes and allocation descriptors of %d do not fit into its block", ea, ad)
	}
	if !extended {
		e.created = creation(p[at : at+ea])
	}
	at += ea
	if flags&7 == 3 { // the data stand in the entry itself (4/14.6.8)
		if e.size > ad {
			e.err = tree.ErrShort
		}
		if n := min(e.size, ad); n > 0 {
			e.extents = []tree.Extent{{Offset: off + at, Length: n}}
			if e.isDir() {
				e.addStretch(longAD{n: n, block: int64(le32(p[12:])), ref: ref}, at, r.bs)
			}
		}
		return e, nil
	}
	e.err = r.allocation(&e, p[at:at+ad], flags&7, ref)
	return e, nil
}

func owner(n uint32) int64 {
	if n == 1<<32-1 {
		return -1
	}
	return int64(n)
}

// mode turns type and permissions (4/14.9.5) into Go's.
func mode(kind byte, perm uint32, flags uint16) fs.FileMode {
	var m fs.FileMode
	for i := range uint(3) { // other, group, owner
		p := perm >> (5 * i)
		m |= fs.FileMode(p&4|p&2|p&1) << (3 * i)
	}
	switch kind {
	case 4:
		m |= fs.ModeDir
	case 6:
		m |= fs.ModeDevice
	case 7:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case 9:
		m |= fs.ModeNamedPipe
	case 10:
		m |= fs.ModeSocket
	case 12:
		m |= fs.ModeSymlink
	}
	for bit, f := range map[uint16]fs.FileMode{1 << 6: fs.ModeSetuid, 1 << 7: fs.ModeSetgid, 1 << 8: fs.ModeSticky} {
		if flags&bit != 0 {
			m |= f
		}
	}
	return m
}

// creation looks for the file times attribute among extended attributes
// (4/14.10.5).
func creation(p []byte) time.Time {
	if len(p) < 24 {
		return time.Time{}
	}
	for p = p[24:]; len(p) >= 12; {
		n := int(le32(p[8:]))
		if n < 12 || n > len(p) {
			break
		}
		if le32(p) == 5 && n >= 32 && le32(p[16:])&1 != 0 {
			return stamp(p[20:])
		}
		p = p[n:]
	}
	return time.Time{}
}
