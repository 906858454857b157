package proofs

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// Of a primary volume descriptor (ECMA-119, 8.4): where its set begins, the
// volume space size in most significant byte first, the application use area.
const (
	firstDescriptor = 16
	spaceSizeMSB    = 84
	applicationUse  = 883
	applicationLen  = 512
)

// maxDescriptors is how many volume descriptors are looked through.
const maxDescriptors = 64

// planISOMD5 looks for what implantisomd5 writes: the MD5 of the volume without
// its last sectors, the application use area counted as spaces.
func (p *Proofs) planISOMD5() {
	at, pvd, err := p.primary()
	switch {
	case errors.Is(err, tree.ErrAbsent):
		p.sheet.NotRun(isoMD5, "the volume descriptors: %v", err)
		return
	case err != nil || pvd == nil:
		return
	}
	sum, skip, err := isoMD5Text(pvd[applicationUse : applicationUse+applicationLen])
	switch {
	case err != nil:
		p.sheet.Warn(isoMD5, "the text of isomd5sum cannot be understood: %v", err)
		return
	case sum == nil:
		return
	}
	sectors := int64(binary.BigEndian.Uint32(pvd[spaceSizeMSB:]))
	if skip < 0 || skip >= sectors {
		p.sheet.Warn(isoMD5, "isomd5sum leaves out %d sectors of %d", skip, sectors)
		return
	}
	size := (sectors - skip) * disc.SectorSize
	if size > p.src.Size() {
		p.sheet.Fail(isoMD5, "isomd5sum covers %d bytes, the image has %d", size, p.src.Size())
		return
	}
	j := &digest.Job{Extents: []tree.Extent{{Offset: 0, Length: size}}, Size: size, Algos: []digest.Algo{digest.MD5}}
	if off := at + applicationUse; off < size {
		spaces := bytes.Repeat([]byte{' '}, int(min(applicationLen, size-off)))
		j.Patches = []digest.Patch{{Offset: off, Bytes: spaces}}
	}
	if err := p.add(j); err != nil {
		p.cannot(isoMD5, "isomd5sum", err)
		return
	}
	p.after = append(p.after, func() {
		switch {
		case j.Err != nil:
			p.cannot(isoMD5, "isomd5sum", j.Err)
		case bytes.Equal(j.Sums[digest.MD5], sum):
			p.sheet.Pass(isoMD5, "%d bytes have the MD5 %x that isomd5sum put into the volume descriptor", size, sum)
		default:
			p.sheet.Fail(isoMD5, "isomd5sum put the MD5 %x into the volume descriptor, the %d bytes that it covers have %x", sum, size, j.Sums[digest.MD5])
		}
	})
}

// primary finds the first primary volume descriptor, as checkisomd5 does. at is
// in bytes.
func (p *Proofs) primary() (at int64, pvd []byte, err error) {
	for i := int64(firstDescriptor); i < firstDescriptor+maxDescriptors; i++ {
		d, err := p.src.Read(i*disc.SectorSize, disc.SectorSize)
		switch {
		case err != nil:
			return 0, nil, err
		case string(d[1:6]) != "CD001" || d[0] == 255:
			return 0, nil, nil
		case d[0] == 1:
			return i * disc.SectorSize, d, nil
		}
	}
	return 0, nil, nil
}

// isoMD5Text reads "ISO MD5SUM = <hex>;SKIPSECTORS = <decimal>;" and what else
// stands there. Without the first there is no sum and no error.
func isoMD5Text(area []byte) (sum []byte, skip int64, err error) {
	text := string(area)
	digits, ok := field(text, "ISO MD5SUM = ")
	if !ok {
		return nil, 0, nil
	}
	if sum, err = hex.DecodeString(digits); err != nil || len(sum) != 16 {
		return nil, 0, fmt.Errorf("%q is no MD5", quote(digits))
	}
	n, ok := field(text, "SKIPSECTORS = ")
	if !ok {
		return nil, 0, errors.New("it does not say how many sectors are left out")
	}
	if skip, err = strconv.ParseInt(strings.TrimSpace(n), 10, 32); err != nil {
		return nil, 0, fmt.Errorf("%q is no number of sectors", quote(n))
	}
	return sum, skip, nil
}

// field is what stands between a name and the next semicolon.
func field(text, name string) (string, bool) {
	_, rest, ok := strings.Cut(text, name)
	if !ok {
		return "", false
	}
	value, _, ok := strings.Cut(rest, ";")
	return value, ok
}
