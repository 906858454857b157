package archive

import (
	"context"
	"fmt"
)

// Fault is what is wrong with one file of a stored bag.
type Fault string

const (
	Missing   Fault = "missing"   // listed or expected, and the store says that it is not there
	Damaged   Fault = "damaged"   // read twice, and not the bytes recorded
	Extra     Fault = "extra"     // there, and in no manifest
	Malformed Fault = "malformed" // a bag's own file that is not as RFC 8493 has it
)

// Flaw is one thing that a look at a bag found wrong.
type Flaw struct {
	Path   string // inside the bag
	Fault  Fault
	Detail string
}

func (f Flaw) String() string { return fmt.Sprintf("%s: %s: %s", f.Path, f.Fault, f.Detail) }

// Expected is what is known of a stored bag from elsewhere than the store.
type Expected struct {
	Prefix string
	// Payload are the files and the digests they were sealed with. Only Path,
	// Size and SHA512 are used.
	Payload []Payload
	// TagManifest is the SendResult's, empty when not known.
	TagManifest string
}

// ReadBackResult says what was read and what was wrong with it. Only a result
// with no error and no flaws means that the copy is good.
type ReadBackResult struct {
	Files       int
	Bytes       int64
	TagManifest string // SHA-512 of tagmanifest-sha512.txt as it is stored
	// Held are the files whose bytes were hashed in this reading and found to be
	// those that were listed or sealed.
	Held  map[string]bool
	Flaws []Flaw
}

// ReadBack reads every object of a stored bag, hashes it and holds it against
// the bag's own manifests and against what is expected. An error means that it
// could not look, wholly or in part, and says nothing of the copy; what is
// missing or damaged stands in the result's Flaws. Expected files are held
// against the digests given, so that a bag forged together with its manifests
// is damaged, not good.
func ReadBack(ctx context.Context, store Store, want Expected) (ReadBackResult, error) {
	if err := CheckKey(want.Prefix); err != nil {
		return ReadBackResult{}, fmt.Errorf("bag prefix: %w", err)
	}
	l := look{src: storeSource{store, want.Prefix}, algorithms: []string{"sha512"}, expected: want}
	return l.run(ctx)
}

// Validate reads a stored bag as a stranger would: complete and valid by RFC
// 8493, and as strict as this program writes (nothing unlisted, both tag
// manifests). Every file is held against every manifest that lists it. An
// error means that it could not look.
func Validate(ctx context.Context, store Store, prefix string) (ReadBackResult, error) {
	if err := CheckKey(prefix); err != nil {
		return ReadBackResult{}, fmt.Errorf("bag prefix: %w", err)
	}
	l := look{src: storeSource{store, prefix}, algorithms: []string{"sha512", "sha256", "sha1", "md5"}}
	return l.run(ctx)
}
