package ripper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/disc"
)

// childVariable makes the test binary rip the disc of the kill test into the
// folder it names, and log every read beside it.
const childVariable = "RIPPER_TEST_CHILD"

// killDisc is the disc that is ripped by many children in turn. What it has
// done so far is in the log, so that a flaw that passes after some reads
// passes across kills.
func killDisc(log string, passing bool) (*fakeDisc, error) {
	d := newDisc(6000).flaw(disc.ClassMedium, -1, 1000, 2005, 2006, 2007, 3333, 5999)
	if passing {
		d.flaw(disc.ClassMedium, 2, 700, 4100, 4101)
	}
	text, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var lba disc.LBA
		var n int
		var word string
		if _, err := fmt.Sscanf(line, "%d %d %s", &lba, &n, &word); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		for i := range disc.LBA(n) {
			if word == "read" {
				d.reads[lba+i]++
			} else if f := d.flaws[lba+i]; f != nil && f.times != 0 {
				f.times--
				break
			}
		}
	}
	return d, nil
}

// child rips until it is done or killed.
func child() int {
	dir, passing := strings.CutSuffix(os.Getenv(childVariable), ":passing")
	err := func() error {
		d, err := killDisc(dir+".log", passing)
		if err != nil {
			return err
		}
		log, err := os.OpenFile(dir+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		d.log = func(lba disc.LBA, n int, err error) {
			word := "read"
			if err != nil {
				word = "bad"
			}
			if _, err := fmt.Fprintf(log, "%d %d %s\n", lba, n, word); err != nil {
				panic(err)
			}
			if _, err := os.Stdout.Write([]byte{'.'}); err != nil {
				panic(err)
			}
		}
		d.delay = func(disc.LBA, int) time.Duration { return 200 * time.Microsecond }
		ctx := context.Background()
		img, err := open(ctx, dir, small)
		if errors.Is(err, ErrNoImage) {
			img, err = create(dir, d.sectors, small)
		}
		if err != nil {
			return err
		}
		if r := img.Recovery(); len(r.Lost) > 0 || r.LedgerBad > 1 {
			return fmt.Errorf("lost what was safe: %+v", r)
		}
		opt := dvd()
		if !passing {
			opt = unconfirmed()
		}
		if _, err := Rip(ctx, d, img, opt); err != nil {
			return err
		}
		return img.Close()
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// killed runs children over one disc and kills each after a random number of
// reads, until one ends by itself. It says how many were killed.
func killed(t *testing.T, rnd *rand.Rand, dir string, passing bool) (kills int) {
	value, within := dir, int64(60)
	if passing {
		// Before it confirms, it reads most of the disc again: it needs a chance
		// to get through that.
		value, within = dir+":passing", 500
	}
	for {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+value)
		var says bytes.Buffer
		cmd.Stderr = &says
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It says one byte a read.
		_, rerr := io.CopyN(io.Discard, out, 1+rnd.Int64N(within))
		if rerr == nil {
			time.Sleep(time.Duration(rnd.Int64N(int64(5 * time.Millisecond)))) // any moment between two reads
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		if _, err := io.Copy(io.Discard, out); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return kills
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			kills++
		default:
			t.Fatalf("child: %v\n%s", err, says.String())
		}
	}
}

// TestHundredKills kills a rip by SIGKILL at a hundred random moments and more, over as many
// discs as that takes. Each ends byte-equal to an uninterrupted rip, and what was safe is not read again.
func TestHundredKills(t *testing.T) {
	bad := []disc.LBA{1000, 2005, 2006, 2007, 3333, 5999}
	rnd := rand.New(rand.NewPCG(11, 11))
	kills, discs := 0, 0
	var twice, most int64
	for ; kills < 100; discs++ {
		passing := discs%4 == 3
		dir := filepath.Join(t.TempDir(), "x")
		n := killed(t, rnd, dir, passing)
		kills += n
		img := opened(t, dir)
		s := mustSeal(t, img)
		d, err := killDisc(dir+".log", passing)
		if err != nil {
			t.Fatal(err)
		}
		want := disc.Counts{Total: 6000, Read: 5994, Unreadable: 6}
		if !passing {
			// A bad sector at the beginning of a read may leave suspect ones.
			want.Suspect = s.Sectors.Suspect
			want.Read -= want.Suspect
		}
		if s.Sectors != want || !bytes.Equal(bytesOf(t, img), d.image(bad...)) {
			t.Fatalf("disc %d, killed %d times: %+v, want %+v", discs, n, s.Sectors, want)
		}
		if passing {
			continue // its confirming reads are second reads
		}
		for _, n := range d.reads {
			twice += int64(n - 1)
		}
		most += int64(n) * (small.batch/disc.SectorSize + int64(small.buffers+1)*small.chunk)
	}
	t.Logf("%d kills over %d discs: %d sectors read again, %d could have been in flight", kills, discs, twice, most)
	if twice > most {
		t.Errorf("%d sectors were read again; %d can have been in flight", twice, most)
	}
}
