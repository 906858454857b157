package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"ripstation/disc"
)

// asService gives the environment that systemd gives the service.
func asService(t *testing.T) {
	t.Helper()
	t.Setenv("STATE_DIRECTORY", "/var/lib/ripstation")
	t.Setenv("RUNTIME_DIRECTORY", "/run/ripstation")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
}

func example(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example is the documentation: it says every default.
func TestExampleHoldsTheDefaults(t *testing.T) {
	asService(t)
	got, err := parseConfig(example(t), systemConfig)
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseConfig(nil, systemConfig)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the example says\n%+v\nthe defaults are\n%+v", got, want)
	}
}

var commentedKey = regexp.MustCompile(`(?m)^#([a-z_]+ = |\[)`)

// Every key of the program stands in the example, those without a default
// behind a #; and no other ones do.
func TestExampleHoldsEveryKey(t *testing.T) {
	asService(t)
	text := commentedKey.ReplaceAll(example(t), []byte("$1"))
	var raw map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	for section := range fields(reflect.TypeFor[Config]()) {
		name := section.Tag.Get("toml")
		typ := section.Type
		var there []map[string]any
		switch v := raw[name].(type) {
		case map[string]any:
			there = append(there, v)
		case []map[string]any:
			typ, there = typ.Elem(), v
		default:
			t.Errorf("section %s is not in the example", name)
			continue
		}
		for _, key := range keysOf(typ) {
			found := false
			for _, table := range there {
				_, ok := table[key]
				found = found || ok
			}
			if !found {
				t.Errorf("%s.%s is not in the example", name, key)
			}
		}
	}
	c, err := parseConfig(text, systemConfig)
	if err != nil {
		t.Fatalf("with every # taken off: %v", err)
	}
	s3 := c.Stores[1]
	bare := StoreConfig{Name: s3.Name, Type: "s3", Bucket: s3.Bucket, Endpoint: s3.Endpoint, AccessKeyFile: s3.AccessKeyFile, SecretKeyFile: s3.SecretKeyFile, capabilities: s3.capabilities}
	bare.complete()
	if !reflect.DeepEqual(s3, bare) {
		t.Errorf("the example's S3 store is\n%+v\nwith its defaults it is\n%+v", s3, bare)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	asService(t)
	s3 := "[[store]]\nname=\"s\"\ntype=\"s3\"\nbucket=\"b\"\n"
	for _, c := range []struct{ text, want string }{
		{"[read]\nretrys = 3", `unknown key "read.retrys"; there are chunk, protected, retries, speed`},
		{"[reed]\nretries = 3", `unknown key "reed"; there are drives, eject, identity, log, names, read, start, station, store`},
		{"[identity]\nsame_other_item = \"guess\"", `identity.same_other_item`},
		{"[identity]\nrecordable = \"\"", `identity.recordable`},
		{"[[store]]\nname=\"a\"\npfad=\"/x\"", `unknown key "store.pfad"`},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/s\"\n[[store]]\nname=\"b\"\ntype=\"directory\"\npath=\"/x/../s\"", `store.b.path: "/s" is the same place as store.a.path`},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/s\"\n[[store]]\nname=\"b\"\ntype=\"directory\"\npath=\"/s/t\"", `store.b.path: "/s/t" lies in store.a.path`},
		{"[station]\nspool = \"/s/spool\"\n[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/s\"", `station.spool: "/s/spool" lies in store.a.path`},
		{"[station]\nspool = \"/s\"\ncatalog = \"/s\"", `station.catalog: "/s" is the same place as station.spool`},
		{"[station]\nspool = \"/s\"\ncatalog = \"/s/catalog.db\"", `station.catalog: "/s/catalog.db" lies in station.spool`},
		{s3 + strings.Replace(s3, `"s"`, `"t"`, 1), `store.t: it is the same place as store.s`},
		{"[drives.names]\n\"/dev/x\" = \"K\"", `drives.names: "/dev/x" cannot be a drive's name`},
		{"[drives.names]\n2 = \"\"", `drives.names.2: "" is no drive`},
		{"[drives.names]\n2 = \"sr0\"\n3 = \"/dev/sr0\"", `drives.names.3: "/dev/sr0" has the name 2 already`},
		{"[drives.names]\n2 = \"sr0\"\n2 = \"sr1\"", "line 3: drives.names.2 stands there for the second time; take one of them away"},
		{"garbage here", "line 1: this is neither a section nor a key with its value; write [section], [[store]], or key = value"},
		{"= 3", "line 1: this is neither a section nor a key"},
		{"a\n", "line 1: this is neither a section nor a key"},
		{"[station\noperator = \"a\"", "the name of a section does not end; write it as [section]"},
		{"[[store]\nname = \"a\"", "the name of a section does not end; write it as [section], or [[store]]"},
		{"station = 3", "line 1: station is a section; write it as [station], and its keys on the lines below it"},
		{"[station]\noperator = me", "line 2: station.operator has no value that can be read; write a text in quotes"},
		{"[station]\noperator =", "line 2: station.operator has no value that can be read"},
		{"[eject]\nwhen = \"stored\nretry = \"5s\"", "line 2: the text of eject.when does not end; close it with \" on the same line"},
		{"[eject]\nwhen = \"stored", "line 2: the text of eject.when does not end"},
		{"\x00\xff", "line 1: it is not plain text in UTF-8; is it the right file?"},
		{"[station]\noperator = \"a\"\n[station]\nspool = \"/s\"", "line 3: station stands there for the second time"},
		{"[drives]\npoll = \"5\"", "line 2: drives.poll: \"5\" is not a time span; write it with its unit"},
		{"[read]\nretries = \"3\"", "line 2: read.retries: incompatible types: TOML value has type string; destination has type integer; write it as a whole number, without quotes"},
		{"[station]\nspool = \"~/spool\"", `station.spool: "~/spool": only a shell knows whose folder ~ is; write the whole path`},
		{"[drives]\nnames = \"two\"", "drives.names: write it as a table"},
		{"[identity]\nhold = \"0s\"", "identity.hold: 0s cannot be"},
		{"[identity]\nsettle = \"11m\"", "identity.settle: 11m0s cannot be"},
		{"[read]\nretries = 101", "read.retries: 101 cannot be"},
		{"[read]\nretries = -1", "read.retries: -1 cannot be"},
		{"[read]\nretries = \"x\"", "retries"},
		{"[read]\nchunk = \"3KiB\"", "read.chunk: 3072 bytes cannot be"},
		{"[read]\nchunk = \"many\"", `"many" is not a size`},
		{"[read]\nchunk = \"99999999999999TB\"", "is not a size"},
		{"[read]\nspeed = 70000", "read.speed"},
		{"[read]\nprotected = \"yes\"", `read.protected: "yes" is none of ["hold" "image"]`},
		{"[eject]\nwhen = \"now\"", `eject.when: "now" is none of`},
		{"[eject]\nwhen_store_dark = \"eject\"", `eject.when_store_dark: "eject" is none of ["hold" "pending"]`},
		{"[eject]\ndark_after = \"0s\"", "eject.dark_after: 0s cannot be"},
		{"[eject]\ndone = \"open\"", `eject.done: "open" is none of ["eject" "hold"]`},
		{"[eject]\nincomplete = \"\"", `eject.incomplete: "" is none of`},
		{"[eject]\nrefused = \"x\"", "eject.refused"},
		{"[eject]\nalready = \"x\"", "eject.already"},
		{"[eject]\nneeds_you = \"x\"", "eject.needs_you"},
		{"[eject]\nfailed = \"x\"", "eject.failed"},
		{"[start]\ndisc = \"ask\"", `start.disc: "ask" is none of ["rip" "hold"]`},
		{"[drives]\nfailures = -1", "drives.failures: -1 cannot be; it is from 0 to 1000"},
		{"[station]\nreserve = \"some\"", `"some" is not a size`},
		{"[eject]\nretry = 5", "is not a time span; write it with its unit"},
		{"[eject]\nretry = \"1ns\"", "eject.retry: 1ns cannot be"},
		{"[drives]\npoll = \"2h\"", "drives.poll: 2h0m0s cannot be"},
		{"[drives]\ninclude = [\"[\"]", `drives.include: "[" is no pattern`},
		{"[station]\noperator = \"a\\nb\"", "station.operator: it is too long or holds a control character"},
		{"[station]\nspool = \"\"", `station.spool: "" is no path`},
		{"[station]\nsocket = \"/" + strings.Repeat("x", 200) + "\"", "station.socket: "},
		{"[log]\nlevel = \"loud\"", `log.level: "loud" is none of`},
		{"[log]\nformat = \"xml\"", "log.format"},
		{"[names]\ntemplate = \"{titel}\"", `names.template: unknown placeholder {titel}; there are {date}, {id}, {item}`},
		{"[names]\ntemplate = \"{item}/{label}\"", "names.template: \"/\" cannot stand in a name"},
		{"store = []", "store: no store has required = true"},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/x\"\nrequired=false", "store: no store has required = true"},
		{"[[store]]\nname=\"a b\"\ntype=\"directory\"\npath=\"/x\"", `store[0].name: "a b" cannot be a store's name`},
		{"[[store]]\nname=\"a\"\ntype=\"tape\"", `store.a.type: "tape" is neither`},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"", `store.a.path: "" is no path`},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/x\"\nbucket=\"b\"", "store.a.bucket: a store of type directory has no such key"},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/x\"\n[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/y\"", "two stores have this name"},
		{"[[store]]\nname=\"s\"\ntype=\"s3\"", `store.s.bucket: "" cannot be a bucket's name`},
		{s3 + "path=\"/x\"", "store.s.path: a store of type s3 has no such key"},
		{s3 + "endpoint=\"example.org\"", `store.s.endpoint: "example.org" is no address`},
		{s3 + "endpoint=\"https://me:secret@example.org\"", "store.s.endpoint: it holds a user or password"},
		{s3 + "prefix=\"/a/\"", `store.s.prefix: "/a/" cannot be`},
		{s3 + "prefix=\"../a\"", "store.s.prefix"},
		{s3 + "access_key_file=\"x\"", "store.s: access_key_file and secret_key_file go together"},
		{s3 + "checksums=\"none\"", "store.s.checksums"},
		{s3 + "proof=\"hope\"", "store.s.proof"},
		{s3 + "proof=\"store-checksum\"\n[eject]\nwhen=\"read-back\"", "store.s.proof: store-checksum never reads a copy back"},
		{s3 + "limit=[\"08:00-18:00\"]", "store.s.limit"},
		{s3 + "limit=[\"08:00-18:00 2MB/s\", \"17:59-20:00 none\"]", "store.s.limit"},
		{s3 + "profile=\"p\"\naccess_key_file=\"x\"\nsecret_key_file=\"y\"", "store.s: access_key_file and profile"},
		{s3 + "storage_class=\"GLACIER\"", "store.s.storage_class: GLACIER gives nothing back"},
		{s3 + "encryption=\"rot13\"", "store.s.encryption: \"rot13\" is neither"},
		{s3 + "kms_key=\"k\"", "store.s.kms_key: it goes with encryption"},
		{s3 + "retain=\"forever\"\nretain_mode=\"governance\"", "store.s.retain: \"forever\" is no time of keeping"},
		{s3 + "retain=\"10y\"", "store.s.retain: retain and retain_mode"},
		{s3 + "retain=\"10y\"\nretain_mode=\"strict\"", "store.s.retain_mode: \"strict\" is neither"},
		{"[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"/x\"\nlegal_hold=true", "store.a.legal_hold: a store of type directory has no such key"},
		{s3 + "limit=\"2MB/s\"", `store.limit: incompatible types: TOML value has type string; destination has type slice; write it as a list of texts: ["...", "..."]`},
		{"[store]\nname=\"a\"", "; write it as [[store]], in two pairs of brackets"},
		{s3 + "region=\"us east\"", "store.s.region"},
		{s3 + "encryption=\"aws:kms\"\nkms_key=\"a b\"", "store.s.kms_key"},
		{s3 + "retain=30", `; write it as a text in quotes: "..."`},
		{s3 + "legal_hold=\"yes\"", "; write it as true or false, without quotes"},
		{"[read]\nspeed = \"fast\"", "; write it as a whole number, without quotes"},
		{"secret = \"x\"", `unknown key "secret"`},
		{"[read\n", "line 2"},
		{"\x00\x01garbage", "/etc/x.toml"},
	} {
		_, err := parseConfig([]byte(c.text), "/etc/x.toml")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/etc/x.toml") {
			t.Errorf("%q gives\n  %v\nwant the file and\n  %s", c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "me:secret") {
			t.Errorf("a secret is in the error: %v", err)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	asService(t)
	_, err := parseConfig([]byte("[read]\nretries = 1000\n[eject]\nwhen = \"x\"\n[log]\nlevel = \"y\""), "/etc/x.toml")
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three lines:\n%v", err)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	asService(t)
	c, err := parseConfig([]byte("[station]\nspool = \"spool\"\nsocket = \"../s\"\n[[store]]\nname=\"a\"\ntype=\"directory\"\npath=\"store\"\n[[store]]\nname=\"s\"\ntype=\"s3\"\nbucket=\"b\"\naccess_key_file=\"k/a\"\nsecret_key_file=\"/abs/s\""), "/srv/demo/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Station.Spool, c.Station.Socket, c.Stores[0].Path, c.Stores[1].AccessKeyFile, c.Stores[1].SecretKeyFile}
	want := []string{"/srv/demo/spool", "/srv/s", "/srv/demo/store", "/srv/demo/k/a", "/abs/s"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !*c.Stores[0].Required {
		t.Error("a store that says nothing of it must be required")
	}
}

func TestCredentialsOfSystemd(t *testing.T) {
	asService(t)
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, "s3-access-key"), []byte(" AKIA \n"), 0o400); err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig([]byte("[[store]]\nname=\"s\"\ntype=\"s3\"\nbucket=\"b\"\naccess_key_file=\"s3-access-key\"\nsecret_key_file=\"other\""), "/etc/ripstation/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Stores[0].AccessKeyFile != filepath.Join(dir, "s3-access-key") || c.Stores[0].SecretKeyFile != "/etc/ripstation/other" {
		t.Errorf("%+v", c.Stores[0])
	}
}

func TestDefaultsSuitWhoeverStartsIt(t *testing.T) {
	for _, v := range []string{"STATE_DIRECTORY", "RUNTIME_DIRECTORY", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		t.Setenv(v, "")
	}
	t.Setenv("HOME", "/home/ada")
	c := defaults(places(""))
	if c.Station.Catalog != "/home/ada/.local/state/ripstation/catalog.db" || c.Station.Socket != "/home/ada/.local/state/ripstation/ripstation.sock" {
		t.Errorf("a person's: %+v", c.Station)
	}
	t.Setenv("XDG_STATE_HOME", "/x/state")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if c := defaults(places("")); c.Station.Spool != "/x/state/ripstation/spool" || c.Station.Socket != "/run/user/7/ripstation/ripstation.sock" {
		t.Errorf("with XDG folders: %+v", c.Station)
	}
	if c := defaults(places(systemConfig)); c.Station.Spool != "/var/lib/ripstation/spool" || c.Station.Socket != "/run/ripstation/ripstation.sock" {
		t.Errorf("of the service, asked by a person: %+v", c.Station)
	}
	t.Setenv("STATE_DIRECTORY", "/s:/t")
	t.Setenv("RUNTIME_DIRECTORY", "/r")
	if c := defaults(places("")); c.Station.Spool != "/s/spool" || c.Station.Socket != "/r/ripstation.sock" {
		t.Errorf("the service: %+v", c.Station)
	}
}

func TestWhichFile(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(p, []byte("[read]\nretries = 9"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RIPSTATION_CONFIG", p)
	if c, err := loadConfig(""); err != nil || c.Read.Retries != 9 || c.path != p {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := loadConfig(filepath.Join(dir, "absent")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("--config leads: %v", err)
	}
	if err := os.WriteFile(p, bytes.Repeat([]byte("#\n"), maxConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(""); err == nil || !strings.Contains(err.Error(), "larger than a configuration can be") {
		t.Errorf("%v", err)
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]Size{"64KiB": 65536, "64 KiB": 65536, "1MB": 1e6, "1.5GiB": 3 << 29, "0": 0, "200GB": 200e9, "10": 10} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s = %d, %v; want %d", text, s, err, want)
		}
		b, _ := s.MarshalText()
		var again Size
		if err := again.UnmarshalText(b); err != nil || again != s {
			t.Errorf("%d is written %s and reads back as %d", s, b, again)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1e300GiB", "1XB", "nan"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %d bytes", text, s)
		}
	}
	d := Duration(90 * time.Second)
	if b, _ := d.MarshalText(); string(b) != "1m30s" {
		t.Errorf("%s", b)
	}
}

func TestWhichDrives(t *testing.T) {
	d := disc.Drive{Node: "/dev/sr0", Key: "serial:ABC"}
	for _, c := range []struct {
		in, ex []string
		want   bool
	}{
		{[]string{"*"}, nil, true},
		{[]string{"sr0"}, nil, true},
		{[]string{"/dev/sr*"}, nil, true},
		{[]string{"serial:A*"}, nil, true},
		{[]string{"sr1"}, nil, false},
		{nil, nil, false},
		{[]string{"*"}, []string{"sr0"}, false},
	} {
		if got := (DrivesConfig{Include: c.in, Exclude: c.ex}).wants(d); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(example(f))
	f.Add(commentedKey.ReplaceAll(example(f), []byte("$1")))
	f.Add([]byte("[[store]]\nname=\"a\"\ntype=\"s3\"\nbucket=\"b\"\nendpoint=\"http://[::1]:7070\"\nprefix=\"a/b\""))
	f.Add([]byte("[read]\nchunk = 65536\n[eject]\nretry = \"1h\""))
	f.Add([]byte("store = [{name = \"a\", type = \"directory\", path = \"x\", required = true}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConfig(text, "/etc/ripstation/config.toml")
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
		if err != nil {
			return
		}
		// What was accepted keeps its promises, whatever the text.
		required := false
		for _, s := range c.Stores {
			required = required || *s.Required
			if s.Type == "directory" && !filepath.IsAbs(s.Path) {
				t.Fatalf("path %q", s.Path)
			}
		}
		if !required || !filepath.IsAbs(c.Station.Spool) || c.Read.Chunk%disc.SectorSize != 0 || c.Drives.Poll < Duration(time.Second) {
			t.Fatalf("accepted: %+v", c)
		}
	})
}
