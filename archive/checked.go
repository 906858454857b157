package archive

import (
	"errors"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"
)

// checkedReader gives exactly the bytes that were promised, or an error: fewer
// are io.ErrUnexpectedEOF, and a whole object must have the checksum that was
// recorded for it.
type checkedReader struct {
	name, key string
	r         io.Reader
	closer    io.Closer
	left      int64
	whole     bool // all of an object whose checksum is known
	crc, want uint64
	fail      func(error) error
	err       error // how it ended
}

func (r *checkedReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.left == 0 {
		r.err = r.end()
		return 0, r.err
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	if r.whole {
		r.crc = crc64nvme.Update(r.crc, p[:n])
	}
	r.left -= int64(n)
	switch {
	case r.left == 0 && (err == nil || errors.Is(err, io.EOF)):
		// The checksum is judged together with the last bytes, so that a
		// reader who counts and stops there hears of it too.
		if r.err = r.end(); r.err == io.EOF {
			return n, nil
		}
		return n, r.err
	case errors.Is(err, io.EOF):
		r.err = r.fail(fmt.Errorf("%d bytes are missing at the end: %w", r.left, io.ErrUnexpectedEOF))
	case err != nil:
		r.err = r.fail(err)
	}
	return n, r.err
}

func (r *checkedReader) end() error {
	if r.whole && r.crc != r.want {
		return &fault{store: r.name, op: "read", key: r.key, kind: ErrChecksum,
			err: fmt.Errorf("CRC64NVME is %s, recorded was %s", FormatCRC64NVME(r.crc), FormatCRC64NVME(r.want))}
	}
	return io.EOF
}

func (r *checkedReader) Close() error { return r.closer.Close() }
