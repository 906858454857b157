package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/mediatype"
	"ripstation/station"
	"ripstation/web"
)

// addedTo is the answer to a file that was added.
type addedTo struct {
	catalog.AddedFile
	// Already is true when the disc had the same file: it only goes once more to
	// stores that have it no longer.
	Already bool `json:"already"`
}

// several finds the carriers that a person means, each once.
func (l *local) several(ctx context.Context, ids []string) (full []string, err error) {
	if len(ids) > 1000 {
		return nil, &web.Error{Code: web.CodeUsage, Message: fmt.Sprintf("%d discs are named; 1000 are the most", len(ids))}
	}
	for _, id := range ids {
		f, err := l.resolve(ctx, id)
		if err != nil {
			return nil, err
		}
		full = append(full, f)
	}
	return full, nil
}

// settled is what there is to say of carriers after a person's word.
func (l *local) settled(ctx context.Context, ids []string) ([]web.Settled, error) {
	out := []web.Settled{}
	for _, id := range ids {
		v, err := l.cat.Show(ctx, id)
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return nil, fault(err)
		}
		s := web.Settled{ID: v.ID, Item: v.Item, Label: v.Label, Disposition: string(v.Disposition), Needs: v.Needs}
		if r := v.Retry; r != nil {
			s.Retry = &web.Marked{Drive: r.Drive, Operator: r.Operator, Since: r.Since}
		}
		out = append(out, s)
	}
	return out, nil
}

// Decide records that discs are accepted or rejected.
func (l *local) Decide(ctx context.Context, accept bool, in web.Deciding) ([]web.Settled, error) {
	ids, err := l.several(ctx, in.IDs)
	if err != nil {
		return nil, err
	}
	d := catalog.Rejected
	if accept {
		d = catalog.Accepted
	}
	if err := l.cat.Decide(ctx, ids, d, in.Reason, agents(in.Operator)...); err != nil {
		return nil, fault(err)
	}
	return l.settled(ctx, ids)
}

// Retry marks discs to be read anew, or takes that back.
func (l *local) Retry(ctx context.Context, in web.RetryRequest) ([]web.Settled, error) {
	ids, err := l.several(ctx, in.IDs)
	if err != nil {
		return nil, err
	}
	if in.Cancel {
		err = l.cat.CancelRetry(ctx, ids, agents(in.Operator)...)
	} else {
		err = l.cat.AskRetry(ctx, ids, in.Drive, agents(in.Operator)...)
	}
	if err != nil {
		return nil, fault(err)
	}
	return l.settled(ctx, ids)
}

// Note puts a note into a disc's events.
func (l *local) Note(ctx context.Context, id string, in web.Noting) (catalog.View, error) {
	return l.Annotate(ctx, id, web.Annotation{Note: in.Text, Operator: in.Operator})
}

// Review is what the catalog and the spool say that wants a person.
func (l *local) Review(ctx context.Context) (station.Review, error) {
	return station.ReviewWithout(ctx, l.cat, l.cfg.Station.Spool)
}

// typeOf is the format of a file, told by its content.
func photoType(body []byte) (mediatype.Type, error) {
	t, known := mediatype.Of(body)
	if known {
		return t, nil
	}
	var all []string
	for _, k := range mediatype.All() {
		all = append(all, k.Word)
	}
	return t, &web.Error{Code: web.CodeUsage, Message: "by its content the file is none of " + strings.Join(all, ", ") + ", which are accepted"}
}

// Add keeps a file and records it. The stores get it from the station.
func (l *local) Add(ctx context.Context, id string, in web.AddRequest, body []byte) (out addedTo, err error) {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return out, err
	}
	if len(body) == 0 {
		return out, &web.Error{Code: web.CodeUsage, Message: "the file is empty"}
	}
	t, err := photoType(body)
	if err != nil {
		return out, err
	}
	sum := sha256.Sum256(body)
	f := catalog.Added{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)), MediaType: t.Name, Role: in.Role, Note: in.Note}
	if err := f.Check(); err != nil {
		return out, fault(err)
	}
	// The bytes first: an event must never name what is nowhere.
	if _, err := station.KeepingOf(l.cfg.Station.Spool).Put(full, body); err != nil {
		return out, fmt.Errorf("keep the file for the stores: %w", err)
	}
	fresh, err := l.cat.AddFile(ctx, full, f, agents(in.Operator)...)
	if err != nil {
		return out, fault(err)
	}
	out.AddedFile, err = l.added(ctx, full, f.SHA256)
	out.Already = !fresh
	return out, err
}

// added finds one of a disc's files by its digest or the beginning of that.
func (l *local) added(ctx context.Context, id, sum string) (f catalog.AddedFile, err error) {
	all, bad := l.cat.Added(ctx, id)
	if bad != nil && !errors.Is(bad, catalog.ErrDamaged) {
		return f, fault(bad)
	}
	sum = strings.ToLower(sum)
	n := 0
	for _, a := range all {
		if sum != "" && strings.HasPrefix(a.SHA256, sum) {
			f = a
			n++
		}
	}
	switch {
	case n == 0:
		return f, errors.Join(&web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("disc %.8s has no added file %.64q", id, sum), Hint: fmt.Sprintf("`ripstation photo %.8s --list` lists them", id), Err: catalog.ErrNotFound}, bad)
	case n > 1:
		return f, &web.Error{Code: web.CodeAmbiguous, Message: fmt.Sprintf("%d added files of disc %.8s begin with %.64q; give more digits", n, id, sum)}
	}
	return f, nil
}

// Fetch gives the bytes of a file, from the first store that has them right, else
// from the station's keeping.
func (l *local) Fetch(ctx context.Context, id, sum string) ([]byte, error) {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	f, err := l.added(ctx, full, sum)
	if err != nil {
		return nil, err
	}
	body, _, err := l.fetch(ctx, f, "", func(s StoreConfig) (archive.Store, error) { return openStore(ctx, s, true) })
	return body, err
}

// fetch is Fetch for a file that is known. only, if it is set, is the one store
// that is asked, and nothing else. from is where it came from.
func (l *local) fetch(ctx context.Context, f catalog.AddedFile, only string, open func(StoreConfig) (archive.Store, error)) (body []byte, from string, err error) {
	code := exitBlind
	var all []error
	for _, s := range l.cfg.Stores {
		if only != "" && s.Name != only {
			continue
		}
		st, err := open(s)
		if err == nil {
			body, err = readAdded(ctx, st, f)
		}
		if err == nil {
			return body, s.Name, nil
		}
		if errors.Is(err, archive.ErrChecksum) || errors.Is(err, archive.ErrNotFound) {
			code = exitFindings
		}
		all = append(all, err)
	}
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if only == "" {
		body, err := l.kept(f)
		if err == nil {
			return body, "the station's keeping", nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return nil, "", &failure{code, fmt.Errorf("no store gives the file %.12s of disc %.8s: %w", f.SHA256, f.CarrierID, archive.Reasons(all))}
}

// kept reads a file that is kept for the stores.
func (l *local) kept(f catalog.AddedFile) ([]byte, error) {
	k, err := station.KeepingOf(l.cfg.Station.Spool).Open(f.CarrierID, f.SHA256)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(k, catalog.MaxAdded+1))
	if err = errors.Join(err, k.Close()); err == nil && !isFile(body, f) {
		err = fs.ErrNotExist
	}
	return body, err
}

func isFile(body []byte, f catalog.AddedFile) bool {
	sum := sha256.Sum256(body)
	return int64(len(body)) == f.Size && hex.EncodeToString(sum[:]) == f.SHA256
}

// readAdded reads a file out of a store. ErrChecksum when it is another one.
func readAdded(ctx context.Context, s archive.Store, f catalog.AddedFile) ([]byte, error) {
	key := catalog.AddedKey(f.CarrierID, f.SHA256)
	if f.Size > catalog.MaxAdded {
		return nil, fmt.Errorf("store %s: %s has %d bytes, more than this program takes", s.Name(), key, f.Size)
	}
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, f.Size+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if !isFile(body, f) {
		return nil, fmt.Errorf("store %s: %s: %w", s.Name(), key, archive.ErrChecksum)
	}
	return body, nil
}

func (s served) Add(ctx context.Context, id string, in web.AddRequest, body []byte) (any, error) {
	return s.local.Add(ctx, id, in, body)
}

func (r remote) Review(ctx context.Context) (station.Review, error) { return r.c.Review(ctx) }

func (r remote) Decide(ctx context.Context, accept bool, in web.Deciding) ([]web.Settled, error) {
	return r.c.Decide(ctx, accept, in)
}

func (r remote) Retry(ctx context.Context, in web.RetryRequest) ([]web.Settled, error) {
	return r.c.Retry(ctx, in)
}

func (r remote) Note(ctx context.Context, id string, in web.Noting) (out catalog.View, err error) {
	return out, r.c.Note(ctx, id, in, &out)
}

func (r remote) Add(ctx context.Context, id string, in web.AddRequest, body []byte) (out addedTo, err error) {
	return out, r.c.Add(ctx, id, in, body, &out)
}

func (r remote) Fetch(ctx context.Context, id, sum string) ([]byte, error) {
	return r.c.Fetch(ctx, id, sum)
}
