package main

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/disc"
	"ripstation/internal/discname"
)

// validate looks at every value. All mistakes are told at once.
func (c *Config) validate() error {
	v := &validator{file: c.path}
	s := c.Station
	v.text("station.operator", s.Operator)
	for key, p := range map[string]string{"station.spool": s.Spool, "station.catalog": s.Catalog, "station.socket": s.Socket} {
		v.path(key, p)
	}
	if len(s.Socket) > 107 { // sun_path of unix(7)
		v.add("station.socket", "%q is %d bytes long; a socket's path has 107 at most", s.Socket, len(s.Socket))
	}
	v.globs("drives.include", c.Drives.Include)
	v.globs("drives.exclude", c.Drives.Exclude)
	v.span("drives.poll", c.Drives.Poll, time.Second, time.Hour)
	v.driveNames("drives.names", c.Drives.Names)
	v.span("identity.hold", c.Identity.Hold, time.Second, time.Hour)
	v.span("identity.settle", c.Identity.Settle, time.Second, 10*time.Minute)
	v.between("read.retries", int64(c.Read.Retries), 0, 100)
	if n := int64(c.Read.Chunk); n < 32*disc.SectorSize || n > 512*disc.SectorSize || n%disc.SectorSize != 0 {
		v.add("read.chunk", "%d bytes cannot be; it is whole sectors of 2 KiB, 64KiB at least and 1MiB at most", n)
	}
	v.between("read.speed", int64(c.Read.Speed), 0, 0xFFFE) // SET CD SPEED has 16 bits, FFFFh means the fastest
	v.oneOf("read.protected", c.Read.Protected, "hold", "image")
	v.oneOf("identity.same_other_item", c.Identity.SameOtherItem, "hold", "read")
	v.oneOf("identity.recordable", c.Identity.Recordable, "compare", "samples")
	v.oneOf("eject.when", c.Eject.When, "stored", "read-back", "imaged")
	v.span("eject.retry", c.Eject.Retry, time.Second, time.Hour)
	v.oneOf("eject.when_store_dark", c.Eject.WhenStoreDark, "hold", "pending")
	v.span("eject.dark_after", c.Eject.DarkAfter, time.Minute, 30*24*time.Hour)
	for key, tray := range map[string]string{"done": c.Eject.Done, "incomplete": c.Eject.Incomplete, "refused": c.Eject.Refused,
		"already": c.Eject.Already, "needs_you": c.Eject.NeedsYou, "failed": c.Eject.Failed} {
		v.oneOf("eject."+key, tray, "eject", "hold")
	}
	v.oneOf("start.disc", c.Start.Disc, "rip", "hold")
	v.between("drives.failures", int64(c.Drives.Failures), 0, 1000)
	if _, err := discname.Parse(c.Names.Template); err != nil {
		v.add("names.template", "%v", err)
	}
	v.oneOf("log.format", c.Log.Format, "auto", "text", "json")
	if l, err := zerolog.ParseLevel(c.Log.Level); err != nil || l == zerolog.NoLevel || c.Log.Level == "" {
		v.add("log.level", "%q is none of trace, debug, info, warn, error, disabled", c.Log.Level)
	}
	c.validateStores(v)
	c.validatePlaces(v, filepath.Clean)
	return errors.Join(v.bad...)
}

func (c *Config) validateStores(v *validator) {
	required, names := 0, map[string]bool{}
	for i, s := range c.Stores {
		key := fmt.Sprintf("store[%d]", i)
		if plainName(s.Name) {
			key = "store." + s.Name
		} else {
			v.add(key+".name", "%q cannot be a store's name; it has 1 to 40 letters, digits, - and _", s.Name)
		}
		if names[s.Name] {
			v.add(key+".name", "two stores have this name")
		}
		names[s.Name] = true
		if *s.Required {
			required++
		}
		v.oneOf(key+".proof", s.Proof, "read-back", "store-checksum")
		if *s.Required && s.Proof == "store-checksum" && c.Eject.When == "read-back" {
			v.add(key+".proof", "store-checksum never reads a copy back, and eject.when = \"read-back\" waits for that in every required store")
		}
		if _, err := archive.ParseLimit(s.Limit); err != nil {
			v.add(key+".limit", "%v", err)
		}
		switch s.Type {
		case "directory":
			v.path(key+".path", s.Path)
			if err := archive.CheckMarker(s.Marker); s.Marker != "" && err != nil {
				v.add(key+".marker", "%v; `ripstation store init` prints it", err)
			}
			v.unset(key, "directory", map[string]bool{"endpoint": s.Endpoint != "", "region": s.Region != "", "bucket": s.Bucket != "", "prefix": s.Prefix != "", "path_style": s.PathStyle,
				"access_key_file": s.AccessKeyFile != "", "secret_key_file": s.SecretKeyFile != "", "ca_file": s.CAFile != "", "checksums": s.Checksums != "",
				"profile": s.Profile != "", "shared_config_file": s.SharedConfig != "", "storage_class": s.StorageClass != "", "encryption": s.Encryption != "", "kms_key": s.KMSKey != "",
				"retain": s.Retain != "", "retain_mode": s.RetainMode != "", "legal_hold": s.LegalHold})
		case "s3":
			v.s3(key, s)
		default:
			v.add(key+".type", "%q is neither \"directory\" nor \"s3\"", s.Type)
		}
	}
	if required == 0 {
		v.add("store", "no store has required = true; one must, or a tray could open on a disc that nobody holds")
	}
}

// validatePlaces sees to it that no two keys mean the same place, and that
// nothing lies in the spool or in a store but what they hold themselves. Two
// stores in one place would count one copy twice. real gives the place that a
// path means.
func (c *Config) validatePlaces(v *validator, real func(string) string) {
	type place struct {
		key, path string
		folder    bool
	}
	all := []place{{"station.spool", c.Station.Spool, true}, {"station.catalog", c.Station.Catalog, false}, {"station.socket", c.Station.Socket, false}}
	buckets := map[string]string{}
	for _, s := range c.Stores {
		key := "store." + s.Name
		switch at := s.Endpoint + "\x00" + s.Bucket + "\x00" + s.Prefix; {
		case s.Type == "directory":
			all = append(all, place{key + ".path", s.Path, true})
		case s.Type != "s3":
		case buckets[at] != "":
			v.add(key, "it is the same place as %s; one copy would count as two", buckets[at])
		default:
			buckets[at] = key
		}
	}
	for i := range all {
		if !filepath.IsAbs(all[i].path) {
			return // told already
		}
		all[i].path = real(all[i].path)
	}
	for i, a := range all {
		for _, b := range all[:i] {
			switch {
			case a.path == b.path:
				v.add(a.key, "%q is the same place as %s; each needs its own", a.path, b.key)
			case b.folder && inside(a.path, b.path):
				v.add(a.key, "%q lies in %s (%s); each needs a place of its own", a.path, b.key, b.path)
			case a.folder && inside(b.path, a.path):
				v.add(b.key, "%q lies in %s (%s); each needs a place of its own", b.path, a.key, a.path)
			}
		}
	}
}

func inside(path, folder string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// checkLinks is validatePlaces with every link followed. It is not for every
// verb: a look at a store whose server is gone may take for ever.
func (c *Config) checkLinks() error {
	v := &validator{file: c.path}
	c.validatePlaces(v, physical)
	return errors.Join(v.bad...)
}

// physical is a path without links, as far as it is there already.
func physical(p string) string {
	p = filepath.Clean(p)
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	if dir := filepath.Dir(p); dir != p {
		return filepath.Join(physical(dir), filepath.Base(p))
	}
	return p
}

func (v *validator) s3(key string, s StoreConfig) {
	v.unset(key, "s3", map[string]bool{"path": s.Path != "", "marker": s.Marker != ""})
	if s.Bucket == "" || strings.ContainsFunc(s.Bucket, func(r rune) bool { return r <= ' ' || r == '/' || r > '~' }) {
		v.add(key+".bucket", "%q cannot be a bucket's name", s.Bucket)
	}
	if s.Endpoint != "" {
		if u, err := url.Parse(s.Endpoint); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			v.add(key+".endpoint", "%q is no address like https://s3.example.org", s.Endpoint)
		} else if u.User != nil {
			v.add(key+".endpoint", "it holds a user or password; secrets belong into access_key_file and secret_key_file")
		}
	}
	if p := s.Prefix; p != "" && (path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../")) {
		v.add(key+".prefix", "%q cannot be; it has neither / at its ends nor . or .. in it", p)
	}
	if (s.AccessKeyFile == "") != (s.SecretKeyFile == "") {
		v.add(key, "access_key_file and secret_key_file go together; one of them is missing")
	}
	if s.AccessKeyFile != "" && (s.Profile != "" || s.SharedConfig != "") {
		v.add(key, "access_key_file and profile or shared_config_file exclude each other")
	}
	for _, k := range [][2]string{{"region", s.Region}, {"kms_key", s.KMSKey}} {
		if strings.ContainsFunc(k[1], func(r rune) bool { return r <= ' ' || r > '~' }) {
			v.add(key+"."+k[0], "%q cannot be; it has no spaces and nothing but ASCII in it", k[1])
		}
	}
	v.oneOf(key+".checksums", s.Checksums, "auto", "crc64nvme", "md5")
	if keep, err := s.keep(); err != nil {
		v.add(key+".retain", "%v", err)
	} else if k, err := keep.Check(); err != nil {
		v.add(key+"."+k, "%v", err)
	}
}

// validator gathers mistakes.
type validator struct {
	file string
	bad  []error
}

func (v *validator) add(key, format string, a ...any) {
	where := v.file
	if where == "" {
		where = "built-in defaults"
	}
	v.bad = append(v.bad, fmt.Errorf("%s: %s: %s", where, key, fmt.Sprintf(format, a...)))
}

func (v *validator) text(key, s string) {
	if len(s) > 500 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		v.add(key, "it is too long or holds a control character")
	}
}

func (v *validator) path(key, p string) {
	if strings.HasPrefix(p, "~") {
		v.add(key, "%q: only a shell knows whose folder ~ is; write the whole path", p)
		return
	}
	if p == "" || !filepath.IsAbs(p) || strings.ContainsRune(p, 0) {
		v.add(key, "%q is no path", p)
	}
}

func (v *validator) globs(key string, globs []string) {
	for _, g := range globs {
		if _, err := path.Match(g, ""); err != nil {
			v.add(key, "%q is no pattern: %v", g, err)
		}
	}
}

// driveNames are what people call the drives. A name must not look like a node,
// and no drive has two.
func (v *validator) driveNames(key string, names map[string]string) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(mapKeys(names)) {
		drive := names[name]
		switch {
		case !plainName(name):
			v.add(key, "%q cannot be a drive's name; it has 1 to 40 letters, digits, - and _", name)
		case drive == "" || len(drive) > 500 || strings.ContainsFunc(drive, func(r rune) bool { return r < ' ' || r == 0x7f }):
			v.add(key+"."+name, "%q is no drive; it is a key or a node, as `ripstation drives` shows them", drive)
		case taken[bareNode(drive)] != "":
			v.add(key+"."+name, "%q has the name %s already", drive, taken[bareNode(drive)])
		}
		taken[bareNode(drive)] = name
	}
}

func bareNode(drive string) string { return strings.TrimPrefix(drive, "/dev/") }

func (v *validator) between(key string, n, least, most int64) {
	if n < least || n > most {
		v.add(key, "%d cannot be; it is from %d to %d", n, least, most)
	}
}

func (v *validator) span(key string, d Duration, least, most time.Duration) {
	if t := time.Duration(d); t < least || t > most {
		v.add(key, "%v cannot be; it is from %v to %v", t, least, most)
	}
}

func (v *validator) oneOf(key, got string, want ...string) {
	if !slices.Contains(want, got) {
		v.add(key, "%q is none of %q", got, want)
	}
}

func (v *validator) unset(key, kind string, set map[string]bool) {
	for _, k := range slices.Sorted(mapKeys(set)) {
		if set[k] {
			v.add(key+"."+k, "a store of type %s has no such key", kind)
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func plainName(s string) bool {
	return s != "" && len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// wants reports whether a drive is among those that the station may use.
func (d DrivesConfig) wants(dr disc.Drive) bool {
	match := func(globs []string) bool {
		for _, g := range globs {
			for _, s := range []string{dr.Node, path.Base(dr.Node), dr.Key} {
				if ok, err := path.Match(g, s); err == nil && ok && s != "" {
					return true
				}
			}
		}
		return false
	}
	return match(d.Include) && !match(d.Exclude)
}
