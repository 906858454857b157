package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Versioned asks the bucket. One whose versioning is suspended loses what is
// superseded, like one that never had it.
func (s *S3) Versioned(ctx context.Context) (bool, error) {
	out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: s.bucket()})
	if err != nil {
		return false, s.fail("ask for the versioning of", s.cfg.Bucket, err)
	}
	return out.Status == types.BucketVersioningStatusEnabled, nil
}

// Supersede puts the file on top as a new version. The bucket is asked for its
// versioning before, and once more right before the new version becomes
// visible; afterwards both versions are asked for.
func (s *S3) Supersede(ctx context.Context, from, to Copy, f BagFile, old string) (id string, err error) {
	key := to.Prefix + "/" + f.Path
	if err := CheckKey(key); err != nil {
		return "", s.bad("supersede", "", err)
	}
	if err := s.mayTop(ctx, key, old); err != nil {
		return "", err
	}
	src, err := prove(ctx, from, f)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	var crc uint64
	if f.Size <= smallFile {
		id, crc, err = s.topSmall(ctx, src, key, old)
	} else {
		id, crc, err = s.topParts(ctx, src, key, old)
	}
	if err != nil {
		return "", err
	}
	return s.topped(ctx, key, old, id, f.Size, crc)
}

// mayTop refuses whatever could lose the version that is there.
func (s *S3) mayTop(ctx context.Context, key, old string) error {
	now, err := s.Current(ctx, key)
	if err != nil {
		return err
	}
	if now == "" || old == "" {
		return &fault{store: s.cfg.Name, op: "supersede", key: key, kind: ErrUnversioned}
	}
	if now != old {
		return s.bad("supersede", key, fmt.Errorf("its current version is %q, the damaged one was %q: somebody else works on it", now, old))
	}
	return nil
}

func (s *S3) topSmall(ctx context.Context, src *proven, key, old string) (id string, crc uint64, err error) {
	body, err := src.all()
	if err != nil {
		return "", 0, err
	}
	crc = CRC64NVME(body)
	in := &s3.PutObjectInput{Bucket: s.bucket(), Key: s.full(key), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))}
	s.cfg.keepPut(in)
	s.cfg.lockPut(in, time.Now())
	if s.sums(s.abilities(ctx)) == ChecksumMD5 {
		in.ContentMD5 = aws.String(contentMD5(body))
	} else {
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(crc))
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return "", 0, s.fail("supersede", key, err)
	}
	return aws.ToString(out.VersionId), crc, nil
}

func (s *S3) topParts(ctx context.Context, src *proven, key, old string) (id string, crc uint64, err error) {
	p, err := newPlan(src.f.Size, s.cfg.PartSize)
	if err != nil {
		return "", 0, s.bad("supersede", key, err)
	}
	known := s.abilities(ctx)
	u := &s3Upload{s: s, key: key, plan: p, parts: map[int]s3Part{}, known: known, sums: s.sums(known)}
	if err := u.again(ctx); err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil { // its parts are of no use to anybody
			err = errors.Join(err, u.Abort(context.WithoutCancel(ctx)))
		}
	}()
	crc, err = src.parts(p.parts(), p.part, func(n int, sum uint64, body []byte) error {
		if u.Has(n, sum) {
			return nil
		}
		return u.Part(ctx, n, body)
	})
	if err != nil {
		return "", 0, err
	}
	if err := src.check(); err != nil {
		return "", 0, err
	}
	if err := s.mayTop(ctx, key, old); err != nil {
		return "", 0, err
	}
	in := &s3.CompleteMultipartUploadInput{Bucket: s.bucket(), Key: s.full(key), UploadId: &u.id, MultipartUpload: &types.CompletedMultipartUpload{}}
	for n := range p.parts() {
		part := types.CompletedPart{PartNumber: aws.Int32(int32(n + 1)), ETag: aws.String(u.parts[n].etag)}
		if u.sums == ChecksumCRC64NVME {
			part.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(u.parts[n].crc))
		}
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, part)
	}
	if u.sums == ChecksumCRC64NVME {
		in.ChecksumCRC64NVME, in.ChecksumType, in.MpuObjectSize = aws.String(FormatCRC64NVME(crc)), types.ChecksumTypeFullObject, &p.size
	}
	out, err := s.client.CompleteMultipartUpload(ctx, in, func(o *s3.Options) { o.HTTPClient = s.slow })
	if err != nil {
		return "", 0, s.fail("supersede", key, err)
	}
	return aws.ToString(out.VersionId), crc, nil
}

// again takes up the upload that an earlier try left when it was killed, the
// newest if there are several, and ends the others: the key has its object, so
// that they can be of nothing else. Without one it begins one.
func (u *s3Upload) again(ctx context.Context) error {
	ids, err := u.unfinished(ctx)
	if err != nil {
		return err
	}
	found := ""
	for _, id := range ids {
		u.id = id
		if found != "" {
			err = u.Abort(ctx)
		} else if err = u.held(ctx); err == nil {
			found = id
		}
		if err != nil && !errors.Is(err, ErrUploadGone) {
			return err
		}
	}
	if u.id = found; found == "" {
		return u.create(ctx)
	}
	return nil
}

// topped asks for both versions: the new one is the current one and has the
// bytes sent, as far as the store says so, and the old one is still there.
func (s *S3) topped(ctx context.Context, key, old, id string, size int64, crc uint64) (string, error) {
	info, err := s.head(ctx, "supersede", key)
	if err != nil {
		return "", err
	}
	if id == "" {
		id = info.VersionID
	}
	if info.VersionID != id || id == old || id == "" || info.Size != size || info.CRC64NVME != "" && info.CRC64NVME != FormatCRC64NVME(crc) {
		return "", s.fail("supersede", key, fmt.Errorf("the current version is %q with %d bytes and CRC64NVME %s, put on top of %q was %q with %d bytes and %s",
			info.VersionID, info.Size, info.CRC64NVME, old, id, size, FormatCRC64NVME(crc)))
	}
	if _, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket(), Key: s.full(key), VersionId: &old}); err != nil {
		return "", s.fail("look for version "+old+" of", key, err)
	}
	return id, nil
}
