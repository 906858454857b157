package main

import (
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/internal/versitygw"
)

// objectVersion reads one version of an object.
func objectVersion(t *testing.T, server *versitygw.Server, bucket, key, id string) []byte {
	t.Helper()
	out, err := server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &id})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Error(err)
	}
	return b
}
