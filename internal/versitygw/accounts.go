package versitygw

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// LockBucket makes an empty bucket with Object Lock, and so with versions.
func (s *Server) LockBucket(name string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := s.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		s.t.Fatal(err)
	}
}

// User makes an account that may do what a bucket's policy allows it. Its name
// is its access key; both keys are given as files of one line.
func (s *Server) User(name string) (accessKeyFile, secretKeyFile string) {
	s.t.Helper()
	out, err := exec.Command(s.binary, "admin", "--access", AccessKey, "--secret", SecretKey, "--endpoint-url", s.Endpoint, "create-user",
		"--access", name, "--secret", name+"-secret-key", "--role", "user").CombinedOutput()
	if err != nil {
		s.t.Fatalf("create user %s: %v: %s", name, err, out)
	}
	dir := s.t.TempDir()
	accessKeyFile, secretKeyFile = filepath.Join(dir, "access-key"), filepath.Join(dir, "secret-key")
	if err := errors.Join(os.WriteFile(accessKeyFile, []byte(name+"\n"), 0o600), os.WriteFile(secretKeyFile, []byte(name+"-secret-key\n"), 0o600)); err != nil {
		s.t.Fatal(err)
	}
	return accessKeyFile, secretKeyFile
}

// Policy sets the bucket's policy.
func (s *Server) Policy(bucket, policy string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := s.Client().PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		s.t.Fatal(err)
	}
}
