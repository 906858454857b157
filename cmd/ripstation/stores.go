package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

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
		limit, err := archive.ParseLimit(s.Limit)
		if err != nil {
			return nil, &failure{exitUsage, fmt.Errorf("store.%s.limit: %w", s.Name, err)}
		}
		out = append(out, station.Store{Store: st, Required: *s.Required, Proof: station.Proof(s.Proof), Limit: limit})
	}
	return out, nil
}

func openStore(ctx context.Context, s StoreConfig, used bool) (archive.Store, error) {
	if s.Type == "directory" {
		// Where bags are known to be, an empty folder is a drive that is not
		// mounted, and must not be taken for a new store.
		return archive.NewDir(archive.DirConfig{Name: s.Name, Root: s.Path, Create: !used, Marker: s.Marker})
	}
	st, err := openS3(ctx, s)
	if errors.Is(err, fs.ErrNotExist) && (s.AccessKeyFile != "" && !exists(s.AccessKeyFile) || s.SecretKeyFile != "" && !exists(s.SecretKeyFile)) {
		return nil, fmt.Errorf("%w; keys that systemd hands to the service are there only while it runs: start the station and it does this with them, or give the keys' whole path in the configuration", err)
	}
	return st, err
}

func openS3(ctx context.Context, s StoreConfig) (*archive.S3, error) {
	keep, err := s.keep()
	if err != nil {
		return nil, fmt.Errorf("store.%s.retain: %w", s.Name, err)
	}
	return archive.NewS3(ctx, archive.S3Config{
		Name: s.Name, Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, PathStyle: s.PathStyle,
		AccessKeyFile: s.AccessKeyFile, SecretKeyFile: s.SecretKeyFile, Profile: s.Profile, SharedConfigFile: s.SharedConfig, CAFile: s.CAFile,
		Checksums: archive.Checksums(s.Checksums), Keep: keep, Capabilities: s.capabilities,
	})
}

// keep is how the bucket is to keep the store's objects.
func (s StoreConfig) keep() (archive.Keep, error) {
	retain, err := archive.ParseRetention(s.Retain)
	if err != nil {
		return archive.Keep{}, err
	}
	return archive.Keep{StorageClass: s.StorageClass, Encryption: s.Encryption, KMSKey: s.KMSKey, Retain: retain, RetainMode: s.RetainMode, LegalHold: s.LegalHold}, nil
}

// capabilities is the file that what a store's bucket can do is recorded in,
// beside the spool. A store that moves gets another one.
func (c *Config) capabilitiesOf(s StoreConfig) string {
	place := sha256.Sum256([]byte(s.Endpoint + "\x00" + s.Bucket + "\x00" + s.Prefix))
	return filepath.Join(c.stores(), fmt.Sprintf("%s-%x.json", s.Name, place[:4]))
}

// stores is the folder of what the station knows of its stores.
func (c *Config) stores() string { return filepath.Join(filepath.Dir(c.Station.Spool), "stores") }

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

// storeNamed is the configuration of one store; a name that there is not is a
// mistake of whoever typed it.
func (c *Config) storeNamed(name string) (StoreConfig, error) {
	at := slices.IndexFunc(c.Stores, func(s StoreConfig) bool { return s.Name == name })
	if at < 0 {
		var all []string
		for _, s := range c.Stores {
			all = append(all, s.Name)
		}
		return StoreConfig{}, usage("the configuration has no store %s; it has %s", one(name), orNone(all))
	}
	return c.Stores[at], nil
}
