package archive_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// Behind TLS a part's body is left out of the signature, its checksum is not,
// and bytes that change on the way are refused.
func TestPartsBehindTLS(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var parts, unsigned atomic.Int64
	var spoil atomic.Bool
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }}
	tls := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") {
			parts.Add(1)
			if r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD" && r.Header.Get("X-Amz-Checksum-Crc64nvme")+r.Header.Get("Content-Md5") != "" {
				unsigned.Add(1)
			}
			if spoil.Load() {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				body[len(body)/2] ^= 1
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(tls.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sums := range []archive.Checksums{archive.ChecksumCRC64NVME, archive.ChecksumMD5} {
		parts.Store(0)
		unsigned.Store(0)
		s := openS3(t, server, func(c *archive.S3Config) {
			c.Endpoint, c.CAFile, c.Checksums, c.Prefix = tls.URL, ca, sums, string(sums)
		})
		bag := bagOf(bigImage)
		bag.Payload[0].Sums = sumsOf(bigImage)
		if _, err := archive.Send(t.Context(), s, bag, archive.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if parts.Load() != 4 || unsigned.Load() != 4 {
			t.Errorf("%s: %d parts, %d of them with their checksum alone in the signature", sums, parts.Load(), unsigned.Load())
		}
		if res, err := archive.Validate(t.Context(), s, bag.Prefix); err != nil || len(res.Flaws) != 0 {
			t.Errorf("%s: %v, %v", sums, res.Flaws, err)
		}
		spoil.Store(true)
		body := archivetest.Bytes(3, archivetest.PartSize)
		u, err := s.Begin(t.Context(), "spoilt/x", int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		if err := u.PartFrom(t.Context(), 0, bytes.NewReader(body), archive.CRC64NVME(body)); !errors.Is(err, archive.ErrChecksum) || errors.Is(err, archive.ErrSourceChanged) {
			t.Errorf("%s: bytes that changed on the way: %v", sums, err)
		}
		if err := u.PartFrom(t.Context(), 0, bytes.NewReader(body), archive.CRC64NVME(body)^1); !errors.Is(err, archive.ErrSourceChanged) {
			t.Errorf("%s: bytes that are not what was summed: %v", sums, err)
		}
		spoil.Store(false)
	}
}
