package audit

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
)

// readers is how many events are read at once.
const readers = 8

// errUnusable marks what is there and cannot be what it should.
var errUnusable = errors.New("it is not usable")

// fetch reads a whole object of at most limit bytes. What is gone, damaged or
// too large is errUnusable.
func (r *rebuild) fetch(ctx context.Context, key string, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", errUnusable, size, limit)
	}
	body, err := r.cfg.Store.Read(ctx, key, 0, -1)
	if err == nil {
		var b []byte
		b, err = io.ReadAll(io.LimitReader(body, limit+1))
		body.Close()
		if err == nil && int64(len(b)) > limit {
			return nil, fmt.Errorf("%w: more than %d bytes", errUnusable, limit)
		}
		if err == nil {
			return b, nil
		}
	}
	if errors.Is(err, archive.ErrChecksum) || errors.Is(err, archive.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errUnusable, err)
	}
	return nil, err
}

// maxManifest bounds a tag manifest: it lists a dozen files.
const maxManifest = 4 << 20

// image makes what the catalog is told of one bag, nil when the bag cannot be
// used.
func (r *rebuild) image(ctx context.Context, f *found, n int, left *int64) (*catalog.Commit, error) {
	prefix, files := fmt.Sprintf("%s/v%d/", f.id, n), f.bags[n]
	if _, ok := files[archive.TagManifest]; !ok {
		r.find(BagUnfinished, f.id, n, prefix, "%d objects, and not the one that is written last", len(files))
		return nil, nil
	}
	c, err := r.readImage(ctx, f.id, n, prefix, files, left)
	if errors.Is(err, errUnusable) || errors.Is(err, catalog.ErrInvalid) {
		r.find(RecordNotTaken, f.id, n, prefix, "%v", err)
		return nil, nil
	}
	return c, err
}

func (r *rebuild) readImage(ctx context.Context, id string, n int, prefix string, files map[string]int64, left *int64) (*catalog.Commit, error) {
	tags := map[string]catalog.Object{}
	for _, name := range []string{"tagmanifest-sha256.txt", archive.TagManifest} {
		size, ok := files[name]
		if !ok {
			r.find(TagFileMissing, id, n, prefix+name, "it is not in the store's list")
			continue
		}
		body, err := r.fetch(ctx, prefix+name, size, maxManifest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		digests, err := archive.ParseManifest(name, body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnusable, err)
		}
		tags[name] = catalog.Object{Path: name, SHA512: fmt.Sprintf("%x", sha512.Sum512(body)), SHA256: fmt.Sprintf("%x", sha256.Sum256(body))}
		for p, d := range digests {
			o := tags[p]
			o.Path = p
			if name == archive.TagManifest {
				o.SHA512 = d
			} else {
				o.SHA256 = d
			}
			tags[p] = o
		}
	}
	limit := min(int64(catalog.MaxRecord), *left)
	body, err := r.fetch(ctx, prefix+recordPath, files[recordPath], limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recordPath, err)
	}
	*left -= int64(len(body))
	if sum := fmt.Sprintf("%x", sha512.Sum512(body)); tags[recordPath].SHA512 != sum {
		return nil, fmt.Errorf("%s: %w: its SHA-512 is %s, the tag manifest has %q", recordPath, errUnusable, sum, tags[recordPath].SHA512)
	}
	rec, err := catalog.ParseRecord(body)
	if err != nil {
		return nil, err
	}
	if rec.Carrier.ID != id || rec.Image.Version != n {
		return nil, fmt.Errorf("%s: %w: it is of image %d of disc %s", recordPath, errUnusable, rec.Image.Version, rec.Carrier.ID)
	}
	c := &catalog.Commit{RecordBytes: body, Needs: needsOf(rec), Copies: []catalog.Copy{{Store: r.report.Store, Key: prefix, State: catalog.Unknown,
		Detail: "found in the store's list when the catalog was made anew; not read yet"}}}
	for p, o := range tags {
		size, there := files[p]
		if !there {
			r.find(TagFileMissing, id, n, prefix+p, "it is not in the store's list")
			continue
		}
		o.Role, o.Size = catalog.RoleTag, size
		c.Files = append(c.Files, o)
	}
	slices.SortFunc(c.Files, func(a, b catalog.Object) int { return strings.Compare(a.Path, b.Path) })
	if slices.ContainsFunc(c.Files, func(o catalog.Object) bool { return o.Path == catalog.FilesPath && o.SHA256 != "" }) {
		c.FileList = func() (io.ReadCloser, error) { return r.cfg.Store.Read(ctx, prefix+catalog.FilesPath, 0, -1) }
	} else {
		*c = withoutList(*c)
	}
	return c, nil
}

// needsOf is why a person has to look at an image: what its station said, too.
func needsOf(rec catalog.Record) (n []catalog.Need) {
	if why := catalog.Unnamed(rec.Events); why != "" && rec.Carrier.Item == "" {
		n = append(n, catalog.Need{Kind: catalog.NeedsIdentity, Reason: why})
	}
	for _, c := range rec.Checks {
		if c.Outcome == disc.Failure {
			n = append(n, catalog.Need{Kind: catalog.NeedsReview, Reason: c.Name + ": " + c.Message})
		}
	}
	return n
}

// events reads a carrier's events: one of each number, in order.
func (r *rebuild) events(ctx context.Context, f *found) ([]catalog.StoredEvent, error) {
	left := int64(maxEventBytes)
	var infos []archive.Info
	for _, info := range f.events {
		if info.Size > catalog.MaxEvent || info.Size > left {
			r.find(EventNotTaken, f.id, 0, info.Key, "%d bytes are more than can be", info.Size)
			continue
		}
		left -= info.Size
		infos = append(infos, info)
	}
	bodies, faults := make([][]byte, len(infos)), make([]error, len(infos))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i, info := range infos {
		g.Go(func() error {
			b, err := r.fetch(gctx, info.Key, info.Size, info.Size)
			if errors.Is(err, errUnusable) {
				faults[i] = err
				return nil
			}
			bodies[i] = b
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []catalog.StoredEvent
	ids := map[string]string{}
	for i, info := range infos {
		if faults[i] != nil {
			r.find(EventNotTaken, f.id, 0, info.Key, "%v", faults[i])
			continue
		}
		e, whole, err := catalog.ParseEvent(info.Key, bodies[i])
		bodies[i] = nil
		switch {
		case err != nil:
			r.find(EventNotTaken, f.id, 0, info.Key, "%v", err)
			continue
		case len(out) > 0 && out[len(out)-1].Seq == e.Seq:
			r.find(EventTwice, f.id, 0, info.Key, "number %d has another event already, %s", e.Seq, out[len(out)-1].ID)
			continue
		case ids[e.ID] != "":
			r.find(EventTwice, f.id, 0, info.Key, "it is event %s, which stands as %s, too", e.ID, ids[e.ID])
			continue
		case !whole:
			r.find(EventNewer, f.id, 0, info.Key, "it was taken without that")
		}
		ids[e.ID] = info.Key
		out = append(out, e)
	}
	return out, nil
}
