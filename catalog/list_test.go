package catalog

import (
	"context"
	"errors"
	"testing"

	"ripstation/disc"
)

// A disc whose sectors were all read and whose check failed is not told like a
// good one in the list, also when it was put in again later.
func TestFailedChecksAreListed(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	good, short := aRecord(NewID(), 1), aRecord(NewID(), 1)
	short.Checks = append(short.Checks, disc.Check{Code: "volume-size", Name: "size", Outcome: disc.Failure, Message: "10 sectors are missing"},
		disc.Check{Code: "volume-size-joliet", Name: "size", Outcome: disc.Failure, Message: "10 sectors are missing"},
		disc.Check{Code: "missing-zero-filled", Name: "zeroes", Outcome: disc.NotRun, Message: "none is missing"})
	mustCommit(t, c, aCommit(t, good))
	mustCommit(t, c, aCommit(t, short))
	again := Attempt{Carrier: CarrierInfo{ID: short.Carrier.ID}, Disc: short.Disc, Identity: short.Identity, Capture: aCapture(AlreadyArchived, noon.AddDate(0, 0, 1))}
	if err := c.RecordCapture(ctx, again); err != nil {
		t.Fatal(err)
	}
	count := func() map[string]int {
		l, err := c.List(ctx, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, s := range l {
			n[s.ID] = s.FailedChecks
		}
		return n
	}
	if n := count(); n[good.Carrier.ID] != 0 || n[short.Carrier.ID] != 2 || len(n) != 2 {
		t.Errorf("failed checks: %v", n)
	}
	if _, err := c.w.ExecContext(ctx, "UPDATE checks SET outcome = 'pass' WHERE outcome = 'failure'"); err != nil {
		t.Fatal(err)
	}
	if l, err := c.List(ctx, Filter{}); !errors.Is(err, ErrDamaged) || len(l) != 2 {
		t.Errorf("a failure that was made a pass: %d discs, %v", len(l), err)
	}
}

func TestFullDisk(t *testing.T) {
	for code, want := range map[int]bool{13: true, 4874: true, 10: false, 10 | 1<<8: false, 11: false} { // sqlite.org/rescode.html
		if full(code) != want {
			t.Errorf("code %d: full is %v", code, !want)
		}
	}
}
