package archive

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// The journal of an unfinished upload in a directory store is a file of lines.
// The first names the upload; every further one says that a part is held ("+",
// with its number and CRC64NVME) or about to be overwritten ("-"), and ends in a
// CRC-32 of itself. A line is written after the part's bytes are on the drive.
// Lines have a fixed length, so that one torn by a power cut is seen and cut off.
const (
	journalVersion = "ripstation-upload 1"
	recordSize     = 1 + 1 + 5 + 1 + 16 + 1 + 8 + 1
)

func journalHeader(key string, p plan) string {
	return fmt.Sprintf("%s %d %d %s\n", journalVersion, p.size, p.part, key)
}

func journalRecord(held bool, n int, crc uint64) string {
	sign := "-"
	if held {
		sign = "+"
	}
	body := fmt.Sprintf("%s %05d %016x", sign, n, crc)
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// parseJournal applies the records in b to parts and says how many bytes of
// whole, sound records it took; what follows them is torn.
func parseJournal(b []byte, parts map[int]uint64) (taken int) {
	for ; len(b)-taken >= recordSize; taken += recordSize {
		rec := string(b[taken : taken+recordSize])
		var n int
		var crc uint64
		if _, err := fmt.Sscanf(rec[1:], " %05d %016x", &n, &crc); err != nil || n < 0 {
			return taken
		}
		held := rec[0] == '+'
		if rec != journalRecord(held, n, crc) { // the checksum, and every byte of the form
			return taken
		}
		if held {
			parts[n] = crc
		} else {
			delete(parts, n)
		}
	}
	return taken
}

// journal is the open file and how far it has been read.
type journal struct {
	parts map[int]uint64
	read  int64 // bytes taken, the header included; 0 before the first look
}

// refresh takes in what was appended since the last look, by this or another
// process, and cuts off a torn tail. The upload's lock is held.
func (j *journal) refresh(f *os.File, header string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if j.read == 0 || info.Size() < j.read {
		have := make([]byte, len(header))
		if _, err := f.ReadAt(have, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if string(have) != header {
			return j.reset(f, header) // torn at birth: nothing in it can be believed
		}
		j.parts, j.read = map[int]uint64{}, int64(len(header))
	}
	const most = 2 * maxParts * 64 * recordSize // far more than any upload writes
	if info.Size()-j.read > most {
		return fmt.Errorf("journal %s has %d bytes, which no upload writes", f.Name(), info.Size())
	}
	tail := make([]byte, max(0, info.Size()-j.read))
	n, err := f.ReadAt(tail, j.read)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	taken := parseJournal(tail[:n], j.parts)
	j.read += int64(taken)
	if taken < n {
		return f.Truncate(j.read)
	}
	return nil
}

// reset begins the journal anew: no part is held.
func (j *journal) reset(f *os.File, header string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(header), 0); err != nil {
		return err
	}
	j.parts, j.read = map[int]uint64{}, int64(len(header))
	return f.Sync()
}

// add appends records and makes them durable.
func (j *journal) add(f *os.File, records ...string) error {
	text := strings.Join(records, "")
	if _, err := f.WriteAt([]byte(text), j.read); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	parseJournal([]byte(text), j.parts)
	j.read += int64(len(text))
	return nil
}
