package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"time"
	"unicode/utf8"
)

// zipWriter writes stored files as a zip file (PKWARE APPNOTE 6.3). Unlike
// archive/zip it is told each file's size before, and says it in the local
// header: with zip64 where it takes more than 32 bits, without which some
// readers find fault with the headers of a large file. The CRC-32 follows the
// bytes, in a data descriptor.
type zipWriter struct {
	w    io.Writer
	at   uint64 // bytes written
	dir  []zipFile
	left uint64      // bytes of the last file that are to come
	crc  hash.Hash32 // of the last file; nil when it is ended
}

type zipFile struct {
	name   string
	at     time.Time
	size   uint64
	offset uint64 // of its local header
	crc    uint32
}

const (
	max16, max32   = math.MaxUint16, math.MaxUint32
	zipFlags       = 1<<3 | 1<<11 // 4.4.4: a data descriptor follows; the name is UTF-8
	zip64Extra     = 0x0001       // 4.5.3
	timeExtra      = 0x5455       // Info-ZIP's: the time of change, in seconds of UTC
	zipUnix        = 3 << 8       // 4.4.2: the attributes are those of Unix
	zipPlain       = 20           // 4.4.3
	zip64Needed    = 45
	zipMode        = (0o100000 | 0o644) << 16
	dosYear        = 1980
	zipLongestName = 60_000
)

var le = binary.LittleEndian

func (f zipFile) large() bool { return f.size >= max32 }

func (f zipFile) version() uint16 {
	if f.large() || f.offset >= max32 {
		return zip64Needed
	}
	return zipPlain
}

// common are the fields that the local header and the directory share (4.3.7).
func (f zipFile) common(b []byte, crc uint32) []byte {
	b = le.AppendUint16(b, f.version())
	b = le.AppendUint16(b, zipFlags)
	b = le.AppendUint16(b, 0) // stored
	t := f.at
	b = le.AppendUint16(b, uint16(t.Hour()<<11|t.Minute()<<5|t.Second()/2))
	b = le.AppendUint16(b, uint16((t.Year()-dosYear)<<9|int(t.Month())<<5|t.Day()))
	b = le.AppendUint32(b, crc)
	size := uint32(min(f.size, max32))
	return le.AppendUint32(le.AppendUint32(b, size), size)
}

// extra are the extra fields: the sizes and, for the directory, the offset, each
// if its place in the header is too small for it.
func (f zipFile) extra(offset bool) []byte {
	var wide []byte
	if f.large() {
		wide = le.AppendUint64(le.AppendUint64(wide, f.size), f.size)
	}
	if offset && f.offset >= max32 {
		wide = le.AppendUint64(wide, f.offset)
	}
	var b []byte
	if len(wide) > 0 {
		b = append(le.AppendUint16(le.AppendUint16(b, zip64Extra), uint16(len(wide))), wide...)
	}
	b = append(le.AppendUint16(le.AppendUint16(b, timeExtra), 5), 1)
	return le.AppendUint32(b, uint32(f.at.Unix()))
}

func (z *zipWriter) put(b []byte) error {
	n, err := z.w.Write(b)
	z.at += uint64(n)
	return err
}

// begin ends the file before and begins the next, of which exactly size bytes
// have to be written.
func (z *zipWriter) begin(name string, size int64, at time.Time) error {
	if err := z.end(); err != nil {
		return err
	}
	if at.Year() < dosYear || at.Year() > dosYear+127 {
		at = time.Date(dosYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if size < 0 || name == "" || len(name) > zipLongestName || !utf8.ValidString(name) {
		return fmt.Errorf("%.100q with %d bytes cannot be in a zip file", name, size)
	}
	f := zipFile{name: name, at: at, size: uint64(size), offset: z.at}
	extra := f.extra(false)
	b := f.common(le.AppendUint32(nil, 0x04034b50), 0)
	b = le.AppendUint16(le.AppendUint16(b, uint16(len(name))), uint16(len(extra)))
	if err := z.put(append(append(b, name...), extra...)); err != nil {
		return err
	}
	z.dir = append(z.dir, f)
	z.left, z.crc = f.size, crc32.NewIEEE()
	return nil
}

func (z *zipWriter) Write(p []byte) (int, error) {
	if z.crc == nil || uint64(len(p)) > z.left {
		return 0, errors.New("more bytes than the zip file was told of")
	}
	n, err := z.w.Write(p)
	z.crc.Write(p[:n])
	z.at += uint64(n)
	z.left -= uint64(n)
	return n, err
}

// end writes the data descriptor (4.3.9) of the last file.
func (z *zipWriter) end() error {
	if z.crc == nil {
		return nil
	}
	f := &z.dir[len(z.dir)-1]
	if z.left > 0 {
		return fmt.Errorf("%s: %d bytes fewer than the zip file was told of", f.name, z.left)
	}
	f.crc = z.crc.Sum32()
	z.crc = nil
	b := le.AppendUint32(le.AppendUint32(nil, 0x08074b50), f.crc)
	if f.large() {
		return z.put(le.AppendUint64(le.AppendUint64(b, f.size), f.size))
	}
	return z.put(le.AppendUint32(le.AppendUint32(b, uint32(f.size)), uint32(f.size)))
}

// Close writes the directory (4.3.12) and its end (4.3.14 to 4.3.16).
func (z *zipWriter) Close() error {
	if err := z.end(); err != nil {
		return err
	}
	start := z.at
	for _, f := range z.dir {
		extra := f.extra(true)
		b := le.AppendUint16(le.AppendUint32(nil, 0x02014b50), zipUnix|f.version())
		b = f.common(b, f.crc)
		b = le.AppendUint16(le.AppendUint16(b, uint16(len(f.name))), uint16(len(extra)))
		b = append(b, 0, 0, 0, 0, 0, 0) // no comment, the first disk, no attributes of its own
		b = le.AppendUint32(b, zipMode)
		b = le.AppendUint32(b, uint32(min(f.offset, max32)))
		if err := z.put(append(append(b, f.name...), extra...)); err != nil {
			return err
		}
	}
	count, size, end := uint64(len(z.dir)), z.at-start, z.at
	var b []byte
	if count >= max16 || size >= max32 || start >= max32 {
		b = le.AppendUint64(le.AppendUint32(b, 0x06064b50), 44) // of what follows this field
		b = le.AppendUint16(le.AppendUint16(b, zipUnix|zip64Needed), zip64Needed)
		b = le.AppendUint64(b, 0) // two disk numbers
		for _, n := range []uint64{count, count, size, start} {
			b = le.AppendUint64(b, n)
		}
		b = le.AppendUint32(le.AppendUint32(b, 0x07064b50), 0)
		b = le.AppendUint32(le.AppendUint64(b, end), 1)
	}
	b = le.AppendUint32(le.AppendUint32(b, 0x06054b50), 0) // two disk numbers
	b = le.AppendUint16(le.AppendUint16(b, uint16(min(count, max16))), uint16(min(count, max16)))
	b = le.AppendUint32(le.AppendUint32(b, uint32(min(size, max32))), uint32(min(start, max32)))
	return z.put(le.AppendUint16(b, 0)) // no comment
}
