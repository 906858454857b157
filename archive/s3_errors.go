package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

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

// meaning is what a server's word for a refusal means to the station, and to the
// person who has to mend it.
type meaning struct {
	kind error // nil: passing
	hint string
}

// meanings of the S3 API's error codes. A hint may name the bucket by %s.
var meanings = map[string]meaning{
	"NoSuchKey":    {kind: ErrNotFound},
	"NoSuchUpload": {kind: ErrUploadGone},
	"InvalidPart":  {kind: ErrUploadGone},

	"NoSuchBucket":          {ErrPermanent, "create bucket %s, or mend its name in the config"},
	"InvalidBucketName":     {ErrPermanent, "mend the bucket's name in the config"},
	"InvalidAccessKeyId":    {ErrPermanent, "the server does not know this access key; check access_key_file, and that the endpoint is the right one"},
	"SignatureDoesNotMatch": {ErrPermanent, "the secret key is not the access key's; check secret_key_file"},
	"InvalidToken":          {ErrPermanent, "the session's token is not the access key's; get new credentials"},
	"ExpiredToken":          {ErrPermanent, "these credentials have expired; get new ones, or use keys that do not expire"},
	"TokenRefreshRequired":  {ErrPermanent, "these credentials have expired; get new ones, or use keys that do not expire"},
	"AccessDenied":          {ErrPermanent, "this access key may not do that with bucket %s; packaging/s3 has the policy that it needs"},
	"Forbidden":             {ErrPermanent, "check what this access key may do with bucket %s"},
	"AllAccessDisabled":     {ErrPermanent, "the provider has closed bucket %s; ask there"},
	"AccountProblem":        {ErrPermanent, "there is something wrong with the account; ask the provider"},

	"PermanentRedirect":                  {ErrPermanent, "bucket %s is in another region, or at another endpoint; mend region or endpoint in the config"},
	"MovedPermanently":                   {ErrPermanent, "bucket %s is in another region, or at another endpoint; mend region or endpoint in the config"},
	"TemporaryRedirect":                  {nil, "the bucket is new, or on the move; the server sends to another address for a while"},
	"AuthorizationHeaderMalformed":       {ErrPermanent, "bucket %s is in another region; mend region in the config"},
	"IllegalLocationConstraintException": {ErrPermanent, "bucket %s is in another region; mend region in the config"},

	"RequestTimeTooSkewed":       {nil, "this machine's clock or the server's is wrong; `timedatectl` tells whether this one is set by a time server"},
	"RequestExpired":             {nil, "this machine's clock or the server's is wrong; `timedatectl` tells whether this one is set by a time server"},
	"SlowDown":                   {nil, "the server asks for less at a time; it goes on by itself"},
	"RequestTimeout":             {},
	"IncompleteBody":             {},
	"OperationAborted":           {},
	"ConditionalRequestConflict": {},

	"BadDigest":                   {kind: ErrChecksum},
	"XAmzContentSHA256Mismatch":   {kind: ErrChecksum},
	"XAmzContentChecksumMismatch": {kind: ErrChecksum},
	"InvalidDigest":               {kind: ErrChecksum},

	"NotImplemented":                       {ErrPermanent, "this server lacks what was asked for; `ripstation doctor` finds out what it can do"},
	"InvalidRange":                         {kind: ErrPermanent},
	"InvalidStorageClass":                  {ErrPermanent, "this server has no such storage class; mend storage_class in the config"},
	"InvalidObjectState":                   {ErrPermanent, "the object is in a class of cold storage; an administrator must restore it first"},
	"ObjectLockConfigurationNotFoundError": {ErrPermanent, "bucket %s was not made with Object Lock; leave out retain and legal_hold, or use one that was"},
	"KMS.NotFoundException":                {ErrPermanent, "mend kms_key in the config"},
	"KMS.DisabledException":                {ErrPermanent, "the encryption key is disabled; an administrator must enable it"},
	"KMS.KMSInvalidStateException":         {ErrPermanent, "the encryption key is not usable; an administrator must look at it"},
	"QuotaExceeded":                        {nil, "the bucket's quota is used up; it goes on when there is room"},
	"XMinioStorageFull":                    {nil, "the server's disks are full; it goes on when there is room"},
	"EntityTooLarge":                       {ErrPermanent, "the server takes no object of this size"},
}

// classify says what a failure means. Only what waiting does not mend is
// permanent; an answer that is not understood may be a proxy's on a bad day.
func (s *S3) classify(err error) (kind error, hint string) {
	if errors.Is(err, context.Canceled) {
		return nil, ""
	}
	name, status := code(err)
	if m, known := meanings[name]; known {
		return m.kind, s.region(err) + strings.ReplaceAll(m.hint, "%s", s.cfg.Bucket)
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrPermanent, "check this store's access key, and what it may do with bucket " + s.cfg.Bucket
	case status == http.StatusInsufficientStorage:
		return nil, "the server's disks are full; it goes on when there is room"
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return nil, ""
	case status >= 300 && status < 500, status == http.StatusNotImplemented:
		return ErrPermanent, s.region(err) + "check this store's endpoint, region and bucket"
	case status != 0:
		return nil, ""
	}
	return s.unreached(err)
}

// region is what a server says of where the bucket is, when a request came to
// the wrong place.
func (s *S3) region(err error) string {
	var re *smithyhttp.ResponseError
	if !errors.As(err, &re) || re.Response == nil || re.Response.Response == nil {
		return ""
	}
	if is := re.Response.Header.Get("X-Amz-Bucket-Region"); className.MatchString(strings.ToUpper(strings.ReplaceAll(is, "-", "_"))) && is != s.cfg.Region {
		return fmt.Sprintf("the bucket is in region %s, the config says %s: ", is, s.cfg.Region)
	}
	return ""
}

// unreached is classify for a request that got no answer.
func (s *S3) unreached(err error) (kind error, hint string) {
	var (
		unknown   x509.UnknownAuthorityError
		wrongHost x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		name      *net.DNSError
	)
	switch {
	case errors.Is(err, errCredentials):
		return ErrPermanent, "give access_key_file and secret_key_file, or a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where an instance role is given"
	case errors.As(err, &unknown):
		return ErrPermanent, "the server's certificate is not trusted; name its authority in ca_file"
	case errors.As(err, &wrongHost):
		return ErrPermanent, "the endpoint's name is not the one in the server's certificate; mend endpoint, or set path_style = true when the bucket's name stands before it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ErrPermanent, "the server's certificate has expired or is not valid yet; or this machine's clock is wrong, which `timedatectl` tells"
	case errors.As(err, &invalid):
		return ErrPermanent, "the server's administrator must look at its certificate"
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return ErrPermanent, "the server does not speak https there; mend the port, or http for https, in endpoint"
	case errors.As(err, &name) && name.IsNotFound:
		return nil, "no such name is known; check the endpoint" + s.inHost() + ", and this machine's name server and network"
	case errors.As(err, &name):
		return nil, "the name server does not answer; check this machine's network"
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, "nothing listens there; is the server running, and the endpoint's port right?"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return nil, "check this machine's network"
	}
	return nil, ""
}

// inHost warns of the bucket's name in the host's, which many servers have no
// names for.
func (s *S3) inHost() string {
	if s.cfg.PathStyle || s.cfg.Endpoint == "" {
		return ""
	}
	return " (or set path_style = true: the bucket's name stands before it now)"
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
		} else if status < 300 {
			text += " with something that is no answer of S3"
		}
		return &told{text, err}
	}
	if c := (*credentialsError)(nil); errors.As(err, &c) {
		return &told{c.Error(), err}
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
