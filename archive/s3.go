package archive

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Checksums says by what a store proves that bytes arrived.
type Checksums string

const (
	// ChecksumAuto is CRC64NVME where a probe has found that the server checks
	// it, else MD5.
	ChecksumAuto Checksums = "auto"
	// ChecksumCRC64NVME is the default: a checksum for every part and one for
	// the whole object, which the store keeps.
	ChecksumCRC64NVME Checksums = "crc64nvme"
	// ChecksumMD5 is for servers without CRC64NVME: Content-MD5 for every part,
	// and the ETag made of them for the whole. Such a store cannot say what an
	// unfinished part's CRC64NVME is, so a resumed upload sends all parts again.
	ChecksumMD5 Checksums = "md5"
)

const minPartSize = 5 * mib // by S3, for every part but the last

// S3Config says which bucket is a store. Files hold secrets so that no config
// file does.
type S3Config struct {
	Name     string
	Endpoint string // "https://s3.example.org"; empty for AWS itself
	Region   string // empty: us-east-1
	Bucket   string
	Prefix   string // put before every key, empty for none; as CheckKey has it
	// PathStyle puts the bucket into the path instead of the host's name, as
	// most servers other than AWS want it.
	PathStyle bool
	// AccessKeyFile and SecretKeyFile hold one line each. With neither set the
	// SDK's default chain is asked: environment, shared config and credentials
	// files, container and instance role. Profile and SharedConfigFile say which
	// profile of which file; empty, the SDK goes by AWS_PROFILE and the like.
	AccessKeyFile, SecretKeyFile string
	Profile, SharedConfigFile    string
	CAFile                       string    // PEM, trusted besides the system's
	Checksums                    Checksums // empty: crc64nvme
	PartSize                     int64     // bytes, 0 for the default, at least 5 MiB
	Keep                         Keep
	// Capabilities is the file that what the bucket can do is recorded in. With
	// it the bucket is probed before the first write; without it nothing is known
	// of the server and the cautious way is taken.
	Capabilities string

	ConnectTimeout time.Duration // 0: 10 s
	// StallTimeout ends a connection on which no byte moved for so long; 0: 60 s.
	StallTimeout time.Duration
	// CompleteTimeout is how long a server may be silent while it joins the
	// parts of an object; 0: 30 min.
	CompleteTimeout time.Duration
}

// S3 is a store in a bucket.
type S3 struct {
	cfg    S3Config
	client *s3.Client
	quick  *http.Client
	slow   *http.Client // for CompleteMultipartUpload

	known    atomic.Pointer[Capabilities]
	unprobed atomic.Pointer[string] // why it is not known
	probing  chan struct{}          // held by who probes
	tried    time.Time              // when a probe was last begun; by who probes
}

// NewS3 makes the store's handle. It reads the files that cfg names and sends
// nothing yet.
func NewS3(ctx context.Context, cfg S3Config) (*S3, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	pool, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	s := &S3{cfg: cfg, quick: newHTTPClient(cfg, pool, cfg.StallTimeout), slow: newHTTPClient(cfg, pool, cfg.CompleteTimeout), probing: make(chan struct{}, 1)}
	s.known.Store(cfg.loadCapabilities())
	creds, err := cfg.credentials(ctx)
	if err != nil {
		return nil, err
	}
	s.client = s3.New(s3.Options{Region: cfg.Region, Credentials: creds}, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
		o.UsePathStyle = cfg.PathStyle
		o.HTTPClient = s.quick
		// Checksums are computed here, faster, and sent as plain headers; the
		// SDK's own would come as trailers that many servers do not take.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		// A few quick tries here; for long waits the caller knows better.
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = tries
			r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return pause(attempt), nil })
			r.RateLimiter = ratelimit.None
		})
	})
	return s, nil
}

// tries is how often a request is sent before the caller is told.
const tries = 3

func pause(try int) time.Duration { return time.Duration(try) * 200 * time.Millisecond }

// once is for a request that must not be sent again unseen.
func once(o *s3.Options) { o.RetryMaxAttempts = 1 }

func (c *S3Config) check() error {
	c.Endpoint = strings.TrimSuffix(c.Endpoint, "/")
	if c.Name == "" || c.Bucket == "" {
		return fmt.Errorf("s3 store %q: a name and a bucket are needed", c.Name)
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return fmt.Errorf("store %s: endpoint %q is not like https://host:port", c.Name, c.Endpoint)
		}
	}
	if c.Prefix != "" {
		if err := CheckKey(c.Prefix); err != nil || len(c.Prefix) > MaxKey-100 {
			return fmt.Errorf("store %s: prefix %q cannot stand before keys: %w", c.Name, c.Prefix, errors.Join(err))
		}
	}
	if (c.AccessKeyFile == "") != (c.SecretKeyFile == "") {
		return fmt.Errorf("store %s: access key file and secret key file are given together or not at all", c.Name)
	}
	if c.AccessKeyFile != "" && (c.Profile != "" || c.SharedConfigFile != "") {
		return fmt.Errorf("store %s: a profile and key files exclude each other", c.Name)
	}
	switch c.Checksums {
	case "":
		c.Checksums = ChecksumCRC64NVME
	case ChecksumAuto, ChecksumCRC64NVME, ChecksumMD5:
	default:
		return fmt.Errorf("store %s: checksums %q is none of %s, %s, %s", c.Name, c.Checksums, ChecksumAuto, ChecksumCRC64NVME, ChecksumMD5)
	}
	if key, err := c.Keep.Check(); err != nil {
		return fmt.Errorf("store %s: %s: %w", c.Name, key, err)
	}
	if c.PartSize != 0 && c.PartSize < minPartSize {
		return fmt.Errorf("store %s: a part size of %d bytes is below S3's least, %d", c.Name, c.PartSize, minPartSize)
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.ConnectTimeout, 10 * time.Second}, {&c.StallTimeout, time.Minute}, {&c.CompleteTimeout, 30 * time.Minute}} {
		if *d.v < 0 {
			return fmt.Errorf("store %s: a negative timeout", c.Name)
		}
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return nil
}

func (c *S3Config) pool() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil // the system's
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("store %s: ca_file: %w", c.Name, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("store %s: ca_file: %s holds no certificate; it is a PEM file", c.Name, c.CAFile)
	}
	return pool, nil
}

// Name is the store's name in the config.
func (s *S3) Name() string { return s.cfg.Name }

// Close lets go of idle connections. The store may still be used.
func (s *S3) Close() error {
	s.quick.CloseIdleConnections()
	s.slow.CloseIdleConnections()
	return nil
}

// full is the key as the bucket has it.
func (s *S3) full(key string) *string {
	if s.cfg.Prefix == "" {
		return &key
	}
	key = s.cfg.Prefix + "/" + key
	return &key
}

func (s *S3) bucket() *string { return &s.cfg.Bucket }
