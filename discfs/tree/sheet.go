package tree

import (
	"fmt"
	"strings"

	"ripstation/disc"
)

// Code is a check's number and what it looks at, in words.
type Code struct {
	Number string // "F201": a number never changes its meaning
	Name   string // "both byte orders of a number agree"
}

// Sheet collects what the checks of one package see. A code that nobody spoke
// of is not applicable.
type Sheet struct {
	codes []Code
	rows  map[string]*entry
}

type entry struct {
	outcome disc.Outcome
	texts   []string
	more    int
}

// maxTexts is how many of a check's faults are told; the others are counted.
const maxTexts = 3

// maxText is how many characters a fault is told in; paths can be long.
const maxText = 1000

// NewSheet is an empty sheet of those codes.
func NewSheet(codes []Code) *Sheet { return &Sheet{codes: codes, rows: map[string]*entry{}} }

// severity orders outcomes: a worse one takes the place of a better one.
var severity = map[disc.Outcome]int{disc.NotApplicable: 0, disc.Pass: 1, disc.NotRun: 2, disc.Warning: 3, disc.Failure: 4}

// Worse reports whether one outcome takes the place of another.
func Worse(a, b disc.Outcome) bool { return severity[a] > severity[b] }

// Pass says that the check was made and what it saw. Text of the first counts.
func (s *Sheet) Pass(code, format string, a ...any) { s.add(code, disc.Pass, format, a...) }

// Warn says that something is odd and loses nothing.
func (s *Sheet) Warn(code, format string, a ...any) { s.add(code, disc.Warning, format, a...) }

// Fail says that something is wrong: data is missing, or cannot be believed.
func (s *Sheet) Fail(code, format string, a ...any) { s.add(code, disc.Failure, format, a...) }

// NotRun says why the check could not be made, on what could have been checked.
func (s *Sheet) NotRun(code, format string, a ...any) { s.add(code, disc.NotRun, format, a...) }

func (s *Sheet) add(code string, o disc.Outcome, format string, a ...any) {
	e := s.rows[code]
	if e == nil {
		e = &entry{outcome: disc.NotApplicable}
		s.rows[code] = e
	}
	switch d := severity[o] - severity[e.outcome]; {
	case d > 0:
		*e = entry{outcome: o, texts: []string{oneLine(fmt.Sprintf(format, a...))}}
	case d < 0 || o == disc.Pass:
	case len(e.texts) < maxTexts:
		e.texts = append(e.texts, oneLine(fmt.Sprintf(format, a...)))
	default:
		e.more++
	}
}

// oneLine makes a text of one line fit to be shown: errors that were joined have
// several.
func oneLine(text string) string {
	return spell(strings.ReplaceAll(text, "\n", "; "), maxText, true)
}

// Checks are all codes in their order, each with one outcome and sentence.
func (s *Sheet) Checks() []disc.Check {
	out := make([]disc.Check, 0, len(s.codes))
	for _, c := range s.codes {
		k := disc.Check{Code: c.Number, Name: c.Name, Outcome: disc.NotApplicable, Message: "there is nothing of the kind on this disc"}
		if e := s.rows[c.Number]; e != nil {
			k.Outcome, k.Message = e.outcome, strings.Join(e.texts, "; ")
			if e.more > 0 {
				k.Message += fmt.Sprintf("; and %d more", e.more)
			}
		}
		out = append(out, k)
	}
	return out
}
