package main

import (
	"context"
	"encoding/json"
	"errors"

	"ripstation/catalog"
	"ripstation/web"
)

// foundFiles is the answer of `find`, over the socket too.
type foundFiles struct {
	catalog.Found
	Damaged string `json:"catalog_damaged"` // what could not be believed of the catalog; empty when all could
}

func (r remote) Find(ctx context.Context, q web.FileQuery) (out foundFiles, err error) {
	return out, r.c.Find(ctx, q, &out)
}

func (r remote) Files(ctx context.Context, id string, list func(catalog.ListView) error, file func(catalog.ListedFile) error) error {
	return r.c.Files(ctx, id, decoded(list), decoded(file))
}

func decoded[T any](to func(T) error) func(json.RawMessage) error {
	return func(b json.RawMessage) error {
		var v T
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		return to(v)
	}
}

func (l *local) Find(ctx context.Context, q web.FileQuery) (foundFiles, error) {
	if l.cat == nil {
		return foundFiles{Found: catalog.Found{Files: []catalog.FoundFile{}}}, nil
	}
	found, err := l.cat.FindFiles(ctx, catalog.FileQuery{Name: q.Name, SHA256: q.SHA256, Limit: q.Limit})
	out := foundFiles{Found: found}
	if errors.Is(err, catalog.ErrDamaged) {
		out.Damaged, err = err.Error(), nil
	}
	return out, fault(err)
}

func (l *local) Files(ctx context.Context, id string, list func(catalog.ListView) error, file func(catalog.ListedFile) error) error {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return err
	}
	v, err := l.cat.FileList(ctx, full)
	if err == nil {
		err = list(v)
	}
	if err == nil {
		err = l.cat.Files(ctx, v, file)
	}
	return fault(err)
}

func (s served) Find(ctx context.Context, q web.FileQuery) (any, error) { return s.local.Find(ctx, q) }

func (s served) Files(ctx context.Context, id string, list, file func(any) error) error {
	return s.local.Files(ctx, id, func(v catalog.ListView) error { return list(v) }, func(f catalog.ListedFile) error { return file(f) })
}
