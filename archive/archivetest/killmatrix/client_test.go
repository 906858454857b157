package killmatrix

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// order is the environment variable that makes this test program a client: it
// names a file that holds a job.
const order = "RIPSTATION_KILL_MATRIX_CLIENT"

// job is what a client is to send, and where.
type job struct {
	Store archive.S3Config
	Image string // a file
	Bag   string // its prefix
	// What the image is, so that a client does not have to find out.
	Size           int64
	CRC64NVME      uint64
	SHA512, SHA256 string
	// Patient clients outlive a server that is killed: they try again.
	Patient bool
	// Stream has the parts sent while the image is still growing, and the rest
	// by that same upload.
	Stream bool
}

func TestMain(m *testing.M) {
	if path := os.Getenv(order); path != "" {
		if err := client(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func client(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	ctx := context.Background()
	store, err := archive.NewS3(ctx, j.Store)
	if err != nil {
		return err
	}
	defer store.Close()
	image, err := os.Open(j.Image)
	if err != nil {
		return err
	}
	defer image.Close()
	tries := 0
	opts := archive.SendOptions{Hooks: archive.Hooks{Retry: func(_ context.Context, err error) error {
		if tries++; !j.Patient || tries > 20 {
			return err
		}
		return nil
	}}}
	if j.Stream {
		up, err := j.stream(ctx, store, image, opts.Hooks)
		if err != nil {
			return err
		}
		opts.Live = func(string) archive.Upload { return up }
	}
	_, err = archive.Send(ctx, store, j.bag(image), opts)
	return err
}

func (j job) bag(image *os.File) archive.Bag {
	p := archive.Payload{Path: "data/image.iso", Size: j.Size, Source: image, CRC64NVME: j.CRC64NVME, SHA512: j.SHA512, SHA256: j.SHA256}
	return archive.Bag{Prefix: j.Bag, Payload: []archive.Payload{p},
		Info:     []archive.Tag{{Label: "External-Identifier", Value: j.Bag}},
		Metadata: []archive.File{{Path: "metadata/record.json", Body: []byte("{}\n")}}}
}

// image makes an image of so many parts, the last one short, and says what it
// is.
func image(t *testing.T, parts int) job {
	t.Helper()
	size := int64(parts)*archivetest.PartSize - 12345
	path := filepath.Join(t.TempDir(), "image.iso")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h512, h256, crc := sha512.New(), sha256.New(), uint64(0)
	for n := range parts {
		b := archivetest.Bytes(uint64(1000+n), archivetest.PartSize)
		b = b[:min(int64(len(b)), size-int64(n)*archivetest.PartSize)]
		h512.Write(b)
		h256.Write(b)
		crc = archive.CombineCRC64NVME(crc, archive.CRC64NVME(b), int64(len(b)))
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	return job{Image: path, Size: size, CRC64NVME: crc, SHA512: fmt.Sprintf("%x", h512.Sum(nil)), SHA256: fmt.Sprintf("%x", h256.Sum(nil))}
}

var errTooLong = errors.New("the client does not end")

const clientLimit = 2 * time.Minute
