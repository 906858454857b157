package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/internal/versitygw"
)

// doctor runs the verb on a configuration with these stores and gives its
// lines by "about: what".
func doctor(t *testing.T, stores string, args ...string) map[string]diagnosis {
	t.Helper()
	dir, config := stationFolder(t)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if stores != "" {
		station, _, _ := strings.Cut(string(text), "[[store]]")
		text = []byte(station + strings.ReplaceAll(stores, "DIR", dir))
	}
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return doctorOf(t, config, args...)
}

func doctorOf(t *testing.T, config string, args ...string) map[string]diagnosis {
	t.Helper()
	a := ripstation(t, append([]string{"doctor", "--json", "--config", config}, args...)...)
	var lines []diagnosis
	if err := json.Unmarshal([]byte(a.out), &lines); err != nil {
		t.Fatalf("%v: %s %s", err, a.out, a.talk)
	}
	want := exitDone
	out := map[string]diagnosis{}
	for _, l := range lines {
		key := l.About + ": " + l.What
		if _, twice := out[key]; twice {
			t.Errorf("%s is told twice", key)
		}
		out[key] = l
		switch {
		case l.State == problem:
			want = exitFindings
		case l.State == unseen && want == exitDone:
			want = exitBlind
		case l.State != fine && l.State != unseen:
			t.Errorf("%s: %q", key, l.State)
		}
		if l.State == problem && l.Do == "" {
			t.Errorf("%s does not say what to do: %s", key, l.Text)
		}
	}
	if a.code != want {
		t.Errorf("exit %d, want %d: %s", a.code, want, a.out)
	}
	// For people it is the same.
	p := ripstation(t, append([]string{"doctor", "--config", config}, args...)...)
	if p.code != a.code || strings.Count(p.out, "\n  ok ")+strings.Count(p.out, "\n  problem ")+strings.Count(p.out, "\n  cannot tell ") != len(lines) {
		t.Errorf("exit %d, want %d; %d lines: %s", p.code, a.code, len(lines), p.out)
	}
	return out
}

func (d diagnosis) is(t *testing.T, s state, words ...string) {
	t.Helper()
	if d.State != s {
		t.Errorf("%+v is not %s", d, s)
	}
	for _, w := range words {
		if !strings.Contains(d.Text+" -> "+d.Do, w) {
			t.Errorf("%+v does not say %q", d, w)
		}
	}
}

func s3Store(endpoint, key, secret string) string {
	return fmt.Sprintf("[[store]]\nname=\"cloud\"\ntype=\"s3\"\nbucket=\"discs\"\npath_style=true\nendpoint=%q\naccess_key_file=%q\nsecret_key_file=%q\n", endpoint, key, secret)
}

// A real server does all of it; the key may delete, and that is a problem.
func TestDoctorOfS3(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	store := s3Store(server.Endpoint, server.AccessKeyFile, server.SecretKeyFile)
	got := doctor(t, store)
	for _, what := range []string{"write and read", "CRC64NVME checksums", "Content-MD5", "conditional writes (If-None-Match)", "uploads that are gone on with", "reading a part of an object", "clock"} {
		got["store cloud: "+what].is(t, fine)
	}
	got["store cloud: versioning"].is(t, fine, "not there")
	if _, told := got["store cloud: deletion"]; told {
		t.Error("deletion is told of, and was not looked at")
	}
	got["spool: folder"].is(t, unseen, "not there yet")
	got["catalog: write"].is(t, fine)
	got = doctor(t, store+"retain=\"1d\"\nretain_mode=\"governance\"\n", "--store", "cloud", "--try-delete")
	got["store cloud: deletion"].is(t, problem, "packaging/s3")
	got["store cloud: Object Lock"].is(t, problem, "made with it")
	if _, told := got["catalog: write"]; told {
		t.Error("--store cloud tells of the catalog")
	}
	server.Stop()
	got = doctor(t, store)
	got["store cloud: write and read"].is(t, unseen, "nothing listens there")
	if _, told := got["store cloud: Content-MD5"]; told {
		t.Error("a server that is not there has capabilities")
	}
}

// A server whose probe showed that it looks at no checksum cannot vouch.
func TestDoctorOfProof(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cloud.json")
	s := StoreConfig{Name: "cloud", Endpoint: "http://localhost:1", Bucket: "discs", Checksums: "auto", Proof: "store-checksum", capabilities: file}
	for can, want := range map[archive.Ability]state{archive.Able: fine, archive.Unable: problem, archive.Untold: problem} {
		text := fmt.Sprintf(`{"format":"ripstation s3 capabilities","version":1,"endpoint":%q,"bucket":"discs","found":[{"name":"content-md5","can":%q}]}`, s.Endpoint, can)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := openS3(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		told := diagnosis{}
		(&examiner{tell: func(d diagnosis) { told = d }}).proof("store cloud", s, st)
		told.is(t, want)
		if (told.Do != "") != (want == problem) {
			t.Errorf("%s: %+v", can, told)
		}
		st.Close()
	}
}

func TestDoctorOfS3Problems(t *testing.T) {
	server := versitygw.Start(t)
	got := doctor(t, s3Store(server.Endpoint, server.AccessKeyFile, server.SecretKeyFile))
	got["store cloud: write and read"].is(t, problem, "create bucket discs")
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = doctor(t, s3Store(server.Endpoint, server.AccessKeyFile, wrong))
	got["store cloud: write and read"].is(t, problem, "secret_key_file")
	got = doctor(t, s3Store(server.Endpoint, wrong+"-none", wrong+"-none"))
	got["store cloud: open"].is(t, problem, "no such file")
	// A server whose clock is behind.
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-20*time.Minute).UTC().Format(http.TimeFormat))
		if r.Method != "HEAD" {
			w.WriteHeader(403)
		}
	}))
	defer late.Close()
	got = doctor(t, s3Store(late.URL, wrong, wrong))
	got["store cloud: clock"].is(t, problem, "behind", "timedatectl")
}

func TestDoctorOfDirectories(t *testing.T) {
	got := doctor(t, "")
	got["store local: marker"].is(t, unseen, "makes it")
	dir, config := stationFolder(t)
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o755); err != nil {
		t.Fatal(err)
	}
	init := ripstation(t, "store", "init", "local", "--config", config)
	if init.code != exitDone || !strings.HasPrefix(init.out, "marker = \"") {
		t.Fatalf("%+v", init)
	}
	got = doctorOf(t, config)
	got["store local: marker"].is(t, fine, strings.TrimSpace(init.out))
	got["store local: write and read"].is(t, fine)
	got["store local: file system"].is(t, fine)
	// The printed line works, and another drive's is noticed.
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]state{init.out: fine, "marker = \"abcdefghijklmnopqrstuvwxyz\"\n": unseen} {
		if err := os.WriteFile(config, append(text[:len(text):len(text)], line...), 0o644); err != nil {
			t.Fatal(err)
		}
		got := doctorOf(t, config)
		got["store local: marker"].is(t, want, "drive")
		if _, told := got["store local: write and read"]; told != (want == fine) {
			t.Error("write and read")
		}
	}
	memory, err := os.MkdirTemp("/dev/shm", "rs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(memory)
	got = doctor(t, fmt.Sprintf("[[store]]\nname=\"local\"\ntype=\"directory\"\npath=%q\n", memory))
	got["store local: marker"].is(t, unseen)
	if a := ripstation(t, "store", "init", "local", "--config", memoryConfig(t, memory)); a.code != exitDone {
		t.Fatalf("%+v", a)
	}
	got = doctor(t, fmt.Sprintf("[[store]]\nname=\"local\"\ntype=\"directory\"\npath=%q\n", memory))
	got["store local: file system"].is(t, problem, "memory")
}

// memoryConfig is a configuration whose store lies in memory.
func memoryConfig(t *testing.T, memory string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "[[store]]\nname=\"local\"\ntype=\"directory\"\npath=%q\n", memory), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDoctorAndStoreBadInput(t *testing.T) {
	dir, config := stationFolder(t)
	for _, c := range []struct {
		args []string
		code int
		word string
	}{
		{[]string{"doctor", "all"}, exitUsage, "takes no argument"},
		{[]string{"doctor", "--store", "none"}, exitUsage, "the configuration has no store"},
		{[]string{"doctor", "--store", "a\nb"}, exitUsage, "the configuration has no store"},
		{[]string{"store", "init"}, exitUsage, "a store's name"},
		{[]string{"store", "init", "none"}, exitUsage, "the configuration has no store"},
		{[]string{"store", "init", "local"}, exitFailed, "mount the drive"},
	} {
		a := ripstation(t, append(c.args, "--config", config)...)
		if a.code != c.code || !strings.Contains(a.talk, c.word) || a.out != "" {
			t.Errorf("%q: exit %d, %s%s", c.args, a.code, a.out, a.talk)
		}
	}
	if exists(filepath.Join(dir, "store")) {
		t.Error("a store was made")
	}
	cloud := filepath.Join(dir, "cloud.toml")
	if err := os.WriteFile(cloud, []byte("[[store]]\nname=\"cloud\"\ntype=\"s3\"\nbucket=\"b\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a := ripstation(t, "store", "init", "cloud", "--config", cloud); a.code != exitUsage || !strings.Contains(a.talk, "only a directory") {
		t.Errorf("%+v", a)
	}
}
