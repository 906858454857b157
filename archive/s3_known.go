package archive

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// probeAgain is how soon a probe that could not be made is tried again.
const probeAgain = time.Minute

// abilities is what is known of the bucket. When nothing is, it is probed, by
// one caller at a time. nil means that nothing is known and the cautious way is
// to be taken.
func (s *S3) abilities(ctx context.Context) *Capabilities {
	if c := s.known.Load(); c != nil || s.cfg.Capabilities == "" {
		return c
	}
	select {
	case s.probing <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-s.probing }()
	if c := s.known.Load(); c != nil || time.Since(s.tried) < probeAgain {
		return c
	}
	s.tried = time.Now()
	c, err := s.probe(ctx)
	if err != nil && ctx.Err() == nil {
		text := err.Error()
		s.unprobed.Store(&text)
	}
	return c
}

// Probe finds out what the bucket can do, and records it. It leaves a few small
// objects below probe/ and no unfinished upload; it deletes nothing. An error
// means that nothing was found out, and nothing is recorded.
func (s *S3) Probe(ctx context.Context) (*Capabilities, error) {
	select {
	case s.probing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.probing }()
	return s.probe(ctx)
}

// Known is what was last found of the bucket, nil if it was never probed.
func (s *S3) Known() *Capabilities { return s.known.Load() }

// sums are the checksums that are used with a bucket of which this is known.
func (s *S3) sums(c *Capabilities) Checksums {
	if s.cfg.Checksums != ChecksumAuto {
		return s.cfg.Checksums
	}
	if c.Can(PutCRC64NVME) == Able && c.Can(PartCRC64NVME) == Able && c.Can(FullObjectCRC64NVME) == Able {
		return ChecksumCRC64NVME
	}
	return ChecksumMD5
}

// guard is the If-None-Match of a request that must replace nothing. look says
// that the server is not known to heed it, so that a look must come first.
func guard(can Ability) (ifNoneMatch *string, look bool) {
	switch can {
	case Able:
		return aws.String("*"), false
	case Unable:
		return nil, true // some refuse a request that has it
	}
	return aws.String("*"), true
}

// Unvouched says why it proves nothing that this store accepts bytes with a
// checksum, empty when it does: a probe has seen the server refuse a wrong one
// of the kind that is used.
func (s *S3) Unvouched() string {
	c := s.known.Load()
	if c == nil {
		return "whether the server holds bytes against their checksums is not known"
	}
	needed, kind := []string{ContentMD5}, "Content-MD5"
	if s.sums(c) == ChecksumCRC64NVME {
		needed, kind = []string{PutCRC64NVME, PartCRC64NVME, FullObjectCRC64NVME}, "CRC64NVME"
	}
	for _, name := range needed {
		switch c.Can(name) {
		case Unable:
			return "the server takes bytes with a wrong checksum (" + kind + ")"
		case Untold:
			return "whether the server holds bytes against their checksums (" + kind + ") is not known"
		}
	}
	return ""
}

// Unvouched is that of a store, or of the one that it stands before; empty for
// one that has nothing to say: a directory sums what it was given itself.
func Unvouched(s Store) string {
	for s != nil {
		if u, ok := s.(interface{ Unvouched() string }); ok {
			return u.Unvouched()
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return ""
		}
		s = w.Unwrap()
	}
	return ""
}

// Notes tells what a person ought to know of this store: what it lacks, or why
// that is not known.
func (s *S3) Notes() []string {
	c := s.known.Load()
	if c != nil {
		return c.lacks(s.sums(c))
	}
	if text := s.unprobed.Load(); text != nil {
		return []string{"what the server can do could not be found out, the cautious way is taken: " + *text}
	}
	return nil
}

// NotesOf gives the notes of a store, or of the one that it stands before.
func NotesOf(s Store) []string {
	for s != nil {
		if n, ok := s.(interface{ Notes() []string }); ok {
			return n.Notes()
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return nil
		}
		s = w.Unwrap()
	}
	return nil
}
