package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Holding is one object, or one version of one, that a store holds, with what
// stands against deleting it.
type Holding struct {
	Key       string
	VersionID string // empty without versioning
	Size      int64
	Marker    bool      // a delete marker: the object under it counts as deleted, and is not
	Latest    bool      // of several versions, the one on top; set where the store keeps versions
	Mode      string    // of its retention: GOVERNANCE, COMPLIANCE; empty for none
	Until     time.Time // when its retention ends
	LegalHold bool
	// LockUnknown says why retention and hold could not be asked for.
	LockUnknown string
}

// Holdings gives everything under a prefix that would have to be deleted, one
// version at a time where the store keeps versions.
func Holdings(ctx context.Context, store Store, prefix string) iter.Seq2[Holding, error] {
	if s, ok := store.(*S3); ok {
		return s.holdings(ctx, prefix)
	}
	return func(yield func(Holding, error) bool) {
		for info, err := range store.List(ctx, prefix) {
			if !yield(Holding{Key: info.Key, VersionID: info.VersionID, Size: info.Size}, err) || err != nil {
				return
			}
		}
	}
}

// holdings asks with ListObjectVersions, and for each version for its lock.
func (s *S3) holdings(ctx context.Context, prefix string) iter.Seq2[Holding, error] {
	return func(yield func(Holding, error) bool) {
		locks := true
		for page, err := range s.versions(ctx, prefix) {
			if err != nil {
				yield(Holding{}, err)
				return
			}
			for _, h := range page {
				if locks && !h.Marker {
					locks = s.lock(ctx, &h)
				}
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// versions gives what ListObjectVersions says, page by page, in the order of the
// keys.
func (s *S3) versions(ctx context.Context, prefix string) iter.Seq2[[]Holding, error] {
	return func(yield func([]Holding, error) bool) {
		in := &s3.ListObjectVersionsInput{Bucket: s.bucket(), Prefix: s.full(prefix)}
		for {
			out, err := s.client.ListObjectVersions(ctx, in)
			if err != nil {
				yield(nil, s.fail("list the versions of", prefix, err))
				return
			}
			var page []Holding
			add := func(key, id *string, h Holding) error {
				full := aws.ToString(key)
				if !strings.HasPrefix(full, *in.Prefix) {
					return s.fail("list the versions of", prefix, fmt.Errorf("the server lists %.200q", full))
				}
				h.Key, h.VersionID = full[len(*s.full("")):], aws.ToString(id)
				if h.VersionID == nullVersion {
					h.VersionID = ""
				}
				page = append(page, h)
				return nil
			}
			for _, v := range out.Versions {
				err = errors.Join(err, add(v.Key, v.VersionId, Holding{Size: aws.ToInt64(v.Size), Latest: aws.ToBool(v.IsLatest)}))
			}
			for _, m := range out.DeleteMarkers {
				err = errors.Join(err, add(m.Key, m.VersionId, Holding{Marker: true, Latest: aws.ToBool(m.IsLatest)}))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || !aws.ToBool(out.IsTruncated) {
				return
			}
			if aws.ToString(out.NextKeyMarker) == "" || aws.ToString(out.NextKeyMarker) == aws.ToString(in.KeyMarker) &&
				aws.ToString(out.NextVersionIdMarker) == aws.ToString(in.VersionIdMarker) {
				yield(nil, s.fail("list the versions of", prefix, errors.New("the server says that there is more and does not say where")))
				return
			}
			in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
		}
	}
}

// lock asks for retention and legal hold of a version; more is false where the
// bucket has no Object Lock, so that nobody need ask again.
func (s *S3) lock(ctx context.Context, h *Holding) (more bool) {
	var id *string
	if h.VersionID != "" {
		id = &h.VersionID
	}
	more = true
	// absent is true for the answers that mean "none": of this object, or of
	// the whole bucket.
	absent := func(err error) bool {
		switch name, _ := code(err); name {
		case "NoSuchObjectLockConfiguration":
			return true
		case "ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented", "InvalidBucketObjectLockConfiguration":
			more = false
			return true
		}
		h.LockUnknown = s.fail("ask for the lock of", h.Key, err).Error()
		return false
	}
	r, err := s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: s.bucket(), Key: s.full(h.Key), VersionId: id})
	if err != nil {
		if !absent(err) || !more {
			return more
		}
	} else if r.Retention != nil {
		h.Mode, h.Until = string(r.Retention.Mode), aws.ToTime(r.Retention.RetainUntilDate).UTC()
	}
	l, err := s.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: s.bucket(), Key: s.full(h.Key), VersionId: id})
	if err != nil {
		absent(err)
	} else if l.LegalHold != nil {
		h.LegalHold = l.LegalHold.Status == "ON"
	}
	return more
}
