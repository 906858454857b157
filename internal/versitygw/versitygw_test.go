package versitygw

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What the server has taken survives a kill and a restart at the same address.
func TestLives(t *testing.T) {
	s := Start(t)
	if host, _, err := net.SplitHostPort(s.Addr); err != nil || host != "127.0.0.1" {
		t.Fatalf("listens at %s", s.Addr)
	}
	s.Bucket("discs")
	ctx := context.Background()
	bucket, key := "discs", "a/b"
	if _, err := s.Client().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("hello")}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){s.Kill, s.Stop} {
		end()
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			c.Close()
			t.Fatal("answers after its end")
		}
		s.Restart()
		out, err := s.Client().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if plain, err := os.ReadFile(s.File(bucket, key)); err != nil || string(plain) != "hello" {
		t.Fatalf("on disk: %q, %v", plain, err)
	}
	log, err := os.ReadFile(s.AccessLog)
	if err != nil || !strings.Contains(string(log), "a/b") {
		t.Fatalf("access log %q, %v", log, err)
	}
}
