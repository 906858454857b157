package archive

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Put sends the object with its checksum, under the condition that no object
// has its key. Where the server is not known to heed that, a look comes first.
func (s *S3) Put(ctx context.Context, key string, body []byte) error {
	if err := CheckKey(key); err != nil {
		return s.bad("put", "", err)
	}
	known := s.abilities(ctx)
	in := &s3.PutObjectInput{Bucket: s.bucket(), Key: s.full(key), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))}
	ifNoneMatch, look := guard(known.Can(PutIfNoneMatch))
	in.IfNoneMatch = ifNoneMatch
	if look {
		if _, err := s.head(ctx, "put", key); err == nil {
			return s.same(ctx, key, body)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	s.cfg.keepPut(in)
	if !strings.HasPrefix(key, ProbePrefix) {
		s.cfg.lockPut(in, time.Now())
	}
	if s.sums(known) == ChecksumMD5 {
		in.ContentMD5 = aws.String(contentMD5(body))
	} else {
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(CRC64NVME(body)))
	}
	_, err := s.client.PutObject(ctx, in)
	if _, status := code(err); status == http.StatusPreconditionFailed {
		return s.same(ctx, key, body)
	}
	return s.fail("put", key, err)
}

// same reads what is stored under key and holds it against body: nil or
// ErrExists. The answer to an earlier, successful Put may have been lost.
func (s *S3) same(ctx context.Context, key string, body []byte) error {
	info, err := s.head(ctx, "put", key)
	if errors.Is(err, ErrNotFound) {
		return s.refused(ctx, "put", key, err)
	}
	if err != nil {
		return err
	}
	if info.Size == int64(len(body)) {
		r, err := s.Read(ctx, key, 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		have, err := io.ReadAll(io.LimitReader(r, info.Size+1))
		if err != nil {
			return err
		}
		if bytes.Equal(have, body) {
			return nil
		}
	}
	return &fault{store: s.cfg.Name, op: "put", key: key, kind: ErrExists}
}

func contentMD5(b []byte) string {
	h := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(h[:])
}

func (s *S3) bad(op, key string, err error) error {
	return &fault{store: s.cfg.Name, op: op, key: key, kind: ErrPermanent, err: err}
}

// Stat asks for the object's head.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, s.bad("stat", "", err)
	}
	return s.head(ctx, "stat", key)
}

func (s *S3) head(ctx context.Context, op, key string) (Info, error) {
	info, _, err := s.headETag(ctx, op, key)
	return info, err
}

func (s *S3) headETag(ctx context.Context, op, key string) (Info, string, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket(), Key: s.full(key), ChecksumMode: types.ChecksumModeEnabled})
	if _, status := code(err); status == http.StatusNotFound {
		return Info{}, "", s.notFound(ctx, op, key)
	}
	if err != nil {
		return Info{}, "", s.fail(op, key, s.explained(ctx, err))
	}
	if out.ContentLength == nil || *out.ContentLength < 0 {
		return Info{}, "", s.fail(op, key, errors.New("the server does not say how long the object is"))
	}
	info := Info{Key: key, Size: *out.ContentLength, VersionID: aws.ToString(out.VersionId), Modified: aws.ToTime(out.LastModified).UTC()}
	if out.ChecksumType != types.ChecksumTypeComposite {
		if _, err := ParseCRC64NVME(aws.ToString(out.ChecksumCRC64NVME)); err == nil {
			info.CRC64NVME = *out.ChecksumCRC64NVME
		}
	}
	return info, strings.Trim(aws.ToString(out.ETag), `"`), nil
}

// notFound tells a missing object from a missing bucket: a head has no body
// that could say which.
func (s *S3) notFound(ctx context.Context, op, key string) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: s.bucket()})
	if err == nil {
		return &fault{store: s.cfg.Name, op: op, key: key, kind: ErrNotFound}
	}
	if _, status := code(err); status == http.StatusNotFound {
		return &fault{store: s.cfg.Name, op: op, key: key, kind: ErrPermanent, err: fmt.Errorf("there is no bucket %s", s.cfg.Bucket),
			hint: "create bucket " + s.cfg.Bucket + ", or mend its name or the endpoint in the config"}
	}
	return s.fail("look at the bucket for", key, s.explained(ctx, err))
}

// explained asks for the reason of a refusal that came without a body, as all
// answers to HEAD do: the shortest listing is refused for the same one.
func (s *S3) explained(ctx context.Context, err error) error {
	if _, status := code(err); status < 300 || status >= 500 {
		return err
	}
	_, why := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: s.bucket(), Prefix: s.full(ProbePrefix), MaxKeys: aws.Int32(1)})
	if name, status := code(why); name != "" && status != 0 {
		return why
	}
	return err
}

// maxEmpty is how many pages without a key a listing may have; a rare one is
// allowed, for ever is not.
const maxEmpty = 100

// List asks for one page after another. Servers tell no CRC64NVME in a listing.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: s.bucket(), Prefix: s.full(prefix)}
		last := ""
		for empty := 0; ; {
			out, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(Info{}, s.fail("list", prefix, err))
				return
			}
			for _, o := range out.Contents {
				full := aws.ToString(o.Key)
				if full <= last || !strings.HasPrefix(full, *in.Prefix) || aws.ToInt64(o.Size) < 0 {
					yield(Info{}, s.fail("list", prefix, fmt.Errorf("the server's listing cannot be relied on: %.200q comes after %.200q", full, last)))
					return
				}
				last = full
				key := full[len(*s.full("")):]
				if !yield(Info{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified).UTC()}, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			if len(out.Contents) == 0 {
				empty++
			}
			next := aws.ToString(out.NextContinuationToken)
			if empty > maxEmpty || next == "" || next == aws.ToString(in.ContinuationToken) {
				yield(Info{}, s.fail("list", prefix, errors.New("the server says that there is more and does not say where")))
				return
			}
			in.ContinuationToken = &next
		}
	}
}
