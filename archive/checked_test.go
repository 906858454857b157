package archive

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// However a body arrives, it is the bytes promised or an error, also for a
// reader who stops at the last byte.
func TestCheckedReader(t *testing.T) {
	body := []byte("the bytes of a disc")
	broken := errors.New("line broke")
	for name, c := range map[string]struct {
		r    io.Reader
		crc  uint64
		want error
	}{
		"whole":           {bytes.NewReader(body), CRC64NVME(body), nil},
		"byte by byte":    {iotest.OneByteReader(bytes.NewReader(body)), CRC64NVME(body), nil},
		"end with data":   {iotest.DataErrReader(bytes.NewReader(body)), CRC64NVME(body), nil},
		"more than said":  {io.MultiReader(bytes.NewReader(body), strings.NewReader("more")), CRC64NVME(body), nil},
		"short":           {bytes.NewReader(body[:18]), CRC64NVME(body[:18]), io.ErrUnexpectedEOF},
		"nothing":         {bytes.NewReader(nil), 0, io.ErrUnexpectedEOF},
		"short with data": {iotest.DataErrReader(bytes.NewReader(body[:18])), CRC64NVME(body[:18]), io.ErrUnexpectedEOF},
		"broken":          {io.MultiReader(bytes.NewReader(body[:5]), iotest.ErrReader(broken)), CRC64NVME(body), broken},
		"wrong":           {bytes.NewReader(body), CRC64NVME(body) ^ 1, ErrChecksum},
	} {
		r := &checkedReader{name: "s", key: "k", r: c.r, closer: io.NopCloser(nil), left: int64(len(body)), whole: true, want: c.crc,
			fail: func(err error) error { return err }}
		got, err := io.ReadAll(r)
		if !errors.Is(err, c.want) || c.want == nil && !bytes.Equal(got, body) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, again := r.Read(make([]byte, 1)); c.want != nil && !errors.Is(again, c.want) {
			t.Errorf("%s: read again: %v", name, again)
		}
	}
	r := &checkedReader{r: bytes.NewReader(body), left: int64(len(body)), whole: true, want: 1}
	if _, err := io.ReadFull(r, make([]byte, len(body))); err == nil {
		// io.ReadFull hides an error that comes with its last byte; the next
		// read must not.
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, ErrChecksum) {
			t.Errorf("hidden: %v", err)
		}
	}
}
