package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// The test binary starts itself with this variable set: the child commits
// until it is killed, and names each disc only after Commit has returned.
const childEnv = "RIPSTATION_CATALOG_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

func child(path string) int {
	ctx := context.Background()
	c, err := Open(ctx, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		rec := aRecord(NewID(), 1)
		b, err := EncodeRecord(rec)
		if err == nil {
			err = c.Commit(ctx, Commit{RecordBytes: b, Copies: []Copy{{Store: "shelf", Key: rec.Carrier.ID + "/v1/", State: Stored}}})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(rec.Carrier.ID)
	}
}

// What Commit has returned for is there after kill -9.
func TestKilledAfterCommit(t *testing.T) {
	ctx := context.Background()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "catalog.db")
	told := map[string]bool{}
	for round := range 5 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		for n := 0; sc.Scan(); n++ {
			if ValidID(sc.Text()) { // the last line may be cut off
				told[sc.Text()] = true
			}
			if n == 3+7*round {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	if len(told) < 5 {
		t.Fatalf("the children committed %d discs only", len(told))
	}
	c := openAt(t, path)
	for id := range told {
		v, err := c.Show(ctx, id)
		if err != nil || v.Image == nil || len(v.Copies) != 1 {
			t.Errorf("disc %s: %+v, %v", id, v, err)
		}
		if _, err := c.Record(ctx, id, 1); err != nil {
			t.Error(err)
		}
	}
	if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) != 0 {
		t.Errorf("after the kills: %v, %v", ps, err)
	}
}

// Two catalogs on one file, as the station and a verb beside it: two writers
// and eight readers at once. Nothing is lost and nobody sees half a commit.
func TestManyAtOnce(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	other := openAt(t, c.path)
	const each = 12
	var writers, all sync.WaitGroup
	done := make(chan struct{})
	fail := make(chan error, 64)
	say := func(err error) {
		select {
		case fail <- err:
		default:
		}
	}
	for w, cat := range []*Catalog{c, other} {
		writers.Go(func() {
			for range each {
				rec := aRecord(NewID(), 1)
				rec.Carrier.Item = fmt.Sprint("B-", w)
				b, err := EncodeRecord(rec)
				if err == nil {
					err = cat.Commit(ctx, Commit{RecordBytes: b, Copies: []Copy{{Store: "shelf", Key: "k", State: Queued}}})
				}
				if err == nil {
					err = cat.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: "shelf", State: Stored})
				}
				if err != nil {
					say(err)
					return
				}
			}
		})
	}
	for r := range 8 {
		all.Go(func() {
			cat := []*Catalog{c, other}[r%2]
			for {
				select {
				case <-done:
					return
				default:
				}
				l, err := cat.List(ctx, Filter{Limit: 5})
				if err != nil {
					say(err)
					return
				}
				for _, s := range l {
					if s.Image == nil || len(s.Copies) != 1 {
						say(fmt.Errorf("half a commit was seen: %+v", s))
					}
					if _, err := cat.Show(ctx, s.ID); err != nil {
						say(err)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	all.Wait()
	close(fail)
	for err := range fail {
		t.Error(err)
	}
	l, err := c.List(ctx, Filter{})
	if err != nil || len(l) != 2*each {
		t.Errorf("%d discs, want %d (%v)", len(l), 2*each, err)
	}
	if ps, err := other.IntegrityCheck(ctx); err != nil || len(ps) != 0 {
		t.Errorf("afterwards: %v, %v", ps, err)
	}
}

func TestCancelled(t *testing.T) {
	c := openTemp(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rec := aRecord(NewID(), 1)
	if err := c.Commit(ctx, aCommit(t, rec)); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), rec.Carrier.ID) {
		t.Errorf("a commit that was called off gives %v", err)
	}
	if _, err := c.List(ctx, Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a list that was called off gives %v", err)
	}
	mustCommit(t, c, aCommit(t, rec))
}
