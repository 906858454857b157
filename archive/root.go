package archive

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed root
var rootFiles embed.FS

// Root gives the files that lie in a store's root: what makes its bags usable
// by somebody who has nothing else (docs/decisions/0009). Each has its key as
// Path and its bytes as Body.
func Root() ([]File, error) {
	var files []File
	top, err := fs.Sub(rootFiles, "root")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(top, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(top, name)
		files = append(files, File{Path: name, Body: body}.sealed())
		return err
	})
	return files, err
}

// PutRoot puts the root's files into a store, each only if absent: what is
// there already stays as it is, whichever release wrote it.
func PutRoot(ctx context.Context, store Store) error {
	files, err := Root()
	if err != nil {
		return fmt.Errorf("read the root's files: %w", err)
	}
	for _, f := range files {
		_, err := store.Stat(ctx, f.Path)
		if errors.Is(err, ErrNotFound) {
			err = store.Put(ctx, f.Path, f.Body)
		}
		if err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}
