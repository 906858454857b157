package archive_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ripstation/archive"
	"ripstation/internal/versitygw"
)

// shipped is a policy of packaging/s3 with its names filled in.
func shipped(t *testing.T, name string) (statements []json.RawMessage) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "packaging", "s3", name))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("BUCKET", "vault", "STATION", "station", "AUDITOR", "auditor").Replace(string(b))
	var p struct {
		Version   string
		Statement []json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if p.Statement == nil {
		return []json.RawMessage{json.RawMessage(text)}
	}
	return p.Statement
}

// user is an account's client, for what the program itself never does.
func user(server *versitygw.Server, name string) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &server.Endpoint, Region: versitygw.Region, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(name, name+"-secret-key", "")})
}

// The shipped policies at a real server, with real accounts: the station can
// archive and renew, and can delete and change nothing; the auditor can read and
// put nothing.
func TestShippedPolicies(t *testing.T) {
	server := versitygw.Start(t)
	server.LockBucket("vault")
	stationKey, stationSecret := server.User("station")
	auditorKey, auditorSecret := server.User("auditor")
	statements := slices.Concat(shipped(t, "station.json"), shipped(t, "station-locks.json"), shipped(t, "auditor.json"))
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	server.Policy("vault", string(policy))
	open := func(key, secret string) *archive.S3 {
		return openS3(t, server, func(c *archive.S3Config) {
			c.Bucket, c.AccessKeyFile, c.SecretKeyFile, c.Checksums, c.Capabilities = "vault", key, secret, archive.ChecksumAuto, filepath.Join(t.TempDir(), "vault.json")
			c.Keep = archive.Keep{Retain: archive.Retention{Days: 1}, RetainMode: "governance"}
		})
	}
	station := open(stationKey, stationSecret)
	for _, f := range probed(t, station).Found {
		if f.Can != archive.Able {
			t.Errorf("the station's key: %+v", f)
		}
	}
	onceOnly(t, station)
	begun, err := station.Begin(t.Context(), "id/broken-off", 10)
	if err != nil {
		t.Fatal(err)
	}
	for u, err := range station.Unfinished(t.Context()) {
		if err != nil || u.Key == "id/broken-off" && station.End(t.Context(), u) != nil {
			t.Errorf("%+v, %v", u, err)
		}
	}
	if err := begun.Part(t.Context(), 0, make([]byte, 10)); !errors.Is(err, archive.ErrUploadGone) {
		t.Errorf("an upload that was ended takes parts: %v", err)
	}
	if _, err := station.Renew(t.Context(), "id/", 10*day); err != nil {
		t.Error(err)
	}
	if refused, err := station.TryDelete(t.Context()); !refused || err != nil {
		t.Errorf("the station's key deletes: %v, %v", refused, err)
	}
	bucket, key := aws.String("vault"), aws.String("id/tag")
	refusedAll(t, "station", user(server, "station"), bucket, key)

	auditor := open(auditorKey, auditorSecret)
	if got := readAll(t, auditor, "id/tag"); string(got) != "an image" {
		t.Errorf("%q", got)
	}
	n := 0
	for info, err := range auditor.List(t.Context(), "id/") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := auditor.Stat(t.Context(), info.Key); err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("the auditor sees %d objects", n)
	}
	if err := auditor.Put(t.Context(), "id/new", []byte("x")); !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), "packaging/s3") {
		t.Errorf("the auditor puts: %v", err)
	}
	if _, err := auditor.Probe(t.Context()); !errors.Is(err, archive.ErrPermanent) {
		t.Errorf("the auditor probes: %v", err)
	}
	if u, err := auditor.Begin(t.Context(), "id/image2", 10); err == nil {
		t.Errorf("the auditor begins an upload: %v", u)
	}
	refusedAll(t, "auditor", user(server, "auditor"), bucket, key)
	_, err = user(server, "auditor").PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: bucket, Key: key,
		Retention: &types.ObjectLockRetention{Mode: "GOVERNANCE", RetainUntilDate: aws.Time(time.Now().Add(99 * day))}})
	if err == nil {
		t.Error("the auditor locks")
	}
}

// refusedAll tries what neither account may do.
func refusedAll(t *testing.T, who string, c *s3.Client, bucket, key *string) {
	t.Helper()
	ctx := t.Context()
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	_, delete := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	_, version := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: head.VersionId, BypassGovernanceRetention: aws.Bool(true)})
	gone, many := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: key}}}})
	if many == nil && len(gone.Deleted) == 0 && len(gone.Errors) == 1 {
		many = errors.New(aws.ToString(gone.Errors[0].Code)) // the answer to it is 200 all the same
	}
	_, wipe := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	_, versioning := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: "Suspended"}})
	_, policy := c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket})
	_, shorter := c.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{Bucket: bucket, Key: key, BypassGovernanceRetention: aws.Bool(true),
		Retention: &types.ObjectLockRetention{Mode: "GOVERNANCE", RetainUntilDate: aws.Time(time.Now().Add(time.Hour))}})
	for what, err := range map[string]error{"delete": delete, "delete a version": version, "delete many": many, "delete the bucket": wipe,
		"suspend versioning": versioning, "delete the policy": policy, "shorten a lock": shorter} {
		if err == nil {
			t.Errorf("the %s may %s", who, what)
		}
	}
	now, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	if err != nil || aws.ToString(now.VersionId) != aws.ToString(head.VersionId) {
		t.Errorf("%s: the object is another one now: %v", who, err)
	}
}

// The statement for AWS cannot be tried here; it is held to the words that AWS
// gives for it.
func TestNoOverwriteStatement(t *testing.T) {
	var s struct {
		Effect, Action string
		Condition      map[string]map[string]string
	}
	if err := json.Unmarshal(shipped(t, "no-overwrite-aws.json")[0], &s); err != nil {
		t.Fatal(err)
	}
	if s.Effect != "Deny" || s.Action != "s3:PutObject" || s.Condition["Null"]["s3:if-none-match"] != "true" || s.Condition["Bool"]["s3:ObjectCreationOperation"] != "true" {
		t.Errorf("%+v", s)
	}
}
