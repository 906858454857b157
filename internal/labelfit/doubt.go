package labelfit

// Disc is one disc of a batch: its label, and the title of the item that it is
// said to be. Either may be empty.
type Disc struct {
	Label, Title string
	Part         int // of its item; 0 when nobody said
}

// Title is one title that the batch expects, or has.
type Title struct {
	Text string
	Part int
}

// Doubt is a disc whose label speaks against its title.
type Doubt struct {
	Disc int
	// Title is the one that its label fits better, -1 in a run.
	Title int
	// In a run, the labels of discs First to Last fit the titles of the discs By
	// places on (1) or back (-1).
	First, Last, By int
}

// inARow is how many labels must fit shifted by one.
const inARow = 3

// Doubts holds the labels of a batch's discs, in the order of their places,
// against all its titles. A disc is named once. One without a label, or whose
// title nobody knows, is never doubted: nothing can be better than what is not
// known.
func Doubts(discs []Disc, titles []Title) []Doubt {
	labels, own := make([]Text, len(discs)), make([]Text, len(discs))
	for i, d := range discs {
		labels[i], own[i] = Read(d.Label, 0), Read(d.Title, d.Part)
	}
	all := make([]Text, len(titles))
	for i, t := range titles {
		all[i] = Read(t.Text, t.Part)
	}
	found := make([]*Doubt, len(discs))
	for _, by := range []int{1, -1} {
		shifted := func(i int) bool {
			to := i + by
			if to < 0 || to >= len(discs) || discs[i].Label == "" || discs[i].Title == "" || discs[to].Title == "" {
				return false
			}
			return better(labels[i], own[to], own[i], enoughInRow, distinctRow) || byNumber(labels[i], own[to], own[i])
		}
		for first := 0; first < len(discs); first++ {
			last := first
			for last < len(discs) && shifted(last) {
				last++
			}
			if last-first >= inARow {
				for i := first; i < last; i++ {
					if found[i] == nil {
						found[i] = &Doubt{i, -1, first, last - 1, by}
					}
				}
			}
			first = max(first, last-1)
		}
	}
	near := indexOf(all)
	for i, d := range discs {
		if found[i] != nil || d.Label == "" || d.Title == "" {
			continue
		}
		for _, t := range near.to(labels[i]) {
			if better(labels[i], all[t], own[i], enough, distinct) {
				found[i] = &Doubt{Disc: i, Title: t}
				break
			}
		}
	}
	var out []Doubt
	for _, d := range found {
		if d != nil {
			out = append(out, *d)
		}
	}
	return out
}
