package archive

import (
	"cmp"
	"context"
	"errors"
)

// nullVersion is what S3 calls the version of an object from before its bucket
// kept versions, and of one that came while that was suspended.
const nullVersion = "null"

// ErrMarked says that a delete marker lies on an object, and that the server puts
// nothing on top of one when asked for "only if absent". S3 itself does; others
// answer as if the object were there.
var ErrMarked = errors.New("somebody has deleted it: a delete marker lies on it, and this server puts nothing on top of that")

// Marked is a store in which delete markers may lie on objects.
type Marked interface {
	Store
	// Markers gives the delete markers that are the latest version of their keys
	// below a prefix: key and version id.
	Markers(ctx context.Context, prefix string) (map[string]string, error)
}

// MarkedOf is the store as one in which delete markers may lie.
func MarkedOf(s Store) (Marked, bool) {
	m, ok := bare(s).(Marked)
	return m, ok
}

// Markers asks with ListObjectVersions.
func (s *S3) Markers(ctx context.Context, prefix string) (map[string]string, error) {
	found := map[string]string{}
	for page, err := range s.versions(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		for _, h := range page {
			if h.Marker && h.Latest {
				found[h.Key] = cmp.Or(h.VersionID, nullVersion)
			}
		}
	}
	return found, nil
}

// latest is the version of exactly this key that lies on top; ErrNotFound when
// there is none.
func (s *S3) latest(ctx context.Context, key string) (Holding, error) {
	for page, err := range s.versions(ctx, key) {
		if err != nil {
			return Holding{}, err
		}
		for _, h := range page {
			if h.Key == key && h.Latest {
				h.VersionID = cmp.Or(h.VersionID, nullVersion)
				return h, nil
			}
		}
	}
	return Holding{}, &fault{store: s.cfg.Name, op: "look for the versions of", key: key, kind: ErrNotFound}
}

// refused says why the server did not put an object under a key although it says
// that none is there; absent is how it said so.
func (s *S3) refused(ctx context.Context, op, key string, absent error) error {
	h, err := s.latest(ctx, key)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && h.Marker:
		return &fault{store: s.cfg.Name, op: op, key: key, kind: ErrMarked, err: &told{"its version id is " + h.VersionID, absent},
			hint: "an administrator must remove that marker from s3://" + s.cfg.Bucket + "/" + *s.full(key) + ", and nothing else: what lies under it is kept"}
	case err == nil, errors.Is(err, ErrNotFound):
		return absent
	}
	return &fault{store: s.cfg.Name, op: op, key: key, err: errors.Join(absent, err),
		hint: "the server refuses it as if an object were there, and shows none: perhaps a delete marker lies on it; an administrator must look"}
}

// Current is the id of the version that lies on top of a key and that the bucket
// would keep below a new one; empty when it does not say so. An object from before
// the bucket kept versions has the id "null", which some servers tell in their
// lists only.
func (s *S3) Current(ctx context.Context, key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", s.bad("stat", "", err)
	}
	on, err := s.Versioned(ctx)
	if err != nil || !on {
		return "", err
	}
	info, err := s.head(ctx, "stat", key)
	if err != nil || info.VersionID != "" {
		return info.VersionID, err
	}
	h, err := s.latest(ctx, key)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil && !h.Marker && h.Size == info.Size:
		return h.VersionID, nil
	}
	return "", nil // what is not told is not relied on
}
