package labelfit

import "slices"

// index finds the titles that may explain anything of a label, by how their words
// begin: of ten thousand titles a few. Every way in which fitted explains a word
// of three letters or more, or a whole label, begins with the same three; a
// shorter word is explained by itself alone.
type index map[string][]int

// beginning is what words have in common of which one may explain the other.
func beginning(w string) string {
	n := 0
	for i := range w {
		if n++; n > 3 {
			return w[:i]
		}
	}
	return w
}

func (w way) beginnings() []string {
	all := []string{"=" + beginning(w.whole)} // "=" stands in no word
	for _, word := range w.words {
		all = append(all, beginning(word))
	}
	return all
}

func indexOf(titles []Text) index {
	x := index{}
	for i, t := range titles {
		for _, w := range t.ways {
			for _, b := range w.beginnings() {
				if at := x[b]; len(at) == 0 || at[len(at)-1] != i {
					x[b] = append(at, i)
				}
			}
		}
	}
	return x
}

// to are the titles for a label, in their order.
func (x index) to(label Text) []int {
	var all []int
	for _, w := range label.ways {
		for _, b := range w.beginnings() {
			all = append(all, x[b]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
