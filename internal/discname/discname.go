// Package discname makes the names under which discs leave the archive: on
// restore, extraction, download and export. A template says what goes into
// them; whatever a label or a person wrote, the result is one element of a
// path that is safe on every file system in use. Keys in stores never carry
// such names.
package discname

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Default is the template of a station that nobody configured.
const Default = "{item} {part} {side} {label}"

// Fields are what a name can be made of. What is empty is left out.
type Fields struct {
	Item        string
	Part, Parts int // both or neither
	Side        string
	Label       string
	Date        time.Time // when the image was sealed
	Medium      string
	ID          string
	Version     int // of the image
}

// fields gives the text of each placeholder.
var fields = map[string]func(Fields) string{
	"item": func(f Fields) string { return f.Item },
	"part": func(f Fields) string {
		if f.Part <= 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d", f.Part, f.Parts)
	},
	"side":  func(f Fields) string { return f.Side },
	"label": func(f Fields) string { return f.Label },
	"date": func(f Fields) string {
		if f.Date.IsZero() {
			return ""
		}
		return f.Date.UTC().Format(time.DateOnly)
	},
	"medium": func(f Fields) string { return f.Medium },
	"id":     func(f Fields) string { return f.ID },
	"version": func(f Fields) string {
		if f.Version <= 0 {
			return ""
		}
		return fmt.Sprint(f.Version)
	},
}

// Placeholders are the names that may stand in braces.
func Placeholders() []string {
	var all []string
	for name := range fields {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Template is a parsed template. The zero Template gives ids.
type Template struct {
	parts []part
	tail  string
}

// part is a placeholder with the words that go when it goes: those between it
// and the one before, and brackets that close behind it.
type part struct{ before, name, after string }

// Parse reads a template: text, with placeholders like {item} in it.
func Parse(text string) (Template, error) {
	var t Template
	rest := text
	for {
		before, more, found := strings.Cut(rest, "{")
		if err := literal(before); err != nil {
			return Template{}, err
		}
		if n := len(t.parts); n > 0 {
			body := strings.TrimLeft(before, ")]")
			t.parts[n-1].after = before[:len(before)-len(body)]
			before = body
		}
		if !found {
			t.tail = before
			break
		}
		name, behind, closed := strings.Cut(more, "}")
		if !closed {
			return Template{}, fmt.Errorf("a { is never closed in %q", text)
		}
		if fields[name] == nil {
			return Template{}, fmt.Errorf("unknown placeholder {%s}; there are {%s}", name, strings.Join(Placeholders(), "}, {"))
		}
		t.parts = append(t.parts, part{before: before, name: name})
		rest = behind
	}
	if len(t.parts) == 0 {
		return Template{}, fmt.Errorf("%q holds no placeholder, so that all discs would have one name; there are {%s}", text, strings.Join(Placeholders(), "}, {"))
	}
	return t, nil
}

// literal says what may not stand between placeholders.
func literal(s string) error {
	if s != clean(s) {
		return fmt.Errorf("%q cannot stand in a name: no slashes, control characters, braces alone or any of \\:*?\"<>|", s)
	}
	return nil
}

// Uses reports whether a placeholder stands in the template.
func (t Template) Uses(name string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name == name })
}

// Name is the name of a disc: never empty, one safe element of a path.
func (t Template) Name(f Fields) string {
	var b strings.Builder
	for _, p := range t.parts {
		value := strings.Join(strings.Fields(clean(fields[p.name](f))), " ")
		if value == "" {
			continue
		}
		before := p.before
		if b.Len() == 0 && p != t.parts[0] {
			before = strings.TrimLeft(before, " ,;-_.+&)]")
		}
		b.WriteString(before + value + p.after)
	}
	if b.Len() > 0 {
		b.WriteString(t.tail)
	}
	if name := Element(b.String()); name != "" {
		return name
	}
	if name := Element(f.ID); name != "" {
		return name
	}
	return "disc"
}

// Short is how much of an id stands in a name to tell it from another.
func Short(id string) string { return id[:min(8, len(id))] }

// Apart is the name of a disc whose plain name another disc has too: with the
// beginning of its id behind it. It does not depend on which of the two came
// first.
func (t Template) Apart(f Fields) string {
	return Fit(t.Name(f), " "+Element(Short(f.ID)))
}

// Same reports whether two names could mean the same file on some file system:
// they differ in case alone.
func Same(a, b string) bool { return strings.EqualFold(a, b) }

// Folded is the same for two names exactly when Same says so.
func Folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
