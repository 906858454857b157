package ripper

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"ripstation/disc"
)

// The ledger as text, version 1 (docs/decisions/0003-spool.md).
const (
	ledgerTitle   = "ripstation ledger 1"
	maxLedgerLine = 4096
	// maxChunk is the most sectors that one line may stand for: 1 MiB.
	maxChunk = 512
)

// checked ends a line with its check: the first 8 hexadecimal digits of the
// SHA-256 of what stands before the last space.
func checked(line []byte) []byte {
	sum := sha256.Sum256(line)
	return append(hex.AppendEncode(append(line, ' '), sum[:4]), '\n')
}

func unchecked(line string) (string, bool) {
	body, check, ok := cutLast(line)
	sum := sha256.Sum256([]byte(body))
	return body, ok && check == hex.EncodeToString(sum[:4])
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func ledgerHeader(sectors int64) []byte {
	return checked(fmt.Appendf(nil, "%s %d", ledgerTitle, sectors))
}

func ledgerDrive(n uint8, name string) []byte {
	return checked(fmt.Appendf(nil, "drive %d %s", n, strconv.QuoteToASCII(name)))
}

func (c chunk) line() []byte {
	return checked(fmt.Appendf(nil, "%d %d %s %d %d %d %x", c.Start, c.Count, c.status, c.Drive, c.Pass, c.Tries, c.sum))
}

// ledgerFile is what a ledger's text says.
type ledgerFile struct {
	ledger
	sectors int64
	drives  []string
	bad     int   // lines that are cut, damaged or make no sense
	end     int64 // offset behind the last good line
}

// readLedger reads a ledger's text. Each line proves itself and is held
// against the image before it is believed, so one that cannot be read is passed
// over and counted: at worst its sectors are read again. Only a first line
// that is not a ledger's, or a failing read, is an error.
func readLedger(r io.Reader) (*ledgerFile, error) {
	in := bufio.NewReaderSize(r, maxLedgerLine)
	f := &ledgerFile{}
	var offset int64
	for first := true; ; first = false {
		line, n, err := nextLine(in)
		if err != nil {
			return nil, err
		}
		if n == 0 && !first {
			return f, nil
		}
		offset += n
		body, ok := unchecked(line)
		switch {
		case first && !(ok && f.header(body)):
			return nil, fmt.Errorf("it does not begin with %q", ledgerTitle)
		case !first && !(ok && f.take(body)):
			f.bad++
			continue
		}
		f.end = offset
	}
}

// nextLine gives a line without its end, and the bytes it took. A line that
// is too long, or has no end, comes back empty.
func nextLine(in *bufio.Reader) (string, int64, error) {
	var n int64
	for {
		b, err := in.ReadSlice('\n')
		n += int64(len(b))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return "", n, nil
		case err != nil:
			return "", n, err
		}
		if n != int64(len(b)) {
			return "", n, nil
		}
		return string(bytes.TrimSuffix(b, []byte("\n"))), n, nil
	}
}

func (f *ledgerFile) header(body string) bool {
	title, n, _ := cutLast(body)
	var ok bool
	f.sectors, ok = number(n, disc.MaxSectors)
	return ok && title == ledgerTitle && f.sectors > 0
}

// take puts a line in force, if it is one.
func (f *ledgerFile) take(body string) bool {
	if quoted, ok := strings.CutPrefix(body, fmt.Sprintf("drive %d ", len(f.drives)+1)); ok {
		name, err := strconv.Unquote(quoted)
		if err != nil || len(f.drives) == disc.MaxDrives {
			return false
		}
		f.drives = append(f.drives, name)
		return true
	}
	v := strings.Split(body, " ")
	if len(v) != 7 {
		return false
	}
	start, ok0 := number(v[0], disc.MaxSectors)
	count, ok1 := number(v[1], maxChunk)
	status, err := disc.ParseStatus(v[2])
	drive, ok2 := number(v[3], int64(len(f.drives)))
	pass, ok3 := number(v[4], math.MaxUint8)
	tries, ok4 := number(v[5], math.MaxUint16)
	sum, herr := hex.DecodeString(v[6])
	if !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || err != nil || herr != nil || len(sum) != 32 ||
		count == 0 || start+count > f.sectors || !status.HasBytes() && status != disc.StatusUntried {
		return false
	}
	c := chunk{
		Extent: disc.Extent{Start: disc.LBA(start), Count: count}, status: status,
		Evidence: disc.Evidence{Drive: uint8(drive), Pass: uint8(pass), Tries: uint16(tries)},
	}
	copy(c.sum[:], sum)
	return f.add(c) == nil
}

// number takes a number from 0 to most, as strconv writes it.
func number(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= most && strconv.FormatInt(n, 10) == s
}
