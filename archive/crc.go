package archive

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/minio/crc64nvme"
)

// nvmePoly is the CRC64NVME polynomial (NVM Command Set specification, 5.2.1.3.4)
// with its bits reversed: bit 63 is the coefficient of x^0.
const nvmePoly = 0x9a6c9329ac4bc9b5

// CRC64NVME is the checksum of b.
func CRC64NVME(b []byte) uint64 { return crc64nvme.Checksum(b) }

// CombineCRC64NVME is the checksum of two byte strings laid end to end: a is
// the first one's, b the second one's, and lenB the second one's length in
// bytes. With a checksum for every part, in order, it gives that of the whole
// without reading a byte.
func CombineCRC64NVME(a, b uint64, lenB int64) uint64 {
	if lenB <= 0 {
		return a ^ b // b of no bytes is 0
	}
	return mulPoly(a, xToThe(uint64(lenB))) ^ b
}

// FormatCRC64NVME writes a checksum as S3 does: base64 of eight bytes, the
// highest first.
func FormatCRC64NVME(crc uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], crc)
	return base64.StdEncoding.EncodeToString(b[:])
}

// ParseCRC64NVME reads what FormatCRC64NVME writes.
func ParseCRC64NVME(s string) (uint64, error) {
	if len(s) != 12 {
		return 0, fmt.Errorf("CRC64NVME %.20q: not 12 characters of base64", s)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("CRC64NVME %.20q: not base64 of eight bytes", s)
	}
	return binary.BigEndian.Uint64(b), nil
}

// byteShift[k] is x^(8*2^k) modulo the polynomial: what 2^k bytes appended do
// to a checksum.
var byteShift = func() (t [64]uint64) {
	t[0] = 1 << (63 - 8) // x^8
	for k := 1; k < len(t); k++ {
		t[k] = mulPoly(t[k-1], t[k-1])
	}
	return t
}()

// xToThe is x^(8n) modulo the polynomial.
func xToThe(n uint64) uint64 {
	p := uint64(1) << 63 // x^0
	for k := 0; n != 0; k, n = k+1, n>>1 {
		if n&1 != 0 {
			p = mulPoly(p, byteShift[k])
		}
	}
	return p
}

// mulPoly multiplies two polynomials over GF(2) modulo the CRC's, both with
// x^0 in the highest bit.
func mulPoly(a, b uint64) uint64 {
	var p uint64
	for ; a != 0; a <<= 1 {
		if a>>63 != 0 {
			p ^= b
		}
		if carry := b & 1; carry != 0 {
			b = b>>1 ^ nvmePoly
		} else {
			b >>= 1
		}
	}
	return p
}
