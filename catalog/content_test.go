package catalog_test

import (
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
)

func TestDamageWords(t *testing.T) {
	lost := catalog.DamagedFile{Path: "A.VOB", What: "file", Bytes: 2048, Sectors: disc.Counts{Total: 1, Unreadable: 1}}
	linked := lost
	linked.Also = []string{"B.VOB"}
	often := lost
	often.Also = []string{"B.VOB", "C.VOB", "D.VOB"}
	suspect := catalog.DamagedFile{Path: "S.VOB", What: "file", Sectors: disc.Counts{Total: 1, Suspect: 1}}
	many := make([]catalog.DamagedFile, catalog.MaxDamaged)
	for i := range many {
		many[i] = lost
	}
	for name, c := range map[string]struct {
		content catalog.Content
		most    int
		want    string
	}{
		"nothing":            {catalog.Content{Listed: 3, Whole: 3}, 3, ""},
		"one":                {catalog.Content{Listed: 3, Whole: 2, Damaged: []catalog.DamagedFile{lost}, DamagedTotal: 1}, 3, "damaged: A.VOB (2048 bytes missing); all 2 other files whole"},
		"of two names":       {catalog.Content{Listed: 3, Whole: 2, Damaged: []catalog.DamagedFile{linked}, DamagedTotal: 1}, 3, "damaged: A.VOB, which is B.VOB too (2048 bytes missing); all 2 other files whole"},
		"of four names":      {catalog.Content{Listed: 3, Whole: 2, Damaged: []catalog.DamagedFile{often}, DamagedTotal: 1}, 3, "damaged: A.VOB, which is B.VOB and has 2 more names (2048 bytes missing); all 2 other files whole"},
		"more than named":    {catalog.Content{Listed: 3, Whole: 1, Damaged: []catalog.DamagedFile{lost, lost}, DamagedTotal: 2}, 1, "damaged: A.VOB (2048 bytes missing), and 1 more; the other file is whole"},
		"suspect":            {catalog.Content{Listed: 3, Whole: 3, Damaged: []catalog.DamagedFile{suspect}, DamagedTotal: 1, SuspectTotal: 1}, 3, "1 file has sectors that were read after errors and not confirmed"},
		"suspect, uncounted": {catalog.Content{Listed: 3, Whole: 3, Damaged: []catalog.DamagedFile{suspect}, DamagedTotal: 1}, 3, "1 file has sectors that were read after errors and not confirmed"},
		"beyond the list": {catalog.Content{Listed: 20_000, Whole: 9_000, Damaged: many, DamagedTotal: 12_500, SuspectTotal: 1500}, 1,
			"damaged: A.VOB (2048 bytes missing), and 10999 more; all 9000 other files whole; 1500 files have sectors that were read after errors and not confirmed"},
	} {
		if got := c.content.DamageWords(c.most); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
