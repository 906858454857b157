package archive_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"ripstation/archive"
)

// asVersion gives a bag another declaration, with tag manifests that fit.
func asVersion(b map[string]string, version, encoding string) map[string]string {
	b["bagit.txt"] = fmt.Sprintf("BagIt-Version: %s\nTag-File-Character-Encoding: %s\n", version, encoding)
	return retagged(b)
}

func utf16Text(s string) string {
	b := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return string(b)
}

// The cases of the Library of Congress' conformance suite, and more of their
// kind, as bags made here: what each is, and what a bag of ours, which has to be
// stricter, is called.
func TestConformanceCases(t *testing.T) {
	plain := map[string]string{"a.txt": "alpha", "dir/b.txt": "beta"}
	base := func(version string, payload map[string]string) map[string]string {
		return asVersion(plainBag(payload), version, "UTF-8")
	}
	without := func(b map[string]string, names ...string) map[string]string {
		for _, n := range names {
			delete(b, n)
		}
		return b
	}
	set := func(b map[string]string, name, body string) map[string]string { b[name] = body; return b }
	noTags := func(b map[string]string) map[string]string {
		return without(b, "tagmanifest-sha256.txt", "tagmanifest-sha512.txt")
	}
	line := func(b map[string]string, n int) string { return strings.SplitAfter(b["manifest-sha512.txt"], "\n")[n] }
	add := func(b map[string]string, path string) map[string]string {
		return retagged(set(b, "manifest-sha512.txt", b["manifest-sha512.txt"]+line(b, 0)[:130]+path+"\n"))
	}
	for _, version := range []string{"1.0", "0.97"} {
		final := version == "1.0"
		bag := func() map[string]string { return base(version, plain) }
		named := func(name string) map[string]string { return base(version, map[string]string{name: "x"}) }
		type one struct {
			name  string
			bag   map[string]string
			valid bool
			ours  bool // what a reader of our own bags says of it when it is of version 1.0
		}
		cases := []one{
			{"basic", bag(), true, true},
			{"no tag manifest", noTags(bag()), true, false},
			{"no bag-info", retagged(without(bag(), "bag-info.txt")), true, true},
			{"one manifest of MD5", noTags(set(without(bag(), "manifest-sha256.txt", "manifest-sha512.txt"), "manifest-md5.txt", manifestOf("md5", bag(), true))), true, false},
			{"four algorithms", retagged(set(set(bag(), "manifest-md5.txt", manifestOf("md5", bag(), true)), "manifest-sha1.txt", manifestOf("sha1", bag(), true))), true, true},
			{"a bag in a bag", base(version, func() map[string]string {
				in := map[string]string{}
				for n, body := range bag() {
					in["inner/"+n] = body
				}
				return in
			}()), true, true},
			{"unlisted tag file", set(bag(), "notes.txt", "x"), true, false},
			{"unlisted tag folder", set(bag(), "more/notes.txt", "x"), true, false},
			{"listed tag file", retagged(set(bag(), "more/notes.txt", "x")), true, true},
			{"upper-case digests", retagged(set(bag(), "manifest-sha512.txt", strings.ToUpper(line(bag(), 0)[:128])+line(bag(), 0)[128:]+line(bag(), 1))), true, true},
			{"CRLF", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "\n", "\r\n"))), true, true},
			{"CR", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "\n", "\r"))), true, true},
			{"tabs", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "  ", "\t"))), true, true},
			{"a dot and a slash in front", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "  ", "  ./"))), true, true},
			{"no last line end", retagged(set(bag(), "manifest-sha512.txt", strings.TrimSuffix(bag()["manifest-sha512.txt"], "\n"))), true, true},
			{"a name with blanks", named(" a  b "), true, true},
			{"a name of UTF-8, composed", named("caf\u00e9"), true, true},
			{"a name of UTF-8, decomposed", named("cafe\u0301"), true, true},
			{"both forms are two files", base(version, map[string]string{"caf\u00e9": "1", "cafe\u0301": "2"}), true, true},
			{"listed composed, there decomposed", set(without(named("caf\u00e9"), "data/caf\u00e9"), "data/cafe\u0301", "x"), false, false},
			{"a name with a line feed", named("a\nb"), true, true},
			{"a name with a carriage return", named("a\rb"), true, true},
			{"an asterisk as a name", named("*"), true, true},
			{"a tilde within", named("a~b"), true, true},
			{"empty payload file", named("empty"), true, true},
			{"bag-info with a folded line", retagged(set(bag(), "bag-info.txt", "Contact-Name: a\n  b\n\tc\nContact-Name: d\nPayload-Oxum: 9.2\n")), true, true},
			{"ISO-8859-1", asVersion(set(bag(), "bag-info.txt", "Contact-Name: caf\xe9\n"), version, "ISO-8859-1"), true, false},
			{"fetched, all there", retagged(set(bag(), "fetch.txt", "http://example.org/a 5 data/a.txt\nhttp://example.org/b - data/dir/b.txt\n")), true, false},

			{"missing payload", without(bag(), "data/a.txt"), false, false},
			{"extra payload", set(bag(), "data/x", "x"), false, false},
			{"extra hidden payload", set(bag(), "data/.x", "x"), false, false},
			{"altered payload", set(bag(), "data/a.txt", "alphA"), false, false},
			{"altered payload of another size", set(bag(), "data/a.txt", "alph"), false, false},
			{"altered tag file", set(bag(), "bag-info.txt", "Payload-Oxum: 9.2\nX: y\n"), false, false},
			{"altered manifest", set(bag(), "manifest-sha512.txt", strings.Repeat("0", 128)+line(bag(), 0)[128:]+line(bag(), 1)), false, false},
			{"missing listed tag file", without(bag(), "bag-info.txt"), false, false},
			{"missing manifest", without(bag(), "manifest-sha512.txt"), false, false},
			{"no manifest at all", noTags(without(bag(), "manifest-sha512.txt", "manifest-sha256.txt")), false, false},
			{"no data folder", without(bag(), "data/a.txt", "data/dir/b.txt"), false, false},
			{"no bagit.txt", retagged(without(bag(), "bagit.txt")), false, false},
			{"no version", retagged(set(bag(), "bagit.txt", "Tag-File-Character-Encoding: UTF-8\n")), false, false},
			{"no encoding", retagged(set(bag(), "bagit.txt", "BagIt-Version: "+version+"\n")), false, false},
			{"a version of the future", asVersion(bag(), "2.0", "UTF-8"), false, false},
			{"a version that is none", asVersion(bag(), "one", "UTF-8"), false, false},
			{"a version that almost is one", asVersion(bag(), "1.0.0", "UTF-8"), false, false},
			{"an encoding that is none", asVersion(bag(), version, "UTF-9"), false, false},
			{"a third line in bagit.txt", retagged(set(bag(), "bagit.txt", bag()["bagit.txt"]+"X: y\n")), false, false},
			{"lines of bagit.txt in the other order", retagged(set(bag(), "bagit.txt", "Tag-File-Character-Encoding: UTF-8\nBagIt-Version: "+version+"\n")), false, false},
			{"a mark before bagit.txt", retagged(set(bag(), "bagit.txt", "\ufeff"+bag()["bagit.txt"])), false, false},
			{"a mark before a manifest", retagged(set(bag(), "manifest-sha512.txt", "\ufeff"+bag()["manifest-sha512.txt"])), false, false},
			{"bag-info that is none", retagged(set(bag(), "bag-info.txt", "no colon\n")), false, false},
			{"bag-info with a blank before the colon", retagged(set(bag(), "bag-info.txt", "Contact-Name : x\n")), false, false},
			{"bag-info that begins folded", retagged(set(bag(), "bag-info.txt", "  x\nA: b\n")), false, false},
			{"wrong Oxum, bytes", retagged(set(bag(), "bag-info.txt", "Payload-Oxum: 8.2\n")), false, false},
			{"wrong Oxum, files", retagged(set(bag(), "bag-info.txt", "Payload-Oxum: 9.3\n")), false, false},
			{"an Oxum that is none", retagged(set(bag(), "bag-info.txt", "Payload-Oxum: nine\n")), false, false},
			{"two Oxums", retagged(set(bag(), "bag-info.txt", "Payload-Oxum: 9.2\nPayload-Oxum: 9.2\n")), false, false},
			{"listed twice, alike", add(bag(), "data/a.txt"), false, false},
			{"listed twice, by another spelling", add(bag(), "./data/a.txt"), false, false},
			{"listed twice, with another digest", retagged(set(bag(), "manifest-sha512.txt", bag()["manifest-sha512.txt"]+strings.Repeat("0", 128)+"  data/a.txt\n")), false, false},
			{"listed and not there", add(bag(), "data/none"), false, false},
			{"a path up", add(bag(), "data/../../x"), false, false},
			{"a path up and back", add(bag(), "../bag/data/a.txt"), false, false},
			{"an absolute path", add(bag(), "/etc/passwd"), false, false},
			{"a path of Windows", add(bag(), `C:\data\x`), false, false},
			{"somebody's home", add(bag(), "~root/x"), false, false},
			{"a tag file in the payload manifest", add(bag(), "bagit.txt"), false, false},
			{"payload in a tag manifest", set(bag(), "tagmanifest-sha256.txt", bag()["tagmanifest-sha256.txt"]+hexSum("sha256", "alpha")+"  data/a.txt\n"), false, false},
			{"a tag manifest in a tag manifest", set(bag(), "tagmanifest-sha256.txt", bag()["tagmanifest-sha256.txt"]+hexSum("sha256", bag()["tagmanifest-sha512.txt"])+"  tagmanifest-sha512.txt\n"), false, false},
			{"a digest too short", retagged(set(bag(), "manifest-sha512.txt", line(bag(), 0)[1:]+line(bag(), 1))), false, false},
			{"a digest of another algorithm", retagged(set(bag(), "manifest-sha512.txt", bag()["manifest-sha256.txt"])), false, false},
			{"no blank", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "  ", ""))), false, false},
			{"an empty line", retagged(set(bag(), "manifest-sha512.txt", bag()["manifest-sha512.txt"]+"\n")), false, false},
			{"an algorithm that nobody knows", retagged(set(bag(), "manifest-sha9.txt", "00  data/a.txt\n")), false, false},
			{"the weaker algorithm is right, the stronger is not", retagged(set(bag(), "manifest-sha512.txt", strings.Repeat("0", 128)+line(bag(), 0)[128:]+line(bag(), 1))), false, false},
			{"to be fetched", retagged(set(without(bag(), "data/a.txt", "bag-info.txt"), "fetch.txt", "http://example.org/a 5 data/a.txt\n")), false, false},
			{"fetch.txt out of the bag", retagged(set(bag(), "fetch.txt", "http://example.org/a 5 data/../../x\n")), false, false},
			{"fetch.txt of a tag file", retagged(set(bag(), "fetch.txt", "http://example.org/a 5 bagit.txt\n")), false, false},
			{"fetch.txt without a length", retagged(set(bag(), "fetch.txt", "http://example.org/a data/a.txt\n")), false, false},
			{"UTF-16 that is not", asVersion(bag(), version, "UTF-16"), false, false},

			// What the versions see differently.
			{"each manifest has another half", retagged(set(set(bag(), "manifest-sha512.txt", line(bag(), 0)), "manifest-sha256.txt", strings.SplitAfter(bag()["manifest-sha256.txt"], "\n")[1])), !final, false},
			{"a percent sign, as RFC 8493 writes it", named("100%25%"), final, true},
			{"a percent sign, as the drafts write it", func() map[string]string {
				b := named("50%")
				for _, a := range []string{"sha256", "sha512"} {
					b["manifest-"+a+".txt"] = strings.ReplaceAll(b["manifest-"+a+".txt"], "%25", "%")
				}
				return retagged(b)
			}(), true, true}, // a sign that begins no code stands for itself in both
			{"an asterisk before a name", retagged(set(bag(), "manifest-sha512.txt", strings.ReplaceAll(bag()["manifest-sha512.txt"], "  ", " *"))), !final, false},
			{"no blank behind a colon", retagged(set(bag(), "bag-info.txt", "Contact-Name:x\n")), !final, false},
			{"a tag manifest without a payload manifest", set(bag(), "tagmanifest-sha256.txt", hexSum("sha256", bag()["bagit.txt"])+"  bagit.txt\n"), !final, false},
		}
		sixteen := plainBag(plain)
		for _, n := range []string{"manifest-sha256.txt", "manifest-sha512.txt", "bag-info.txt"} {
			sixteen[n] = utf16Text(sixteen[n])
		}
		sixteen["bagit.txt"] = fmt.Sprintf("BagIt-Version: %s\nTag-File-Character-Encoding: UTF-16\n", version)
		sixteen = retagged(sixteen)
		for _, n := range []string{"tagmanifest-sha256.txt", "tagmanifest-sha512.txt"} {
			sixteen[n] = utf16Text(sixteen[n])
		}
		cases = append(cases, one{"UTF-16", sixteen, true, false})
		for _, c := range cases {
			dir := filepath.Join(t.TempDir(), "bag")
			writeBag(t, dir, c.bag)
			got, err := archive.ValidateAny(t.Context(), os.DirFS(dir))
			if err != nil || (len(got.Flaws) == 0) != c.valid {
				t.Errorf("%s, %s: valid should be %v: %v, %v", version, c.name, c.valid, got.Flaws, err)
			}
			if ours, err := archive.ValidateFolder(t.Context(), os.DirFS(dir)); err != nil || (len(ours.Flaws) == 0) != (c.ours && final) {
				t.Errorf("%s, %s: as one of ours it should be %v: %v, %v", version, c.name, c.ours && final, ours.Flaws, err)
			}
		}
	}
}
