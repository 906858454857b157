package tree

import (
	"errors"
	"strings"
	"testing"
)

// What an error says of a disc cannot act on a screen, break a line, or fill a
// report.
func TestMessagesAreOneLine(t *testing.T) {
	s := NewSheet([]Code{{"F1", "a check"}})
	s.Fail("F1", "block 5: %v", errors.Join(errors.New("one"), errors.New("two\x1b[2J")))
	s.Fail("F1", "%s", strings.Repeat("long", 5000))
	m := s.Checks()[0].Message
	if !strings.HasPrefix(m, `block 5: one; two\u{001b}[2J; longlong`) || len(m) > 1100 {
		t.Errorf("message of %d bytes: %.100q", len(m), m)
	}
}
