package simdrive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

func readCD(lba, count int, expected, fields byte) string {
	return fmt.Sprintf("be %02x %08x %06x %02x 00 00", expected<<2, uint32(lba), count, fields)
}

// TestReadCDFields selects parts of sectors of every mode.
func TestReadCDFields(t *testing.T) {
	p := Pattern(1, 1000)
	mode1, audio := newBench(t, Options{}, PressedCD(p, 100)), newBench(t, Options{}, AudioCD(1, 100))
	video := newBench(t, Options{}, VideoCD(p, 100, 1, 100)) // Form 1 to 99, pregap to 249, Form 2
	const (
		sync, header, subheader, user, edcecc = 0x80, 0x20, 0x40, 0x10, 0x08
	)
	for _, c := range []struct {
		b        *bench
		what     string
		lba      int
		expected byte
		fields   byte
		size     int
		begins   string
	}{
		{mode1, "all of Mode 1", 5, 0, 0xF8, 2352, "00 ff*10 00 00 02 05 01"},
		{mode1, "header of Mode 1", 5, 2, header, 4, "00 02 05 01"},
		{mode1, "header and data", 5, 2, header | user, 2052, "00 02 05 01"},
		{mode1, "data and EDC", 5, 0, user | edcecc, 2336, ""},
		{mode1, "sub-header, of which there is none", 5, 0, subheader, 0, ""},
		{mode1, "sync, header, both headers, data", 5, 0, sync | header | subheader | user, 2064, "00 ff*10 00"},
		{mode1, "nothing", 5, 0, 0, 0, ""},
		{audio, "audio", 75, 1, user, 2352, ""},
		{audio, "audio, everything", 75, 0, 0xF8, 2352, ""},
		{audio, "audio, header", 75, 0, header, 0, ""},
		{video, "Form 1 sub-header", 0, 4, subheader, 8, "00 00 08 00 00 00 08 00"},
		{video, "Form 1 data", 0, 4, user, 2048, ""},
		{video, "Form 1 whole", 76, 0, 0xF8, 2352, "00 ff*10 00 00 03 01 02 00 00 08 00"},
		{video, "Form 2 data", 250, 5, user, 2324, ""},
		{video, "Form 2 whole", 250, 0, 0xF8, 2352, "00 ff*10 00 00 05 25 02 01 01 62 0f"},
		{video, "pregap", 100, 5, user, 2324, "00*2324"},
	} {
		status, in, s := c.b.do(readCD(c.lba, 1, c.expected, c.fields))
		if begin := unhex(t, c.begins); status != 0 || len(in) != c.size || !bytes.HasPrefix(in, begin) {
			t.Errorf("%s: status %02x sense %02x, %d bytes of %d, % x", c.what, status, s, len(in), c.size, in[:min(len(in), 20)])
		}
	}
	for _, c := range []struct {
		b    *bench
		what string
		cdb  string
		want Sense
	}{
		{mode1, "sync and data without what lies between", readCD(5, 1, 0, sync|user), SenseInvalidField},
		{mode1, "C2 pointers", readCD(5, 1, 0, user|2), SenseInvalidField},
		{mode1, "sub-channel", "be 00 00000000 000001 10 01 00", SenseInvalidField},
		{mode1, "audio of a data track", readCD(5, 1, 1, user), SenseIllegalMode},
		{audio, "data of an audio track", readCD(5, 1, 2, user), SenseIllegalMode},
		{video, "Form 1 where Form 2 is", readCD(250, 1, 4, user), SenseIllegalMode},
		{video, "over the end of a track", readCD(99, 2, 0, user), SenseIllegalMode},
		{mode1, "over the end", readCD(99, 2, 0, user), SenseLBAOutOfRange},
		{mode1, "before the start", readCD(-1, 1, 0, user), SenseLBAOutOfRange},
		{newBench(t, Options{}, DVDROM(nil, 10)), "READ CD of a DVD", readCD(0, 1, 0, user), SenseIllegalMode},
	} {
		c.b.refused(c.what, c.cdb, c.want)
	}
}

// TestSectorCodes checks EDC and ECC as a decoder does: every code word of a
// whole sector must have zero syndromes.
func TestSectorCodes(t *testing.T) {
	if got := edc([]byte("123456789")); got != 0x6EC2EDC4 { // the published check value of CRC-32/CD-ROM-EDC
		t.Fatalf("EDC of the check string is %08x", got)
	}
	user := make([]byte, 2048)
	if _, err := Pattern(5, 1).ReadAt(user, 0); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []Mode{Mode1, Mode2Form1} {
		s := rawSector(mode, 12345, user)
		edcAt, edcFrom := 2064, 0
		b := bytes.Clone(s[12:])
		if mode == Mode2Form1 {
			edcAt, edcFrom = 2072, 16
			clear(b[:4])
		}
		if binary.LittleEndian.Uint32(s[edcAt:]) != edc(s[edcFrom:edcAt]) {
			t.Errorf("mode %d: EDC does not match", mode)
		}
		syndromes := func(n int, at func(int) int) (s0, s1 byte) {
			for i := range n {
				v := b[at(i)]
				s0 ^= v
				s1 = gfDouble(s1) ^ v
			}
			return s0, s1
		}
		for plane := range 2 {
			for col := range 43 {
				if a, c := syndromes(26, func(i int) int { return 86*i + 2*col + plane }); a|c != 0 {
					t.Fatalf("mode %d: P word %d/%d has syndromes %02x %02x", mode, col, plane, a, c)
				}
			}
			for diag := range 26 {
				word := func(i int) int {
					if i < 43 {
						return (86*diag+88*i)%2236 + plane
					}
					return 2236 + 52*(i-43) + 2*diag + plane
				}
				if a, c := syndromes(45, word); a|c != 0 {
					t.Fatalf("mode %d: Q word %d/%d has syndromes %02x %02x", mode, diag, plane, a, c)
				}
			}
		}
	}
}
