package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// FileListReader reads a files.json line by line. It holds one line at a time
// in memory, of at most 16 MiB. Fields that it does not know are passed over.
type FileListReader struct {
	Head  FileList
	r     *bufio.Reader
	buf   []byte
	line  int
	more  bool // a comma stood behind the last entry
	order fileOrder
	err   error
}

// NewFileListReader reads the head of a list. ErrInvalid says what is wrong
// with it; other errors are the reader's.
func NewFileListReader(r io.Reader) (*FileListReader, error) {
	l := &FileListReader{r: bufio.NewReaderSize(r, 1<<16), more: true}
	var h fileHeadJSON
	if err := l.section(nil, &h); err != nil {
		return nil, err
	}
	if h.Format != FilesFormat {
		return nil, l.bad("its format is %q, not %q", clamp(h.Format, 64), FilesFormat)
	}
	if h.Version != FilesVersion {
		return nil, l.bad("its version is %d; this program reads version %d", h.Version, FilesVersion)
	}
	l.Head = FileList{Carrier: h.Carrier, ImageVersion: h.ImageVersion, TreeSHA256: orZero(h.TreeSHA256)}
	if err := l.section([]byte(`"volumes":`), &l.Head.Volumes); err != nil {
		return nil, err
	}
	if err := checkFileList(l.Head); err != nil {
		return nil, l.bad("%w", err)
	}
	line, err := l.readLine()
	if err != nil {
		return nil, err
	}
	if string(line) != `"files":[` {
		return nil, l.bad("the files do not begin here")
	}
	l.order.head = l.Head
	return l, nil
}

// section reads a line of the head: the object's beginning, or a member.
func (l *FileListReader) section(name []byte, into any) error {
	line, err := l.readLine()
	if err != nil {
		return err
	}
	value, comma := bytes.CutSuffix(line, []byte(","))
	value, named := bytes.CutPrefix(value, name)
	if !comma || !named {
		return l.bad("it is not as line %d of a list has to be", l.line)
	}
	if name == nil {
		value = append(value[:len(value):len(value)], '}')
	}
	if err := json.Unmarshal(value, into); err != nil {
		return l.bad("%w", err)
	}
	return nil
}

// Next gives the next entry, io.EOF behind the last when the whole list is as
// it has to be, else ErrInvalid or an error of the reader.
func (l *FileListReader) Next() (FileEntry, error) {
	if l.err != nil {
		return FileEntry{}, l.err
	}
	line, err := l.readLine()
	if err != nil {
		return FileEntry{}, err
	}
	if string(line) == "]}" {
		return FileEntry{}, l.end()
	}
	if !l.more {
		return FileEntry{}, l.bad("there is no comma before it")
	}
	line, l.more = bytes.CutSuffix(line, []byte(","))
	var e FileEntry
	if len(line) == 0 || line[0] != '{' {
		return FileEntry{}, l.bad("it is no file")
	}
	if err := e.UnmarshalJSON(line); err != nil {
		return FileEntry{}, l.bad("%w", err)
	}
	if err := checkFile(&e, len(l.Head.Volumes)); err != nil {
		return FileEntry{}, l.bad("%w", err)
	}
	if err := l.order.next(&e); err != nil {
		return FileEntry{}, l.bad("%w", err)
	}
	return e, nil
}

func (l *FileListReader) end() error {
	if l.more && l.order.n > 0 {
		return l.bad("there is a comma and nothing behind it")
	}
	if err := l.order.end(); err != nil {
		return l.bad("%w", err)
	}
	switch _, err := l.r.ReadByte(); {
	case err == nil:
		return l.bad("there is more behind the end")
	case err != io.EOF:
		return l.fail(err)
	}
	l.err = io.EOF
	return io.EOF
}

// readLine gives the next line without its end. It is good until the next call.
func (l *FileListReader) readLine() ([]byte, error) {
	l.line++
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > maxFileLine+1 {
			return nil, l.bad("it is longer than %d bytes", maxFileLine)
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return l.buf[:len(l.buf)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil, l.bad("the list is cut off here")
		default:
			return nil, l.fail(err)
		}
	}
}

func (l *FileListReader) bad(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if errors.Is(err, ErrInvalid) {
		return l.fail(err)
	}
	return l.fail(fmt.Errorf("%w: %w", ErrInvalid, err))
}

func (l *FileListReader) fail(err error) error {
	l.err = fmt.Errorf("read file list, line %d: %w", l.line, err)
	return l.err
}
