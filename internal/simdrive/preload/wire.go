package preload

import (
	"encoding/binary"
	"io"
)

// What the shim asks. shim/shim.c has the same numbers.
const (
	opOpen      = 1 // flags: those of open(2)
	opRead      = 2 // flags: 1 for O_DIRECT
	opSize      = 3 // in bytes
	opEject     = 4
	opCloseTray = 5
	opStatus    = 6 // as CDROM_DRIVE_STATUS
	opLock      = 7 // flags: 1 locks, 0 unlocks
)

// most is the number of bytes that one read may ask for.
const most = 16 << 20

// request is what the shim sends: 24 bytes, little endian.
type request struct {
	op, flags      uint32
	offset, length uint64
}

func readRequest(r io.Reader) (q request, err error) {
	var b [24]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return q, err
	}
	le := binary.LittleEndian
	return request{le.Uint32(b[:]), le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:])}, nil
}

// answer sends a result: what the call returns, or an errno below 0; a read's
// bytes come after their number.
func answer(w io.Writer, result int64, data []byte) error {
	b := make([]byte, 8, 8+len(data))
	binary.LittleEndian.PutUint64(b, uint64(result))
	_, err := w.Write(append(b, data...))
	return err
}
