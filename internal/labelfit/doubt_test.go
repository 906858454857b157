package labelfit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// One label, its own title, another title of the batch: is it doubted?
func TestOneLabel(t *testing.T) {
	for _, c := range []struct {
		label, own, other string
		doubted           bool
	}{
		// The label is of the other one.
		{"GREAT_ATLAS", "Birds of Europe", "The Great Atlas of the World", true},
		{"great atlas", "Birds of Europe", "The Great Atlas of the World", true},
		{"ENCARTA97", "Birds of Europe", "Microsoft Encarta 97", true},
		{"MICROSOFT_ENCARTA", "Microsoft Works", "Microsoft Encarta", true},
		{"GREATATLAS", "Birds of Europe", "The Great Atlas of the World", true},
		{"UEBUNGSBUCH", "Vögel Europas", "Das Übungsbuch", true},
		{"UBUNGSBUCH", "Vögel Europas", "Das Übungsbuch", true},
		{"ETUDES_CHOPIN", "Le petit prince", "Chopin: Études", true},
		{"OSTERREICH", "Schweiz in Karten", "Österreich in Karten", true},
		{"STRASSENATLAS", "Schweiz in Karten", "Straßenatlas Europa", true},
		// Cut at 16 and 32 characters.
		{"ENCYCLOPAEDIA_BR", "Birds of Europe", "Encyclopaedia Britannica", true},
		{"THE_COMPLETE_NATIONAL_GEOGRAPHIC", "Birds of Europe", "The Complete National Geographic on CD-ROM", true},
		{"COMPLETE_NATIONAL_GEOGRAPHIC_ON_", "Birds of Europe", "The Complete National Geographic on CD-ROM", true},
		// The label fits its own.
		{"GREAT_ATLAS", "The Great Atlas of the World", "Birds of Europe", false},
		{"GREAT_ATLAS", "The Great Atlas of the World", "Great Atlas", false},
		{"GREAT_ATLAS", "Great Atlas", "The Great Atlas of the World", false},
		{"ATLAS", "Road Atlas", "World Atlas", false},
		{"ENCYCLOPAEDIA_BR", "Encyclopaedia Britannica", "Encyclopaedia of Music", false},
		{"EUROPE_BIRDS", "Birds of Europe", "Europe in Maps", false},
		{"LEXIKON_2", "Lexikon 1", "Lexikon 2", false}, // a number alone may be a version
		// It says nothing.
		{"", "Birds of Europe", "The Great Atlas", false},
		{"CDROM", "Birds of Europe", "The CD-ROM Handbook", false},
		{"NEW", "Birds of Europe", "New York", false},
		{"DATA_DISC", "Birds of Europe", "Data on Disc", false},
		{"010203_1415", "Birds of Europe", "1415", false},
		{"1999", "Birds of Europe", "1999", false},
		{"XQ7", "Birds of Europe", "Xq", false},
		{"INSTALL", "Birds of Europe", "How to Install", false},
		{"BIRDS_ATLAS", "Birds of Europe", "The Great Atlas", false}, // half each
		{"EB_2003", "Encyclopaedia Britannica", "EB Yearbook 2003", false},
		// Nobody knows its own title.
		{"GREAT_ATLAS", "", "The Great Atlas of the World", false},
	} {
		got := Doubts([]Disc{{Label: c.label, Title: c.own}}, []Title{{Text: c.own}, {Text: c.other}})
		if (len(got) == 1) != c.doubted {
			t.Errorf("%q, said to be %q, beside %q: %+v, want doubted %v", c.label, c.own, c.other, got, c.doubted)
		}
		if c.doubted && (len(got) != 1 || got[0].Title != 1 || got[0].Disc != 0) {
			t.Errorf("%q: %+v", c.label, got)
		}
	}
}

// Labels of real batches that stand beside the right titles: thirteen of twenty
// are related to them. Nobody is asked about any.
var batch = []Disc{
	{"ENCARTA97", "Microsoft Encarta 97 Encyclopedia", 0}, {"GROLIER", "The 1995 Grolier Multimedia Encyclopedia", 0},
	{"DISC1", "Geschichte des 20. Jahrhunderts", 1}, {"DISC2", "Geschichte des 20. Jahrhunderts", 2},
	{"MYST", "Myst", 0}, {"WINE_GUIDE", "Microsoft Wine Guide", 0}, {"CD_ROM", "Statistisches Jahrbuch 1998", 0},
	{"STJB_1999", "Statistisches Jahrbuch 1999", 0}, {"PETIT_ROBERT", "Le Petit Robert sur CD-ROM", 0}, {"NEW", "Photographs of the Old Harbour", 0},
	{"WORLD_FACTBOOK", "The World Factbook 1996", 0}, {"971103_1012", "Gemeindearchiv: Sitzungsprotokolle", 0}, {"A_PASSION_FOR_ART", "A Passion for Art: Renoir, Cezanne", 0},
	{"ART_GALLERY", "Microsoft Art Gallery", 0}, {"DINOSAURS", "Microsoft Dinosaurs", 0}, {"MUSICAL_INSTRUMEN", "Musical Instruments", 0},
	{"BACKUP_03", "Nachlass Huber, Teil 3", 3}, {"VOLUME_1", "Flora Helvetica", 0}, {"BRITANNICA", "Encyclopædia Britannica CD 98", 0}, {"KARTEN", "Landeskarten der Schweiz", 0},
}

func titlesOf(discs []Disc) (ts []Title) {
	for _, d := range discs {
		ts = append(ts, Title{d.Title, d.Part})
	}
	return ts
}

func TestTheRightOrderIsNotDoubted(t *testing.T) {
	for _, d := range Doubts(batch, titlesOf(batch)) {
		t.Errorf("%+v: %+v", batch[d.Disc], d)
	}
}

// One code scanned twice, or left out: every title stands one place off.
func TestShiftedByOne(t *testing.T) {
	for _, by := range []int{1, -1} {
		off := make([]Disc, len(batch))
		for i := range batch {
			from := (i - by + len(batch)) % len(batch)
			off[i] = Disc{batch[i].Label, batch[from].Title, batch[from].Part}
		}
		n, runs := 0, 0
		for _, d := range Doubts(off, titlesOf(batch)) {
			n++
			if d.Title < 0 {
				if runs++; d.By != by || d.Last-d.First < 2 {
					t.Errorf("by %d: %+v", by, d)
				}
			}
		}
		if n < 8 || runs < 3 {
			t.Errorf("by %d: %d doubts, %d of them in a row", by, n, runs)
		}
	}
}

// Parts of one item have one title: their numbers tell when several in a row are
// off, and never one alone.
func TestNumbersInARow(t *testing.T) {
	var right, off []Disc
	for i := 1; i <= 5; i++ {
		right = append(right, Disc{fmt.Sprintf("LEXIKON_CD%d", i), "Das grosse Lexikon", i})
		off = append(off, Disc{fmt.Sprintf("LEXIKON_CD%d", i+1), "Das grosse Lexikon", i})
	}
	if got := Doubts(right, titlesOf(right)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	got := Doubts(off, titlesOf(right))
	if len(got) != 4 || got[0].By != 1 || got[0].First != 0 || got[0].Last != 3 {
		t.Errorf("%+v", got)
	}
	version := make([]Disc, 5)
	for i := range version {
		version[i] = Disc{"LEXIKON_V2", "Das grosse Lexikon", i + 1}
	}
	if got := Doubts(version, titlesOf(version)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	two := append([]Disc{}, right...)
	two[1].Part, two[2].Part = 3, 2
	if got := Doubts(two, titlesOf(right)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

var syllables = strings.Fields("ba ko ri tan mel dor shi vu pel gra nok lim sar ten ohm fli zu wex quo jar hip bru cle dam")

func word(r *rand.Rand) string {
	var b strings.Builder
	for range 2 + r.IntN(3) {
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

// Labels that are related to no title of the batch ask for nobody, whatever
// they are and however many.
func TestUnrelatedLabelsNeverWarn(t *testing.T) {
	generic := []string{"CDROM", "NEW", "DATA", "BACKUP", "DISC1", "VOLUME_2", "UNTITLED", "MY_DISC", "971103_1012", "CD_%d", "DVD_VIDEO", "BACKUP_%d", "", "1998", "INSTALL_CD", "NO_NAME"}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		var discs []Disc
		for i := range 3 + r.IntN(60) {
			var title []string
			for range 1 + r.IntN(5) {
				title = append(title, word(r))
			}
			label := generic[r.IntN(len(generic))]
			switch r.IntN(3) {
			case 0: // another language's words: no syllable begins as one of the titles' does
				label = strings.ToUpper("x" + word(r) + "_y" + word(r))
			case 1:
				letters := make([]byte, 3+r.IntN(14))
				for i := range letters {
					letters[i] = byte('A' + r.IntN(26))
				}
				label = string(letters)
			}
			if strings.Contains(label, "%d") {
				label = fmt.Sprintf(label, i)
			}
			discs = append(discs, Disc{label, "The " + strings.Join(title, " "), r.IntN(3)})
		}
		for _, d := range Doubts(discs, titlesOf(discs)) {
			t.Errorf("seed %d: %+v: %+v", seed, discs[d.Disc], d)
		}
	}
}

func FuzzDoubts(f *testing.F) {
	f.Add("GREAT_ATLAS", "Birds", "The Great Atlas", 1)
	f.Add("ÜBUNG", "ß", "\xff", 0)
	f.Fuzz(func(t *testing.T, label, own, other string, part int) {
		if len(label)+len(own)+len(other) > 2000 {
			return
		}
		discs := []Disc{{label, own, part}, {own, other, part}, {other, label, 0}, {label, label, 1}}
		for _, d := range Doubts(discs, titlesOf(discs)) {
			if d.Disc < 0 || d.Disc >= len(discs) || d.Title >= len(discs) {
				t.Fatalf("%+v", d)
			}
			if discs[d.Disc].Label == discs[d.Disc].Title {
				t.Fatalf("a label that is its title is doubted: %+v", discs[d.Disc])
			}
		}
		// The index leaves out no title that explains anything of a label.
		l, o := Read(label, 0), Read(other, part)
		if len(indexOf([]Text{o}).to(l)) == 0 {
			for _, lw := range l.ways {
				for _, ow := range o.ways {
					if fit := fitted(lw, l.full, ow); fit.letters > 0 {
						t.Fatalf("%q explains %d letters of %q, and is not found", other, fit.letters, label)
					}
				}
			}
		}
	})
}

// Ten thousand titles, and one that is a word many times: neither takes long.
func TestLongLists(t *testing.T) {
	discs := []Disc{{strings.Repeat("A", 127) + "B", "Birds of Europe", 0}}
	titles := []Title{{strings.Repeat("aaa ", 125), 0}}
	for i := range 10_000 {
		titles = append(titles, Title{fmt.Sprintf("%x birds and atlases, number %d", i*7919, i), 0})
		if i%10 == 0 {
			discs = append(discs, Disc{fmt.Sprintf("SOMETHING_%d", i), titles[i].Text, 0})
		}
	}
	if ds := Doubts(discs, titles); len(ds) != 0 {
		t.Errorf("%+v", ds)
	}
}
