package archive

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Keep says how a bucket keeps the objects of a store. Everything in it may be
// left out: then the bucket's own settings count.
type Keep struct {
	StorageClass string // as the server calls it: STANDARD_IA
	Encryption   string // "AES256" or "aws:kms"
	KMSKey       string // id or ARN, with aws:kms; empty for the account's own
	// Retain is how long an object may not be deleted from when it was put, under
	// Object Lock; RetainMode is "governance" or "compliance".
	Retain     Retention
	RetainMode string
	LegalHold  bool
}

// Retention is a time in days or in years of the calendar; the zero value is
// none.
type Retention struct{ Years, Days int }

// maxRetention in years, as S3 has it.
const maxRetention = 100

// ParseRetention reads "30d" or "10y"; empty is none.
func ParseRetention(s string) (Retention, error) {
	t := strings.TrimSpace(s)
	if t == "" {
		return Retention{}, nil
	}
	unit := t[len(t)-1]
	n, err := strconv.Atoi(t[:len(t)-1])
	switch {
	case err == nil && n > 0 && unit == 'd' && n <= maxRetention*365:
		return Retention{Days: n}, nil
	case err == nil && n > 0 && unit == 'y' && n <= maxRetention:
		return Retention{Years: n}, nil
	}
	return Retention{}, fmt.Errorf("%q is no time of keeping; write it as 30d or 10y, %d years at most", s, maxRetention)
}

func (r Retention) String() string {
	switch {
	case r.Years > 0:
		return strconv.Itoa(r.Years) + "y"
	case r.Days > 0:
		return strconv.Itoa(r.Days) + "d"
	}
	return ""
}

// From is the moment until which something is kept that is put at t. S3 counts
// in seconds.
func (r Retention) From(t time.Time) time.Time {
	return t.UTC().AddDate(r.Years, 0, r.Days).Truncate(time.Second)
}

var className = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)

// Check says what cannot be.
func (k Keep) Check() (key string, err error) {
	switch {
	case k.StorageClass != "" && !className.MatchString(k.StorageClass):
		return "storage_class", fmt.Errorf("%q is no name like STANDARD_IA", k.StorageClass)
	case slices.Contains([]string{"GLACIER", "DEEP_ARCHIVE"}, k.StorageClass):
		return "storage_class", fmt.Errorf("%s gives nothing back for hours, so that no copy could be read back; have the bucket move objects there later", k.StorageClass)
	case k.Encryption != "" && k.Encryption != string(types.ServerSideEncryptionAes256) && k.Encryption != string(types.ServerSideEncryptionAwsKms):
		return "encryption", fmt.Errorf("%q is neither %s nor %s", k.Encryption, types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms)
	case k.KMSKey != "" && k.Encryption != string(types.ServerSideEncryptionAwsKms):
		return "kms_key", fmt.Errorf("it goes with encryption %s only", types.ServerSideEncryptionAwsKms)
	case k.RetainMode != "" && k.RetainMode != "governance" && k.RetainMode != "compliance":
		return "retain_mode", fmt.Errorf("%q is neither governance nor compliance", k.RetainMode)
	case (k.RetainMode == "") != (k.Retain == Retention{}):
		return "retain", errors.New("retain and retain_mode go together; one of them is missing")
	}
	return "", nil
}

// lockMode is Object Lock's word for the mode, empty without.
func (k Keep) lockMode() types.ObjectLockMode {
	return types.ObjectLockMode(strings.ToUpper(k.RetainMode))
}

// keepPut says in a request how the object is to be kept, but for locks.
func (c *S3Config) keepPut(in *s3.PutObjectInput) {
	in.StorageClass = types.StorageClass(c.Keep.StorageClass)
	in.ServerSideEncryption = types.ServerSideEncryption(c.Keep.Encryption)
	if c.Keep.KMSKey != "" {
		in.SSEKMSKeyId = &c.Keep.KMSKey
	}
}

// keepCreate is keepPut for an upload.
func (c *S3Config) keepCreate(in *s3.CreateMultipartUploadInput) {
	in.StorageClass = types.StorageClass(c.Keep.StorageClass)
	in.ServerSideEncryption = types.ServerSideEncryption(c.Keep.Encryption)
	if c.Keep.KMSKey != "" {
		in.SSEKMSKeyId = &c.Keep.KMSKey
	}
}

// lockPut has the object locked from the moment it is there. Probes are never
// locked: nobody could clear them away.
func (c *S3Config) lockPut(in *s3.PutObjectInput, now time.Time) {
	if mode := c.Keep.lockMode(); mode != "" {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, aws.Time(c.Keep.Retain.From(now))
	}
	if c.Keep.LegalHold {
		in.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn
	}
}

// lockCreate is lockPut for an upload.
func (c *S3Config) lockCreate(in *s3.CreateMultipartUploadInput, now time.Time) {
	if mode := c.Keep.lockMode(); mode != "" {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, aws.Time(c.Keep.Retain.From(now))
	}
	if c.Keep.LegalHold {
		in.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn
	}
}
