package archive_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ripstation/archive"
	"ripstation/internal/versitygw"
)

// lockOn is what the server says of an object's lock.
func lockOn(t *testing.T, server *versitygw.Server, key string) (mode types.ObjectLockRetentionMode, until time.Time, held bool) {
	t.Helper()
	bucket := "vault"
	got, err := server.Client().GetObjectRetention(t.Context(), &s3.GetObjectRetentionInput{Bucket: &bucket, Key: &key})
	if err != nil {
		if strings.Contains(err.Error(), "NoSuchObjectLockConfiguration") {
			return "", until, false
		}
		t.Fatal(err)
	}
	hold, err := server.Client().GetObjectLegalHold(t.Context(), &s3.GetObjectLegalHoldInput{Bucket: &bucket, Key: &key})
	if err == nil {
		held = hold.LegalHold.Status == types.ObjectLockLegalHoldStatusOn
	}
	return got.Retention.Mode, aws.ToTime(got.Retention.RetainUntilDate), held
}

func vault(t *testing.T, server *versitygw.Server, keep archive.Keep) *archive.S3 {
	t.Helper()
	return openS3(t, server, func(c *archive.S3Config) { c.Bucket, c.Keep = "vault", keep })
}

const day = 24 * time.Hour

func about(got time.Time, days int) bool {
	return got.Sub(time.Now().AddDate(0, 0, days)).Abs() < time.Minute
}

// With Object Lock set, what is put and what is uploaded is locked from the
// first moment, a deletion of it is refused, and probes stay free.
func TestObjectLock(t *testing.T) {
	server := versitygw.Start(t)
	server.LockBucket("vault")
	s := vault(t, server, archive.Keep{Retain: archive.Retention{Days: 1}, RetainMode: "compliance", LegalHold: true})
	if c := probed(t, s); c.Can(archive.ObjectLock) != archive.Able || c.Can(archive.Versioning) != archive.Able {
		t.Errorf("%+v", c)
	}
	onceOnly(t, s)
	for _, key := range []string{"id/tag", "id/image"} {
		if mode, until, held := lockOn(t, server, key); mode != types.ObjectLockRetentionModeCompliance || !about(until, 1) || !held {
			t.Errorf("%s: %s until %v, held %v", key, mode, until, held)
		}
		head, err := server.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("vault"), Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("vault"), Key: &key, VersionId: head.VersionId}); err == nil {
			t.Errorf("%s was deleted under its lock", key)
		}
	}
	for info, err := range s.List(t.Context(), archive.ProbePrefix) {
		if err != nil {
			t.Fatal(err)
		}
		if mode, _, _ := lockOn(t, server, info.Key); mode != "" {
			t.Errorf("%s is locked", info.Key)
		}
	}
}

// Locks that run out soon are renewed, none is shortened, no mode is weakened,
// and what had none gets one.
func TestLocksAreRenewed(t *testing.T) {
	server := versitygw.Start(t)
	server.LockBucket("vault")
	put := func(key string, keep archive.Keep) {
		t.Helper()
		if err := vault(t, server, keep).Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	put("id/bare", archive.Keep{})
	put("id/soon", archive.Keep{Retain: archive.Retention{Days: 1}, RetainMode: "governance"})
	put("id/strict", archive.Keep{Retain: archive.Retention{Days: 1}, RetainMode: "compliance"})
	put("id/late", archive.Keep{Retain: archive.Retention{Days: 400}, RetainMode: "governance"})
	put("other/soon", archive.Keep{Retain: archive.Retention{Days: 1}, RetainMode: "governance"})
	s := vault(t, server, archive.Keep{Retain: archive.Retention{Days: 40}, RetainMode: "governance", LegalHold: true})
	k := archive.KeeperOf(s)
	r, err := k.Renew(t.Context(), "id/", 10*day)
	if err != nil || r.Objects != 4 || r.Locked != 4 || !about(r.Until, 40) { // all were not held yet
		t.Fatalf("%+v, %v", r, err)
	}
	for key, want := range map[string]struct {
		days int
		mode types.ObjectLockRetentionMode
		held bool
	}{
		"id/bare": {40, "GOVERNANCE", true}, "id/soon": {40, "GOVERNANCE", true}, "id/strict": {40, "COMPLIANCE", true},
		"id/late": {400, "GOVERNANCE", true}, "other/soon": {1, "GOVERNANCE", false},
	} {
		if mode, until, held := lockOn(t, server, key); mode != want.mode || !about(until, want.days) || held != want.held {
			t.Errorf("%s: %s until %v, held %v", key, mode, until, held)
		}
	}
	if r, err := k.Renew(t.Context(), "id/", 10*day); err != nil || r.Locked != 0 {
		t.Errorf("at once again: %+v, %v", r, err)
	}
	// A shorter time of keeping takes nothing back.
	short := vault(t, server, archive.Keep{Retain: archive.Retention{Days: 2}, RetainMode: "governance"})
	if r, err := short.Renew(t.Context(), "id/", 100*day); err != nil || r.Locked != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	// A bucket without Object Lock says so.
	server.Bucket("discs")
	plain := openS3(t, server, nil)
	if err := plain.Put(t.Context(), "id/k", nil); err != nil {
		t.Fatal(err)
	}
	locks := openS3(t, server, func(c *archive.S3Config) {
		c.Keep = archive.Keep{Retain: archive.Retention{Days: 2}, RetainMode: "governance"}
	})
	if _, err := locks.Renew(t.Context(), "id/", day); !errors.Is(err, archive.ErrPermanent) {
		t.Error(err)
	}
	if archive.KeeperOf(plain) != nil || archive.KeeperOf(folder(t)) != nil {
		t.Error("a store without locks is a keeper")
	}
}

func folder(t *testing.T) archive.Store {
	t.Helper()
	return openDir(t, t.TempDir())
}
