package ripper

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"ripstation/disc"
)

var errCut = errors.New("the power is cut")

// cutDisk is a disk whose power is cut after some number of operations. Until
// a sync, what was written is in its memory only; at the cut any part of that
// may have come to the platter, or garbage in its place. At every write it
// holds the order that the spool promises against what is on the platter.
type cutDisk struct {
	t    *testing.T
	real *folder
	rnd  *rand.Rand
	left int // operations until the cut

	image  []pending
	ledger []byte
}

type pending struct {
	off  int64
	data []byte
}

func (d *cutDisk) step() error {
	switch d.left--; {
	case d.left < -1:
		d.t.Error("something was written after a write that did not end well")
		fallthrough
	case d.left < 0:
		return errCut
	}
	return nil
}

func (d *cutDisk) WriteImage(p []byte, off int64) error {
	d.image = append(d.image, pending{off, bytes.Clone(p)})
	return d.step()
}

func (d *cutDisk) SyncImage() error {
	if err := d.step(); err != nil {
		return err
	}
	for _, w := range d.image {
		if err := d.real.WriteImage(w.data, w.off); err != nil {
			return err
		}
	}
	d.image = nil
	return nil
}

func (d *cutDisk) AppendLedger(p []byte) error {
	d.ledger = append(d.ledger, p...)
	return d.step()
}

func (d *cutDisk) SyncLedger() error {
	if err := d.step(); err != nil {
		return err
	}
	err := d.real.AppendLedger(d.ledger)
	d.ledger = nil
	if err == nil {
		err = d.honest(nil)
	}
	return err
}

func (d *cutDisk) WriteMap(m *disc.SectorMap) error {
	if err := d.step(); err != nil {
		return err
	}
	if err := d.honest(m); err != nil {
		return err
	}
	return d.real.WriteMap(m)
}

// honest holds the ledger on the platter against the image there, and the map
// against the ledger.
func (d *cutDisk) honest(m *disc.SectorMap) error {
	text, err := os.ReadFile(filepath.Join(d.real.dir, LedgerFile))
	if err != nil {
		return err
	}
	f, err := readLedger(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if m == nil {
		for _, c := range f.chunks {
			buf := make([]byte, c.Count*disc.SectorSize)
			if _, err := d.real.image.ReadAt(buf, int64(c.Start)*disc.SectorSize); err != nil {
				return err
			}
			if sha256.Sum256(buf) != c.sum {
				d.t.Errorf("the ledger has %s, the platter has other bytes", name(c.Extent))
			}
		}
		return nil
	}
	for e := range m.Extents(disc.DataStatuses) {
		for _, gap := range f.unproven(e) {
			d.t.Errorf("the map claims %s, the ledger on the platter does not have it", name(gap))
		}
	}
	return nil
}

// cut leaves on the platter what a power cut may leave.
func (d *cutDisk) cut() error {
	for _, w := range d.image {
		for i := 0; i < len(w.data); i += disc.SectorSize {
			p := w.data[i : i+disc.SectorSize]
			switch d.rnd.IntN(3) {
			case 0:
				continue
			case 1:
				p = bytes.Repeat([]byte{byte(d.rnd.Uint32())}, disc.SectorSize)
			}
			if err := d.real.WriteImage(p, w.off+int64(i)); err != nil {
				return err
			}
		}
	}
	torn := d.ledger[:d.rnd.IntN(len(d.ledger)+1)]
	if len(torn) > 0 && d.rnd.IntN(2) == 0 {
		clear(torn[d.rnd.IntN(len(torn)):]) // length on the platter, bytes not
	}
	return d.real.AppendLedger(torn)
}

// TestPowerCuts cuts the power again and again, until the rip gets through,
// and wants what an uninterrupted one gives.
func TestPowerCuts(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			d := newDisc(1500).flaw(disc.ClassMedium, -1, 101, 805, 806, 1333).flaw(disc.ClassProtected, -1, 50)
			quick := small
			quick.batch = 64 << 10
			img, err := create(filepath.Join(t.TempDir(), "x"), d.sectors, quick)
			if err != nil {
				t.Fatal(err)
			}
			cuts := 0
			for {
				power := &cutDisk{t: t, real: img.disk.(*folder), rnd: rnd, left: 1 + rnd.IntN(30*(cuts+1))}
				img.disk = power
				_, err := Rip(t.Context(), d, img, unconfirmed())
				if err == nil {
					break
				}
				if !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				if _, err := Rip(t.Context(), d, img, unconfirmed()); !errors.Is(err, errCut) {
					t.Fatalf("a rip after a write that did not end well: %v", err)
				}
				if err := power.cut(); err != nil {
					t.Fatal(err)
				}
				if err := img.Close(); err != nil {
					t.Fatal(err)
				}
				if img, err = open(t.Context(), img.dir, quick); err != nil {
					t.Fatal(err)
				}
				if r := img.Recovery(); len(r.Lost) > 0 || r.MapRebuilt != "" {
					t.Fatalf("lost what was safe: %+v", r)
				}
				cuts++
			}
			defer img.Close()
			img.disk = img.disk.(*cutDisk).real
			s := mustSeal(t, img)
			// A bad sector at the beginning of a read may leave suspect ones.
			want := disc.Counts{Total: 1500, Read: 1495 - s.Sectors.Suspect, Suspect: s.Sectors.Suspect, Unreadable: 4, Protected: 1}
			if s.Sectors != want || !bytes.Equal(bytesOf(t, img), d.image(50, 101, 805, 806, 1333)) {
				t.Errorf("after %d cuts: %+v, want %+v", cuts, s.Sectors, want)
			}
			// What a cut costs: a batch, the buffers, and what the drive is at.
			flight := quick.batch/disc.SectorSize + int64(quick.buffers+1)*quick.chunk
			var twice int64
			for _, n := range d.reads {
				twice += int64(n - 1)
			}
			if twice > int64(cuts)*flight {
				t.Errorf("%d sectors were read again for %d cuts; %d can be in flight", twice, cuts, flight)
			}
			if cuts == 0 {
				t.Error("the power was never cut")
			}
		})
	}
}

// brokenDisk fails at one operation, and counts what is asked of it later.
type brokenDisk struct {
	disk
	fail  string
	later int
	done  bool
}

func (d *brokenDisk) at(op string) error {
	if d.done {
		d.later++
	}
	if op == d.fail {
		d.done = true
		return errCut
	}
	return nil
}

func (d *brokenDisk) WriteImage(p []byte, off int64) error {
	return errors.Join(d.at("write"), d.disk.WriteImage(p, off))
}
func (d *brokenDisk) SyncImage() error { return errors.Join(d.at("sync"), d.disk.SyncImage()) }
func (d *brokenDisk) AppendLedger(p []byte) error {
	return errors.Join(d.at("append"), d.disk.AppendLedger(p))
}
func (d *brokenDisk) SyncLedger() error { return errors.Join(d.at("sync ledger"), d.disk.SyncLedger()) }
func (d *brokenDisk) WriteMap(m *disc.SectorMap) error {
	return errors.Join(d.at("map"), d.disk.WriteMap(m))
}

// TestNothingIsWrittenAfterAWriteThatDidNotEndWell: after one, nobody knows
// what is on the disk; least of all may the map claim it.
func TestNothingIsWrittenAfterAWriteThatDidNotEndWell(t *testing.T) {
	for _, op := range []string{"write", "sync", "append", "sync ledger", "map"} {
		d := newDisc(100)
		img := begun(t, d)
		if _, err := img.addDrive(dvd().Drive); err != nil {
			t.Fatal(err)
		}
		broken := &brokenDisk{disk: img.disk, fail: op}
		img.disk = broken
		if _, err := Rip(t.Context(), d, img, dvd()); !errors.Is(err, errCut) {
			t.Errorf("%s: error %v", op, err)
		}
		if _, err := Seal(t.Context(), img, SealOptions{}); !errors.Is(err, errCut) {
			t.Errorf("%s: sealed with error %v", op, err)
		}
		if broken.later > 0 {
			t.Errorf("%s failed, and %d operations followed", op, broken.later)
		}
		mustRip(t, d, reopened(t, img), dvd())
	}
}
