package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Read asks for the object or a range of it and holds the answer against what
// was asked. A whole object is held against the checksum that the store has
// recorded for it, if any.
func (s *S3) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := CheckKey(key); err != nil {
		return nil, s.bad("read", "", err)
	}
	if offset < 0 || length < -1 {
		return nil, s.bad("read", key, fmt.Errorf("%d bytes from byte %d", length, offset))
	}
	if offset == 0 && length == -1 {
		return s.readAll(ctx, key)
	}
	size := int64(-1)
	if length <= 0 {
		// The end, and whether there is anything at all, is not to be had from a
		// range request.
		info, err := s.head(ctx, "read", key)
		if err != nil {
			return nil, err
		}
		size = info.Size
		if length, err = rangeOf(size, offset, length); err != nil {
			return nil, s.bad("read", key, err)
		}
		if length == 0 {
			return io.NopCloser(bytes.NewReader(nil)), nil
		}
	}
	want := fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket(), Key: s.full(key), Range: &want})
	if err != nil {
		return nil, s.fail("read", key, err)
	}
	if err := s.checkRange(out, key, offset, length, size); err != nil {
		out.Body.Close()
		return nil, err
	}
	return s.reader(ctx, key, out.Body, length), nil
}

var errRange = errors.New("asked for a range, the server answered with none that can be read")

// checkRange holds Content-Range (RFC 9110, 14.4) and Content-Length against
// what was asked for, and against the size that the head told, unless -1.
func (s *S3) checkRange(out *s3.GetObjectOutput, key string, offset, length, told int64) error {
	if err := s.checkPlain(out, key); err != nil {
		return err
	}
	first, last, size, err := contentRange(aws.ToString(out.ContentRange))
	if err != nil {
		return s.fail("read", key, fmt.Errorf("%w: %w", errRange, err))
	}
	if told >= 0 && size >= 0 && size != told {
		return s.fail("read", key, fmt.Errorf("the server contradicts itself: the object has %d bytes by its head and %d by its range", told, size))
	}
	if first == offset && last < offset+length-1 && size == last+1 {
		return s.bad("read", key, fmt.Errorf("%d bytes from byte %d of an object with %d", length, offset, size))
	}
	if first != offset || last != offset+length-1 || out.ContentLength != nil && *out.ContentLength != length {
		return s.fail("read", key, fmt.Errorf("asked for %d bytes from byte %d, the server sends %d from %d", length, offset, aws.ToInt64(out.ContentLength), first))
	}
	return nil
}

// checkPlain: nothing is stored packed, so what comes packed was packed by
// somebody on the way, and is not the object's bytes.
func (s *S3) checkPlain(out *s3.GetObjectOutput, key string) error {
	if e := aws.ToString(out.ContentEncoding); e != "" && e != "identity" && e != "aws-chunked" {
		return s.fail("read", key, fmt.Errorf("the server sends the object in encoding %.40q", e))
	}
	return nil
}

// contentRange reads "bytes 0-99/1234". An unknown size is -1.
func contentRange(s string) (first, last, size int64, err error) {
	bad := fmt.Errorf("Content-Range %.80q", s)
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, 0, bad
	}
	var errs [3]error
	first, errs[0] = digits(from)
	last, errs[1] = digits(to)
	if size = -1; total != "*" {
		size, errs[2] = digits(total)
	}
	if errors.Join(errs[:]...) != nil || last < first || size >= 0 && last >= size {
		return 0, 0, 0, bad
	}
	return first, last, size, nil
}

func digits(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// readAll asks for the recorded checksum along with the object. The SDK would
// compare the two as well, an order of magnitude slower.
func (s *S3) readAll(ctx context.Context, key string) (io.ReadCloser, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket(), Key: s.full(key)}, func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Checksum-Mode", "ENABLED"))
	})
	if err != nil {
		return nil, s.fail("read", key, err)
	}
	if out.ContentLength == nil || *out.ContentLength < 0 {
		out.Body.Close()
		return nil, s.fail("read", key, errors.New("the server does not say how long the object is"))
	}
	err = s.checkPlain(out, key)
	if err == nil && out.ContentRange != nil {
		err = s.checkRange(out, key, 0, *out.ContentLength, *out.ContentLength) // only the whole will do
	}
	if err != nil {
		out.Body.Close()
		return nil, err
	}
	r := s.reader(ctx, key, out.Body, *out.ContentLength)
	if out.ChecksumType != types.ChecksumTypeComposite {
		if crc, err := ParseCRC64NVME(aws.ToString(out.ChecksumCRC64NVME)); err == nil {
			r.whole, r.want = true, crc
		}
	}
	return r, nil
}

func (s *S3) reader(ctx context.Context, key string, body io.ReadCloser, length int64) *checkedReader {
	return &checkedReader{name: s.cfg.Name, key: key, r: ctxReader{ctx, body}, closer: body, left: length,
		fail: func(err error) error { return s.fail("read", key, err) }}
}
