package archive

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Begin looks for the object, then for an unfinished upload of its key, and
// makes a new upload only if there is neither. Parts that have not the length
// that this upload gives them do not count as held and are sent again. Several
// unfinished uploads of one key can only come from other programs; the newest
// is taken, the others stay.
//
// An upload whose beginning got no answer may have begun: it is looked for
// before another one is, so that none is left behind.
func (s *S3) Begin(ctx context.Context, key string, size int64) (Upload, error) {
	for try := 1; ; try++ {
		u, unsure, err := s.begin(ctx, key, size)
		if err == nil {
			return u, nil
		}
		if !unsure || final(err) || try == tries {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause(try)):
		}
	}
}

// begin is one try of Begin; unsure says that a new upload was asked for.
func (s *S3) begin(ctx context.Context, key string, size int64) (u *s3Upload, unsure bool, err error) {
	if err := CheckKey(key); err != nil {
		return nil, false, s.bad("begin", "", err)
	}
	p, err := newPlan(size, s.cfg.PartSize)
	if err != nil {
		return nil, false, s.bad("begin", key, err)
	}
	known := s.abilities(ctx)
	u = &s3Upload{s: s, key: key, plan: p, known: known, sums: s.sums(known), parts: map[int]s3Part{}}
	switch info, err := s.head(ctx, "begin", key); {
	case err == nil && info.Size != size:
		return nil, false, &fault{store: s.cfg.Name, op: "begin", key: key, kind: ErrExists}
	case err == nil:
		u.stored = true
		return u, false, nil
	case !errors.Is(err, ErrNotFound):
		return nil, false, err
	}
	if size == 0 {
		return u, false, nil // S3 has no upload of no parts: Complete puts the object
	}
	ids, err := u.unfinished(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, id := range ids {
		u.id = id
		err := u.held(ctx)
		if err == nil {
			return u, false, nil
		}
		if !errors.Is(err, ErrUploadGone) {
			return nil, false, err
		}
	}
	return u, true, u.create(ctx)
}

const (
	// maxPages is more pages of unfinished uploads of one key than any store has.
	maxPages = 1000
	// maxPartNumber is S3's.
	maxPartNumber = 10_000
)

// unfinished gives the ids of the unfinished uploads of exactly this key, the
// newest first.
func (u *s3Upload) unfinished(ctx context.Context) ([]string, error) {
	s, key := u.s, u.key
	if u.known.Can(ListUploads) == Unable {
		return nil, nil
	}
	in := &s3.ListMultipartUploadsInput{Bucket: s.bucket(), Prefix: s.full(key)}
	var found []types.MultipartUpload
	for pages := 1; ; pages++ {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return nil, s.fail("look for an unfinished upload of", key, err)
		}
		for _, l := range out.Uploads {
			if aws.ToString(l.Key) != *in.Prefix || !u.fits(l.ChecksumAlgorithm, l.ChecksumType) {
				continue
			}
			found = append(found, l)
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		k, id := aws.ToString(out.NextKeyMarker), aws.ToString(out.NextUploadIdMarker)
		if pages == maxPages || k == "" && id == "" || k == aws.ToString(in.KeyMarker) && id == aws.ToString(in.UploadIdMarker) {
			return nil, s.fail("look for an unfinished upload of", key, errors.New("the server says that there is more and does not say where"))
		}
		in.KeyMarker, in.UploadIdMarker = &k, &id
	}
	slices.SortStableFunc(found, func(a, b types.MultipartUpload) int { return aws.ToTime(b.Initiated).Compare(aws.ToTime(a.Initiated)) })
	ids := make([]string, len(found))
	for i, u := range found {
		ids[i] = aws.ToString(u.UploadId)
	}
	return ids, nil
}

// fits: an upload begun with other checksums cannot be completed with ours. A
// server that does not tell is believed until it refuses.
func (u *s3Upload) fits(a types.ChecksumAlgorithm, t types.ChecksumType) bool {
	if u.sums == ChecksumMD5 {
		return a == ""
	}
	return (a == "" || a == types.ChecksumAlgorithmCrc64nvme) && (t == "" || t == types.ChecksumTypeFullObject)
}

// held asks the server which parts it has. That, and no note of ours, is the
// truth. Of a server that cannot be asked it is none: all are sent again.
func (u *s3Upload) held(ctx context.Context) error {
	if u.known.Can(ListParts) == Unable {
		u.parts = map[int]s3Part{}
		return nil
	}
	in := &s3.ListPartsInput{Bucket: u.s.bucket(), Key: u.s.full(u.key), UploadId: &u.id}
	parts := map[int]s3Part{}
	for {
		out, err := u.s.client.ListParts(ctx, in)
		if err != nil {
			return u.s.fail("list the parts of", u.key, err)
		}
		for _, p := range out.Parts {
			n := int(aws.ToInt32(p.PartNumber)) - 1
			crc, err := ParseCRC64NVME(aws.ToString(p.ChecksumCRC64NVME))
			if err == nil && n >= 0 && n < u.plan.parts() && aws.ToInt64(p.Size) == u.plan.length(n) {
				parts[n] = s3Part{crc, aws.ToString(p.ETag)}
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			u.parts = parts
			return nil
		}
		next := aws.ToString(out.NextPartNumberMarker)
		at, err := strconv.Atoi(next)
		if before, _ := strconv.Atoi(aws.ToString(in.PartNumberMarker)); err != nil || at <= before || at > maxPartNumber {
			return u.s.fail("list the parts of", u.key, errors.New("the server says that there is more and does not say where"))
		}
		in.PartNumberMarker = &next
	}
}

func (u *s3Upload) create(ctx context.Context) error {
	in := &s3.CreateMultipartUploadInput{Bucket: u.s.bucket(), Key: u.s.full(u.key)}
	u.s.cfg.keepCreate(in)
	u.s.cfg.lockCreate(in, time.Now())
	crc := u.sums == ChecksumCRC64NVME
	if crc {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	}
	out, err := u.s.client.CreateMultipartUpload(ctx, in, once)
	if err != nil {
		return u.s.fail("begin", u.key, err)
	}
	u.id = aws.ToString(out.UploadId)
	if u.id == "" {
		return u.s.fail("begin", u.key, errors.New("the server gave no upload id"))
	}
	if crc && out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme {
		return &fault{store: u.s.cfg.Name, op: "begin", key: u.key, kind: ErrPermanent, err: errors.New("the server does not take CRC64NVME checksums"),
			hint: `set checksums = "auto" for this store`}
	}
	return nil
}
