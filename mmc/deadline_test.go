package mmc

import (
	"testing"
	"time"

	"ripstation/disc"
)

// Every kind of command has its deadline, none a short one; a read has it by
// what it may come across on that medium.
func TestDeadlines(t *testing.T) {
	whole := disc.Extent{Start: 0, Count: MaxTransfer}
	for name, c := range map[string]struct {
		cdb    []byte
		medium disc.Medium
		asked  disc.Extent
		want   time.Duration
	}{
		"test unit ready":                {cdbTestUnitReady(), disc.MediumCD, noAddress, 30 * time.Second},
		"inquiry":                        {cdbInquiry(36), disc.MediumCD, noAddress, 30 * time.Second},
		"table of contents":              {cdb(opReadTOC, 10), disc.MediumCD, noAddress, time.Minute},
		"spin up":                        {cdbStartStop(false), disc.MediumBD, noAddress, 90 * time.Second},
		"eject":                          {cdbStartStop(true), disc.MediumBD, noAddress, time.Minute},
		"one sector of a CD":             {cdbRead(16, 1), disc.MediumCD, disc.Extent{Start: 16, Count: 1}, 63 * time.Second},
		"32 sectors of a CD":             {cdbRead(0, 32), disc.MediumCD, whole, 156 * time.Second},
		"of a DVD":                       {cdbRead(0, 32), disc.MediumDVD, whole, 66 * time.Second},
		"of a DVD, across three units":   {cdbRead(8, 32), disc.MediumDVD, disc.Extent{Start: 8, Count: 32}, 69 * time.Second},
		"of a BD":                        {cdbRead(0, 32), disc.MediumBD, whole, 63 * time.Second},
		"of a medium that nobody knows":  {cdbRead(0, 32), disc.MediumUnknown, whole, 156 * time.Second},
		"a raw sector of a CD":           {cdbReadCD(0), disc.MediumCD, disc.Extent{Start: 0, Count: 1}, 63 * time.Second},
		"a read whose extent is not one": {cdbRead(0, 32), disc.MediumCD, noAddress, 63 * time.Second},
	} {
		got := operations[opcode(c.cdb[0])].deadline(c.cdb, c.medium, c.asked)
		if got != c.want || got < MinTimeout {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What the drive is told is what its medium needs, as last identified.
func TestReadsHaveTheirMediumsDeadline(t *testing.T) {
	f := newFake()
	d := f.drive()
	var got time.Duration
	f.on(opRead10, func(cmd *Command) (Result, error) {
		got = cmd.Timeout
		return Result{Transferred: len(cmd.Data)}, nil
	})
	read := func() time.Duration {
		t.Helper()
		if err := d.ReadSectors(t.Context(), 0, make([]byte, 32*disc.SectorSize)); err != nil {
			t.Fatal(err)
		}
		return got
	}
	unknown := read()
	bd := disc.MediumBD
	d.medium.Store(&bd)
	if known := read(); known != 63*time.Second || unknown != 156*time.Second {
		t.Errorf("%s for a BD, %s before it was known", known, unknown)
	}
	f.fails(opTestUnitReady, 2, 0x3a, 1)
	if _, err := d.Identify(t.Context()); err == nil {
		t.Fatal("an empty drive was identified")
	}
	if next := read(); next != unknown {
		t.Errorf("%s for what came after it", next)
	}
}
