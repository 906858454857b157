package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/web"
)

// maxVersions bounds what is believed of a store: so many images of one disc.
const maxVersions = 1000

// unrecorded opens an image that only a store knows.
func (b *bags) unrecorded(ctx context.Context, id string, version int, from string) (*bag, error) {
	if !catalog.ValidID(id) {
		return nil, usage("%q is not in the catalog, and not a whole id (26 characters) that a store could be asked for", one(id))
	}
	if version < 0 {
		return nil, usage("--version %d: images are counted from 1", version)
	}
	cfg, err := b.cfg.storeNamed(from)
	if err != nil {
		return nil, err
	}
	s, err := b.store(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		if version, err = b.latest(ctx, s, id); err != nil {
			return nil, err
		}
	}
	if version < 1 {
		return nil, &web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("disc %s: not in the catalog, and not in store %s", id, one(from))}
	}
	g := &bag{id: id, version: version}
	if err := b.open(ctx, g, []archive.Copy{{Store: s, Prefix: strings.TrimSuffix(bagKey(id, version), "/")}}, archive.Expected{}); err != nil {
		return nil, err
	}
	b.say("  %s is not in the catalog: the bag is held against its own manifests, and against nothing else", short(id))
	return g, b.readRecord(ctx, g)
}

// versions are the images of a disc that a store has anything of, and whether
// each bag is there to its end: its tag manifest comes last
// (docs/decisions/0001). Some in between may be gone.
func versions(ctx context.Context, s archive.Store, id string) (whole map[int]bool, err error) {
	whole = map[int]bool{}
	for o, err := range s.List(ctx, id+"/v") {
		if err != nil {
			return nil, &failure{exitBlind, err}
		}
		digits, _, _ := strings.Cut(strings.TrimPrefix(o.Key, id+"/v"), "/")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > maxVersions || !strings.HasPrefix(o.Key, bagKey(id, n)) {
			continue
		}
		whole[n] = whole[n] || o.Key == bagKey(id, n)+archive.TagManifest
	}
	return whole, nil
}

// latest is the last image of a disc whose bag a store has to its end, 0 when
// the store has none of the disc.
func (b *bags) latest(ctx context.Context, s archive.Store, id string) (version int, err error) {
	whole, err := versions(ctx, s, id)
	if err != nil || len(whole) == 0 {
		return 0, err
	}
	begun := slices.Sorted(maps.Keys(whole))
	last := begun[len(begun)-1]
	for _, n := range begun {
		if whole[n] {
			version = n
		}
	}
	switch {
	case version == 0:
		return 0, &failure{exitFindings, fmt.Errorf("disc %s: no bag of it in store %s is finished: each lacks %s, which is written last; --version %d tries it all the same",
			id, one(s.Name()), archive.TagManifest, last)}
	case last > version:
		b.say("  %s: image %d was not sent to its end; image %d is taken (--version %d tries the other)", short(id), last, version, last)
	}
	return version, nil
}
