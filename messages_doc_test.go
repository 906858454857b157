package ripstation_test

import (
	"strings"
	"testing"

	"ripstation/internal/messages"
)

// TestMessagesAreDocumented holds docs/messages.md against the messages that
// the code can say, and each of those to saying what to do.
func TestMessagesAreDocumented(t *testing.T) {
	book, err := messages.Read(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range book.Amiss {
		t.Errorf("%s (put it into the message or its hint, or write a line into internal/messages/told*.go)", a)
	}
	want, got := strings.Split(book.Markdown(), "\n"), strings.Split(read(t, "docs/messages.md"), "\n")
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g || len(want) <= i || len(got) <= i {
			t.Fatalf("docs/messages.md is not as the code speaks; run `make messages`. Line %d is\n%s\nand should be\n%s", i+1, g, w)
		}
	}
}
