package ripper

import (
	"crypto/sha256"
	"fmt"

	"ripstation/disc"
)

func sum256(p []byte) [32]byte { return sha256.Sum256(p) }

// checkCapacity holds what the drive says after the last read against what it
// said before the first.
func checkCapacity(before, after int64, err error) disc.Check {
	c := disc.Check{Code: "capacity-unchanged", Name: "capacity before and after", Outcome: disc.Pass}
	switch {
	case err != nil:
		c.Outcome, c.Message = disc.NotRun, fmt.Sprintf("before the first read %d sectors; after the last the drive did not say: %v", before, err)
	case before != after:
		c.Outcome = disc.Failure
		c.Message = fmt.Sprintf("before the first read the drive said %d sectors, after the last %d: the disc may have been changed for another", before, after)
	default:
		c.Message = fmt.Sprintf("%d sectors both times", before)
	}
	return c
}

// checkUntried says whether every sector was tried.
func checkUntried(n disc.Counts) disc.Check {
	c := disc.Check{Code: "all-tried", Name: "every sector tried", Outcome: disc.Pass}
	if left := n.Untried + n.Skipped; left > 0 {
		c.Outcome = disc.Failure
		c.Message = fmt.Sprintf("of %d sectors %d were never tried and %d not as often as planned", n.Total, n.Untried, n.Skipped)
		return c
	}
	c.Message = fmt.Sprintf("all %d sectors were tried, or hold no recording", n.Total)
	return c
}

// checkLedger says that the spool holds what the drive gave. A seal that finds
// otherwise ends with an error instead.
func checkLedger(p *prover, how string) disc.Check {
	c := disc.Check{Code: "ledger-equals-spool", Name: "ledger against the image on the disk", Outcome: disc.Pass}
	c.Message = fmt.Sprintf("%d sectors in %d chunks are as the drive gave them (%s)", p.proved, p.count, how)
	if how == ReadCached {
		c.Outcome = disc.Warning
		c.Message += "; they were read from memory: the disk itself was not seen"
	}
	return c
}

// checkZeroes says that what is not on the image is zero.
func checkZeroes(n disc.Counts) disc.Check {
	c := disc.Check{Code: "missing-zero-filled", Name: "missing sectors are zeroes", Outcome: disc.Pass}
	if n.Missing()+n.Unrecorded == 0 {
		c.Outcome, c.Message = disc.NotRun, "no sector is missing"
		return c
	}
	c.Message = fmt.Sprintf("%d missing and %d unrecorded sectors are zeroes", n.Missing(), n.Unrecorded)
	return c
}
