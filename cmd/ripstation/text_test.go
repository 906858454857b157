package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/station"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":           "plain\ttext\n",
		"Zürich 日本":               "Zürich 日本",
		"\x1b[2J":                 `\u{001b}[2J`,
		"a\rb\x00":                `a\u{000d}b\u{0000}`,
		"\xff":                    `\xff`,
		"\u202eabc\u0085\ufeff":   `\u{202e}abc\u{0085}\u{feff}`,
		"no break\u00a0here \x7f": `no break\u{00a0}here \u{007f}`,
	} {
		if got := string(escape([]byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := one("a\nb\tc"); got != `a\nb\tc` {
		t.Errorf("%q", got)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("\x1b]0;x\x07\xff\u202e\u009b"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var b bytes.Buffer
		if n, err := (safeWriter{&b}).Write(p); n != len(p) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if !utf8.Valid(b.Bytes()) || bytes.ContainsFunc(b.Bytes(), steers) {
			t.Fatalf("%q got through as %q", p, b.Bytes())
		}
	})
}

func TestWords(t *testing.T) {
	day := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	early := day.AddDate(0, -1, 0)
	for _, c := range []struct{ got, want string }{
		{imageWords(catalog.Complete, disc.Counts{Total: 9, Read: 9}), "READ WITHOUT ERRORS"},
		{imageWords(catalog.Complete, disc.Counts{Total: 9, Read: 8, Suspect: 1}), "READ, 1 SECTOR SUSPECT"},
		{imageWords(catalog.Incomplete, disc.Counts{Total: 9, Read: 5, Unreadable: 2, Skipped: 1, Contested: 1}), "INCOMPLETE: 4 SECTORS"},
		{imageWords(catalog.Protected, disc.Counts{Total: 9, Read: 8, Protected: 1}), "PROTECTED: 1 SECTOR"},
		{copyWords(nil), "-"},
		{copyWords([]catalog.Copy{{Store: "a", State: catalog.Stored}, {Store: "b", State: catalog.Queued}}), "STORED IN 1 OF 2"},
		{copyWords([]catalog.Copy{{Store: "a", State: catalog.ReadBack, ReadBackAt: &day}, {Store: "b", State: catalog.Stored}}), "STORED IN 2 OF 2"},
		{copyWords([]catalog.Copy{{Store: "a", State: catalog.ReadBack, ReadBackAt: &day}, {Store: "b", State: catalog.ReadBack, ReadBackAt: &early}}), "STORED IN 2 OF 2, READ BACK 2026-10-22"},
		{copyWords([]catalog.Copy{{Store: "a", State: catalog.Damaged, ReadBackAt: &day}, {Store: "b", State: catalog.Unknown}}), "DAMAGED IN a, UNKNOWN IN b, STORED IN 0 OF 2"},
		{summaryWords(catalog.Summary{Image: &catalog.SummaryImage{State: catalog.Complete}, FailedChecks: 2}), "2 CHECKS FAILED, READ WITHOUT ERRORS"},
		{summaryWords(catalog.Summary{Outcome: catalog.Refused}), "NOT IMAGED"},
		{needsWords(catalog.None, nil), "-"},
		{needsWords(catalog.NeedsIdentity, []string{"x"}), "NEEDS IDENTITY"},
		{needsWords(catalog.NeedsIdentity, []string{"x", "a check failed"}), "NEEDS REVIEW, NEEDS IDENTITY"},
		{needsWords(catalog.NeedsReview, []string{"a check failed"}), "NEEDS REVIEW"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// A story is told with its own notices only, from its own beginning, and with
// its copies', which name no drive.
func TestFollow(t *testing.T) {
	at := time.Now()
	n := func(drive, id string, w station.Word) station.Notice {
		return station.Notice{Time: at.Add(time.Second), Drive: drive, Node: "/dev/" + drive, ID: id, Word: w, Text: "text"}
	}
	old := n("a", "", station.WordFailed)
	old.Time, old.Final, old.Outcome = at.Add(-time.Second), true, station.OutcomeFailed
	final := n("a", "", "")
	final.Final, final.Outcome = true, station.OutcomeDone
	other := n("b", "id2", station.WordFailed)
	other.Final = true
	in := make(chan station.Notice, 20)
	for _, x := range []station.Notice{old, n("a", "", station.WordInserted), other, n("a", "id1", station.WordReading), n("", "id1", station.WordStored), n("", "id2", station.WordWaitStore),
		n("", "id2", station.WordRecorded), n("a", "id1", station.WordEjected), final, n("a", "id1", station.WordDriveGone)} {
		in <- x
	}
	var out strings.Builder
	tl := &teller{lines: &out}
	got, err := tl.follow(t.Context(), in, &story{drive: "a", since: at})
	if err != nil || got.Outcome != station.OutcomeDone || got.ID != "id1" || got.Word != station.WordEjected || got.Text != "text" {
		t.Errorf("%+v, %v", got, err)
	}
	var words []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		words = append(words, strings.TrimSuffix(strings.Join(strings.Fields(line)[1:], " "), ": text"))
	}
	if strings.Join(words, "|") != "INSERTED|id1 READING|id1 STORED|id2 WAITING FOR STORE|id1 TAKE DISC OUT" {
		t.Errorf("told %q", words)
	}
	close(in)
	if _, err := tl.follow(t.Context(), in, &story{drive: "z", since: at}); err == nil {
		t.Error("a stream that ends is no end of a story")
	}
}

// JSON comes out of the terminal's guard as the value that went in.
func TestJSONIsNotSpelledBroken(t *testing.T) {
	in := map[string]string{"a\u202eb": "x\u00a0y\u3000z\u2028 \U000e0001 \x7f \x1b[31m \\u{202e} <&> \U0001F600 é"}
	var out bytes.Buffer
	a := &app{out: safeWriter{&out}}
	if err := a.printJSON(in); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || !maps.Equal(in, got) {
		t.Errorf("%v: %q in\n%s", err, got, out.String())
	}
	if bytes.ContainsFunc(out.Bytes(), steers) {
		t.Errorf("%q", out.String())
	}
}
