package archive_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
)

// Class, encryption and locks are the same on what is put and on what is
// uploaded, and probes are never locked.
func TestHowObjectsAreKept(t *testing.T) {
	q, s := quirkyStore(t, func(c *archive.S3Config) {
		c.Keep = archive.Keep{StorageClass: "STANDARD_IA", Encryption: "aws:kms", KMSKey: "alias/discs", Retain: archive.Retention{Days: 30}, RetainMode: "compliance", LegalHold: true}
	})
	before := time.Now()
	onceOnly(t, s)
	n := 0
	for key, o := range q.objects {
		h := o.head
		if h.Get("X-Amz-Storage-Class") != "STANDARD_IA" || h.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "alias/discs" {
			t.Errorf("%s: %v", key, h)
		}
		until, err := time.Parse(time.RFC3339, h.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		locked := err == nil && until.After(before.AddDate(0, 0, 30).Add(-2*time.Second)) && until.Before(before.AddDate(0, 0, 31)) &&
			h.Get("X-Amz-Object-Lock-Mode") == "COMPLIANCE" && h.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"
		if probe := strings.HasPrefix(key, archive.ProbePrefix); probe && h.Get("X-Amz-Object-Lock-Mode") != "" || !probe && !locked {
			t.Errorf("%s: %v", key, h)
		}
		n++
	}
	if n < 4 {
		t.Errorf("%d objects", n)
	}
	for _, keep := range []archive.Keep{
		{StorageClass: "standard ia"}, {StorageClass: "DEEP_ARCHIVE"}, {Encryption: "rot13"}, {KMSKey: "k"}, {Encryption: "AES256", KMSKey: "k"},
		{RetainMode: "compliance"}, {Retain: archive.Retention{Days: 1}}, {Retain: archive.Retention{Days: 1}, RetainMode: "forever"},
	} {
		if _, err := archive.NewS3(t.Context(), archive.S3Config{Name: "cloud", Bucket: "discs", Keep: keep}); err == nil {
			t.Errorf("%+v: accepted", keep)
		}
	}
}

func TestRetention(t *testing.T) {
	for text, want := range map[string]archive.Retention{"": {}, "30d": {Days: 30}, " 10y ": {Years: 10}, "100y": {Years: 100}} {
		got, err := archive.ParseRetention(text)
		if err != nil || got != want || got.String() != strings.TrimSpace(text) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "y", "0d", "-1y", "1.5y", "101y", "9999999999999d", "36501d", "1m", "12h", "ten years"} {
		if got, err := archive.ParseRetention(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
	leap := time.Date(2028, 2, 29, 12, 0, 0, 5, time.UTC)
	if got := (archive.Retention{Years: 1}).From(leap); !got.Equal(time.Date(2029, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Error(got)
	}
}

// In host style the bucket's name stands in the host's, in path style in the
// path; the prefix before the key in both.
func TestHostAndPathStyle(t *testing.T) {
	var host, path string
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, path = r.Host, r.URL.Path
		w.Header().Set("Content-Length", "0")
	})
	for _, c := range []struct {
		path           bool
		wantHost, want string
	}{{false, "discs.s3.test", "/arch/id/tag"}, {true, "s3.test", "/discs/arch/id/tag"}} {
		s := storeAt(t, "http://s3.test", func(cfg *archive.S3Config) { cfg.PathStyle, cfg.Prefix = c.path, "arch" })
		archive.DialTo(t, s, server)
		if _, err := s.Stat(t.Context(), "id/tag"); err != nil || host != c.wantHost || path != c.want {
			t.Errorf("path style %v: %s %s, %v", c.path, host, path, err)
		}
	}
}
