package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/station"
)

// openStores makes the stores of the configuration; none is spoken to yet.
// cat may be nil.
func openStores(ctx context.Context, cfg *Config, cat *catalog.Catalog) ([]station.Store, error) {
	used, err := usedStores(ctx, cat)
	if err != nil {
		return nil, err
	}
	var out []station.Store
	for _, s := range cfg.Stores {
		st, err := openStore(ctx, s, used[s.Name])
		if err != nil {
			return nil, &failure{exitUsage, err} // nothing was spoken to: it is what the configuration names
		}
		out = append(out, station.Store{Store: st, Required: *s.Required})
	}
	return out, nil
}

func openStore(ctx context.Context, s StoreConfig, used bool) (archive.Store, error) {
	if s.Type == "directory" {
		// Where bags are known to be, an empty folder is a drive that is not
		// mounted, and must not be taken for a new store.
		return archive.NewDir(archive.DirConfig{Name: s.Name, Root: s.Path, Create: !used})
	}
	st, err := archive.NewS3(ctx, archive.S3Config{
		Name: s.Name, Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, PathStyle: s.PathStyle,
		AccessKeyFile: s.AccessKeyFile, SecretKeyFile: s.SecretKeyFile, CAFile: s.CAFile, Checksums: archive.Checksums(s.Checksums),
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; keys that systemd hands to the service are there only while it runs: start the station and it does this with them, or give the keys' whole path in the configuration", err)
	}
	return st, err
}

// usedStores are the stores that the catalog knows a bag to have been in.
func usedStores(ctx context.Context, cat *catalog.Catalog) (map[string]bool, error) {
	used := map[string]bool{}
	if cat == nil {
		return used, nil
	}
	for c, err := range cat.AllCopies(ctx) {
		// Damaged rows are the audit's affair.
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return nil, err
		}
		if c.StoredAt != nil {
			used[c.Store] = true
		}
	}
	return used, nil
}
