package digest

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"testing"

	"ripstation/discfs/tree"
)

func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{9}).Read(p)
	return p
}

// bytesOf puts a job's bytes together one piece after the other.
func bytesOf(img []byte, j *Job) []byte {
	var out []byte
	for _, e := range j.Extents {
		if e.Offset < 0 {
			out = append(out, make([]byte, e.Length)...)
			continue
		}
		for i := int64(0); i < e.Length; i++ {
			at := e.Offset + i
			if e.Unit > 0 {
				at = e.Offset + i/e.Unit*(e.Unit+e.Gap) + i%e.Unit
			}
			out = append(out, img[at])
		}
	}
	out = out[:j.Size]
	for _, x := range j.Patches {
		copy(out[x.Offset:], x.Bytes)
	}
	return out
}

func randomJob(r *rand.Rand, image int) *Job {
	j := &Job{Algos: []Algo{SHA256, MD5}[:1+r.IntN(2)]}
	var total int64
	for range r.IntN(4) {
		e := tree.Extent{Offset: int64(r.IntN(image / 2)), Length: int64(r.IntN(image / 8))}
		switch r.IntN(6) {
		case 0:
			e.Offset = tree.Hole
		case 1:
			e.Unit, e.Gap = 512*int64(1+r.IntN(4)), 512*int64(1+r.IntN(2))
		}
		total += e.Length
		j.Extents = append(j.Extents, e)
	}
	if total > 0 {
		j.Size = total - int64(r.IntN(int(min(total, 3000))))
	}
	if j.Size > 100 && r.IntN(4) == 0 {
		j.Patches = []Patch{{Offset: 10, Bytes: []byte("patched")}, {Offset: j.Size - 4, Bytes: []byte("ends")}}
	}
	return j
}

// Whatever the layout, the sums are those of the bytes.
func TestSumsAreThoseOfTheBytes(t *testing.T) {
	const size = 256 << 10
	img := noise(size)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		var jobs []*Job
		for range r.IntN(100) {
			j := randomJob(r, size)
			jobs = append(jobs, j)
			if r.IntN(5) == 0 { // the same bytes under another name
				again := *j
				again.Algos = []Algo{MD5, SHA256, CRC32}
				jobs = append(jobs, &again)
			}
		}
		var budget int64 = maxTimes*size + slack
		for _, j := range jobs {
			budget -= j.Size
		}
		p := New(jobs, size, nil)
		var err error
		if seed%2 == 0 {
			err = p.Run(context.Background(), bytes.NewReader(img), nil)
		} else {
			for off := 0; off < size; {
				n := min(1+r.IntN(40_000), size-off)
				data := img[off : off+n]
				if r.IntN(20) == 0 {
					data = nil
				}
				if err := p.Block(int64(off), int64(n), data); err != nil {
					t.Fatal(err)
				}
				off += n
			}
			err = p.Finish(context.Background(), bytes.NewReader(img))
		}
		if err != nil || budget < 0 {
			t.Fatalf("seed %d: %v, budget %d", seed, err, budget)
		}
		for i, j := range jobs {
			want := bytesOf(img, j)
			s, m := sha256.Sum256(want), md5.Sum(want)
			if j.Err != nil || len(j.Sums) != len(j.Algos) || !bytes.Equal(j.Sums[SHA256], s[:]) && j.Algos[0] == SHA256 || j.Sums[MD5] != nil && !bytes.Equal(j.Sums[MD5], m[:]) {
				t.Fatalf("seed %d, job %d: %v, sums %x of %+v", seed, i, j.Err, j.Sums, *j)
			}
		}
	}
}

func TestNoSumsWithoutAllBytes(t *testing.T) {
	const size = 64 << 10
	img := noise(size)
	have := func(off, n int64) bool { return off+n <= 32<<10 || off >= 34<<10 }
	one := func(off, n, size int64) *Job {
		return &Job{Extents: []tree.Extent{{Offset: off, Length: n}}, Size: size, Algos: []Algo{SHA256}}
	}
	for name, c := range map[string]struct {
		j    *Job
		want error
	}{
		"not read":            {one(30<<10, 3000, 3000), tree.ErrAbsent},
		"read up to the gap":  {one(30<<10, 3000, 2048), nil},
		"short":               {one(0, 10, 11), tree.ErrShort},
		"outside":             {one(size-5, 10, 10), tree.ErrOutside},
		"far outside":         {one(1<<62, 10, 10), tree.ErrOutside},
		"as long as all":      {one(0, 1<<62, 1<<62), tree.ErrOutside},
		"a hole without end":  {&Job{Extents: []tree.Extent{{Offset: tree.Hole, Length: 1 << 60}}, Size: 1 << 60, Algos: []Algo{SHA256}}, ErrTooMuch},
		"units of one byte":   {&Job{Extents: []tree.Extent{{Offset: 0, Length: 100, Unit: 1, Gap: 1}}, Size: 100, Algos: []Algo{SHA256}}, ErrInterleave},
		"a gap without end":   {&Job{Extents: []tree.Extent{{Offset: 0, Length: 2048, Unit: 512, Gap: 1 << 62}}, Size: 2048, Algos: []Algo{SHA256}}, tree.ErrOutside},
		"a length below zero": {&Job{Extents: []tree.Extent{{Offset: 0, Length: -1}}, Size: 1, Algos: []Algo{SHA256}}, tree.ErrShort},
		"nothing":             {&Job{Algos: []Algo{SHA256}}, nil},
	} {
		p := New([]*Job{c.j}, size, have)
		if err := p.Run(context.Background(), bytes.NewReader(img), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !errors.Is(c.j.Err, c.want) || (c.j.Sums != nil) != (c.want == nil) {
			t.Errorf("%s: %v, %d sums; want %v", name, c.j.Err, len(c.j.Sums), c.want)
		}
	}
	if got := hex.EncodeToString(sha256.New().Sum(nil)); got[:8] != "e3b0c442" {
		t.Fatal(got)
	}
}

// counting counts the bytes that are asked for.
type counting struct {
	io.ReaderAt
	n int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n += int64(len(p))
	return c.ReaderAt.ReadAt(p, off)
}

// Thousands of files over each other cost a small multiple of the image.
func TestFilesOverEachOtherAreBounded(t *testing.T) {
	const size = 32 << 20
	img := noise(size)
	var jobs []*Job
	for i := range int64(3000) {
		jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: i * 512, Length: size / 2}}, Size: size / 2, Algos: []Algo{SHA256}})
	}
	c := &counting{ReaderAt: bytes.NewReader(img)}
	p := New(jobs, size, nil)
	if err := p.Run(context.Background(), c, nil); err != nil {
		t.Fatal(err)
	}
	done := 0
	for i, j := range jobs {
		switch {
		case j.Err == nil:
			done++
			if want := sha256.Sum256(img[i*512:][:size/2]); !bytes.Equal(j.Sums[SHA256], want[:]) {
				t.Fatalf("job %d has a wrong sum", i)
			}
		case !errors.Is(j.Err, ErrTooMuch):
			t.Fatal(j.Err)
		}
	}
	if done != maxTimes*2+4 || c.n > (maxTimes+2)*size+slack {
		t.Errorf("%d files digested, %d bytes read of an image of %d", done, c.n, size)
	}
}

// Files of millions of pieces, each of which would have to be held against
// what was read, cost a small multiple of the image too; and those of the same
// bytes cost it once.
func TestPiecesAreBounded(t *testing.T) {
	const size = 4 << 20
	asked := 0
	have := func(off, n int64) bool { asked++; return asked%2048 != 0 } // the last piece of each is absent
	var jobs []*Job
	for i := range int64(6000) {
		jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: i / 2 * 512, Length: 1 << 20, Unit: 512, Gap: 512}}, Size: 1 << 20, Algos: []Algo{SHA256}})
	}
	p := New(jobs, size, have)
	if most := (maxTimes*size + slack) / minUnit; asked > most || asked < most/2 {
		t.Errorf("%d pieces were looked at, want at most %d", asked, most)
	}
	if err := p.Run(context.Background(), bytes.NewReader(make([]byte, size)), nil); err != nil {
		t.Fatal(err)
	}
	absent := 0
	for i, j := range jobs {
		switch {
		case errors.Is(j.Err, tree.ErrAbsent):
			absent++
		case !errors.Is(j.Err, ErrTooMuch) && !errors.Is(j.Err, tree.ErrOutside):
			t.Fatalf("job %d: %v", i, j.Err)
		}
	}
	if want := 2 * (asked / 2048); absent != want {
		t.Errorf("%d files are said to be not read, want %d", absent, want)
	}
}

// breaking is a digest in which this program has a mistake.
type breaking struct{ hash.Hash }

func (breaking) Write([]byte) (int, error) { panic("a mistake") }

// A mistake in this program comes up where the caller can see to it, however
// many files are digested side by side.
func TestPanicReachesTheCaller(t *testing.T) {
	for _, n := range []int64{1, 5} {
		var jobs []*Job
		for i := range n {
			jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: 512 * i, Length: 8192}}, Size: 8192, Algos: []Algo{SHA256}})
		}
		p := New(jobs, 64<<10, nil)
		if err := p.Block(0, 4096, make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		p.open[n/2].hashes[SHA256] = breaking{sha256.New()}
		func() {
			defer func() {
				if r := recover(); fmt.Sprint(r) != "a mistake" {
					t.Errorf("%d files: %v", n, r)
				}
			}()
			_ = p.Block(4096, 4096, make([]byte, 4096))
			t.Errorf("%d files: nothing came up", n)
		}()
	}
}

// What nobody wants is not read.
func TestOnlyWhatIsWantedIsRead(t *testing.T) {
	const size = 64 << 20
	c := &counting{ReaderAt: bytes.NewReader(make([]byte, size))}
	jobs := []*Job{
		{Extents: []tree.Extent{{Offset: 5 << 20, Length: 100}}, Size: 100, Algos: []Algo{SHA256}},
		{Extents: []tree.Extent{{Offset: 60 << 20, Length: 100}}, Size: 100, Algos: []Algo{SHA256}},
	}
	if err := New(jobs, size, nil).Run(context.Background(), c, nil); err != nil {
		t.Fatal(err)
	}
	if c.n > 4<<20 || jobs[1].Sums == nil {
		t.Errorf("%d bytes read", c.n)
	}
}

func TestStopping(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	img := noise(8 << 20)
	j := &Job{Extents: []tree.Extent{{Offset: 0, Length: 8 << 20}}, Size: 8 << 20, Algos: []Algo{SHA256}}
	err := New([]*Job{j}, 8<<20, nil).Run(ctx, bytes.NewReader(img), func(done, total int64) { cancel() })
	if !errors.Is(err, context.Canceled) || j.Sums != nil || !errors.Is(j.Err, context.Canceled) {
		t.Errorf("%v; job %v", err, j.Err)
	}
}

type failing struct{ io.ReaderAt }

var errDisk = errors.New("input/output error")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < 3<<20 && off+int64(len(p)) > 2<<20 {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

// A place that cannot be read costs the files in it their sums, and no others.
func TestPlaceThatCannotBeRead(t *testing.T) {
	img := noise(8 << 20)
	var jobs []*Job
	for i := range int64(8) {
		jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: i << 20, Length: 1 << 20}}, Size: 1 << 20, Algos: []Algo{SHA256}})
	}
	if err := New(jobs, 8<<20, nil).Run(context.Background(), failing{bytes.NewReader(img)}, nil); err != nil {
		t.Fatal(err)
	}
	for i, j := range jobs {
		if want := i == 2; errors.Is(j.Err, errDisk) != want || (j.Sums == nil) != want {
			t.Errorf("file %d: %v", i, j.Err)
		}
	}
}

func BenchmarkSmallFiles(b *testing.B) {
	const size, each = 256 << 20, 80 << 10
	img := bytes.NewReader(noise(size))
	b.SetBytes(size)
	for b.Loop() {
		var jobs []*Job
		for off := int64(0); off+each < size; off += each {
			jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: off, Length: each}}, Size: each, Algos: []Algo{SHA256}})
		}
		if err := New(jobs, size, nil).Run(context.Background(), img, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOneFile(b *testing.B) {
	const size = 256 << 20
	img := bytes.NewReader(noise(size))
	b.SetBytes(size)
	for b.Loop() {
		j := &Job{Extents: []tree.Extent{{Offset: 0, Length: size}}, Size: size, Algos: []Algo{SHA256}}
		if err := New([]*Job{j}, size, nil).Run(context.Background(), img, nil); err != nil || j.Err != nil {
			b.Fatal(err, j.Err)
		}
	}
}

func ExamplePass_Run() {
	img := []byte("xxhello, disc")
	j := &Job{Extents: []tree.Extent{{Offset: 2, Length: 5}}, Size: 5, Algos: []Algo{CRC32}}
	if err := New([]*Job{j}, int64(len(img)), nil).Run(context.Background(), bytes.NewReader(img), nil); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%x\n", j.Sums[CRC32])
	// Output: 3610a686
}
