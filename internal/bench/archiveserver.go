package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The store's only account and its bucket.
const (
	accessKey = "bench"
	secretKey = "bench-secret"
	region    = "us-east-1"
	bucket    = "discs"
)

// s3Server is a real S3 server with https on the loopback.
type s3Server struct {
	addr   string
	root   string // object K of the bucket lies in root/discs/K
	ca     string // PEM file
	access string // files of one line
	secret string
	stop   func() error
}

// serveS3 runs the pinned versitygw with a certificate made for it, and makes
// the bucket. Objects lie in shelf, all else in dir.
func serveS3(ctx context.Context, dir, shelf string) (s *s3Server, err error) {
	path, err := exec.CommandContext(ctx, "scripts/versitygw.sh").Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/versitygw.sh: %w", err)
	}
	s = &s3Server{root: filepath.Join(shelf, "data"), ca: filepath.Join(dir, "ca.pem"), access: filepath.Join(dir, "access-key"), secret: filepath.Join(dir, "secret-key")}
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	sidecar := filepath.Join(shelf, "sidecar")
	for _, err := range []error{os.MkdirAll(s.root, 0o755), os.MkdirAll(sidecar, 0o755), certify(s.ca, cert, key),
		os.WriteFile(s.access, []byte(accessKey+"\n"), 0o600), os.WriteFile(s.secret, []byte(secretKey+"\n"), 0o600)} {
		if err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(path)), "--port", s.addr, "--region", region, "--quiet", "--keep-alive", "--cert", cert, "--key", key, "posix", "--sidecar", sidecar, s.root) // ext4 has no room for a list of 840 parts
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	var words bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &words, &words
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // what it said is told below
	s.stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		return nil
	}
	if err := s.bucket(ctx, ended); err != nil {
		_ = s.stop()
		return nil, fmt.Errorf("start versitygw: %w; it says: %s", err, strings.TrimSpace(words.String()))
	}
	return s, nil
}

// bucket waits until the server answers, and makes the bucket.
func (s *s3Server) bucket(ctx context.Context, ended <-chan struct{}) error {
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := s3.New(s3.Options{BaseEndpoint: aws.String("https://" + s.addr), Region: region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}})
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("make a bucket: %w", err)
		}
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// certify makes an authority and the server's certificate for a day.
func certify(ca, cert, key string) error {
	from := time.Now().Add(-time.Minute)
	mine := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ripstation bench CA"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	its := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	itsKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, mine, mine, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	itsDER, err := x509.CreateCertificate(rand.Reader, its, mine, &itsKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(itsKey)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{ca, "CERTIFICATE", caDER}, {cert, "CERTIFICATE", itsDER}, {key, "PRIVATE KEY", keyDER}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return err
		}
	}
	return nil
}
