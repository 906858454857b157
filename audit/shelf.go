package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ripstation/archive"
	"ripstation/catalog"
)

// held is one copy that the catalog has, with what the store's list shows of
// it.
type held struct {
	catalog.HeldCopy
	blind   bool             // its row in the catalog is damaged
	objects map[string]int64 // path inside the bag -> size
}

// shelf is one store in an audit.
type shelf struct {
	*run
	store  archive.Store // nil when the configuration has none of this name
	name   string
	copies []*held
	added  map[string]int64 // size by key, of what lies among added files
	// letters are the sizes by key of what lies among events, by carrier.
	letters map[string]map[string]int64
	sent    map[string]int64   // by carrier: the events that the store was sent before it was listed
	loose   map[string]*bundle // objects without a copy, by the first two parts of their keys
}

// bundle is what lies together without a copy.
type bundle struct {
	objects, bytes int64
	whole          bool // it has the object that is written last
	inBag          bool // its keys have the form of a bag's
}

// audit lists the store and looks at every copy in it.
func (s *shelf) audit(ctx context.Context) error {
	rep := StoreReport{Name: s.name}
	var err error
	if s.sent, err = s.cfg.Catalog.SentSeqs(ctx, s.name); err != nil {
		return err
	}
	if err := s.list(ctx, &rep); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return s.unseen(ctx, err)
	}
	s.report.Stores = append(s.report.Stores, rep)
	for _, h := range s.copies {
		s.progress(s.name, h.Key)
		if err := s.look(ctx, h); err != nil {
			return err
		}
		s.done++
	}
	s.progress(s.name, "")
	if err := s.auditAdded(ctx); err != nil {
		return err
	}
	if err := s.auditEvents(ctx); err != nil {
		return err
	}
	if s.cfg.Only != nil {
		return nil
	}
	return s.untracked(ctx)
}

// list sorts what the store holds to the copies it belongs to.
func (s *shelf) list(ctx context.Context, rep *StoreReport) error {
	known := map[string]*held{}
	for _, h := range s.copies {
		h.objects = map[string]int64{}
		known[h.Key] = h
	}
	s.loose, s.added, s.letters = map[string]*bundle{}, map[string]int64{}, map[string]map[string]int64{}
	prefixes := []string{""}
	if o := s.cfg.Only; o != nil {
		prefixes = slices.Sorted(maps.Keys(known))
		if o.Version == 0 {
			prefixes = append(prefixes, o.CarrierID+"/added/", o.CarrierID+"/events/")
		}
	}
	for _, prefix := range prefixes {
		for info, err := range s.store.List(ctx, prefix) {
			if err != nil {
				return err
			}
			rep.Objects++
			rep.Bytes += info.Size
			if h, inside := owner(known, info.Key); h != nil {
				h.objects[inside] = info.Size
			} else if _, _, ok := addedKey(info.Key); ok {
				s.added[info.Key] = info.Size
			} else if !s.addLetter(info) && !reserved(info.Key) {
				s.addLoose(info)
			}
		}
	}
	return ctx.Err()
}

// owner finds the copy whose bag a key lies in.
func owner(known map[string]*held, key string) (*held, string) {
	for i, c := range key {
		if c == '/' {
			if h := known[key[:i+1]]; h != nil {
				return h, key[i+1:]
			}
		}
	}
	return nil, ""
}

// reserved is true for keys that docs/decisions/0001-store-layout.md sets
// apart: they belong to no bag.
func reserved(key string) bool {
	first, rest, _ := strings.Cut(key, "/")
	if oneOf(key, "README.txt", "verify.sh") || strings.HasPrefix(key, "README-") && rest == "" || oneOf(first, "schema", "probe") && rest != "" {
		return true
	}
	second, rest, _ := strings.Cut(rest, "/")
	return catalog.ValidID(first) && oneOf(second, "events", "added") && rest != ""
}

func oneOf[T comparable](s T, set ...T) bool { return slices.Contains(set, s) }

func (s *shelf) addLoose(info archive.Info) {
	parts := strings.SplitN(info.Key, "/", 3)
	where, inside := info.Key, ""
	if len(parts) == 3 {
		where, inside = parts[0]+"/"+parts[1]+"/", parts[2]
	}
	b := s.loose[where]
	if b == nil {
		b = &bundle{inBag: inside != "" && catalog.ValidID(parts[0])}
		s.loose[where] = b
	}
	b.objects++
	b.bytes += info.Size
	b.whole = b.whole || inside == archive.TagManifest
}

// untracked tells of what has no copy. The catalog is asked once more, since
// discs may have been recorded while the store was listed.
func (s *shelf) untracked(ctx context.Context) error {
	if len(s.loose) == 0 {
		return nil
	}
	now, discs := map[string]bool{}, map[string]bool{}
	for c, err := range s.cfg.Catalog.AllCopies(ctx) {
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return err
		}
		discs[c.CarrierID] = true
		if c.Store == s.name {
			now[c.Key] = true
		}
	}
	for where, b := range s.loose {
		if now[where] || s.cfg.OnTheWay != nil && s.cfg.OnTheWay(s.name, where) {
			continue
		}
		id := strings.SplitN(where, "/", 2)[0]
		f := Finding{Code: Untracked, Store: s.name, Key: where, Message: fmt.Sprintf("%d objects of %d bytes", b.objects, b.bytes)}
		switch {
		case b.inBag && discs[id]:
			f.Code, f.CarrierID = Unrecorded, id
		case b.inBag && !b.whole:
			f.Code = Unfinished
			f.Message += ", and the file that is written last is not among them"
		}
		s.find(f)
	}
	return nil
}

// unseen marks every copy in a store that could not be looked at.
func (s *shelf) unseen(ctx context.Context, why error) error {
	s.report.CouldNotLook = true
	s.report.Stores = append(s.report.Stores, StoreReport{Name: s.name, Unknown: why.Error()})
	s.find(Finding{Code: CouldNotLook, Store: s.name, Message: why.Error()})
	for _, h := range s.copies {
		s.progress(s.name, h.Key)
		if err := s.conclude(ctx, h, verdict{state: catalog.Unknown, why: why.Error()}); err != nil {
			return err
		}
		s.done++
	}
	return nil
}

func (h *held) key(inside string) string { return path.Join(h.Key, inside) }
