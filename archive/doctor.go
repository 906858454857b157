package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Advice splits an error of a store into what went wrong and what to do about
// it, which is empty when nothing better is known than to try again.
func Advice(err error) (what, do string) {
	if f := (*fault)(nil); errors.As(err, &f) {
		bare := *f
		bare.hint = ""
		return bare.Error(), f.hint
	}
	return err.Error(), ""
}

// TryWrite puts a small object below probe/ and reads it back. It stays there:
// a station deletes nothing.
func TryWrite(ctx context.Context, s Store) error {
	key := ProbePrefix + strings.ToLower(rand.Text())
	body := fmt.Appendf(nil, "ripstation looked with this object whether this store can be written and read. It is of no further use.\n")
	if err := s.Put(ctx, key, body); err != nil {
		return err
	}
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	have, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(have, body) {
		return &fault{store: s.Name(), op: "read", key: key, kind: ErrChecksum, err: errors.New("it gives back other bytes than were put")}
	}
	return nil
}

// Sums are the checksums that are used with the bucket as it is known.
func (s *S3) Sums() Checksums { return s.sums(s.known.Load()) }

// Skew is how far the server's clock is before this machine's, by the Date of
// an answer: whole seconds, and off by as long as the answer took.
func (s *S3) Skew(ctx context.Context) (time.Duration, error) {
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: s.bucket()})
	now := time.Now()
	if err != nil {
		return 0, s.fail("look at", "the bucket", s.explained(ctx, err))
	}
	at, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		return 0, s.fail("look at", "the bucket", errors.New("the answer has no Date"))
	}
	return at.Sub(now).Round(time.Second), nil
}

// TryDelete puts an object below probe/ and tries to delete that, to prove that
// this access key may not. Nothing else is ever tried to be deleted.
func (s *S3) TryDelete(ctx context.Context) (refused bool, err error) {
	key := ProbePrefix + strings.ToLower(rand.Text()) + "-delete"
	if err := s.Put(ctx, key, []byte("ripstation tries to delete this object, which must not work.\n")); err != nil {
		return false, err
	}
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s.bucket(), Key: s.full(key)})
	_, status := code(err)
	switch {
	case err == nil:
		return false, nil
	case status == http.StatusForbidden:
		// The refusal counts when the object is still there.
		_, err := s.head(ctx, "look at", key)
		return err == nil, err
	}
	return false, s.fail("delete", key, err)
}
