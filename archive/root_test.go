package archive_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ripstation/archive"
)

// The root's files are put once, and what is there already is left, whoever
// wrote it.
func TestPutRoot(t *testing.T) {
	files, err := archive.Root()
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	if err := s.Put(t.Context(), "README.txt", []byte("an older one")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := archive.PutRoot(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		r, err := s.Read(t.Context(), f.Path, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, err = got.ReadFrom(r)
		r.Close()
		want := string(f.Body)
		if f.Path == "README.txt" {
			want = "an older one"
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %d bytes, %v", f.Path, got.Len(), err)
		}
	}
	dark := &blind{Store: s}
	if err := archive.PutRoot(t.Context(), putless{dark, errCable}); !errors.Is(err, errCable) {
		t.Errorf("a store that cannot be asked: %v", err)
	}
}

type putless struct {
	archive.Store
	err error
}

func (p putless) Stat(context.Context, string) (archive.Info, error) { return archive.Info{}, p.err }

// bare is a root folder with what Debian's dash and coreutils hold, and the
// libraries that those need: nothing else.
func bare(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "usr/lib", "usr/lib64", "tmp", "dev"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o777))
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		must(t, os.Symlink("usr/"+link, filepath.Join(root, link)))
	}
	must(t, os.WriteFile(filepath.Join(root, "dev/null"), nil, 0o666))
	put := func(from, to string) {
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(to), 0o777))
		must(t, os.WriteFile(to, b, 0o755))
	}
	out, err := exec.Command("dpkg", "-L", "dash", "coreutils").Output()
	must(t, err)
	libs := map[string]bool{}
	n := 0
	for _, p := range strings.Fields(string(out)) {
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() || filepath.Base(filepath.Dir(p)) != "bin" {
			continue
		}
		n++
		put(p, filepath.Join(root, "usr/bin", filepath.Base(p)))
		needs, err := exec.Command("ldd", p).Output()
		if err != nil {
			continue // a script, or linked with nothing
		}
		for _, f := range strings.Fields(string(needs)) {
			if filepath.IsAbs(f) {
				libs[f] = true
			}
		}
	}
	for lib := range libs {
		real := strings.TrimPrefix(lib, "/usr")
		put(lib, filepath.Join(root, "usr", real))
	}
	must(t, os.Remove(filepath.Join(root, "usr/bin/sh"))) // absent, or the system's choice
	must(t, os.Symlink("dash", filepath.Join(root, "usr/bin/sh")))
	for _, absent := range []string{"grep", "sed", "awk", "find", "bash"} {
		if _, err := os.Stat(filepath.Join(root, "usr/bin", absent)); err == nil {
			t.Fatalf("%s is no part of coreutils", absent)
		}
	}
	if n < 80 {
		t.Fatalf("only %d programs of dash and coreutils were found", n)
	}
	return root
}

// verify runs verify.sh in such a root.
func verify(t *testing.T, root string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command("/usr/bin/dash", args...)
	cmd.Path, cmd.Dir, cmd.Env = "/usr/bin/dash", "/", []string{"PATH=/usr/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	b, err := cmd.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

func hexSum(algorithm, body string) string {
	h := hashes[algorithm]()
	h.Write([]byte(body))
	return fmt.Sprintf("%x", h.Sum(nil))
}

var percent = strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D")

// manifestOf lists those of the files that lie under data/, or those that do
// not.
func manifestOf(algorithm string, files map[string]string, payload bool) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, "data/") == payload && !strings.HasPrefix(name, "tagmanifest-") {
			fmt.Fprintf(&out, "%s  %s\n", hexSum(algorithm, files[name]), percent.Replace(name))
		}
	}
	return out.String()
}

// plainBag makes the files of a bag with this payload, as RFC 8493 has it.
func plainBag(payload map[string]string) map[string]string {
	files := map[string]string{"bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"}
	n := 0
	for name, body := range payload {
		files["data/"+name] = body
		n += len(body)
	}
	files["bag-info.txt"] = fmt.Sprintf("Payload-Oxum: %d.%d\n", n, len(payload))
	return resealed(files)
}

// resealed gives a bag manifests that fit what it holds now.
func resealed(files map[string]string) map[string]string {
	for _, a := range []string{"sha256", "sha512"} {
		files["manifest-"+a+".txt"] = manifestOf(a, files, true)
	}
	return retagged(files)
}

// retagged gives it tag manifests alone that do.
func retagged(files map[string]string) map[string]string {
	for _, a := range []string{"sha256", "sha512"} {
		files["tagmanifest-"+a+".txt"] = manifestOf(a, files, false)
	}
	return files
}

func writeBag(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, body := range files {
		p := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, []byte(body), 0o644))
	}
}

var oddNames = map[string]string{"new\nline": "1", "100%": "2", " lead": "3", "*star": "4", "back`touch x`": "5", "-n": "6", "tab\tx": "7",
	"ü": "8", "cr\r": "9", "$(exit 7)": "10", "[a]*?": "11", ".hidden": "12", "..two": "13", "%0A": "14", "a b/c  d/'\"": "15", "\x1b[31m": "16", "trail ": "17", "empty": ""}

// Every kind of damage is told by verify.sh, which has coreutils and a plain
// shell and no more; a whole bag is whole, whatever its names are.
func TestVerifyScriptInABareDebian(t *testing.T) {
	root := bare(t)
	store := filepath.Join(root, "store")
	s := openDir(t, store)
	if _, err := archive.Send(t.Context(), s, sampleBag(), archive.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	must(t, archive.PutRoot(t.Context(), s))
	must(t, s.Put(t.Context(), "mfzwizltorxgk/events/0000000001-0.json", []byte("{}")))
	bag := "/store/mfzwizltorxgk/v1"
	for _, args := range [][]string{{"/store/verify.sh"}, {"/store/verify.sh", bag}, {"/store/verify.sh", bag + "/"}} {
		if out, code := verify(t, root, args...); code != 0 || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, bag+": whole: 2 files of ") {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
	odd := plainBag(oddNames)
	for name, body := range oddNames {
		odd["metadata/"+name] = body
	}
	odd = retagged(odd)
	writeBag(t, filepath.Join(root, "odd", "a\nbag %"), odd)
	if out, code := verify(t, root, "/store/verify.sh", "/odd/a\nbag %"); code != 0 || out != "/odd/a%0Abag %25: whole: 18 files of 25 bytes, and all that is said of them\n" {
		t.Errorf("odd names: exit %d\n%q", code, out)
	}
	for name, body := range odd {
		if strings.HasSuffix(name, "manifest-sha512.txt") || strings.HasSuffix(name, "manifest-sha256.txt") {
			continue
		}
		p := filepath.Join(root, "odd", "a\nbag %", name)
		must(t, os.WriteFile(p, []byte(body+"x"), 0o644))
		out, code := verify(t, root, "/store/verify.sh", "/odd/a\nbag %")
		if code != 1 || strings.Count(out, "\n") != 1 || strings.ContainsAny(out[:len(out)-1], "\x1b\r\n") || name != "bagit.txt" && !strings.Contains(out, "altered") {
			t.Errorf("%q altered: exit %d\n%q", name, code, out)
		}
		must(t, os.WriteFile(p, []byte(body), 0o644))
	}

	plain := map[string]string{"image.iso": strings.Repeat("sector", 1000), "disc.cue": "cue"}
	line := func(b map[string]string, n int) string { return strings.SplitAfter(b["manifest-sha512.txt"], "\n")[n] }
	for i, c := range []struct {
		name string
		harm func(b map[string]string)
		code int
		says string
	}{
		{"nothing", func(b map[string]string) {}, 0, "whole: 2 files of 6003 bytes"},
		{"upper-case digests", func(b map[string]string) {
			b["manifest-sha512.txt"] = strings.ToUpper(line(b, 0)[:128]) + line(b, 0)[128:] + line(b, 1)
			retagged(b)
		}, 0, "whole"},
		{"lines ended as Windows does", func(b map[string]string) {
			b["manifest-sha512.txt"] = strings.ReplaceAll(b["manifest-sha512.txt"], "\n", "\r\n")
			retagged(b)
		}, 0, "whole"},
		{"no last line end, a dot in front", func(b map[string]string) {
			b["manifest-sha256.txt"] = strings.TrimSpace(strings.ReplaceAll(b["manifest-sha256.txt"], "  data", "  ./data"))
			retagged(b)
		}, 0, "whole"},
		{"a third algorithm", func(b map[string]string) { b["manifest-md5.txt"] = manifestOf("md5", b, true); retagged(b) }, 0, "whole"},
		{"a third algorithm that says otherwise", func(b map[string]string) {
			b["manifest-md5.txt"] = strings.Repeat("0", 32) + manifestOf("md5", b, true)[32:]
			retagged(b)
		}, 1, "altered (md5): data/disc.cue"},
		{"an algorithm of the future", func(b map[string]string) { b["manifest-blake9.txt"] = "00  data/disc.cue\n"; retagged(b) }, 2, "NOT KNOWN: an algorithm that is not known here: manifest-blake9.txt"},
		{"first byte", func(b map[string]string) { b["data/image.iso"] = "x" + b["data/image.iso"][1:] }, 1, "altered (sha256): data/image.iso; altered (sha512): data/image.iso"},
		{"last byte", func(b map[string]string) { b["data/image.iso"] = b["data/image.iso"][:5999] + "x" }, 1, "altered"},
		{"cut", func(b map[string]string) { b["data/image.iso"] = b["data/image.iso"][:5999] }, 1, "altered"},
		{"cut to nothing", func(b map[string]string) { b["data/image.iso"] = "" }, 1, "altered"},
		{"appended", func(b map[string]string) { b["data/image.iso"] += "x" }, 1, "altered"},
		{"swapped", func(b map[string]string) {
			b["data/image.iso"], b["data/disc.cue"] = b["data/disc.cue"], b["data/image.iso"]
		}, 1, "altered (sha512): data/disc.cue"},
		{"image gone", func(b map[string]string) { delete(b, "data/image.iso") }, 1, "missing data/image.iso"},
		{"all payload gone", func(b map[string]string) { delete(b, "data/image.iso"); delete(b, "data/disc.cue") }, 1, "missing data/disc.cue; missing data/image.iso"},
		{"extra payload", func(b map[string]string) { b["data/extra"] = "x" }, 1, "extra data/extra"},
		{"hidden extra payload", func(b map[string]string) { b["data/.x/..y"] = "x" }, 1, "extra data/.x/..y"},
		{"extra tag file", func(b map[string]string) { b["metadata/extra"] = "x" }, 1, "extra metadata/extra"},
		{"hidden extra tag file", func(b map[string]string) { b[".extra"] = "x" }, 1, "extra .extra"},
		{"info altered", func(b map[string]string) { b["bag-info.txt"] = "X: y\n" + b["bag-info.txt"] }, 1, "altered (sha256): bag-info.txt"},
		{"info gone", func(b map[string]string) { delete(b, "bag-info.txt") }, 1, "missing bag-info.txt"},
		{"Oxum wrong", func(b map[string]string) { b["bag-info.txt"] = "Payload-Oxum: 6003.3\n"; retagged(b) }, 1, "not the Payload-Oxum of bag-info.txt"},
		{"declaration gone", func(b map[string]string) { delete(b, "bagit.txt") }, 1, "missing bagit.txt"},
		{"declaration of another version", func(b map[string]string) {
			b["bagit.txt"] = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"
			retagged(b)
		}, 1, "not as it has to be: bagit.txt"},
		{"a mark before the declaration", func(b map[string]string) { b["bagit.txt"] = "\ufeff" + b["bagit.txt"]; retagged(b) }, 1, "not as it has to be: bagit.txt"},
		{"manifest altered", func(b map[string]string) {
			b["manifest-sha512.txt"] = strings.Repeat("0", 128) + line(b, 0)[128:] + line(b, 1)
		}, 1, "altered (sha512): data/disc.cue; altered (sha256): manifest-sha512.txt"},
		{"manifest gone", func(b map[string]string) { delete(b, "manifest-sha512.txt") }, 1, "missing manifest-sha512.txt"},
		{"both manifests gone", func(b map[string]string) { delete(b, "manifest-sha512.txt"); delete(b, "manifest-sha256.txt") }, 1, "no manifest says what should be in data/"},
		{"manifest is junk", func(b map[string]string) { b["manifest-sha512.txt"] = "\x01\x02 \n"; retagged(b) }, 1, "line 1 is not one of a manifest: manifest-sha512.txt"},
		{"a mark before the manifest", func(b map[string]string) {
			b["manifest-sha512.txt"] = "\ufeff" + b["manifest-sha512.txt"]
			retagged(b)
		}, 1, "line 1 is not one of a manifest"},
		{"an empty line", func(b map[string]string) { b["manifest-sha512.txt"] += "\n"; retagged(b) }, 1, "line 3 is not one of a manifest"},
		{"manifest climbs", func(b map[string]string) {
			b["manifest-sha512.txt"] += line(b, 0)[:130] + "data/../../store/README.txt\n"
			retagged(b)
		}, 1, "leads out of the bag"},
		{"manifest starts at the root", func(b map[string]string) { b["manifest-sha512.txt"] += line(b, 0)[:130] + "/etc/passwd\n"; retagged(b) }, 1, "leads out of the bag"},
		{"manifest starts at home", func(b map[string]string) { b["manifest-sha512.txt"] += line(b, 0)[:130] + "~/x\n"; retagged(b) }, 1, "leads out of the bag"},
		{"manifests of different files", func(b map[string]string) { b["manifest-sha512.txt"] = line(b, 1); retagged(b) }, 1, "not in manifest-sha512.txt: data/disc.cue"},
		{"listed twice", func(b map[string]string) { b["manifest-sha512.txt"] += line(b, 0); retagged(b) }, 1, "listed twice in manifest-sha512.txt: data/disc.cue"},
		{"a tag file in a payload manifest", func(b map[string]string) { b["manifest-sha512.txt"] += line(b, 0)[:130] + "bagit.txt\n"; retagged(b) }, 1, "of the other kind of manifest"},
		{"payload in a tag manifest", func(b map[string]string) {
			b["tagmanifest-sha256.txt"] += strings.Repeat("0", 64) + "  data/disc.cue\n"
		}, 1, "of the other kind of manifest"},
		{"last tag manifest gone", func(b map[string]string) { delete(b, "tagmanifest-sha512.txt") }, 1, "missing tagmanifest-sha512.txt"},
		{"both tag manifests gone", func(b map[string]string) { delete(b, "tagmanifest-sha512.txt"); delete(b, "tagmanifest-sha256.txt") }, 1, "never finished"},
		{"parts elsewhere", func(b map[string]string) { b["fetch.txt"] = "http://example.org/x 1 data/disc.cue\n"; retagged(b) }, 1, "parts lie elsewhere: fetch.txt"},
	} {
		b := plainBag(plain)
		c.harm(b)
		name := fmt.Sprintf("/case/%d", i)
		writeBag(t, filepath.Join(root, name), b)
		if out, code := verify(t, root, "/store/verify.sh", name); code != c.code || !strings.HasPrefix(out, name+": ") || !strings.Contains(out, c.says) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: exit %d, want %d and %q\n%s", c.name, code, c.code, c.says, out)
		}
	}
	// Payload that became a folder, or a link to nowhere.
	for i, harm := range []func(p string) error{func(p string) error { return os.Mkdir(p, 0o755) }, func(p string) error { return os.Symlink("/nowhere", p) }} {
		name := fmt.Sprintf("/kind/%d", i)
		writeBag(t, filepath.Join(root, name), plainBag(plain))
		p := filepath.Join(root, name, "data/disc.cue")
		must(t, os.Remove(p))
		must(t, harm(p))
		if out, code := verify(t, root, "/store/verify.sh", name); code != 1 {
			t.Errorf("exit %d\n%s", code, out)
		}
	}
	// What was wrong in one bag counts for all of them, and each has its line.
	must(t, os.WriteFile(filepath.Join(root, "case", "verify.sh"), []byte(fileOf(t, store, "verify.sh")), 0o644))
	if out, code := verify(t, root, "/case/verify.sh"); code != 1 || strings.Count(out, "\n") < 40 || strings.Count(out, ": whole: ") != 5 {
		t.Errorf("all cases: exit %d\n%s", code, out)
	}
	for _, args := range [][]string{{"/store/verify.sh", "/nowhere"}, {"/store/verify.sh", bag, "nowhere"}} {
		if out, code := verify(t, root, args...); code != 2 || !strings.Contains(out, "NOT KNOWN: there is no such folder") {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
	must(t, os.Mkdir(filepath.Join(root, "none"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "none", "verify.sh"), []byte(fileOf(t, store, "verify.sh")), 0o644))
	if out, code := verify(t, root, "/none/verify.sh"); code != 2 || !strings.Contains(out, "there is no bag") {
		t.Errorf("no bag: exit %d\n%s", code, out)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Where a store has a bag, its layout says: what lies there and is none is wrong,
// and not passed over.
func TestVerifyScriptKnowsWhereBagsAre(t *testing.T) {
	root := bare(t)
	const id = "abcdefghijklmnopqrstuvwx27"
	script := func() string {
		files, err := archive.Root()
		must(t, err)
		for _, f := range files {
			if f.Path == "verify.sh" {
				return string(f.Body)
			}
		}
		return ""
	}()
	whole := plainBag(map[string]string{"image.iso": "sector"})
	for i, c := range []struct {
		name string
		make func(v1 string) error
		says string
	}{
		{"empty", func(p string) error { return os.Mkdir(p, 0o755) }, "WRONG: missing bagit.txt"},
		{"folders alone", func(p string) error { return os.MkdirAll(filepath.Join(p, "metadata"), 0o755) }, "WRONG: missing bagit.txt"},
		{"a file", func(p string) error { return os.WriteFile(p, nil, 0o644) }, "WRONG: a bag has to be a folder, which is not one: v1"},
		{"a link to nowhere", func(p string) error { return os.Symlink("nowhere", p) }, "WRONG: a bag has to be a folder, which is not one: v1"},
		{"a link to another bag", func(p string) error { return os.Symlink("v2", p) }, "WRONG: a bag has to be a folder, which is not one: v1"},
	} {
		store := fmt.Sprintf("/places/%d", i)
		writeBag(t, filepath.Join(root, store), map[string]string{"verify.sh": script, "abcdefghijklmnopqrstuvwx28/v1/x": "no id", id + "/v1x/y": "no bag's name", id + "/v01/y": "nor this"})
		writeBag(t, filepath.Join(root, store, id, "v2"), whole)
		must(t, c.make(filepath.Join(root, store, id, "v1")))
		bag := store + "/" + id + "/v1"
		if out, code := verify(t, root, store+"/verify.sh"); code != 1 || strings.Count(out, "\n") != 2 || !strings.Contains(out, bag+": "+c.says) || !strings.Contains(out, "/v2: whole") {
			t.Errorf("%s: exit %d\n%s", c.name, code, out)
		}
		if c.name == "a link to another bag" { // which somebody may name
			if out, code := verify(t, root, store+"/verify.sh", bag); code != 0 {
				t.Errorf("%s, named: exit %d\n%s", c.name, code, out)
			}
			continue
		}
		if out, code := verify(t, root, store+"/verify.sh", bag); code != 1 || !strings.Contains(out, c.says) {
			t.Errorf("%s, named: exit %d\n%s", c.name, code, out)
		}
	}
}

func fileOf(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return string(b)
}
