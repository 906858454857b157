package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/e2e/bench"
)

// The guest that most tests share: booting one costs ten seconds and more. A
// test leaves it as it found it: no drive plugged in, nothing of its own
// running.
var shared struct {
	sync.Mutex
	bench *bench.Bench
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.bench != nil {
		if err := shared.bench.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "take the bench down:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// program is the one under test, as `make build` leaves it.
const program = "../bin/ripstation"

func bootGuest(ctx context.Context) (*bench.Bench, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("there is no program to test; `make e2e` builds it: %w", err)
	}
	return bench.Start(ctx, bench.GuestOptions{Repo: "..", Program: program})
}

// limit is how long any one test may take.
const limit = 4 * time.Minute

// sharedBench gives the shared guest, booted if need be. If the test fails,
// the host's log and the guest's console since now are shown.
func sharedBench(t *testing.T) (context.Context, *bench.Bench) {
	t.Helper()
	ctx, b := sharedBenchFor(t, limit)
	from := b.Log.Mark() - 1 // what sharedBenchFor has noted
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the host's log:\n%s", b.Log.Text(from))
		}
	})
	return ctx, b
}

// sharedBenchFor is sharedBench for a test that takes longer than others and
// shows the host's log itself.
func sharedBenchFor(t *testing.T, limit time.Duration) (context.Context, *bench.Bench) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	if shared.bench == nil && shared.err == nil {
		start := time.Now()
		shared.bench, shared.err = bootGuest(ctx)
		if shared.err == nil {
			t.Logf("the guest is up after %.1f s", time.Since(start).Seconds())
		}
	}
	if errors.Is(shared.err, bench.ErrNoQEMU) && os.Getenv("CI") != "true" {
		t.Skipf("NOT RUN, so nothing is proven here: %v", shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	b := shared.bench
	console := len(b.Guest.Console())
	b.Log.Note("begin %s", t.Name())
	t.Cleanup(func() {
		if err := b.Failures(); err != nil {
			t.Errorf("the bench itself: %v", err)
		}
		if t.Failed() {
			all := b.Guest.Console() // begins anew when the power was cut
			t.Logf("the guest's console:\n%s", strings.TrimSpace(all[min(console, len(all)):]))
		}
	})
	return ctx, b
}
