package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

type fileHeadJSON struct {
	Format       string  `json:"format"`
	Version      int     `json:"version"`
	Carrier      string  `json:"carrier"`
	ImageVersion int     `json:"image_version"`
	TreeSHA256   *string `json:"tree_sha256"`
}

type fileEntryJSON struct {
	Volume   int          `json:"volume"`
	Path     string       `json:"path"`
	Raw      []byte       `json:"raw"`
	Type     FileType     `json:"type"`
	Mode     *string      `json:"mode"`
	Size     int64        `json:"size"`
	Modified *string      `json:"modified"`
	Created  *string      `json:"created"`
	Link     *string      `json:"link"`
	Extents  []FileExtent `json:"extents"`
	SHA256   *string      `json:"sha256"`
	Damaged  []FileExtent `json:"damaged"`
	Reason   *string      `json:"reason"`
}

// MarshalJSON gives the entry as it stands in a list.
func (e FileEntry) MarshalJSON() ([]byte, error) { return e.line() }

func (e FileEntry) line() ([]byte, error) {
	if e.Damaged == nil {
		e.Damaged = []FileExtent{}
	}
	b, err := encodeJSON(fileEntryJSON{e.Volume, e.Path, e.Raw, e.Type, orNull(e.Mode), e.Size, fileTime(e.Modified), fileTime(e.Created),
		orNull(e.Link), e.Extents, orNull(e.SHA256), e.Damaged, orNull(e.Reason)}, "")
	return bytes.TrimSuffix(b, []byte("\n")), err
}

func fileTime(t time.Time) *string {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	s := t.Format(time.RFC3339Nano)
	return &s
}

// FileListWriter writes a files.json, the same bytes for the same facts. It
// keeps nothing of the entries that went through it.
type FileListWriter struct {
	w     *bufio.Writer
	order fileOrder
	err   error
	done  bool
}

// NewFileListWriter writes the head of a list. ErrInvalid names what cannot be.
func NewFileListWriter(w io.Writer, head FileList) (*FileListWriter, error) {
	if err := checkFileList(head); err != nil {
		return nil, fmt.Errorf("write file list of %s: %w", head.Carrier, err)
	}
	l := &FileListWriter{w: bufio.NewWriterSize(w, 1<<16), order: fileOrder{head: head}}
	first, err := encodeJSON(fileHeadJSON{FilesFormat, FilesVersion, head.Carrier, head.ImageVersion, orNull(head.TreeSHA256)}, "")
	volumes := head.Volumes
	if volumes == nil {
		volumes = []FileVolume{}
	}
	second, err2 := encodeJSON(volumes, "")
	if err := errors.Join(err, err2); err != nil {
		return nil, l.fail(err)
	}
	if len(first) > maxFileLine || len(second)+32 > maxFileLine {
		return nil, l.fail(invalid("its head is too long"))
	}
	l.w.Write(bytes.TrimSuffix(first, []byte("}\n")))
	l.w.WriteString(",\n\"volumes\":")
	l.w.Write(bytes.TrimSuffix(second, []byte("\n")))
	l.w.WriteString(",\n\"files\":[\n") // what a write says, bufio keeps until Flush
	return l, nil
}

// Add writes the next entry. Entries come in the order of volumes, then of the
// bytes of their paths, as LC_ALL=C sort has it. Damage may come in any order;
// it is written sorted and joined. An entry that is too long for a line loses
// its extents (null), and its damage becomes one stretch that holds all of it;
// its reason says so. ErrInvalid names what cannot be in a list; nothing of that
// entry was written, and the list can go on.
func (l *FileListWriter) Add(e FileEntry) error {
	if l.err != nil {
		return l.err
	}
	if e.Extents == nil {
		e.Extents = []FileExtent{}
	}
	for _, x := range e.Damaged {
		if !x.plain() {
			return fmt.Errorf("write file list of %s: %w", l.order.head.Carrier, invalid("file %q: damaged bytes %d+%d", clamp(e.Path, 256), x.Offset, x.Length))
		}
	}
	e.Damaged = joined(e.Damaged)
	if err := checkFile(&e, len(l.order.head.Volumes)); err != nil {
		return fmt.Errorf("write file list of %s: %w", l.order.head.Carrier, err)
	}
	b, err := e.line()
	if err == nil && len(b)+1 > maxFileLine {
		b, err = shortened(e).line()
	}
	if err == nil && len(b)+1 > maxFileLine {
		err = invalid("file %q: its line would have %d bytes", clamp(e.Path, 256), len(b))
	}
	first := l.order.n == 0
	if err == nil {
		err = l.order.next(&e)
	}
	if err != nil {
		return fmt.Errorf("write file list of %s: %w", l.order.head.Carrier, err)
	}
	if !first {
		l.w.WriteString(",\n")
	}
	if _, err := l.w.Write(b); err != nil {
		return l.fail(err)
	}
	return nil
}

func shortened(e FileEntry) FileEntry {
	reason := fmt.Sprintf("its %d extents and %d damaged stretches are too many to be listed", len(e.Extents), len(e.Damaged))
	if e.Reason != "" {
		reason = clamp(e.Reason, maxText) + "; " + reason
	}
	e.Reason, e.Extents = reason, nil
	if n := len(e.Damaged); n > 1 {
		first := e.Damaged[0].Offset
		e.Damaged = []FileExtent{{Offset: first, Length: e.Damaged[n-1].end() - first}}
	}
	return e
}

// Close ends the list. It does not close the writer below.
func (l *FileListWriter) Close() error {
	if l.err != nil || l.done {
		return l.err
	}
	l.done = true
	if err := l.order.end(); err != nil {
		return l.fail(err)
	}
	if l.order.n > 0 {
		l.w.WriteString("\n")
	}
	l.w.WriteString("]}\n")
	if err := l.w.Flush(); err != nil {
		return l.fail(err)
	}
	l.err = errors.New("write file list: it was closed")
	return nil
}

func (l *FileListWriter) fail(err error) error {
	l.err = fmt.Errorf("write file list of %s: %w", l.order.head.Carrier, err)
	return l.err
}

// UnmarshalJSON takes what MarshalJSON wrote; it holds nothing against
// anything.
func (e *FileEntry) UnmarshalJSON(b []byte) error {
	j := fileEntryJSON{Volume: -1, Size: -1} // what is missing is not 0
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*e = FileEntry{Volume: j.Volume, Path: j.Path, Raw: j.Raw, Type: j.Type, Mode: orZero(j.Mode), Size: j.Size, Link: orZero(j.Link),
		Extents: j.Extents, SHA256: orZero(j.SHA256), Damaged: j.Damaged, Reason: orZero(j.Reason)}
	for _, t := range []struct {
		text *string
		to   *time.Time
	}{{j.Modified, &e.Modified}, {j.Created, &e.Created}} {
		if t.text == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, *t.text)
		if err != nil {
			return err
		}
		*t.to = at.UTC()
	}
	return nil
}
