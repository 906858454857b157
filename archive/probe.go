package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// ProbePrefix is what the keys of probes start with. An audit passes over them.
const ProbePrefix = "probe/"

// probe is one look at what a bucket can do.
type probe struct {
	s     *S3
	name  string // of the objects, without what tells them apart
	found []Capability
	put   Checksums // by what objects can be put, found by the first one
}

// probe asks one question after another. Questions that the server refuses to
// answer are noted so; one that gets no answer ends it.
func (s *S3) probe(ctx context.Context) (*Capabilities, error) {
	p := &probe{s: s, name: ProbePrefix + strings.ToLower(rand.Text())}
	for _, ask := range []func(context.Context) error{p.objects, p.replace, p.wrongSums, p.ranges, p.attributes, p.uploads, p.replaceByUpload, p.versioning, p.lock} {
		if err := ask(ctx); err != nil {
			return nil, err
		}
	}
	c := &Capabilities{Format: capabilitiesFormat, Version: capabilitiesVersion, Endpoint: s.cfg.Endpoint, Bucket: s.cfg.Bucket, Prefix: s.cfg.Prefix,
		Probed: time.Now().UTC().Truncate(time.Millisecond), Found: p.found}
	if err := s.cfg.record(c); err != nil {
		return nil, fmt.Errorf("store %s: note what the server can do: %w", s.cfg.Name, err)
	}
	s.known.Store(c)
	s.unprobed.Store(nil)
	return c, nil
}

func (p *probe) note(name string, can Ability, format string, a ...any) {
	p.found = append(p.found, Capability{name, can, fmt.Sprintf(format, a...)})
}

func (p *probe) key(what string) string { return p.name + "-" + what }

// refused tells an answer that says no from a failure that says nothing. why is
// what the server said.
func refused(err error) (why string, no bool) {
	name, status := code(err)
	switch {
	case status == http.StatusNotImplemented, status == http.StatusMethodNotAllowed:
	case status < 400 || status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status == http.StatusConflict,
		name == "RequestTimeTooSkewed", name == "RequestTimeout", name == "IncompleteBody", name == "SlowDown":
		return "", false
	}
	why = fmt.Sprintf("the server answers %d", status)
	if name != "" {
		why += " " + printable(name)
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorMessage() != "" && api.ErrorMessage() != name {
		why += ": " + printable(api.ErrorMessage())
	}
	return why, true
}

// forbidden: the key may not ask, so nothing is known.
func forbidden(err error) bool {
	_, status := code(err)
	return status == http.StatusForbidden || status == http.StatusUnauthorized
}

// say notes the answer to a question that was refused: no, or not to be had.
// An error is one that says nothing.
func (p *probe) say(name, op string, err error) error {
	why, no := refused(err)
	switch {
	case !no:
		return p.s.fail(op, p.name, err)
	case forbidden(err):
		p.note(name, Untold, "%s", why)
	default:
		p.note(name, Unable, "%s", why)
	}
	return nil
}

func (p *probe) putInput(what string, body []byte) *s3.PutObjectInput {
	in := &s3.PutObjectInput{Bucket: p.s.bucket(), Key: p.s.full(p.key(what)), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))}
	p.s.cfg.keepPut(in)
	return in
}

// body is what the probe's objects hold: text, so that who finds one knows.
func (p *probe) body(what string) []byte {
	return fmt.Appendf(nil, "ripstation looked with this object (%s) at what this store can do. It is of no further use.\n", what)
}

// objects puts the first object, with as much as the server takes: the checksum
// and the condition, one of them, none.
func (p *probe) objects(ctx context.Context) error {
	body := p.body("object")
	var err error
	for _, way := range []struct {
		put       Checksums
		condition bool
	}{{ChecksumCRC64NVME, true}, {ChecksumCRC64NVME, false}, {ChecksumMD5, true}, {ChecksumMD5, false}} {
		in := p.putInput("object", body)
		if way.condition {
			in.IfNoneMatch = aws.String("*")
		}
		p.put = way.put
		p.sum(in, body, 0)
		_, err = p.s.client.PutObject(ctx, in)
		why, no := refused(err)
		if !no || forbidden(err) {
			break
		}
		if way.put == ChecksumCRC64NVME && !way.condition {
			p.note(PutCRC64NVME, Unable, "%s", why)
		}
	}
	if err != nil {
		return p.s.fail("put", p.key("object"), err)
	}
	r, err := p.s.Read(ctx, p.key("object"), 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	have, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(have, body) {
		return p.s.fail("read", p.key("object"), errors.New("the server gives back other bytes than were put"))
	}
	info, err := p.s.head(ctx, "look at", p.key("object"))
	if err != nil {
		return err
	}
	if p.put == ChecksumCRC64NVME && info.CRC64NVME != FormatCRC64NVME(CRC64NVME(body)) {
		p.put = ChecksumMD5
		p.note(PutCRC64NVME, Unable, "the server does not keep the checksum")
	}
	return nil
}

// replace puts other bytes under the same key.
func (p *probe) replace(ctx context.Context) error {
	body := p.body("replaced, which must not be")
	in := p.putInput("object", body)
	in.IfNoneMatch = aws.String("*")
	p.sum(in, body, 0)
	_, err := p.s.client.PutObject(ctx, in)
	_, status := code(err)
	switch {
	case err == nil:
		p.note(PutIfNoneMatch, Unable, "the server replaced an object all the same")
	case status == http.StatusPreconditionFailed:
		p.note(PutIfNoneMatch, Able, "")
	default:
		return p.say(PutIfNoneMatch, "put", err)
	}
	return nil
}

// sum sets the checksum that the server knows, wrong in as many bits as wrong
// has.
func (p *probe) sum(in *s3.PutObjectInput, body []byte, wrong byte) {
	if p.put == ChecksumCRC64NVME {
		in.ChecksumCRC64NVME = aws.String(FormatCRC64NVME(CRC64NVME(body) ^ uint64(wrong)))
		return
	}
	other := bytes.Clone(body)
	other[0] ^= wrong
	in.ContentMD5 = aws.String(contentMD5(other))
}

// wrongSums puts objects with checksums that are not theirs.
func (p *probe) wrongSums(ctx context.Context) error {
	crc := p.put
	for _, c := range []struct {
		name string
		put  Checksums
	}{{PutCRC64NVME, ChecksumCRC64NVME}, {ContentMD5, ChecksumMD5}} {
		if c.put == ChecksumCRC64NVME && crc != c.put {
			continue // noted already
		}
		p.put = c.put
		body := p.body("with a wrong checksum, which must not be")
		in := p.putInput("wrong-"+string(c.put), body)
		in.IfNoneMatch, _ = guard(p.can(PutIfNoneMatch))
		p.sum(in, body, 1)
		_, err := p.s.client.PutObject(ctx, in)
		switch _, no := refused(err); {
		case err == nil:
			p.note(c.name, Unable, "the server takes an object with a wrong checksum")
		case no && !forbidden(err):
			p.note(c.name, Able, "")
		default:
			if err := p.say(c.name, "put", err); err != nil {
				return err
			}
		}
	}
	p.put = crc
	return nil
}

func (p *probe) can(name string) Ability { return (&Capabilities{Found: p.found}).Can(name) }

// ranges reads a piece from the middle.
func (p *probe) ranges(ctx context.Context) error {
	body := p.body("object")
	if p.can(PutIfNoneMatch) != Able {
		return p.rangesOf(ctx, nil) // it may hold the other bytes now
	}
	return p.rangesOf(ctx, body)
}

func (p *probe) rangesOf(ctx context.Context, want []byte) error {
	r, err := p.s.Read(ctx, p.key("object"), 5, 20)
	if err == nil {
		defer r.Close()
		var have []byte
		have, err = io.ReadAll(r)
		if err == nil && want != nil && !bytes.Equal(have, want[5:25]) {
			p.note(Ranges, Unable, "the server gives other bytes than were asked for")
			return nil
		}
	}
	if err == nil {
		p.note(Ranges, Able, "")
		return nil
	}
	if _, status := code(err); status == 0 && errors.Is(err, errRange) {
		p.note(Ranges, Unable, "%v", errRange)
		return nil
	}
	return p.say(Ranges, "read a range of", err)
}

// attributes asks for size and checksum.
func (p *probe) attributes(ctx context.Context) error {
	out, err := p.s.client.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: p.s.bucket(), Key: p.s.full(p.key("object")),
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectSize, types.ObjectAttributesChecksum}})
	if err != nil {
		return p.say(ObjectAttributes, "ask for the attributes of", err)
	}
	if out.ObjectSize == nil {
		p.note(ObjectAttributes, Unable, "the server does not tell the size")
		return nil
	}
	p.note(ObjectAttributes, Able, "")
	return nil
}

func (p *probe) versioning(ctx context.Context) error {
	out, err := p.s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: p.s.bucket()})
	switch {
	case err != nil:
		return p.say(Versioning, "ask for the versioning of the bucket of", err)
	case out.Status == types.BucketVersioningStatusEnabled:
		p.note(Versioning, Able, "")
	default:
		p.note(Versioning, Unable, "it is off")
	}
	return nil
}

func (p *probe) lock(ctx context.Context) error {
	out, err := p.s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: p.s.bucket()})
	switch name, _ := code(err); {
	case name == "ObjectLockConfigurationNotFoundError", err == nil && (out.ObjectLockConfiguration == nil || out.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled):
		p.note(ObjectLock, Unable, "it is off")
	case err != nil:
		return p.say(ObjectLock, "ask for the Object Lock of the bucket of", err)
	default:
		p.note(ObjectLock, Able, "")
	}
	return nil
}
