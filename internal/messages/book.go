package messages

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Book is everything that a person can be told, as the code says it.
type Book struct {
	Words    []Word
	Said     map[string][]Said // by word, whole texts before pieces
	Pieces   []Said            // of the texts of more than one word
	Chapters []Chapter
	Lines    []Line // of the doctor
	Findings [][3]string
	Amiss    []string // what the document cannot be written without
}

// Chapter is a section with its texts.
type Chapter struct {
	section
	Texts []Sentence
}

// Read reads the code below root.
func Read(root string) (*Book, error) {
	b := &Book{Said: map[string][]Said{}}
	sources, said := map[string]*source{}, map[string]string{}
	for _, dir := range rooms() {
		s, err := read(filepath.Join(root, dir))
		if err != nil {
			return nil, err
		}
		sources[dir] = s
		for name, text := range newFlow(s, nil).said {
			if strings.HasPrefix(name, ".") {
				said[s.name()+name] = text
			}
		}
	}
	flows := map[string]*flow{}
	for dir, s := range sources {
		s.root = root
		flows[dir] = newFlow(s, said)
	}
	st := flows["station"]
	b.Words = st.words()
	b.addSaid(st.notices())
	b.Lines = flows["cmd/ripstation"].lines()
	b.Findings = flows["audit"].findings()
	b.addChapters(flows)
	b.check()
	return b, nil
}

func (s *source) name() string {
	for _, file := range s.files {
		return file.Name.Name
	}
	return ""
}

// addSaid sorts what notices say under the words. A piece that is said under
// several words stands once for all.
func (b *Book) addSaid(all []Said) {
	under := map[string][]string{} // words of a piece
	seen := map[string]bool{}
	for _, s := range all {
		whole := strings.Trim(s.Text, gap+" ;:.()") // a text of gaps says nothing
		if s.Part && (len(strings.Fields(whole)) < 3 || b.isWord(s.Text)) && s.Hint == "" || s.Part && s.Text == "" && len(strings.Fields(s.Hint)) < 4 {
			continue
		}
		key := s.Word + "\x00" + s.Text + "\x00" + s.Hint
		if seen[key] {
			continue
		}
		seen[key] = true
		if s.Part {
			p := s.Text + "\x00" + s.Hint
			if !slices.Contains(under[p], s.Word) {
				under[p] = append(under[p], s.Word)
			}
		}
		b.Said[s.Word] = append(b.Said[s.Word], s)
	}
	for _, w := range b.Words {
		mine := b.Said[w.Text]
		var kept []Said
		for _, s := range mine {
			p := s.Text + "\x00" + s.Hint
			switch {
			case !s.Part:
				kept = append(kept, s)
			case b.whole(s):
			case len(under[p]) > 1:
				if under[p][0] != "" {
					b.Pieces = append(b.Pieces, s)
					under[p] = []string{"", ""}
				}
			default:
				kept = append(kept, s)
			}
		}
		slices.SortStableFunc(kept, func(x, y Said) int {
			if x.Part != y.Part && x.Part {
				return 1
			} else if x.Part != y.Part {
				return -1
			}
			return 0
		})
		b.Said[w.Text] = kept
	}
}

func (b *Book) isWord(text string) bool {
	return slices.ContainsFunc(b.Words, func(w Word) bool { return w.Text == text })
}

// bare holds for a text that is nothing but gaps.
func bare(text string) bool { return strings.Trim(text, gap+" ;:.()") == "" }

// hinted reports whether one of several hints comes with a text.
func (b *Book) hinted(s Said) bool {
	for _, o := range b.Said[s.Word] {
		if o.At == s.At && o.Hint != "" {
			return true
		}
	}
	return false
}

// isSaid reports whether another word's text begins with a word.
func (b *Book) isSaid(word string) bool {
	for _, all := range append(slices.Collect(maps.Values(b.Said)), b.Pieces) {
		for _, s := range all {
			if strings.HasPrefix(s.Text, word+":") {
				return true
			}
		}
	}
	return false
}

// whole reports whether a piece is said as a whole text somewhere, too, and can
// be found there.
func (b *Book) whole(p Said) bool {
	for _, all := range b.Said {
		for _, s := range all {
			if !s.Part && s.Text == p.Text && p.Text != "" || !s.Part && p.Text == "" && s.Hint == p.Hint {
				return true
			}
		}
	}
	return false
}

func (b *Book) addChapters(flows map[string]*flow) {
	chapters := make([]Chapter, len(sections))
	for i, s := range sections {
		chapters[i].section = s
	}
	for _, dir := range rooms() {
		for _, x := range flows[dir].sentences(dir, func(x Sentence) bool { return !doctors(x) }) {
			for i := range chapters {
				if chapters[i].takes(x) {
					chapters[i].add(x)
					break
				}
			}
		}
	}
	b.Chapters = chapters
}

func doctors(x Sentence) bool {
	return strings.HasPrefix(x.File, "doctor_")
}

func (c *Chapter) add(x Sentence) {
	for _, o := range c.Texts {
		if o.Text == x.Text && o.Exit == x.Exit {
			return
		}
	}
	c.Texts = append(c.Texts, x)
}

// check finds what lacks its "when" or its "what to do".
func (b *Book) check() {
	amiss := func(at, format string, a ...any) {
		b.Amiss = append(b.Amiss, at+": "+fmt.Sprintf(format, a...))
	}
	used, hints := map[string]bool{}, map[string]bool{}
	look := func(text string) bool {
		used[text] = true
		return remedyOf(text) != nil
	}
	for _, w := range b.Words {
		if w.When == "" {
			amiss("station/word.go", "the word %s has no comment that says when it is shown", w.Text)
		}
		if len(b.Said[w.Text]) == 0 && !b.isSaid(w.Text) {
			amiss("station/word.go", "nothing says the word %s", w.Text)
		}
		for _, s := range b.Said[w.Text] {
			if bare(s.Text) && s.Hint != "" && !s.Part && hintWhen[s.Hint] == "" && len(b.Said[w.Text]) > 1 {
				amiss(s.At, "%s with the hint %q: nothing says when (write it in front of the text, or a line into hintWhen)", w.Text, s.Hint)
			}
			hints[s.Hint] = true
			if has := look(s.Text); !has && s.Hint == "" && w.Do == "" && !s.Part && !tells(s.Text) && !b.hinted(s) {
				amiss(s.At, "%s, %q: nothing says what to do", w.Text, s.Text)
			}
		}
	}
	for _, p := range b.Pieces {
		look(p.Text)
	}
	for _, l := range b.Lines {
		if has := look(l.Text); !has && l.Do == "" && l.State != "ok" && !tells(l.Text) && strings.Trim(l.Text, gap+" ;:") != "" {
			amiss(l.At, "the doctor's line %q, %s: %q: nothing says what to do", l.What, l.State, l.Text)
		}
	}
	for _, c := range b.Chapters {
		for _, x := range c.Texts {
			if has := look(x.Text); !has && c.todo(x) == "" {
				amiss(x.At, "%q (%s): nothing says what to do", x.Text, c.title)
			}
		}
	}
	for _, hint := range slices.Sorted(maps.Keys(hintWhen)) {
		if !hints[hint] {
			amiss("internal/messages/told.go", "the hint %q is given nowhere any more", hint)
		}
	}
	for _, t := range told {
		if !used[t.text] {
			amiss("internal/messages/told.go", "%q is said nowhere any more", t.text)
		}
	}
}

// todo is what to do about a text; "." when it says so itself.
func (c Chapter) todo(x Sentence) string {
	if r := remedyOf(x.Text); r != nil {
		return r.do
	}
	switch {
	case c.do == none:
		return none
	case x.Do != "":
		return x.Do
	case tells(x.Text), strings.IndexAny(x.Text, ";,(") == 0, strings.HasPrefix(x.Text, "and "+gap):
		return "." // it says so itself, or is a piece of what does
	case c.do != "":
		return c.do
	case x.Exit == "2", x.Call == "invalid":
		return asHelp
	case x.Exit == "-":
		return none
	}
	return ""
}

const none = "Nothing."

const asHelp = "Give the command as it says."
