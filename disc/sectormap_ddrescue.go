package disc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// DdrescueDrive is the drive that ParseDdrescue names for what ddrescue read.
const DdrescueDrive = "GNU ddrescue"

// ddrescueByte is how GNU ddrescue's mapfile shows each status (ddrescue
// manual, "Mapfile structure"). Suspect sectors have bytes and unrecorded ones
// have none to be had, so ddrescue is told that both are finished and leaves
// them alone. Protected and contested ones are bad blocks: only a ddrescue
// that is told to retry (-r) goes there.
var ddrescueByte = [...]byte{
	StatusUntried: '?', StatusSkipped: '*', StatusUnreadable: '-', StatusProtected: '-',
	StatusUnrecorded: '+', StatusSuspect: '+', StatusContested: '-', StatusRead: '+',
}

// WriteDdrescue writes the map as GNU ddrescue's mapfile, positions and sizes
// in bytes. It says less than the native form: which drive, how often, and
// the difference between statuses that ddrescue has one sign for.
func (m *SectorMap) WriteDdrescue(w io.Writer) error {
	b := bufio.NewWriter(w)
	pos, sign := LBA(0), '?'
	if _, ok := m.Next(SetOf(StatusUntried), 0); !ok {
		sign = '*'
		if _, ok := m.Next(SetOf(StatusSkipped), 0); !ok {
			sign = '+'
		}
	}
	fmt.Fprint(b, "# Mapfile of GNU ddrescue, written by ripstation\n# current_pos  current_status  current_pass\n")
	fmt.Fprintf(b, "0x%08X     %c               1\n#      pos        size  status\n", int64(pos)*SectorSize, sign)
	var e Extent
	var last byte
	line := func() {
		if e.Count > 0 {
			fmt.Fprintf(b, "0x%08X  0x%08X  %c\n", int64(e.Start)*SectorSize, e.Count*SectorSize, last)
		}
	}
	for r := range m.Runs() {
		if c := ddrescueByte[r.Status]; c != last {
			line()
			e, last = r.Extent, c
		} else {
			e.Count += r.Count
		}
	}
	line()
	return b.Flush()
}

// ParseDdrescue reads a mapfile of GNU ddrescue. Finished blocks become read,
// bad ones unreadable, non-trimmed and non-scraped ones skipped, the rest is
// untried; a sector with blocks of several signs in it has the one that leaves
// most to do. The blocks must follow each other from 0 to the end of a
// sector. What is read of the disc by ddrescue has no digest in a ledger.
func ParseDdrescue(r io.Reader) (*SectorMap, error) {
	p := ddrescueParser{in: bufio.NewReaderSize(r, 1024)}
	m, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("ddrescue mapfile: line %d: %w", p.line, err)
	}
	return m, nil
}

type ddrescueParser struct {
	in   *bufio.Reader
	line int
	runs []span
	at   int64  // bytes seen
	part Status // of the sector that at lies in, when it lies inside one
}

// next is the next line with something in it; io.EOF at the end.
func (p *ddrescueParser) next() ([]string, error) {
	for {
		p.line++
		b, err := p.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) && b[0] == '#' {
			// The comment with ddrescue's command line may be of any length.
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = p.in.ReadSlice('\n')
			}
			b = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("cannot be read as one of a mapfile: %w", err)
		}
		text, _, _ := strings.Cut(string(b), "#")
		if f := strings.Fields(text); len(f) > 0 {
			return f, nil
		}
		if err != nil {
			return nil, io.EOF
		}
	}
}

func (p *ddrescueParser) parse() (*SectorMap, error) {
	f, err := p.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file ends before the line with the current position")
	} else if err != nil {
		return nil, err
	}
	if _, ok := ddrescueNumber(f[0]); !ok || len(f) < 2 || len(f) > 3 || !strings.Contains("?*/-FG+", f[1]) {
		return nil, errors.New("want the current position, status and pass")
	}
	for {
		f, err := p.next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if err := p.block(f); err != nil {
			return nil, err
		}
	}
	if p.at == 0 || p.at%SectorSize != 0 {
		return nil, fmt.Errorf("the blocks end at byte %d, which is not the end of a sector of %d", p.at, SectorSize)
	}
	m, err := NewSectorMap(p.at / SectorSize)
	if err != nil {
		return nil, err
	}
	m.drives, m.runs, m.counts = []string{DdrescueDrive}, p.runs, Counts{Total: m.sectors}
	for r := range m.Runs() {
		*m.counts.of(r.Status) += r.Count
	}
	return m, nil
}

func (p *ddrescueParser) block(f []string) error {
	if len(f) != 3 || len(f[2]) != 1 {
		return errors.New("want position, size and status of a block")
	}
	pos, ok0 := ddrescueNumber(f[0])
	size, ok1 := ddrescueNumber(f[1])
	if !ok0 || !ok1 || pos != p.at || size < 1 || size > MaxSectors*SectorSize-pos {
		return fmt.Errorf("the block does not begin at byte %d, or its size cannot be", p.at)
	}
	var s Status
	switch f[2][0] {
	case '?':
		s = StatusUntried
	case '*', '/':
		s = StatusSkipped
	case '-':
		s = StatusUnreadable
	case '+':
		s = StatusRead
	default:
		return fmt.Errorf("%q is not the status of a block", f[2])
	}
	end := pos + size
	if head := pos % SectorSize; head != 0 {
		// The order of the statuses is that of how much is left to do.
		p.part = min(p.part, s)
		if end < pos-head+SectorSize {
			p.at = end
			return nil
		}
		p.add(LBA(pos/SectorSize), p.part)
		pos += SectorSize - head
	}
	if end-pos >= SectorSize {
		p.add(LBA(pos/SectorSize), s)
	}
	p.part, p.at = s, end
	if len(p.runs) > maxMapRuns {
		return fmt.Errorf("more than %d runs", maxMapRuns)
	}
	return nil
}

// add begins a run of that status.
func (p *ddrescueParser) add(at LBA, s Status) {
	c := cell{status: s}
	if s != StatusUntried {
		c.drive = 1
	}
	if n := len(p.runs); n == 0 || p.runs[n-1].cell != c {
		p.runs = append(p.runs, span{at, c})
	}
}

// ddrescueNumber takes a number as ddrescue writes (hexadecimal) and reads it.
func ddrescueNumber(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 0, 64)
	return int64(n), err == nil && n <= math.MaxInt64 && !strings.Contains(s, "_")
}
