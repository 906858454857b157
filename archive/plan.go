package archive

import "fmt"

const (
	mib = 1 << 20
	// DefaultPartSize is what a part has unless the object needs larger ones.
	DefaultPartSize = 16 * mib
	// maxParts leaves a margin below the 10,000 parts that S3 allows.
	maxParts = 9000
	// maxObject is the largest object that S3 takes, 50 TB; no disc comes near it.
	maxObject = 50_000_000_000_000
)

// plan cuts an object into parts. The zero part size stands for the default.
type plan struct {
	size, part int64
}

func newPlan(size, part int64) (plan, error) {
	if size < 0 || size > maxObject {
		return plan{}, fmt.Errorf("an object of %d bytes: the size must lie between 0 and %d", size, int64(maxObject))
	}
	if part <= 0 {
		part = DefaultPartSize
	}
	if least := (size + maxParts - 1) / maxParts; part < least {
		part = (least + mib - 1) / mib * mib
	}
	return plan{size, part}, nil
}

func (p plan) parts() int { return int((p.size + p.part - 1) / p.part) }

// length is the number of bytes in part n.
func (p plan) length(n int) int64 { return min(p.part, p.size-int64(n)*p.part) }

// checkNumber says what is wrong with a part's number.
func (p plan) checkNumber(n int) error {
	if n < 0 || n >= p.parts() {
		return fmt.Errorf("part %d of an object with %d parts", n, p.parts())
	}
	return nil
}

// check says what is wrong with sending body as part n.
func (p plan) check(n int, body []byte) error {
	if err := p.checkNumber(n); err != nil {
		return err
	}
	if want := p.length(n); int64(len(body)) != want {
		return fmt.Errorf("part %d has %d bytes instead of %d", n, len(body), want)
	}
	return nil
}

// combine gives the checksum of the whole from those of all parts; n is the
// first part that crcs does not hold, or -1.
func (p plan) combine(crcs map[int]uint64) (whole uint64, missing int) {
	for n := range p.parts() {
		crc, ok := crcs[n]
		if !ok {
			return 0, n
		}
		whole = CombineCRC64NVME(whole, crc, p.length(n))
	}
	return whole, -1
}
