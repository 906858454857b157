package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Config is the configuration file. Each field's tag is its key; the fields'
// meaning and defaults stand in config.example.toml.
type Config struct {
	Station  StationConfig  `toml:"station"`
	Start    StartConfig    `toml:"start"`
	Drives   DrivesConfig   `toml:"drives"`
	Read     ReadConfig     `toml:"read"`
	Eject    EjectConfig    `toml:"eject"`
	Names    NamesConfig    `toml:"names"`
	Identity IdentityConfig `toml:"identity"`
	Stores   []StoreConfig  `toml:"store"`
	Log      LogConfig      `toml:"log"`

	path string // absolute, empty for the built-in defaults
}

type StationConfig struct {
	Operator    string `toml:"operator"`
	Spool       string `toml:"spool"`
	Reserve     Size   `toml:"reserve"`
	Catalog     string `toml:"catalog"`
	Socket      string `toml:"socket"`
	SocketGroup string `toml:"socket_group"`
}

type StartConfig struct {
	Disc string `toml:"disc"`
}

type DrivesConfig struct {
	Include  []string          `toml:"include"`
	Exclude  []string          `toml:"exclude"`
	Poll     Duration          `toml:"poll"`
	Names    map[string]string `toml:"names"` // key or node, by name
	Failures int               `toml:"failures"`
}

type ReadConfig struct {
	Retries   int    `toml:"retries"`
	Chunk     Size   `toml:"chunk"`
	Speed     int    `toml:"speed"` // kB/s, 0 leaves it to the drive
	Protected string `toml:"protected"`
}

type EjectConfig struct {
	When          string   `toml:"when"`
	Retry         Duration `toml:"retry"`
	WhenStoreDark string   `toml:"when_store_dark"`
	DarkAfter     Duration `toml:"dark_after"`
	Done          string   `toml:"done"`
	Incomplete    string   `toml:"incomplete"`
	Refused       string   `toml:"refused"`
	Already       string   `toml:"already"`
	NeedsYou      string   `toml:"needs_you"`
	Failed        string   `toml:"failed"`
}

type NamesConfig struct {
	Template string `toml:"template"`
}

type IdentityConfig struct {
	Hold          Duration `toml:"hold"`
	Settle        Duration `toml:"settle"`
	SameOtherItem string   `toml:"same_other_item"`
	Recordable    string   `toml:"recordable"`
}

type StoreConfig struct {
	Name     string   `toml:"name"`
	Type     string   `toml:"type"`
	Required *bool    `toml:"required"` // never nil after loadConfig
	Proof    string   `toml:"proof"`
	Limit    []string `toml:"limit"`

	Path   string `toml:"path"` // directory
	Marker string `toml:"marker"`

	Endpoint      string `toml:"endpoint"` // the rest: s3
	Region        string `toml:"region"`
	Bucket        string `toml:"bucket"`
	Prefix        string `toml:"prefix"`
	PathStyle     bool   `toml:"path_style"`
	AccessKeyFile string `toml:"access_key_file"`
	SecretKeyFile string `toml:"secret_key_file"`
	Profile       string `toml:"profile"`
	SharedConfig  string `toml:"shared_config_file"`
	CAFile        string `toml:"ca_file"`
	Checksums     string `toml:"checksums"`
	StorageClass  string `toml:"storage_class"`
	Encryption    string `toml:"encryption"`
	KMSKey        string `toml:"kms_key"`
	Retain        string `toml:"retain"`
	RetainMode    string `toml:"retain_mode"`
	LegalHold     bool   `toml:"legal_hold"`

	capabilities string // file of what the bucket can do
}

type LogConfig struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// systemConfig is where the service's configuration lies.
const systemConfig = "/etc/ripstation/config.toml"

// maxConfig bounds what is read of a configuration file.
const maxConfig = 1 << 20

// locate is the path of the configuration file: what --config says, else
// $RIPSTATION_CONFIG, else the system's. It is empty when there is none.
func locate(flag string) (string, error) {
	path := flag
	if path == "" {
		path = os.Getenv("RIPSTATION_CONFIG")
	}
	if path == "" {
		if _, err := os.Stat(systemConfig); errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		path = systemConfig
	}
	return filepath.Abs(path)
}

// loadConfig reads, completes and checks the configuration. Its errors are
// meant for the person who wrote the file: one line a mistake, each with the
// path of its key. They mean exitUsage.
func loadConfig(flag string) (*Config, error) {
	c, err := readConfig(flag)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return c, nil
}

func readConfig(flag string) (*Config, error) {
	path, err := locate(flag)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return parseConfig(nil, "")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the configuration: %w; name another one with --config or $RIPSTATION_CONFIG", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w; name a file with --config or $RIPSTATION_CONFIG", err)
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("%s is larger than a configuration can be (%d bytes); is it the right file?", path, maxConfig)
	}
	return parseConfig(text, path)
}

// parseConfig makes a Config of text. path is where it came from, absolute;
// relative paths in it are relative to its folder.
func parseConfig(text []byte, path string) (*Config, error) {
	c := defaults(places(path))
	c.path = path
	stores := c.Stores
	c.Stores = nil
	md, err := toml.NewDecoder(bytes.NewReader(text)).Decode(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, misread(err))
	}
	var bad []error
	for _, k := range md.Undecoded() {
		bad = append(bad, fmt.Errorf("%s: unknown key %q%s", path, k.String(), keysBeside(k)))
	}
	if t := md.Type("drives", "names"); t != "" && t != "Hash" { // the decoder passes over it
		bad = append(bad, fmt.Errorf("%s: drives.names: write it as a table: [drives.names], and a line 2 = \"sr0\" for each drive below it", path))
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	if !md.IsDefined("store") {
		c.Stores = stores
	}
	for i := range c.Stores {
		c.Stores[i].complete()
	}
	c.resolve()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// keysBeside says which keys there are where an unknown one was found.
func keysBeside(k toml.Key) string {
	t := reflect.TypeFor[Config]()
	for _, part := range k[:len(k)-1] {
		f, found := fieldOf(t, part)
		if !found {
			return ""
		}
		if t = f.Type; t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return ""
		}
	}
	if known := keysOf(t); len(known) > 0 {
		return "; there are " + strings.Join(known, ", ")
	}
	return ""
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range fields(t) {
		if f.Tag.Get("toml") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range fields(t) {
		keys = append(keys, f.Tag.Get("toml"))
	}
	slices.Sort(keys)
	return keys
}

// fields gives those fields of a struct that the file can set.
func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("toml") != "" && !yield(f) {
				return
			}
		}
	}
}

// resolve makes every path absolute, relative to the file's folder.
func (c *Config) resolve() {
	for _, p := range []*string{&c.Station.Spool, &c.Station.Catalog, &c.Station.Socket} {
		*p = c.absolute(*p)
	}
	for i := range c.Stores {
		s := &c.Stores[i]
		s.Path, s.CAFile, s.SharedConfig = c.absolute(s.Path), c.absolute(s.CAFile), c.secretPath(s.SharedConfig)
		s.capabilities = c.capabilitiesOf(*s)
		s.AccessKeyFile, s.SecretKeyFile = c.secretPath(s.AccessKeyFile), c.secretPath(s.SecretKeyFile)
	}
}

func (c *Config) absolute(p string) string {
	if p == "" || filepath.IsAbs(p) || c.path == "" || strings.HasPrefix(p, "~") { // that one is refused later
		return p
	}
	return filepath.Join(filepath.Dir(c.path), p)
}

// secretPath prefers a credential that systemd handed over to a file beside
// the configuration.
func (c *Config) secretPath(p string) string {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && p != "" && filepath.Base(p) == p {
		handed := filepath.Join(dir, p)
		if _, err := os.Stat(handed); err == nil {
			return handed
		}
	}
	return c.absolute(p)
}
