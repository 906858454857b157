package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/crc64nvme"
)

// ErrSource says that a file that is to be sent cannot be read. It is no fault
// of the store's.
var ErrSource = errors.New("the file to be sent cannot be read")

// section is one part of a file as a request's body: read from the file while
// it is sent, so that no part is ever held in memory. It sums what it gives,
// and keeps apart what goes wrong with the file and what with the network.
type section struct {
	src       io.ReaderAt
	off, size int64

	mu     sync.Mutex
	pos    int64
	summed int64  // crc is that of the first so many bytes
	crc    uint64 // as they were given last
	err    error  // of the file
	closed bool
}

var errClosed = errors.New("the request is over")

func (s *section) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, errClosed
	case s.err != nil:
		return 0, s.err
	case s.pos >= s.size:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), s.size-s.pos)]
	n, err := s.src.ReadAt(want, s.off+s.pos)
	if s.pos == 0 {
		s.summed, s.crc = 0, 0
	}
	if s.summed == s.pos {
		s.crc = crc64nvme.Update(s.crc, want[:n])
		s.summed += int64(n)
	}
	s.pos += int64(n)
	if n == len(want) {
		return n, nil
	}
	s.err = sourceError(err, s.off+s.pos)
	return n, s.err
}

// sourceError is what is wrong with a file that gave fewer bytes than it was
// asked for, up to at.
func sourceError(err error, at int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("it ends at byte %d: %w", at, ErrSourceChanged)
	}
	return fmt.Errorf("%w: at byte %d: %w", ErrSource, at, err)
}

// Seek is what a request that is repeated needs.
func (s *section) Seek(offset int64, whence int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to byte %d", offset)
	}
	s.pos = offset
	return offset, nil
}

// close has a request that is still reading somewhere read no more.
func (s *section) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// verdict says whether the file was at fault: nil, or an error that ErrSource
// or ErrSourceChanged is in. sent says that all of it went out.
func (s *section) verdict(want uint64, sent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if sent && (s.summed != s.size || s.crc != want) {
		return fmt.Errorf("bytes %d to %d were summed as %s and sent as %s: %w", s.off, s.off+s.size, FormatCRC64NVME(want), FormatCRC64NVME(s.crc), ErrSourceChanged)
	}
	return nil
}

// copyTo writes all of it into f at off.
func (s *section) copyTo(ctx context.Context, f io.WriterAt, off int64) error {
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := s.Read(buf[:])
		if n > 0 {
			if _, err := f.WriteAt(buf[:n], off); err != nil {
				return err
			}
			off += int64(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// buffers are for reading files piece by piece.
var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// unpaced is a file that is not read at once where it is sent, and the file
// behind it that is.
type unpaced interface{ unpaced() io.ReaderAt }

// sumSection reads a stretch of a file and gives its checksum. more, if not
// nil, sees the same bytes.
func sumSection(src io.ReaderAt, off, size int64, more io.Writer) (uint64, error) {
	for paced, ok := src.(unpaced); ok; paced, ok = src.(unpaced) {
		src = paced.unpaced() // what is only summed goes over no line
	}
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	var crc uint64
	for at := off; at < off+size; {
		p := buf[:min(int64(len(buf)), off+size-at)]
		n, err := src.ReadAt(p, at)
		crc = crc64nvme.Update(crc, p[:n])
		if more != nil {
			if _, err := more.Write(p[:n]); err != nil {
				return 0, err
			}
		}
		at += int64(n)
		if n < len(p) {
			return 0, sourceError(err, at)
		}
	}
	return crc, nil
}
