package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// plain is what the least of senders takes for as many bytes as a disc has, to
// the same server at the pace of a drive: curl, with one PUT whose address was
// signed beforehand. It takes no sum, knows no parts and could not go on after a
// break; what it takes is mostly TLS and the kernel. In CPU seconds.
func (b *archiveBench) plain(ctx context.Context, size, pace int64) (cpu float64, err error) {
	err = b.over(ctx, 0, func(_ *link, dir, addr, prefix string) error {
		file, key := filepath.Join(dir, "plain"), prefix+"/plain"
		sum, err := noise(file, size)
		if err != nil {
			return err
		}
		client, err := b.server.client(addr)
		if err != nil {
			return err
		}
		to, err := s3.NewPresignClient(client).PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key}, s3.WithPresignExpires(time.Hour))
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--cacert", b.server.ca, "--limit-rate", fmt.Sprint(pace), "--upload-file", file, to.URL)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("curl: %w\n%s", err, out)
		}
		cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		return b.atRest(key, sum)
	})
	return cpu, err
}

// noise makes a file of bytes that nothing can shorten, the same ones each time,
// and gives its SHA-256.
func noise(file string, size int64) (sum string, err error) {
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{}), size)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}
