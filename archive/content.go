package archive

import (
	"context"
	"io"

	"github.com/minio/crc64nvme"
)

// contentCRC reads a whole object to know its checksum.
func contentCRC(ctx context.Context, s Store, key string) (uint64, error) {
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	return sumOf(r)
}

// contentCRC is that of an object in this folder.
func (r *rooted) contentCRC(ctx context.Context, key string) (uint64, error) {
	body, err := r.read(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	return sumOf(body)
}

func sumOf(r io.ReadCloser) (uint64, error) {
	defer r.Close()
	h := crc64nvme.New()
	if _, err := io.Copy(h, r); err != nil {
		return 0, err
	}
	return h.Sum64(), nil
}
