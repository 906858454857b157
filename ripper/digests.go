package ripper

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"

	"github.com/minio/crc64nvme"

	"ripstation/disc"
)

// Digests are those of the whole image.
type Digests struct {
	SHA512 string `json:"sha512"` // hexadecimal, like the next three
	SHA256 string `json:"sha256"`
	SHA1   string `json:"sha1"` // this and MD5 only to match old lists
	MD5    string `json:"md5"`
	// CRC64NVME is in base64, as S3 writes it.
	CRC64NVME string `json:"crc64nvme"`
}

// digester takes all digests of the image at once, block by block.
type digester struct {
	hashes [4]hash.Hash // SHA-512, SHA-256, SHA-1, MD5
	crc    uint64       // CRC64NVME
	sums   []uint64     // that of each block
}

func newDigester() *digester {
	return &digester{hashes: [4]hash.Hash{sha512.New(), sha256.New(), sha1.New(), md5.New()}}
}

// clone is a digester that goes on from the same place.
func (d *digester) clone() *digester {
	c := &digester{crc: d.crc, sums: slices.Clip(d.sums)}
	for i, h := range d.hashes {
		state, err := h.(hash.Cloner).Clone()
		if err != nil {
			panic(err) // only hashes that nobody can clone give one, and all of these can be
		}
		c.hashes[i] = state
	}
	return c
}

// lookers may look at a block side by side.
func (d *digester) lookers() (all []looker) {
	for _, h := range d.hashes {
		all = append(all, func(b *block) error {
			_, err := h.Write(b.data)
			return err
		})
	}
	return append(all, func(b *block) error {
		d.crc = crc64nvme.Update(d.crc, b.data)
		d.sums = append(d.sums, crc64nvme.Checksum(b.data))
		return nil
	})
}

func (d *digester) digests() Digests {
	hexSum := func(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
	return Digests{
		SHA512: hexSum(d.hashes[0]), SHA256: hexSum(d.hashes[1]), SHA1: hexSum(d.hashes[2]), MD5: hexSum(d.hashes[3]),
		CRC64NVME: base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, d.crc)),
	}
}

// prover holds the image against the ledger, and looks whether what the map
// does not have is zero. It takes the blocks in order.
type prover struct {
	chunks []chunk // of the ledger
	m      *disc.SectorMap
	open   hash.Hash // of chunks[0], when the image was read into it
	spoilt bool      // a block of chunks[0] could not be read
	proved int64     // sectors
	count  int       // chunks
	bad    []chunk
	dirty  []disc.Extent // missing or unrecorded, and not zero
	gaps   []disc.Extent // claimed by the map, without a chunk
	lost   error         // why the disk did not give a block
}

// newProver proves from sector from on; what stands before is proved.
func newProver(led *ledger, m *disc.SectorMap, from disc.LBA) *prover {
	i := led.search(from)
	p := &prover{chunks: append([]chunk(nil), led.chunks[i:]...), m: m, open: sha256.New(), count: i}
	for _, c := range led.chunks[:i] {
		p.proved += c.Count
	}
	for e := range m.Extents(disc.DataStatuses) {
		p.gaps = append(p.gaps, led.unproven(e)...)
	}
	return p
}

// look is a looker.
func (p *prover) look(b *block) error {
	to := b.off + b.size
	for len(p.chunks) > 0 {
		c := p.chunks[0]
		from, end := int64(c.Start)*disc.SectorSize, int64(c.End())*disc.SectorSize
		if from >= to {
			break
		}
		if b.err != nil {
			p.spoilt = true
		} else {
			p.open.Write(b.data[max(from, b.off)-b.off : min(end, to)-b.off])
		}
		if end > to {
			break
		}
		p.close(c)
	}
	if b.err == nil {
		p.blank(b, to)
	} else if p.lost == nil {
		p.lost = b.err
	}
	return nil
}

// close holds the digest of a chunk against its line.
func (p *prover) close(c chunk) {
	if [32]byte(p.open.Sum(nil)) == c.sum && !p.spoilt {
		p.count++
		p.proved += c.Count
	} else {
		p.bad = append(p.bad, c)
	}
	p.open.Reset()
	p.spoilt = false
	p.chunks = p.chunks[1:]
}

// blank looks at the sectors of the block that the map has no bytes for.
func (p *prover) blank(b *block, to int64) {
	end := disc.LBA(to / disc.SectorSize)
	pos := disc.LBA(b.off / disc.SectorSize)
	for {
		e, ok := p.m.Next(^disc.DataStatuses, pos)
		if !ok || e.Start >= end {
			return
		}
		e.Count = min(e.Count, int64(end-e.Start))
		from := int64(e.Start)*disc.SectorSize - b.off
		if !isZero(b.data[from : from+e.Count*disc.SectorSize]) {
			p.dirty = append(p.dirty, e)
		}
		pos = e.End()
	}
}

var zeroPage [4096]byte

func isZero(p []byte) bool {
	for len(p) > len(zeroPage) {
		if !bytes.Equal(p[:len(zeroPage)], zeroPage[:]) {
			return false
		}
		p = p[len(zeroPage):]
	}
	return bytes.Equal(p, zeroPage[:len(p)])
}
