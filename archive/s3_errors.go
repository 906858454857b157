package archive

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// told is an SDK's error in a sentence; what it wraps is kept.
type told struct {
	text string
	err  error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.err }

// code is what the server called its refusal, and the HTTP status; 0 when no
// answer came.
func code(err error) (name string, status int) {
	var api smithy.APIError
	if errors.As(err, &api) {
		name = api.ErrorCode()
	}
	var re *smithyhttp.ResponseError
	if errors.As(err, &re) && re.Response != nil {
		status = re.HTTPStatusCode()
	}
	return name, status
}

// fail turns an SDK error into one of the store's.
func (s *S3) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	if f := (*fault)(nil); errors.As(err, &f) {
		return err
	}
	f := &fault{store: s.cfg.Name, op: op, key: key, err: describe(err)}
	f.kind, f.hint = s.classify(err)
	return f
}

// classify says what a failure means. Only what waiting does not mend is
// permanent; an answer that is not understood may be a proxy's on a bad day.
func (s *S3) classify(err error) (kind error, hint string) {
	if errors.Is(err, context.Canceled) {
		return nil, ""
	}
	name, status := code(err)
	switch name {
	case "NoSuchKey":
		return ErrNotFound, ""
	case "NoSuchUpload", "InvalidPart":
		return ErrUploadGone, ""
	case "NoSuchBucket":
		return ErrPermanent, "create bucket " + s.cfg.Bucket + ", or mend its name in the config"
	case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidDigest":
		return ErrChecksum, ""
	case "RequestTimeTooSkewed":
		return nil, "this machine's clock or the server's is wrong"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken":
		return ErrPermanent, "check this store's access key and secret key"
	case "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem":
		return ErrPermanent, "check what this access key may do with bucket " + s.cfg.Bucket
	case "NotImplemented":
		return ErrPermanent, "this server lacks what was asked for; checksums = \"md5\" asks for less"
	case "InvalidRange":
		return ErrPermanent, ""
	case "RequestTimeout", "IncompleteBody", "SlowDown", "OperationAborted", "ConditionalRequestConflict":
		return nil, ""
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrPermanent, "check this store's access key, and what it may do with bucket " + s.cfg.Bucket
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return nil, ""
	case status >= 300 && status < 500, status == http.StatusNotImplemented:
		return ErrPermanent, "check this store's endpoint, region and bucket"
	}
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	if errors.As(err, &unknown) {
		return nil, "the server's certificate is not trusted; name its authority in ca_file"
	}
	if errors.As(err, &wrongHost) {
		return nil, "the endpoint's name is not the one in the server's certificate"
	}
	return nil, ""
}

// describe says in few words what the SDK says in many.
func describe(err error) error {
	name, status := code(err)
	var api smithy.APIError
	if status != 0 {
		text := fmt.Sprintf("the server answered %d", status)
		if name != "" && errors.As(err, &api) {
			text += " " + name
			if m := api.ErrorMessage(); m != "" && m != name {
				text += ": " + printable(m)
			}
		}
		return &told{text, err}
	}
	var send *smithyhttp.RequestSendError
	if errors.As(err, &send) {
		inner := send.Err
		var u *url.Error
		if errors.As(inner, &u) {
			inner = u.Err
		}
		return &told{"cannot reach the server: " + inner.Error(), err}
	}
	return err
}

// printable is a foreign message cut to one line of text.
func printable(s string) string {
	s = cleanText(s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}
