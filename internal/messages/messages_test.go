package messages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const small = `package station

import ("errors"; "fmt")

type Word string

const (
	// WordGood is shown when all is well. To do: nothing.
	WordGood Word = "ALL GOOD"
	// WordBad is shown when something broke.
	WordBad Word = "BROKEN"
)

type Notice struct { Word Word; Text, Hint string }

var errTorn = errors.New("the tape is torn")

func say(Notice) {}

func end(w Word, err error, hint string) { say(Notice{Word: w, Text: err.Error(), Hint: hint}) }

func story(err error, n int) {
	word, text := WordGood, fmt.Sprintf("%d discs are done", n)
	if n == 0 {
		word, text = WordBad, "no disc is " + adjective()
	}
	say(Notice{Word: word, Text: text, Hint: "look at the belt"})
	switch {
	case errors.Is(err, errTorn):
		end(WordBad, err, "glue it")
	}
}

func adjective() string { return "there at all" }
`

// station reads a program that has nothing but this in its station.
func station(t *testing.T, code string) *Book {
	t.Helper()
	root := t.TempDir()
	for _, dir := range rooms() {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "package " + filepath.Base(dir) + "\n"
		if dir == "station" {
			text = code
		}
		if err := os.WriteFile(filepath.Join(root, dir, "story.go"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	b.Amiss = slices.DeleteFunc(b.Amiss, func(s string) bool { return strings.HasPrefix(s, "internal/messages/") })
	return b
}

func TestWordsTextsAndHintsAreFollowedThroughTheCode(t *testing.T) {
	b := station(t, small)
	if len(b.Amiss) > 0 {
		t.Error(b.Amiss)
	}
	text := b.Markdown()
	for _, want := range []string{
		"### ALL GOOD\n\nShown when all is well.\n\n**What to do:** Nothing.\n",
		"| … discs are done | Look at the belt. |",
		"### BROKEN\n\nShown when something broke.\n",
		"| no disc is … | Look at the belt. |",
		"| the tape is torn | Glue it. |", // through the case that names the error
		"- there at all\n",                // what fills a gap
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if good, _, _ := strings.Cut(text, "### BROKEN"); strings.Contains(good, "no disc is") {
		t.Error("a text stands under a word that is not said with it")
	}
}

// TestWhatTheCodeNewlySaysChangesTheDocument is what the document cannot go
// stale by: every way to say something more shows.
func TestWhatTheCodeNewlySaysChangesTheDocument(t *testing.T) {
	before := station(t, small)
	for name, c := range map[string]struct{ old, new, amiss string }{
		"a text":                {`"%d discs are done"`, `"%d discs are as done as can be"`, ""},
		"a hint":                {`"glue it"`, `"glue it twice"`, ""},
		"a piece":               {`"there at all"`, `"there at all, or seen"`, ""},
		"a comment":             {"when all is well", "when all was well", ""},
		"a word":                {"type Notice", "// WordOdd is shown at dusk. To do: nothing.\nconst WordOdd Word = \"ODD\"\nfunc odd() { say(Notice{Word: WordOdd, Text: \"it is dark\"}) }\ntype Notice", ""},
		"a word without when":   {"// WordGood is shown when all is well. To do: nothing.\n", "", "no comment that says when"},
		"a word that is unsaid": {"type Notice", "// WordOdd is shown at dusk. To do: nothing.\nconst WordOdd Word = \"ODD\"\ntype Notice", "nothing says the word ODD"},
		"a notice without do":   {"func adjective", "func more() { say(Notice{Word: WordBad, Text: \"it is dark\"}) }\nfunc adjective", "nothing says what to do"},
		"a bare notice":         {"func adjective", "func more(err error) { say(Notice{Word: WordBad, Text: err.Error(), Hint: \"wind it up\"}) }\nfunc adjective", "nothing says when"},
		"an error":              {"func adjective", "func more() error { return errors.New(\"the lamp is out; switch it on\") }\nfunc adjective", ""},
		"an error without do":   {"func adjective", "func more() error { return fmt.Errorf(\"lamp %d is out\", 7) }\nfunc adjective", "nothing says what to do"},
		"a reason in a string":  {"func adjective", "func more() string { return \"it is too dark here\" }\nfunc adjective", "nothing says what to do"},
	} {
		t.Run(name, func(t *testing.T) {
			code := strings.Replace(small, c.old, c.new, 1)
			if code == small {
				t.Fatal("nothing was changed")
			}
			b := station(t, code)
			if b.Markdown() == before.Markdown() {
				t.Error("the document stays the same")
			}
			if got := strings.Join(b.Amiss, "\n"); c.amiss == "" && got != "" || !strings.Contains(got, c.amiss) {
				t.Errorf("amiss: %q, want %q", got, c.amiss)
			}
		})
	}
}

func TestALineThatFitsNothingIsAmiss(t *testing.T) {
	old, whens := told, hintWhen
	defer func() { told, hintWhen = old, whens }()
	hintWhen = nil
	told = []remedy{{"the moon is down", "", "Wait."}, {"the tape is torn", "", "Glue it."}}
	b := &Book{Said: map[string][]Said{"X": {{Word: "X", Text: "the tape is torn"}}}, Words: []Word{{Text: "X", When: "Always."}}}
	b.check()
	if len(b.Amiss) != 1 || !strings.Contains(b.Amiss[0], "the moon is down") {
		t.Errorf("amiss: %q", b.Amiss)
	}
}

func TestTells(t *testing.T) {
	for text, want := range map[string]bool{
		"the drive is busy; try again in a moment":         true,
		"no batch is open: ripstation batch open NAME":     true,
		"it is gone; see `ripstation status`":              true,
		"the drive is on hold":                             false,
		"the server is away":                               false,
		"it holds a control character":                     false,
		"… is a folder; name an image file in it":          true,
		"the journal is of another one, and nothing helps": false,
	} {
		if got := tells(text); got != want {
			t.Errorf("tells(%q) = %v", text, got)
		}
	}
}
