package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ripstation/disc"
)

func TestRecordBytes(t *testing.T) {
	id := NewID()
	in := aRecord(id, 1)
	in.Carrier.Item, in.Carrier.Part, in.Carrier.Parts = "", 0, 0
	in.Objects[0].MD5 = ""
	a, err := EncodeRecord(in)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := EncodeRecord(in); err != nil || !bytes.Equal(a, b) {
		t.Fatalf("the same record gives other bytes (%v)", err)
	}
	out, err := ParseRecord(a)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := EncodeRecord(out); err != nil || !bytes.Equal(a, b) {
		t.Fatalf("a record that was read gives other bytes (%v)", err)
	}
	if out.Carrier.Access != AccessUnreviewed || out.Captures[0].Operator != "ada" || !out.Image.SealedAt.Equal(in.Image.SealedAt) {
		t.Errorf("read back as %+v", out)
	}
	var tree map[string]any
	if err := json.Unmarshal(a, &tree); err != nil {
		t.Fatal(err)
	}
	var names []string
	for k := range tree {
		names = append(names, k)
	}
	for _, want := range []string{"format", "version", "carrier", "image", "objects", "disc", "identity", "drive", "captures", "checks", "events"} {
		if _, ok := tree[want]; !ok {
			t.Errorf("no %q among %v", want, names)
		}
	}
	carrier := tree["carrier"].(map[string]any)
	for k, want := range map[string]any{"item": nil, "part": nil, "parts": nil, "side": "A", "access": "unreviewed"} {
		if got, ok := carrier[k]; !ok || got != want {
			t.Errorf("carrier %s is %v, want %v", k, got, want)
		}
	}
	if got := tree["objects"].([]any)[0].(map[string]any)["md5"]; got != nil {
		t.Errorf("a digest that was not taken is %v", got)
	}
	// The only nulls are values that are not known: lists are never null.
	for _, list := range []string{`"missing": []`, `"sizes": []`, `"unrecorded": []`} {
		if !bytes.Contains(a, []byte(list)) {
			t.Errorf("no %s in the record", list)
		}
	}
}

func TestRecordKeepsTheCallersValues(t *testing.T) {
	in := aRecord(NewID(), 1)
	in.Identity.Label = "bad\xff"
	in.Events[0].Agents[0].Name = "evil\xfe"
	before := in.Events[0].Agents[0]
	if _, err := EncodeRecord(in); err != nil {
		t.Fatal(err)
	}
	if in.Identity.Label != "bad\xff" || in.Events[0].Agents[0] != before {
		t.Error("encoding changed the caller's record")
	}
}

func TestHostileText(t *testing.T) {
	in := aRecord(NewID(), 1)
	in.Identity.Label = "<b>\x00\x1b[2J'; DROP TABLE carriers; --\xff\xfe" + strings.Repeat("ü", 5000)
	in.Carrier.Title = strings.Repeat("Ω", 100_000)
	in.Captures[0].Settings = map[string]string{"\xff": "\xff"}
	b, err := EncodeRecord(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	l := out.Identity.Label
	if !utf8.ValidString(l) || len(l) > maxName || !strings.HasPrefix(l, "<b>\x00\x1b[2J'; DROP TABLE carriers; --\uFFFD") || !strings.HasSuffix(l, "…") {
		t.Errorf("the label became %q (%d bytes)", l[:64], len(l))
	}
	if len(out.Carrier.Title) > maxName || out.Captures[0].Settings["\uFFFD"] != "\uFFFD" {
		t.Errorf("title of %d bytes, settings %q", len(out.Carrier.Title), out.Captures[0].Settings)
	}
}

func TestRecordRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*Record){
		"no id":                     func(r *Record) { r.Carrier.ID = "" },
		"an id that is a path":      func(r *Record) { r.Carrier.ID = "../../etc/passwd/aaaaaaaaa" },
		"part without parts":        func(r *Record) { r.Carrier.Parts = 0 },
		"part beyond parts":         func(r *Record) { r.Carrier.Part = 4 },
		"access":                    func(r *Record) { r.Carrier.Access = "free" },
		"version 0":                 func(r *Record) { r.Image.Version = 0 },
		"a state of its own":        func(r *Record) { r.Image.State = "fine" },
		"complete with a hole":      func(r *Record) { r.Image.Sectors.Read--; r.Image.Sectors.Unreadable++ },
		"complete with a protected": func(r *Record) { r.Image.Sectors.Read--; r.Image.Sectors.Protected++ },
		"incomplete without a hole": func(r *Record) { r.Image.State = Incomplete },
		"counts that do not add up": func(r *Record) { r.Image.Sectors.Total++ },
		"a negative count":          func(r *Record) { r.Image.Sectors.Read++; r.Image.Sectors.Untried-- },
		"larger than its sectors":   func(r *Record) { r.Image.Size++; r.Objects[0].Size++ },
		"missing beyond the end":    func(r *Record) { r.Image.Missing = []disc.Extent{{Start: 999, Count: 2}} },
		"missing out of order":      func(r *Record) { r.Image.Missing = []disc.Extent{{Start: 9, Count: 2}, {Start: 2, Count: 1}} },
		"never sealed":              func(r *Record) { r.Image.SealedAt = time.Time{} },
		"fill":                      func(r *Record) { r.Image.Fill = "xx" },
		"no object":                 func(r *Record) { r.Objects = nil },
		"object outside":            func(r *Record) { r.Objects[0].Path = "data/../../x" },
		"object not in data":        func(r *Record) { r.Objects[0].Path = "metadata/x" },
		"object of another size":    func(r *Record) { r.Objects[0].Size-- },
		"no SHA-512":                func(r *Record) { r.Objects[0].SHA512 = "" },
		"a short SHA-256":           func(r *Record) { r.Objects[0].SHA256 = "ab" },
		"an upper-case SHA-256":     func(r *Record) { r.Objects[0].SHA256 = strings.Repeat("AB", 32) },
		"no capture":                func(r *Record) { r.Captures = nil },
		"last capture failed":       func(r *Record) { r.Captures[0].Outcome = Failed },
		"a capture twice":           func(r *Record) { r.Captures = append(r.Captures, r.Captures[0]) },
		"capture outcome":           func(r *Record) { r.Captures[0].Outcome = "ok" },
		"capture clock":             func(r *Record) { r.Captures[0].Clock = "right" },
		"capture without end":       func(r *Record) { r.Captures[0].Ended = time.Time{} },
		"check outcome":             func(r *Record) { r.Checks[0].Outcome = "ok" },
		"event type":                func(r *Record) { r.Events[0].Type = "rip" },
		"event outcome":             func(r *Record) { r.Events[0].Outcome = "ok" },
		"event without time":        func(r *Record) { r.Events[0].Time = time.Time{} },
		"event without agents":      func(r *Record) { r.Events[0].Agents = nil },
		"event id":                  func(r *Record) { r.Events[0].ID = "1" },
	} {
		r := aRecord(NewID(), 1)
		spoil(&r)
		if _, err := EncodeRecord(r); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: written, %v", name, err)
		}
		// The same from the other side: bytes that somebody else wrote.
		r.Format, r.Version = RecordFormat, RecordVersion
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRecord(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: read, %v", name, err)
		}
	}
	good, err := EncodeRecord(aRecord(NewID(), 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":         nil,
		"another format":  bytes.Replace(good, []byte(RecordFormat), []byte("ripstation recipe"), 1),
		"a later version": bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 2`), 1),
		"cut off":         good[:len(good)/2],
		"two of them":     append(append([]byte{}, good...), good...),
		"too large":       append(append([]byte{}, good...), bytes.Repeat([]byte(" "), MaxRecord)...),
	} {
		if _, err := ParseRecord(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := bytes.Replace(good, []byte(`"carrier"`), []byte(`"weather": {"rain": [1]}, "carrier"`), 1)
	if _, err := ParseRecord(later); err != nil {
		t.Errorf("a field that was added later: %v", err)
	}
}

func FuzzParseRecord(f *testing.F) {
	good, err := EncodeRecord(aRecord(NewID(), 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"ripstation record","version":1}`))
	f.Add([]byte(`{"format":"ripstation record","version":1,"carrier":{"id":null},"image":{"missing":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			return
		}
		one, err := EncodeRecord(r)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseRecord(one)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v\nbecame\n%+v", r, again)
		}
	})
}

// Who has the bag alone finds its events by the same ids as in the catalog.
func TestRecordNamesItsEvents(t *testing.T) {
	c := openTemp(t)
	in := aRecord(NewID(), 1)
	in.Events[0].ID = ""
	commit := aCommit(t, in)
	mustCommit(t, c, commit)
	sealed, err := ParseRecord(commit.RecordBytes)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Show(t.Context(), in.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed.Events) == 0 || len(v.Events) < len(sealed.Events) {
		t.Fatalf("%d events in the record, %d in the catalog", len(sealed.Events), len(v.Events))
	}
	for i, e := range sealed.Events {
		if len(e.ID) != idLength || e.ID != v.Events[i].ID {
			t.Errorf("event %d is %q in the record and %q in the catalog", i, e.ID, v.Events[i].ID)
		}
	}
}
