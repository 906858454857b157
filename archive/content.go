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
	defer r.Close()
	h := crc64nvme.New()
	if _, err := io.Copy(h, r); err != nil {
		return 0, err
	}
	return h.Sum64(), nil
}
