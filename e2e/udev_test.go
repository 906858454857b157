package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"ripstation/e2e/bench"
)

var watchers atomic.Int64

// udevWatch is a `udevadm monitor` in the guest.
type udevWatch struct {
	b    *bench.Bench
	name string
	mark int
}

// watchUdev starts to listen to udev's block events, and returns when it does.
func watchUdev(t *testing.T, ctx context.Context, b *bench.Bench) *udevWatch {
	t.Helper()
	w := &udevWatch{b: b, name: fmt.Sprintf("udev-%d", watchers.Add(1)), mark: b.Guest.Mark()}
	if _, err := b.Guest.Start(ctx, w.name, nil, "udevadm", "monitor", "--udev", "--property", "--subsystem-match=block"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The guest may have gone down meanwhile, and the watch with it.
		if err := b.Guest.Signal(context.Background(), w.name, syscall.SIGKILL); err != nil {
			t.Logf("end %s: %v", w.name, err)
		}
	})
	if _, err := b.Guest.AwaitLine(ctx, w.mark, w.name, "UDEV - the event which udev sends out"); err != nil {
		t.Fatal(err)
	}
	return w
}

// await gives the properties of the first event that match accepts.
func (w *udevWatch) await(t *testing.T, ctx context.Context, what string, match func(map[string]string) bool) map[string]string {
	t.Helper()
	for {
		// An event ends with an empty line, so the next one is waited for when
		// no complete one fits.
		at := w.b.Guest.Mark()
		for _, p := range eventsIn(w.b.Guest.Lines(w.mark, w.name)) {
			if match(p) {
				return p
			}
		}
		if _, err := w.b.Guest.AwaitLine(ctx, at, w.name, ""); err != nil {
			t.Fatalf("wait for %s: %v; udev said:\n%s", what, err, strings.Join(w.b.Guest.Lines(w.mark, w.name), "\n"))
		}
	}
}

func eventsIn(lines []string) []map[string]string {
	var all []map[string]string
	props := map[string]string{}
	for _, line := range lines {
		if line == "" && len(props) > 0 {
			all = append(all, props)
			props = map[string]string{}
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "UDEV") {
			props[name] = value
		}
	}
	return all
}

// udevOf gives what udev knows of a device node.
func udevOf(t *testing.T, ctx context.Context, b *bench.Bench, node string) map[string]string {
	t.Helper()
	props := map[string]string{}
	for line := range strings.Lines(run(t, ctx, b, "udevadm", "info", "--query=property", "--name="+node)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			props[name] = value
		}
	}
	return props
}
