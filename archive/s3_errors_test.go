package archive_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
)

// Every failure that a person can mend says how, and only what waiting does not
// mend is permanent.
func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		status  int
		code    string
		waiting bool // it may mend by waiting
		hint    string
	}{
		{403, "ExpiredToken", false, "expired"},
		{400, "ExpiredToken", false, "expired"},
		{403, "InvalidAccessKeyId", false, "access_key_file"},
		{403, "SignatureDoesNotMatch", false, "secret_key_file"},
		{403, "AccessDenied", false, "packaging/s3"},
		{404, "NoSuchBucket", false, "create bucket discs"},
		{301, "PermanentRedirect", false, "the bucket is in region eu-central-1, the config says us-east-1"},
		{400, "AuthorizationHeaderMalformed", false, "region"},
		{400, "IllegalLocationConstraintException", false, "region"},
		{403, "RequestTimeTooSkewed", true, "clock"},
		{503, "SlowDown", true, "less at a time"},
		{400, "InvalidStorageClass", false, "storage_class"},
		{400, "KMS.NotFoundException", false, "kms_key"},
		{403, "InvalidObjectState", false, "cold storage"},
		{404, "ObjectLockConfigurationNotFoundError", false, "Object Lock"},
		{507, "XMinioStorageFull", true, "full"},
		{500, "InternalError", true, ""},
		{502, "", true, ""},
		{418, "", false, "endpoint"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
			if c.code == "" {
				w.WriteHeader(c.status)
				return
			}
			refuse(w, c.status, c.code)
		}))
		s := storeAt(t, server.URL, nil)
		r, err := s.Read(t.Context(), "id/bagit.txt", 0, -1)
		if err == nil {
			r.Close()
			t.Fatalf("%d %s: read worked", c.status, c.code)
		}
		if errors.Is(err, archive.ErrPermanent) == c.waiting || !strings.Contains(err.Error(), c.hint) || !strings.Contains(err.Error(), "store cloud: read id/bagit.txt") {
			t.Errorf("%d %s: %v; permanent: %v", c.status, c.code, err, errors.Is(err, archive.ErrPermanent))
		}
		// Answers to HEAD have no body that could give the reason.
		if _, err := s.Stat(t.Context(), "id/bagit.txt"); c.status < 500 && c.status != 404 && (err == nil || errors.Is(err, archive.ErrPermanent) == c.waiting || !strings.Contains(err.Error(), c.hint)) {
			t.Errorf("stat: %d %s: %v", c.status, c.code, err)
		}
		server.Close()
	}
}

func storeAt(t *testing.T, endpoint string, change func(*archive.S3Config)) *archive.S3 {
	t.Helper()
	cfg := archive.S3Config{Name: "cloud", Endpoint: endpoint, Bucket: "discs", PathStyle: true, AccessKeyFile: one(t, "key"), SecretKeyFile: one(t, "secret"),
		ConnectTimeout: 5 * time.Second}
	if change != nil {
		change(&cfg)
	}
	s, err := archive.NewS3(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// What goes wrong before a server answers.
func TestNotReached(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	own := httptest.NewUnstartedServer(http.NotFoundHandler()) // its certificate is for example.com and 127.0.0.1
	own.Config.ErrorLog = quiet
	own.StartTLS()
	defer own.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	_, port, err := net.SplitHostPort(own.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ca := certificate(t, own)
	for name, c := range map[string]struct {
		endpoint string
		change   func(*archive.S3Config)
		waiting  bool
		hint     string
	}{
		"unknown authority":  {own.URL, nil, false, "ca_file"},
		"another's name":     {"https://localhost:" + port, func(c *archive.S3Config) { c.CAFile = ca }, false, "the endpoint's name is not the one"},
		"no https":           {strings.Replace(plain.URL, "http:", "https:", 1), nil, false, "does not speak https"},
		"nobody there":       {"http://" + nobody, nil, true, "nothing listens there"},
		"no such name":       {"http://s3.invalid", nil, true, "check the endpoint"},
		"bucket in the name": {"http://s3.invalid", func(c *archive.S3Config) { c.PathStyle = false }, true, "path_style"},
	} {
		s := storeAt(t, c.endpoint, c.change)
		_, err := s.Stat(t.Context(), "k")
		if err == nil || errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrPermanent) == c.waiting || !strings.Contains(err.Error(), c.hint) {
			var dns *net.DNSError
			if errors.As(err, &dns) && !dns.IsNotFound && strings.Contains(err.Error(), "name server") {
				continue // a machine without a name server cannot tell that there is no such name
			}
			t.Errorf("%s: %v", name, err)
		}
	}
	// With the authority named, the same server is trusted.
	s := storeAt(t, own.URL, func(c *archive.S3Config) { c.CAFile = ca })
	if _, err := s.Stat(t.Context(), "k"); err == nil || strings.Contains(err.Error(), "reach") {
		t.Error(err)
	}
}

// certificate is the file with a test server's certificate.
func certificate(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return one(t, strings.TrimSpace(string(pemOf(s.Certificate().Raw))))
}

// An expired certificate, or a clock that makes it one.
func TestExpiredCertificate(t *testing.T) {
	cert, pool := expired(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	defer server.Close()
	s := storeAt(t, server.URL, func(c *archive.S3Config) { c.CAFile = one(t, strings.TrimSpace(string(pool))) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Stat(ctx, "k"); !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), "timedatectl") {
		t.Error(err)
	}
}
