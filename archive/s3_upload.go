package archive

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Part is a part as the server confirmed it.
type s3Part struct {
	crc  uint64
	etag string
}

type s3Upload struct {
	s      *S3
	key    string
	plan   plan
	id     string
	stored bool
	known  *Capabilities // when it was begun
	sums   Checksums

	mu    sync.Mutex
	parts map[int]s3Part // from 0
}

func (u *s3Upload) Stored() bool { return u.stored }

func (u *s3Upload) PartSize() int64 { return u.plan.part }

func (u *s3Upload) Parts() int { return u.plan.parts() }

func (u *s3Upload) Has(n int, crc uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, ok := u.parts[n]
	return ok && p.crc == crc
}

func (u *s3Upload) Part(ctx context.Context, n int, body []byte) error {
	if err := u.plan.check(n, body); err != nil {
		return u.s.bad("send part of", u.key, err)
	}
	return u.send(ctx, n, &section{src: bytes.NewReader(body), size: int64(len(body))}, CRC64NVME(body))
}

func (u *s3Upload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	if err := u.plan.checkNumber(n); err != nil {
		return u.s.bad("send part of", u.key, err)
	}
	return u.send(ctx, n, &section{src: src, off: int64(n) * u.plan.part, size: u.plan.length(n)}, crc)
}

// send sends a part whose checksum is known. The server is told what it must
// have, and refuses anything else.
func (u *s3Upload) send(ctx context.Context, n int, body *section, crc uint64) error {
	if u.stored {
		return &fault{store: u.s.cfg.Name, op: "send part of", key: u.key, kind: ErrExists}
	}
	op := fmt.Sprintf("send part %d of", n)
	in := &s3.UploadPartInput{Bucket: u.s.bucket(), Key: u.s.full(u.key), UploadId: &u.id, PartNumber: aws.Int32(int32(n + 1)),
		Body: body, ContentLength: aws.Int64(body.size)}
	// What the server wants to be told of the body beside its CRC is taken
	// before it is sent.
	sum5, sum256 := md5.New(), sha256.New()
	var also []io.Writer
	sign := unsigned
	if u.sums == ChecksumMD5 {
		also = append(also, sum5)
	} else {
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(crc))
	}
	if !u.s.secure() {
		also = append(also, sum256)
	}
	if len(also) > 0 {
		summed, err := sumSection(body.src, body.off, body.size, io.MultiWriter(also...))
		if err == nil && summed != crc {
			err = ErrSourceChanged
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", op, u.key, err)
		}
	}
	if u.sums == ChecksumMD5 {
		in.ContentMD5 = aws.String(base64.StdEncoding.EncodeToString(sum5.Sum(nil)))
	}
	if !u.s.secure() {
		sign = signed(hex.EncodeToString(sum256.Sum(nil)))
	}
	out, err := u.s.client.UploadPart(ctx, in, sign)
	// The SDK is done with the body by now; whatever still reads it gets
	// nothing more, so that the caller may fill it anew.
	body.close()
	u.mu.Lock()
	defer u.mu.Unlock()
	if bad := body.verdict(crc, err == nil); bad != nil {
		delete(u.parts, n)
		return fmt.Errorf("%s %s: %w", op, u.key, bad)
	}
	if err != nil {
		delete(u.parts, n) // it may be the old one or the new one now
		err = u.s.fail(op, u.key, err)
		if errors.Is(err, ErrChecksum) {
			// The line's fault, or that of a file that has changed meanwhile.
			if now, bad := sumSection(body.src, body.off, body.size, nil); bad != nil || now != crc {
				return fmt.Errorf("%s %s: %w", op, u.key, cmp.Or(bad, ErrSourceChanged))
			}
		}
		return err
	}
	etag := aws.ToString(out.ETag)
	said := aws.ToString(out.ChecksumCRC64NVME)
	if in.ChecksumCRC64NVME != nil && said != "" && said != *in.ChecksumCRC64NVME {
		delete(u.parts, n)
		return &fault{store: u.s.cfg.Name, op: "send part of", key: u.key, kind: ErrChecksum,
			err: fmt.Errorf("part %d has %s, the server took %s", n, *in.ChecksumCRC64NVME, said)}
	}
	if in.ContentMD5 != nil {
		etag = `"` + hex.EncodeToString(sum5.Sum(nil)) + `"`
	}
	if strings.Trim(etag, `"`) == "" { // without one the upload cannot be completed
		delete(u.parts, n)
		return u.s.fail(op, u.key, errors.New("the server gave no ETag"))
	}
	u.parts[n] = s3Part{crc, etag}
	return nil
}

func (u *s3Upload) Complete(ctx context.Context, crc uint64) (Info, error) {
	if u.stored {
		return u.confirm(ctx, crc)
	}
	u.mu.Lock()
	crcs := make(map[int]uint64, len(u.parts))
	done := make([]types.CompletedPart, 0, len(u.parts))
	for n := range u.plan.parts() {
		p, ok := u.parts[n]
		if !ok {
			continue
		}
		crcs[n] = p.crc
		part := types.CompletedPart{PartNumber: aws.Int32(int32(n + 1)), ETag: aws.String(p.etag)}
		if u.sums == ChecksumCRC64NVME {
			part.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(p.crc))
		}
		done = append(done, part)
	}
	u.mu.Unlock()
	whole, missing := u.plan.combine(crcs)
	if missing >= 0 {
		return Info{}, u.s.bad("complete", u.key, fmt.Errorf("part %d of %d was not sent", missing, u.plan.parts()))
	}
	if whole != crc {
		return Info{}, &fault{store: u.s.cfg.Name, op: "complete", key: u.key, kind: ErrChecksum,
			err: fmt.Errorf("the parts have %s, the whole should have %s", FormatCRC64NVME(whole), FormatCRC64NVME(crc))}
	}
	if u.plan.size == 0 {
		if err := u.s.Put(ctx, u.key, nil); err != nil {
			return Info{}, err
		}
		return u.confirm(ctx, crc)
	}
	ifNoneMatch, look := guard(u.known.Can(CompleteIfNoneMatch))
	if look {
		info, err := u.confirm(ctx, crc)
		if err == nil {
			_ = u.Abort(ctx) // as below
		}
		if !errors.Is(err, ErrNotFound) {
			return info, err
		}
	}
	in := &s3.CompleteMultipartUploadInput{Bucket: u.s.bucket(), Key: u.s.full(u.key), UploadId: &u.id, IfNoneMatch: ifNoneMatch,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}
	if u.sums == ChecksumCRC64NVME {
		in.ChecksumCRC64NVME, in.ChecksumType = aws.String(FormatCRC64NVME(crc)), types.ChecksumTypeFullObject
		in.MpuObjectSize = &u.plan.size
	}
	_, err := u.s.client.CompleteMultipartUpload(ctx, in, func(o *s3.Options) { o.HTTPClient = u.s.slow })
	name, status := code(err)
	if err != nil && status != http.StatusPreconditionFailed && name != "NoSuchUpload" {
		err := u.s.fail("complete", u.key, err)
		if f := (*fault)(nil); errors.As(err, &f) && f.hint == "" {
			f.hint = unjoined(status, len(done))
		}
		return Info{}, err
	}
	// Done, now or by a request whose answer was lost, or by another: the
	// object itself tells.
	info, headErr := u.confirm(ctx, crc)
	if headErr == nil && status == http.StatusPreconditionFailed {
		_ = u.Abort(ctx) // another's upload became the object: ours would be left for ever
	}
	if errors.Is(headErr, ErrNotFound) && name == "NoSuchUpload" {
		return Info{}, &fault{store: u.s.cfg.Name, op: "complete", key: u.key, kind: ErrUploadGone}
	}
	if errors.Is(headErr, ErrNotFound) && status == http.StatusPreconditionFailed {
		if err := u.s.refused(ctx, "complete", u.key, headErr); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrMarked) {
			return Info{}, err
		}
	}
	if errors.Is(headErr, ErrNotFound) {
		// Two that complete one upload at once can meet a moment without object.
		return Info{}, &fault{store: u.s.cfg.Name, op: "complete", key: u.key, err: errors.New("the server took it and does not show it yet")}
	}
	return info, headErr
}

// fewParts are joined by every server that is known.
const fewParts = 400

// unjoined is what to do about a server that fails when it shall join parts.
// versitygw keeps their sizes in one extended attribute of the object, and an
// attribute of ext4 holds 4 KiB: a list of some 430 is too long for it.
func unjoined(status, parts int) (hint string) {
	if status < http.StatusInternalServerError || parts <= fewParts {
		return ""
	}
	return fmt.Sprintf("the server has all %d parts and fails to join them; versitygw on ext4 can join some 430 unless it is started with --sidecar DIR. The image waits in the spool and is tried again", parts)
}

// confirm holds the object that is there against size and crc. If the store
// has no checksum to show, the ETag of MD5s is tried, and then the whole object
// read.
func (u *s3Upload) confirm(ctx context.Context, crc uint64) (Info, error) {
	info, etag, err := u.s.headETag(ctx, "complete", u.key)
	if err != nil {
		return Info{}, err
	}
	other := &fault{store: u.s.cfg.Name, op: "complete", key: u.key, kind: ErrExists}
	if info.Size != u.plan.size {
		return Info{}, other
	}
	if info.CRC64NVME == "" && u.etag() == etag {
		return info, nil
	}
	have, err := ParseCRC64NVME(info.CRC64NVME)
	if err != nil {
		if have, err = contentCRC(ctx, u.s, u.key); err != nil {
			return Info{}, err
		}
	}
	if have != crc {
		return Info{}, other
	}
	return info, nil
}

// etag is the one that S3 makes for an object of these parts in MD5 mode: the
// MD5 of the parts' MD5s and their number.
func (u *s3Upload) etag() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := md5.New()
	for n := range u.plan.parts() {
		raw, err := hex.DecodeString(strings.Trim(u.parts[n].etag, `"`))
		if err != nil || len(raw) != md5.Size || u.sums != ChecksumMD5 {
			return "none"
		}
		h.Write(raw)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), u.plan.parts())
}

func (u *s3Upload) Abort(ctx context.Context) error {
	if u.stored || u.id == "" {
		return nil
	}
	_, err := u.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: u.s.bucket(), Key: u.s.full(u.key), UploadId: &u.id})
	if name, status := code(err); name == "NoSuchUpload" || status == http.StatusNotFound {
		return nil
	}
	return u.s.fail("abort", u.key, err)
}
