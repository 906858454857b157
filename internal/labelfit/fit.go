package labelfit

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fit is what of a label a title explains.
type fit struct {
	explained []bool // by word of the label
	score     float64
	letters   int
	numbers   int  // of the label's that the title has
	all       bool // the label is the title, or its beginning
}

// fitted holds a label against a title.
func fitted(label way, cut bool, title way) fit {
	f := fit{explained: make([]bool, len(label.words))}
	if label.whole != "" && (label.whole == title.whole || utf8.RuneCountInString(label.whole) >= minWhole && strings.HasPrefix(title.whole, label.whole)) {
		f.all = true
	}
	total := 0
	for i, w := range label.words {
		n := utf8.RuneCountInString(w)
		total += n
		if f.all || explains(title.words, w, cut && i == len(label.words)-1) {
			f.explained[i] = true
			f.letters += n
		}
	}
	for _, n := range label.numbers {
		if slices.Contains(title.numbers, n) {
			f.numbers++
		}
	}
	if total > 0 {
		f.score = float64(f.letters) / float64(total)
	}
	return f
}

// Shorter beginnings are found in too many titles.
const (
	minWhole  = 6 // of a whole title
	minPrefix = 4 // of a word
)

// explains reports whether a title has a word of a label: itself, a word that
// begins with it, or several that it was put together from. last is true for a
// word that may have been cut.
func explains(title []string, w string, last bool) bool {
	if utf8.RuneCountInString(w) < 3 {
		return slices.Contains(title, w)
	}
	for _, t := range title {
		if t == w {
			return true
		}
		long := utf8.RuneCountInString(w)
		if strings.HasPrefix(t, w) && (long >= minPrefix || last) {
			return true
		}
		// A plural, or another ending.
		if n := utf8.RuneCountInString(t); n > minPrefix && long <= n+2 && strings.HasPrefix(w, t) {
			return true
		}
	}
	return together(title, w)
}

// together reports whether a word is two or more words of the title written as
// one, the last of them perhaps cut.
func together(title []string, w string) bool {
	// What was tried in vain from a word of the title on, by how much of w was left:
	// a title of one word many times would be tried in all its ways else.
	var vain map[[2]int]bool
	var from func(i int, w string, used int) bool
	from = func(i int, w string, used int) bool {
		at := [2]int{i, len(w)}
		if vain[at] {
			return false
		}
		for ; i < len(title); i++ {
			t := title[i]
			if utf8.RuneCountInString(t) < 3 {
				continue
			}
			if rest, ok := strings.CutPrefix(w, t); ok {
				if rest == "" {
					return used > 0
				}
				if from(i+1, rest, used+1) {
					return true
				}
			} else if used > 0 && utf8.RuneCountInString(w) >= 3 && strings.HasPrefix(t, w) {
				return true
			}
		}
		if used > 0 {
			if vain == nil {
				vain = map[[2]int]bool{}
			}
			vain[at] = true
		}
		return false
	}
	return from(0, w, 0)
}

// How much of a label another title must explain, and how many letters of it
// the label's own title must leave unexplained, before it fits that one better.
const (
	enough      = 0.8
	enoughInRow = 0.6
	distinct    = 5
	distinctRow = 3
)

// better reports whether a label fits another title clearly better than its own:
// the other explains nearly all of it, among that what its own does not explain,
// and its own explains nothing that the other does not.
func better(label, other, own Text, score float64, letters int) bool {
	for _, l := range label.ways {
		for _, o := range other.ways {
			f := fitted(l, label.full, o)
			if f.score < score {
				continue
			}
			least := -1 // the best that can be said for its own title
			lost := false
			for _, p := range own.ways {
				g := fitted(l, label.full, p)
				n := 0
				for i, w := range l.words {
					switch {
					case f.explained[i] && !g.explained[i]:
						n += utf8.RuneCountInString(w)
					case g.explained[i] && !f.explained[i]:
						lost = true
					}
				}
				if least < 0 || n < least {
					least = n
				}
				if g.all {
					lost = true
				}
			}
			if !lost && least >= letters {
				return true
			}
		}
	}
	return false
}

// byNumber reports whether label and both titles have the same words, and the
// label's numbers are the other's. One alone says nothing, since a number may be
// a version; several in a row do.
func byNumber(label, other, own Text) bool {
	for _, l := range label.ways {
		if len(l.numbers) == 0 {
			continue
		}
		for _, o := range other.ways {
			f := fitted(l, label.full, o)
			if f.score < enoughInRow || f.letters < distinctRow {
				continue
			}
			for _, p := range own.ways {
				if g := fitted(l, label.full, p); g.letters == f.letters && f.numbers > g.numbers {
					return true
				}
			}
		}
	}
	return false
}
