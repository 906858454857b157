// Package seaweedfs runs a second real S3 server for tests: the pinned
// SeaweedFS that scripts/seaweedfs.sh builds, all of its parts in one process,
// on the loopback only. It shares no code with versitygw, and is of another
// opinion where S3's documents leave room.
package seaweedfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/internal/s3server"
)

// Version is the one that scripts/seaweedfs.sh builds.
const Version = "v0.0.0-20261109003541-7506e5f91cd6"

// Start runs a server until the test ends. It fails the test, and never skips
// it, when the server is not built or does not come up.
func Start(t testing.TB) *s3server.Server {
	t.Helper()
	binary, err := s3server.Binary("seaweedfs", Version)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	return s3server.Start(t, dir, s3server.Program{Name: "seaweedfs", Ports: 8, Ready: takesObjects,
		Command: func(s *s3server.Server) *exec.Cmd {
			args := []string{"server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=" + data, "-filer", "-s3",
				"-master.volumeSizeLimitMB=1024", "-volume.max=20", "-volume.minFreeSpace=1MiB", "-volume.preStopSeconds=0"}
			for i, name := range []string{"s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"} {
				args = append(args, fmt.Sprintf("-%s=%d", name, s.Ports[i]))
			}
			cmd := exec.Command(binary, args...)
			cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+s3server.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3server.SecretKey, "HOME="+dir)
			return cmd
		}})
}

// takesObjects: the gateway answers before the parts behind it are up, so an
// object is put where no test looks.
func takesObjects(ctx context.Context, s *s3server.Server) error {
	bucket, key := "ready", "ready"
	client := s.Client()
	if _, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			return err
		}
	}
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("ready")})
	return err
}
