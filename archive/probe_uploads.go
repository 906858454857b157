package archive

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// probeUpload is one small multipart upload of a probe.
type probeUpload struct {
	p    *probe
	key  string
	id   string
	crc  bool // with CRC64NVME
	etag string
	body []byte
}

// begin creates the upload, with CRC64NVME where the server takes that.
func (p *probe) begin(ctx context.Context, key string, crc bool) (*probeUpload, error) {
	in := &s3.CreateMultipartUploadInput{Bucket: p.s.bucket(), Key: p.s.full(key)}
	p.s.cfg.keepCreate(in)
	if crc {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	}
	out, err := p.s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return nil, err
	}
	u := &probeUpload{p: p, key: key, id: aws.ToString(out.UploadId), crc: crc, body: p.body("in a part")}
	if u.id == "" {
		return nil, errors.New("the server gave no upload id")
	}
	if crc && out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme {
		return nil, errors.Join(errNoCRC, u.abort(ctx))
	}
	return u, nil
}

var errNoCRC = errors.New("the server takes the upload and no CRC64NVME for it")

// send sends the only part, with a checksum that is wrong if so asked.
func (u *probeUpload) send(ctx context.Context, wrong byte) error {
	in := &s3.UploadPartInput{Bucket: u.p.s.bucket(), Key: u.p.s.full(u.key), UploadId: &u.id, PartNumber: aws.Int32(1),
		Body: bytes.NewReader(u.body), ContentLength: aws.Int64(int64(len(u.body)))}
	if u.crc {
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(CRC64NVME(u.body) ^ uint64(wrong)))
	} else {
		in.ContentMD5 = aws.String(contentMD5(u.body))
	}
	out, err := u.p.s.client.UploadPart(ctx, in)
	if err == nil {
		u.etag = aws.ToString(out.ETag)
	}
	return err
}

// complete ends the upload, on the condition that nothing has its key.
func (u *probeUpload) complete(ctx context.Context, wrong byte, ifNoneMatch *string) error {
	part := types.CompletedPart{PartNumber: aws.Int32(1), ETag: &u.etag}
	in := &s3.CompleteMultipartUploadInput{Bucket: u.p.s.bucket(), Key: u.p.s.full(u.key), UploadId: &u.id, IfNoneMatch: ifNoneMatch}
	if u.crc {
		sum := FormatCRC64NVME(CRC64NVME(u.body))
		part.ChecksumCRC64NVME = &sum
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(CRC64NVME(u.body) ^ uint64(wrong)))
		in.ChecksumType = types.ChecksumTypeFullObject
		in.MpuObjectSize = aws.Int64(int64(len(u.body)))
	}
	in.MultipartUpload = &types.CompletedMultipartUpload{Parts: []types.CompletedPart{part}}
	_, err := u.p.s.client.CompleteMultipartUpload(ctx, in)
	return err
}

// end sees to it that nothing unfinished stays behind.
func (u *probeUpload) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return u.abort(ctx)
}

func (u *probeUpload) abort(ctx context.Context) error {
	_, err := u.p.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: u.p.s.bucket(), Key: u.p.s.full(u.key), UploadId: &u.id})
	if _, status := code(err); err == nil || status == http.StatusNotFound {
		return nil
	}
	return u.p.s.fail("abort", u.key, err)
}

// uploads sends one object in a part.
func (p *probe) uploads(ctx context.Context) (err error) {
	u, err := p.begin(ctx, p.key("upload"), true)
	if _, no := refused(err); errors.Is(err, errNoCRC) || no && !forbidden(err) {
		why := errNoCRC.Error()
		if no {
			why, _ = refused(err)
		}
		p.note(PartCRC64NVME, Unable, "%s", why)
		p.note(FullObjectCRC64NVME, Unable, "%s", why)
		u, err = p.begin(ctx, p.key("upload"), false)
	}
	if err != nil {
		return p.s.fail("begin", p.key("upload"), err)
	}
	// What was completed is no unfinished upload; that it is ended twice does no
	// harm.
	defer func() { err = errors.Join(err, u.end(ctx)) }()
	if u.crc {
		if err := p.wrongPart(ctx, u); err != nil {
			return err
		}
	}
	if err := u.send(ctx, 0); err != nil {
		return p.s.fail("send part of", u.key, err)
	}
	if err := p.listed(ctx, u); err != nil {
		return err
	}
	only, _ := guard(p.can(PutIfNoneMatch))
	if u.crc {
		return p.wrongWhole(ctx, u, only)
	}
	return p.s.fail("complete", u.key, u.complete(ctx, 0, only))
}

func (p *probe) wrongPart(ctx context.Context, u *probeUpload) error {
	err := u.send(ctx, 1)
	if err == nil {
		p.note(PartCRC64NVME, Unable, "the server takes a part with a wrong checksum")
		return nil
	}
	if _, no := refused(err); no && !forbidden(err) {
		p.note(PartCRC64NVME, Able, "")
		return nil
	}
	return p.say(PartCRC64NVME, "send part of", err)
}

// listed asks for the unfinished upload and for its parts.
func (p *probe) listed(ctx context.Context, u *probeUpload) error {
	out, err := p.s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: p.s.bucket(), Prefix: p.s.full(u.key)})
	if err != nil {
		if err := p.say(ListUploads, "list unfinished uploads of", err); err != nil {
			return err
		}
	} else {
		can, why := Unable, "the server does not list an upload that was just begun"
		for _, l := range out.Uploads {
			if aws.ToString(l.UploadId) == u.id && aws.ToString(l.Key) == *p.s.full(u.key) {
				can, why = Able, ""
			}
		}
		p.note(ListUploads, can, "%s", why)
	}
	parts, err := p.s.client.ListParts(ctx, &s3.ListPartsInput{Bucket: p.s.bucket(), Key: p.s.full(u.key), UploadId: &u.id})
	switch {
	case err != nil:
		return p.say(ListParts, "list the parts of", err)
	case len(parts.Parts) != 1 || aws.ToInt64(parts.Parts[0].Size) != int64(len(u.body)):
		p.note(ListParts, Unable, "the server does not list the part that was just sent")
	case u.crc && aws.ToString(parts.Parts[0].ChecksumCRC64NVME) != FormatCRC64NVME(CRC64NVME(u.body)):
		p.note(ListParts, Unable, "the server lists parts without their checksums")
	default:
		p.note(ListParts, Able, "")
	}
	return nil
}

// wrongWhole completes with a wrong checksum of the whole, then with the right
// one, and asks what is kept of it.
func (p *probe) wrongWhole(ctx context.Context, u *probeUpload, only *string) error {
	err := u.complete(ctx, 1, only)
	if err == nil {
		p.note(FullObjectCRC64NVME, Unable, "the server takes a whole object with a wrong checksum")
		return nil
	}
	if _, no := refused(err); !no || forbidden(err) {
		return p.say(FullObjectCRC64NVME, "complete", err)
	}
	if err := u.complete(ctx, 0, only); err != nil {
		// Some end the upload with the refusal: then again from the beginning.
		name, _ := code(err)
		if name != "NoSuchUpload" {
			return p.say(FullObjectCRC64NVME, "complete", err)
		}
		again, err := p.begin(ctx, u.key, true)
		if err != nil {
			return p.s.fail("begin", u.key, err)
		}
		*u = *again
		if err := u.send(ctx, 0); err != nil {
			return p.s.fail("send part of", u.key, err)
		}
		if err := u.complete(ctx, 0, only); err != nil {
			return p.say(FullObjectCRC64NVME, "complete", err)
		}
	}
	info, err := p.s.head(ctx, "look at", u.key)
	if err != nil {
		return err
	}
	if info.CRC64NVME != FormatCRC64NVME(CRC64NVME(u.body)) || info.Size != int64(len(u.body)) {
		p.note(FullObjectCRC64NVME, Unable, "the server does not keep the checksum of the whole object")
		return nil
	}
	p.note(FullObjectCRC64NVME, Able, "")
	return nil
}

// replaceByUpload completes an upload under the key of an object that is there.
func (p *probe) replaceByUpload(ctx context.Context) (err error) {
	u, err := p.begin(ctx, p.key("object"), p.can(PartCRC64NVME) == Able)
	if err != nil {
		return p.s.fail("begin", p.key("object"), err)
	}
	defer func() { err = errors.Join(err, u.end(ctx)) }()
	if err := u.send(ctx, 0); err != nil {
		return p.s.fail("send part of", u.key, err)
	}
	err = u.complete(ctx, 0, aws.String("*"))
	_, status := code(err)
	switch {
	case err == nil:
		p.note(CompleteIfNoneMatch, Unable, "the server replaced an object all the same")
	case status == http.StatusPreconditionFailed:
		p.note(CompleteIfNoneMatch, Able, "")
	default:
		return p.say(CompleteIfNoneMatch, "complete", err)
	}
	return nil
}
