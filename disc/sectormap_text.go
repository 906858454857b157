package disc

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"strings"
)

// The native form of a sector map, version 1 (docs/decisions/0003-spool.md).
const (
	mapTitle  = "ripstation sector map 1"
	mapHeader = "# start count status drive pass tries"
	// maxMapLine bounds a line: a drive's name with each byte escaped.
	maxMapLine = 4*maxDriveName + 64
	// maxMapRuns bounds what a map read from a file may take in memory (12
	// bytes a run).
	maxMapRuns = 1 << 24
)

// WriteTo writes the map's native form.
func (m *SectorMap) WriteTo(w io.Writer) (int64, error) {
	sum := sha256.New()
	cw := &countingWriter{w: w}
	b := bufio.NewWriterSize(io.MultiWriter(cw, sum), 64<<10)
	line := make([]byte, 0, maxMapLine)
	fmt.Fprintf(b, "%s\nsectors %d\n", mapTitle, m.sectors)
	for i, name := range m.drives {
		fmt.Fprintf(b, "drive %d %s\n", i+1, strconv.QuoteToASCII(name))
	}
	fmt.Fprintln(b, mapHeader)
	for r := range m.Runs() {
		line = strconv.AppendInt(line[:0], int64(r.Start), 10)
		line = strconv.AppendInt(append(line, ' '), r.Count, 10)
		line = append(append(append(line, ' '), r.Status.String()...), ' ')
		line = strconv.AppendInt(line, int64(r.Drive), 10)
		line = strconv.AppendInt(append(line, ' '), int64(r.Pass), 10)
		line = strconv.AppendInt(append(line, ' '), int64(r.Tries), 10)
		if _, err := b.Write(append(line, '\n')); err != nil {
			return cw.n, err
		}
	}
	if err := b.Flush(); err != nil {
		return cw.n, err
	}
	_, err := fmt.Fprintf(cw, "end %x\n", sum.Sum(nil))
	return cw.n, err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// MarshalText gives the map's native form.
func (m *SectorMap) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	_, err := m.WriteTo(&b)
	return b.Bytes(), err
}

// UnmarshalText takes the native form, like ParseSectorMap.
func (m *SectorMap) UnmarshalText(text []byte) error {
	n, err := ParseSectorMap(bytes.NewReader(text))
	if err == nil {
		*m = *n
	}
	return err
}

// ParseSectorMap reads a map in its native form. Anything that WriteTo would
// not have written is an error that names the line: a map is whole or it is
// none.
func ParseSectorMap(r io.Reader) (*SectorMap, error) {
	p := mapParser{in: bufio.NewReaderSize(r, maxMapLine), sum: sha256.New()}
	m, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("sector map: line %d: %w", p.line, err)
	}
	return m, nil
}

type mapParser struct {
	in   *bufio.Reader
	sum  hash.Hash
	line int
}

// next is the next line without its end, valid until the next call.
func (p *mapParser) next() (string, error) {
	p.line++
	b, err := p.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("is longer than %d bytes", maxMapLine)
	case errors.Is(err, io.EOF):
		return "", errors.New("the file ends here, before the line \"end\": it was cut off")
	case err != nil:
		return "", err
	}
	if !bytes.HasPrefix(b, []byte("end ")) {
		p.sum.Write(b)
	}
	return string(b[:len(b)-1]), nil
}

func (p *mapParser) parse() (*SectorMap, error) {
	if s, err := p.next(); err != nil {
		return nil, err
	} else if s != mapTitle {
		return nil, fmt.Errorf("want %q", mapTitle)
	}
	s, err := p.next()
	if err != nil {
		return nil, err
	}
	number, ok := strings.CutPrefix(s, "sectors ")
	sectors, nok := decimal(number, MaxSectors)
	if !ok || !nok {
		return nil, fmt.Errorf("want \"sectors\" and how many, 1 to %d", MaxSectors)
	}
	m, err := NewSectorMap(sectors)
	if err != nil {
		return nil, err
	}
	if err := p.drives(m); err != nil {
		return nil, err
	}
	if err := p.runs(m); err != nil {
		return nil, err
	}
	if _, err := p.in.ReadByte(); !errors.Is(err, io.EOF) {
		p.line++
		return nil, errors.New("there is more behind the line \"end\"")
	}
	return m, nil
}

// drives reads the table of drives and the header line behind it.
func (p *mapParser) drives(m *SectorMap) error {
	for {
		s, err := p.next()
		if err != nil {
			return err
		}
		if s == mapHeader {
			return nil
		}
		quoted, ok := strings.CutPrefix(s, fmt.Sprintf("drive %d ", len(m.drives)+1))
		name, err := strconv.Unquote(quoted)
		if !ok || err != nil || strconv.QuoteToASCII(name) != quoted {
			return fmt.Errorf("want \"drive %d\" and its name in quotes, or %q", len(m.drives)+1, mapHeader)
		}
		n := len(m.drives)
		if _, err := m.AddDrive(name); err != nil {
			return err
		}
		if len(m.drives) == n {
			return fmt.Errorf("drive %s is named twice", quoted)
		}
	}
}

// runs reads all runs and the line "end".
func (p *mapParser) runs(m *SectorMap) error {
	m.runs, m.counts = nil, Counts{Total: m.sectors}
	at := int64(0)
	for {
		s, err := p.next()
		if err != nil {
			return err
		}
		if sum, ok := strings.CutPrefix(s, "end "); ok {
			if at != m.sectors {
				return fmt.Errorf("the runs end at sector %d of %d", at, m.sectors)
			}
			if sum != hex.EncodeToString(p.sum.Sum(nil)) {
				return errors.New("the digest does not fit: the map was changed or damaged")
			}
			return nil
		}
		r, err := parseRun(s)
		if err != nil {
			return err
		}
		if int64(r.Start) != at || r.Count > m.sectors-at {
			return fmt.Errorf("the run does not begin at sector %d and end at %d or before", at, m.sectors)
		}
		if int(r.Drive) > len(m.drives) {
			return fmt.Errorf("there is no drive %d in the table", r.Drive)
		}
		next := span{r.Start, cell{r.Status, r.Drive, r.Pass, r.Tries}}
		if n := len(m.runs); n > 0 && m.runs[n-1].cell == next.cell {
			return errors.New("the run is like the one before it")
		} else if n == maxMapRuns {
			return fmt.Errorf("more than %d runs", maxMapRuns)
		}
		m.runs = append(m.runs, next)
		*m.counts.of(r.Status) += r.Count
		at += r.Count
	}
}

func parseRun(s string) (Run, error) {
	f := strings.Split(s, " ")
	if len(f) != 6 {
		return Run{}, fmt.Errorf("want six fields, %q", mapHeader)
	}
	status, err := ParseStatus(f[2])
	if err != nil {
		return Run{}, err
	}
	start, ok0 := decimal(f[0], MaxSectors)
	count, ok1 := decimal(f[1], MaxSectors)
	drive, ok2 := decimal(f[3], math.MaxUint8)
	pass, ok3 := decimal(f[4], math.MaxUint8)
	tries, ok4 := decimal(f[5], math.MaxUint16)
	if !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || count == 0 {
		return Run{}, errors.New("a number is not one, or is out of range")
	}
	return Run{Extent{LBA(start), count}, status, uint8(drive), uint8(pass), uint16(tries)}, nil
}

// decimal takes a number from 0 to most, as strconv writes it.
func decimal(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= most && strconv.FormatInt(n, 10) == s
}
