package archive

import (
	"math/rand/v2"
	"testing"
)

// The check value of the catalogue of CRC algorithms: CRC-64/NVME of the nine
// digits.
func TestCRC64NVMECheckValue(t *testing.T) {
	if got := CRC64NVME([]byte("123456789")); got != 0xae8b14860a799888 {
		t.Fatalf("got %016x", got)
	}
	if got := CRC64NVME(nil); got != 0 {
		t.Fatalf("of no bytes: %016x", got)
	}
}

func TestCombineEqualsDirect(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 1<<18)
	for i := range buf {
		buf[i] = byte(rng.Uint32())
	}
	for range 300 {
		n := rng.IntN(len(buf) + 1)
		var crc uint64
		for rest := buf[:n]; len(rest) > 0; {
			k := 1 + rng.IntN(len(rest))
			crc = CombineCRC64NVME(crc, CRC64NVME(rest[:k]), int64(k))
			rest = rest[k:]
		}
		if want := CRC64NVME(buf[:n]); crc != want {
			t.Fatalf("%d bytes: combined %016x, direct %016x", n, crc, want)
		}
	}
}

// Lengths behind 32 bits cannot be computed directly here: appending 2^34
// zero bytes must be the same as appending 2^33 twice.
func TestCombineOfHugeParts(t *testing.T) {
	a := CRC64NVME([]byte("a disc"))
	zeros := func(crc uint64, log2 int) uint64 { // crc of 2^log2 zero bytes, by doubling
		for i := range log2 {
			crc = CombineCRC64NVME(crc, crc, 1<<i)
		}
		return crc
	}
	z33, z34 := zeros(CRC64NVME([]byte{0}), 33), zeros(CRC64NVME([]byte{0}), 34)
	twice := CombineCRC64NVME(CombineCRC64NVME(a, z33, 1<<33), z33, 1<<33)
	if once := CombineCRC64NVME(a, z34, 1<<34); once != twice {
		t.Fatalf("once %016x, twice %016x", once, twice)
	}
	if got, want := zeros(CRC64NVME([]byte{0}), 16), CRC64NVME(make([]byte, 1<<16)); got != want {
		t.Fatalf("65536 zeros: %016x, want %016x", got, want)
	}
}

func FuzzCombine(f *testing.F) {
	f.Add([]byte(""), 0)
	f.Add([]byte("123456789"), 4)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		if cut < 0 || cut > len(b) {
			return
		}
		got := CombineCRC64NVME(CRC64NVME(b[:cut]), CRC64NVME(b[cut:]), int64(len(b)-cut))
		if want := CRC64NVME(b); got != want {
			t.Fatalf("cut at %d of %d: %016x, want %016x", cut, len(b), got, want)
		}
	})
}

func FuzzParseCRC64NVME(f *testing.F) {
	f.Add("rosUhgp5mIg=")
	f.Add("AAAAAAAAAAA=")
	f.Add("AAAAAAAAAAB=")
	f.Fuzz(func(t *testing.T, s string) {
		if crc, err := ParseCRC64NVME(s); err == nil && FormatCRC64NVME(crc) != s {
			t.Fatalf("%q reads as %016x, which is written %q", s, crc, FormatCRC64NVME(crc))
		}
	})
}
