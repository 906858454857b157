package archive_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
)

// alone takes away all that this machine might give the SDK's chain.
func alone(t *testing.T) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"} {
		t.Setenv(v, "")
		os.Unsetenv(v)
	}
	t.Setenv("AWS_CONFIG_FILE", nowhere)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// signedBy is the access key of the last request that a server got.
func (q *quirky) signedBy(t *testing.T) string {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.seen) == 0 {
		t.Fatal("nothing was asked")
	}
	_, rest, _ := strings.Cut(q.seen[len(q.seen)-1].Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return key
}

func chained(t *testing.T, change func(*archive.S3Config)) (*quirky, *archive.S3) {
	t.Helper()
	return quirkyStore(t, func(c *archive.S3Config) {
		c.AccessKeyFile, c.SecretKeyFile = "", ""
		if change != nil {
			change(c)
		}
	})
}

func ask(t *testing.T, s *archive.S3) {
	t.Helper()
	if _, err := s.Stat(t.Context(), "none"); !errors.Is(err, archive.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestCredentialsOfEnvironment(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "FROMENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	q, s := chained(t, nil)
	ask(t, s)
	if got := q.signedBy(t); got != "FROMENV" {
		t.Error(got)
	}
}

func TestCredentialsOfProfiles(t *testing.T) {
	alone(t)
	file := filepath.Join(t.TempDir(), "aws")
	text := "[default]\naws_access_key_id = DEFAULTKEY\naws_secret_access_key = s\n[archive]\naws_access_key_id = ARCHIVEKEY\naws_secret_access_key = s\n[profile named]\naws_access_key_id = NAMEDKEY\naws_secret_access_key = s\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]string{"": "DEFAULTKEY", "archive": "ARCHIVEKEY", "named": "NAMEDKEY"} {
		q, s := chained(t, func(c *archive.S3Config) { c.Profile, c.SharedConfigFile = profile, file })
		ask(t, s)
		if got := q.signedBy(t); got != want {
			t.Errorf("%q: %s", profile, got)
		}
	}
	// The files that the environment names, and a profile of them.
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	q, s := chained(t, func(c *archive.S3Config) { c.Profile = "archive" })
	ask(t, s)
	if got := q.signedBy(t); got != "ARCHIVEKEY" {
		t.Error(got)
	}
	for name, change := range map[string]func(*archive.S3Config){
		"no such profile": func(c *archive.S3Config) { c.Profile, c.SharedConfigFile = "nobody", file },
		"no such file":    func(c *archive.S3Config) { c.SharedConfigFile = file + "-none" },
		"both":            func(c *archive.S3Config) { c.Profile, c.AccessKeyFile, c.SecretKeyFile = "archive", file, file },
	} {
		cfg := archive.S3Config{Name: "cloud", Bucket: "discs"}
		change(&cfg)
		if _, err := archive.NewS3(t.Context(), cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// roles gives a new key at every request; each has expired when it is used
// again.
type roles struct{ given atomic.Int64 }

func (r *roles) answer(w http.ResponseWriter) {
	n := r.given.Add(1)
	_ = json.NewEncoder(w).Encode(map[string]string{"Code": "Success", "AccessKeyId": "ROLE" + strings.Repeat("X", int(n)), "SecretAccessKey": "s", "Token": "t",
		"Expiration": time.Now().UTC().Format(time.RFC3339)})
}

// Credentials of a container's role are asked for again when they have expired.
func TestCredentialsOfContainer(t *testing.T) {
	alone(t)
	var r roles
	role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { r.answer(w) }))
	defer role.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.URL+"/role")
	q, s := chained(t, nil)
	ask(t, s)
	first := q.signedBy(t)
	ask(t, s)
	if again := q.signedBy(t); !strings.HasPrefix(first, "ROLE") || again == first || !strings.HasPrefix(again, "ROLE") {
		t.Errorf("%q, then %q", first, again)
	}
}

// The same of an instance's role, by its metadata service.
func TestCredentialsOfInstance(t *testing.T) {
	alone(t)
	os.Unsetenv("AWS_EC2_METADATA_DISABLED")
	var r roles
	imds := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch path := req.URL.Path; {
		case req.Method == "PUT" && path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
			_, _ = w.Write([]byte("token"))
		case req.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
			w.WriteHeader(401)
		case strings.HasSuffix(path, "/iam/security-credentials/"):
			_, _ = w.Write([]byte("station"))
		case strings.HasSuffix(path, "/iam/security-credentials/station"):
			r.answer(w)
		default:
			w.WriteHeader(404)
		}
	}))
	defer imds.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.URL)
	q, s := chained(t, nil)
	ask(t, s)
	first := q.signedBy(t)
	if !strings.HasPrefix(first, "ROLE") {
		t.Fatalf("signed by %q", first)
	}
	ask(t, s)
	if again := q.signedBy(t); again == first {
		t.Errorf("%q again, after it had expired", again)
	}
}

// With nothing to be had it is said what can be given.
func TestNoCredentials(t *testing.T) {
	alone(t)
	q, s := chained(t, nil)
	_, err := s.Stat(t.Context(), "none")
	if !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), "access_key_file") || !strings.Contains(err.Error(), "no credentials to be had") {
		t.Error(err)
	}
	if n := len(q.requests("HEAD", "")); n != 0 {
		t.Errorf("%d requests without a signature", n)
	}
}
