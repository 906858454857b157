package archive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

func sumOf(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:])
}

// A file is put only if absent, in one piece or in parts, and what lies there
// afterwards was read; nothing wrong becomes visible, and nothing is written over.
func TestPutFile(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	for name, open := range map[string]func(t *testing.T) archive.Store{
		"directory": func(t *testing.T) archive.Store { return openDir(t, filepath.Join(t.TempDir(), "store")) },
		"s3":        func(t *testing.T) archive.Store { return openS3(t, server, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s, other := open(t), openDir(t, filepath.Join(t.TempDir(), "other"))
			for i, size := range []int{1, 5000, 8 << 20, 8<<20 + 1, 13 << 20} {
				body := archivetest.Bytes(uint64(i), size)
				key, sum := "disc/added/"+sumOf(body), sumOf(body)
				wrong := bytes.Clone(body)
				wrong[size-1] ^= 1
				for what, src := range map[string][]byte{"other bytes": wrong, "too long": append(bytes.Clone(body), 1), "too short": body[:size-1]} {
					if err := archive.PutFile(ctx, s, key, bytes.NewReader(src), int64(size), sum); !errors.Is(err, archive.ErrSourceChanged) {
						t.Errorf("%d bytes, %s: %v", size, what, err)
					}
				}
				if _, err := s.Stat(ctx, key); !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("%d bytes: something became visible: %v", size, err)
				}
				if err := archive.HoldsFile(ctx, s, key, int64(size), sum); !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("%d bytes: %v", size, err)
				}
				for range 2 {
					if err := archive.PutFile(ctx, s, key, bytes.NewReader(body), int64(size), sum); err != nil {
						t.Errorf("%d bytes: %v", size, err)
					}
				}
				if got, n, err := archive.SHA256Of(ctx, s, key); err != nil || got != sum || n != int64(size) {
					t.Errorf("%d bytes: %s, %d, %v", size, got, n, err)
				}
				if err := archive.CopyFile(ctx, s, other, key, int64(size), sum); err != nil {
					t.Errorf("%d bytes: %v", size, err)
				}
				// Something else lies there: it stays, and is not called the file.
				taken := "disc/added/" + sumOf(append(wrong, body...))
				if err := s.Put(ctx, taken, []byte("something else")); err != nil {
					t.Fatal(err)
				}
				if err := archive.PutFile(ctx, s, taken, bytes.NewReader(body), int64(size), sum); !errors.Is(err, archive.ErrExists) {
					t.Errorf("%d bytes over another object: %v", size, err)
				}
				if got, _, err := archive.SHA256Of(ctx, s, taken); err != nil || got != sumOf([]byte("something else")) {
					t.Errorf("what lay there is %s, %v", got, err)
				}
				if err := archive.CopyFile(ctx, s, other, taken, int64(len("something else")), sum); !errors.Is(err, archive.ErrCopyDamaged) || !errors.Is(err, archive.ErrSourceChanged) || strings.Contains(err.Error(), "spool") {
					t.Errorf("a wrong file was copied: %v", err)
				}
			}
		})
	}
}
