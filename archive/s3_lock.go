package archive

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Keeper is a store whose objects are under locks that run out.
type Keeper interface {
	// Locks is how long an object is to be kept from when it is locked; false
	// when the store locks nothing.
	Locks() (Retention, bool)
	// Renew looks at every object whose key starts with prefix, and locks anew
	// those whose lock runs out within margin. No lock is ever shortened, no hold
	// taken off, no mode weakened. It ends at the first object that cannot be.
	Renew(ctx context.Context, prefix string, margin time.Duration) (Renewed, error)
}

// Renewed is what Renew found.
type Renewed struct {
	Objects int       // looked at
	Locked  int       // of these, locked anew
	Until   time.Time // when the first lock runs out; zero when an object has none
}

// KeeperOf gives the store, or the one that it stands before, as a Keeper that
// locks; nil when it is none.
func KeeperOf(s Store) Keeper {
	for s != nil {
		if k, ok := s.(Keeper); ok {
			if _, locks := k.Locks(); locks {
				return k
			}
			return nil
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return nil
		}
		s = w.Unwrap()
	}
	return nil
}

// Locks says how the store's objects are locked.
func (s *S3) Locks() (Retention, bool) {
	return s.cfg.Keep.Retain, s.cfg.Keep.RetainMode != "" || s.cfg.Keep.LegalHold
}

// Renew asks for each object's lock, and puts a new one where it is needed.
func (s *S3) Renew(ctx context.Context, prefix string, margin time.Duration) (r Renewed, err error) {
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return r, err
		}
		if strings.HasPrefix(info.Key, ProbePrefix) {
			continue
		}
		r.Objects++
		until, locked, err := s.renew(ctx, info.Key, margin)
		if r.Objects == 1 || until.Before(r.Until) {
			r.Until = until
		}
		if err != nil {
			return r, err
		}
		if locked {
			r.Locked++
		}
	}
	return r, nil
}

// lockOf is one object's lock as the server tells it.
type lockOf struct {
	version *string
	until   time.Time // zero for none
	mode    types.ObjectLockMode
	held    bool
}

func (s *S3) lockOf(ctx context.Context, key string) (l lockOf, err error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket(), Key: s.full(key)})
	if err != nil {
		return l, s.fail("look at the lock of", key, s.explained(ctx, err))
	}
	l.version, l.held = out.VersionId, out.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn
	if out.ObjectLockRetainUntilDate != nil {
		l.until, l.mode = out.ObjectLockRetainUntilDate.UTC(), out.ObjectLockMode
		return l, nil
	}
	// A head says nothing of a lock that the key may not see.
	got, err := s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: s.bucket(), Key: s.full(key), VersionId: l.version})
	if name, _ := code(err); name == "NoSuchObjectLockConfiguration" {
		return l, nil
	}
	if err != nil {
		return l, s.fail("look at the lock of", key, err)
	}
	if got.Retention != nil && got.Retention.RetainUntilDate != nil {
		l.until, l.mode = got.Retention.RetainUntilDate.UTC(), types.ObjectLockMode(got.Retention.Mode)
	}
	return l, nil
}

func (s *S3) renew(ctx context.Context, key string, margin time.Duration) (until time.Time, locked bool, err error) {
	l, err := s.lockOf(ctx, key)
	if err != nil {
		return until, false, err
	}
	until, keep, now := l.until, s.cfg.Keep, time.Now()
	mode := keep.lockMode()
	if want := keep.Retain.From(now); mode != "" && until.Before(now.Add(margin)) && want.After(until) {
		if l.mode == types.ObjectLockModeCompliance {
			mode = l.mode
		}
		_, err := s.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{Bucket: s.bucket(), Key: s.full(key), VersionId: l.version,
			Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(mode), RetainUntilDate: aws.Time(want)}})
		if err != nil {
			return until, false, s.fail("renew the lock of", key, err)
		}
		until, locked = want, true
	}
	if keep.LegalHold && !l.held {
		_, err := s.client.PutObjectLegalHold(ctx, &s3.PutObjectLegalHoldInput{Bucket: s.bucket(), Key: s.full(key), VersionId: l.version,
			LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}})
		if err != nil {
			return until, locked, s.fail("hold", key, err)
		}
		locked = true
	}
	return until, locked, nil
}
