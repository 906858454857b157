package ripper

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
)

func entry(start disc.LBA, count int64, s disc.Status, sum byte) chunk {
	return chunk{
		Extent: disc.Extent{Start: start, Count: count}, status: s,
		Evidence: disc.Evidence{Drive: 1, Pass: 1, Tries: 1}, sum: [32]byte{sum},
	}
}

// ledgerText is a ledger of 1000 sectors and one drive.
func ledgerText(chunks ...chunk) []byte {
	b := append(ledgerHeader(1000), ledgerDrive(1, "a \"drive\"\n")...)
	for _, c := range chunks {
		b = append(b, c.line()...)
	}
	return b
}

func TestLedgerRules(t *testing.T) {
	const read, suspect, untried = disc.StatusRead, disc.StatusSuspect, disc.StatusUntried
	whole := entry(0, 64, suspect, 1)
	for name, c := range map[string]struct{ lines, want []chunk }{
		"out of order": {[]chunk{entry(64, 64, read, 2), whole}, []chunk{whole, entry(64, 64, read, 2)}},
		"replaced":     {[]chunk{whole, entry(0, 64, read, 2)}, []chunk{entry(0, 64, read, 2)}},
		"withdrawn":    {[]chunk{whole, entry(0, 64, untried, 2)}, nil},
		"again":        {[]chunk{whole, entry(0, 64, untried, 2), entry(0, 5, read, 3)}, []chunk{entry(0, 5, read, 3)}},
		"split": {[]chunk{whole, entry(32, 32, read, 3), entry(0, 32, read, 2)},
			[]chunk{entry(0, 32, read, 2), entry(32, 32, read, 3)}},
		"split in part": {[]chunk{whole, entry(0, 32, read, 2)}, []chunk{whole}},
		"split anew": {[]chunk{whole, entry(0, 40, read, 2), entry(0, 32, read, 3), entry(32, 32, read, 4)},
			[]chunk{entry(0, 32, read, 3), entry(32, 32, read, 4)}},
		"split undone": {[]chunk{whole, entry(0, 32, read, 2), entry(0, 64, read, 3), entry(32, 32, read, 4)},
			[]chunk{entry(0, 64, read, 3)}},
		"overlap":              {[]chunk{whole, entry(32, 64, read, 2)}, []chunk{whole}},
		"over several":         {[]chunk{whole, entry(64, 64, read, 2), entry(0, 128, read, 3)}, []chunk{whole, entry(64, 64, read, 2)}},
		"withdrawn for nobody": {[]chunk{entry(0, 64, untried, 2)}, nil},
		"part withdrawn":       {[]chunk{whole, entry(0, 32, untried, 2)}, []chunk{whole}},
		"beyond the end":       {[]chunk{entry(990, 11, read, 1)}, nil},
		"too large":            {[]chunk{entry(0, 513, read, 1)}, nil},
		"no bytes":             {[]chunk{entry(0, 5, disc.StatusUnreadable, 1)}, nil},
	} {
		f, err := readLedger(bytes.NewReader(ledgerText(c.lines...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !sameLines(f.chunks, c.want) {
			t.Errorf("%s: in force are\n%v\nwant\n%v", name, f.chunks, c.want)
		}
		if f.sectors != 1000 || !slices.Equal(f.drives, []string{"a \"drive\"\n"}) {
			t.Errorf("%s: %d sectors, drives %q", name, f.sectors, f.drives)
		}
	}
}

// TestTornLedger cuts a ledger at every byte, and flips a bit of every byte:
// what is whole stays in force, what is not is counted and nothing else.
func TestTornLedger(t *testing.T) {
	chunks := []chunk{entry(0, 64, disc.StatusRead, 1), entry(64, 64, disc.StatusSuspect, 2), entry(200, 1, disc.StatusRead, 3)}
	text := ledgerText(chunks...)
	head := len(ledgerText())
	lineAt := func(i int) int { return bytes.Count(text[head:i], []byte("\n")) }
	for i := head; i < len(text); i++ {
		f, err := readLedger(bytes.NewReader(text[:i]))
		if err != nil {
			t.Fatal(err)
		}
		n := lineAt(i)
		if !sameLines(f.chunks, chunks[:n:n]) || f.end != int64(len(ledgerText(chunks[:n]...))) {
			t.Fatalf("cut at %d: %d chunks, end %d", i, len(f.chunks), f.end)
		}
		bad := bytes.Clone(text)
		bad[i] ^= 4
		f, err = readLedger(bytes.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.chunks {
			if !slices.ContainsFunc(chunks, func(o chunk) bool { return sameLines([]chunk{o}, []chunk{c}) }) {
				t.Fatalf("byte %d changed: a line nobody wrote is in force: %+v", i, c)
			}
		}
		if f.bad == 0 || len(f.chunks) < 1 {
			t.Fatalf("byte %d changed: %d bad lines, %d chunks", i, f.bad, len(f.chunks))
		}
	}
	for i := range ledgerHeader(1000) {
		bad := bytes.Clone(text)
		bad[i] ^= 4
		if _, err := readLedger(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a ledger with byte %d of its first line changed was taken", i)
		}
	}
}

func TestUnproven(t *testing.T) {
	l := ledger{chunks: []chunk{entry(10, 10, disc.StatusRead, 1), entry(30, 10, disc.StatusRead, 1)}}
	for _, c := range []struct{ in, want [][2]int64 }{
		{[][2]int64{{0, 50}}, [][2]int64{{0, 10}, {20, 10}, {40, 10}}},
		{[][2]int64{{12, 3}}, nil},
		{[][2]int64{{15, 20}}, [][2]int64{{20, 10}}},
		{[][2]int64{{40, 5}}, [][2]int64{{40, 5}}},
	} {
		var got [][2]int64
		for _, e := range l.unproven(disc.Extent{Start: disc.LBA(c.in[0][0]), Count: c.in[0][1]}) {
			got = append(got, [2]int64{int64(e.Start), e.Count})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}

func FuzzLedger(f *testing.F) {
	f.Add(string(ledgerText(entry(0, 64, disc.StatusRead, 1), entry(64, 64, disc.StatusSuspect, 2))), false)
	f.Add(string(ledgerText(entry(0, 64, disc.StatusSuspect, 1), entry(0, 32, disc.StatusRead, 2), entry(32, 32, disc.StatusRead, 3))), false)
	f.Add("0 64 suspect 1 1 1 "+strings.Repeat("00", 32)+"\n0 3 read 0 1 1 "+strings.Repeat("00", 32)+"\n0 64 untried 1 1 1 "+strings.Repeat("00", 32), true)
	f.Fuzz(func(t *testing.T, text string, check bool) {
		if check {
			// Right checks let the fuzzer get at what lies behind them.
			b := ledgerText()
			for l := range strings.SplitSeq(text, "\n") {
				b = append(b, checked([]byte(l))...)
			}
			text = string(b)
		}
		l, err := readLedger(strings.NewReader(text))
		if err != nil {
			return
		}
		if l.end > int64(len(text)) || l.sectors < 1 || l.sectors > disc.MaxSectors {
			t.Fatalf("end %d of %d bytes, %d sectors", l.end, len(text), l.sectors)
		}
		var at disc.LBA
		for _, c := range l.chunks {
			if c.Start < at || c.Count < 1 || c.Count > maxChunk || int64(c.Start)+c.Count > l.sectors || !c.status.HasBytes() || int(c.Drive) > len(l.drives) {
				t.Fatalf("chunk %+v behind sector %d", c, at)
			}
			at = c.End()
		}
		// What is in force, written anew, is in force again.
		again := ledgerHeader(l.sectors)
		for i, d := range l.drives {
			again = append(again, ledgerDrive(uint8(i+1), d)...)
		}
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(l.chunks)) {
			again = append(again, l.chunks[i].line()...)
		}
		if m, err := readLedger(bytes.NewReader(again)); err != nil || m.bad != 0 || !sameLines(m.chunks, l.chunks) {
			t.Fatalf("written anew: %v, %d bad lines, %v, want %v", err, m.bad, m.chunks, l.chunks)
		}
	})
}

// sameLines reports whether the chunks say the same, wherever their lines stand.
func sameLines(a, b []chunk) bool {
	return slices.EqualFunc(a, b, func(a, b chunk) bool { return string(a.line()) == string(b.line()) })
}
