// Package labelfit holds the labels of discs against the titles of a list. Of
// twenty discs perhaps thirteen have a label that is related to the title at all,
// so a label that does not fit its own title says nothing: only one that fits
// another title better does, or several in a row that fit shifted by one.
package labelfit

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text is a label or a title made ready to be compared.
type Text struct {
	ways []way
	full bool // as long as a volume descriptor lets a label be, so it may be cut
}

// way is one way of writing it: ä as a, and as ae.
type way struct {
	words   []string // letters only, without words that say nothing
	numbers []string // without leading zeros
	whole   string   // all of it in one word, without a leading article
}

// Read makes a label or title ready. part is the number of the title's part, 0
// when there is none; it counts as a number of the title.
func Read(s string, part int) Text {
	t := Text{}
	switch n := len([]rune(strings.TrimSpace(s))); n {
	case 15, 16, 31, 32: // Joliet and ISO 9660; UDF with its length byte
		t.full = true
	}
	t.ways = append(t.ways, wayOf(fold(s, false), part))
	if other := fold(s, true); other != fold(s, false) {
		t.ways = append(t.ways, wayOf(other, part))
	}
	return t
}

// letters that do not come apart under NFKD.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")

// spelled are the umlauts as they are written where there are none.
var spelled = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe")

// fold takes case and accents away.
func fold(s string, spell bool) string {
	s = strings.ToLower(norm.NFC.String(s))
	if spell {
		s = spelled.Replace(s)
	}
	s = letters.Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}

// articles at the beginning of a title are often left out of a label.
var articles = set("the a an der die das ein eine le la les un une el los las il lo gli i uno una de het een den det en et ett o os as")

// empty are words that stand on discs of every kind.
var empty = set(`cd cds cdrom dvd dvdrom bd bluray disc disk disco disque diskette rom vol volume band teil part parte no nr num
	side seite data daten backup sicherung install installer setup new neu untitled unnamed volumename my mein meine copy kopie
	video audio music musik photo photos foto fotos bilder pictures image images iso udf joliet files file archive archiv
	edition ausgabe version ver the and und et of von for fur pour mit with deluxe standard professional
	jan feb mar apr may jun jul aug sep oct nov dec`)

func set(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

func wayOf(s string, part int) way {
	var w way
	all := pieces(s)
	if len(all) > 1 && articles[all[0]] {
		all = all[1:]
	}
	w.whole = strings.Join(all, "")
	for _, p := range all {
		switch {
		case p[0] >= '0' && p[0] <= '9':
			w.numbers = append(w.numbers, number(p))
		case !empty[p]:
			w.words = append(w.words, p)
		}
	}
	if part > 0 {
		w.numbers = append(w.numbers, itoa(part))
	}
	return w
}

func number(p string) string {
	if t := strings.TrimLeft(p, "0"); t != "" {
		return t
	}
	return "0"
}

// pieces are the runs of letters and the runs of ASCII digits.
func pieces(s string) (out []string) {
	start, kind := 0, 0
	flush := func(end int) {
		if kind != 0 {
			out = append(out, s[start:end])
		}
	}
	for i, r := range s {
		k := 0
		switch {
		case r >= '0' && r <= '9':
			k = 1
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			k = 2
		}
		if k != kind {
			flush(i)
			start, kind = i, k
		}
	}
	flush(len(s))
	return out
}
