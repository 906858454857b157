package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
)

// soakLimit is how long one seed may take on a busy machine.
const soakLimit = 40 * time.Minute

// Four drives, 24 small discs, an operator and all that goes wrong in a day.
// At the end every disc is accounted for. SEED is the first seed (1), SEEDS
// how many (1); a failure names its own.
func TestSoak(t *testing.T) {
	first, seeds := number(t, "SEED", 1), number(t, "SEEDS", 1)
	for seed := first; seed < first+seeds; seed++ {
		var wrong []string
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { soakSeed(t, seed, &wrong) })
		if len(wrong) > 0 { // once more, below all that was logged
			t.Errorf("seed %d:\n%s", seed, strings.Join(wrong, "\n"))
		}
	}
}

// number is a number of the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		t.Fatalf("%s=%s: it must be a number from 1 on", name, text)
	}
	return n
}

func soakSeed(t *testing.T, seed uint64, wrong *[]string) {
	sc, err := newScript(seed)
	if err != nil {
		t.Fatal(err)
	}
	ctx, b := sharedBenchFor(t, soakLimit)
	o := newSoak(t, ctx, b, sc)
	defer func() { o.report(); *wrong = o.oddity }()
	o.work()
	worked := time.Since(o.began)
	o.settle()
	report := o.closeBatch()
	began := time.Now()
	if status := o.end(syscall.SIGTERM); status != 0 {
		o.wrong("the daemon that was asked to stop ended with status %d", status)
	}
	o.Log.Note("the daemon stopped after %s", time.Since(began).Round(time.Millisecond))
	o.account(report)
	t.Logf("seed %d: %d discs, %d stays, %d faults in %s; with the accounting %s", seed, len(sc.pieces), o.presentations(), len(sc.faults), worked.Round(time.Second), time.Since(o.began).Round(time.Second))
}

func (o *soak) presentations() (n int) {
	for _, p := range o.script.pieces {
		n += len(p.stays)
	}
	return n
}

// report says what is wrong, with the script and the lines that matter, and
// leaves all that was logged in a file.
func (o *soak) report() {
	o.keep()
	for _, text := range o.oddity {
		o.t.Error(text)
	}
	if o.t.Failed() {
		o.t.Logf("again with: make soak SEED=%d\n%s", o.script.seed, o.script)
		o.t.Logf("the stays:\n%s", o.table())
		o.t.Logf("what happened:\n%s", o.matters())
	}
	file := filepath.Join("..", "results", fmt.Sprintf("soak-%d.log", o.script.seed))
	text := o.Log.Text(o.from) + "\n\nthe daemon said:\n" + strings.Join(o.story, "\n") + "\n\nthe console:\n" + o.Guest.Console()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		o.t.Log(err)
	} else if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		o.t.Log(err)
	} else {
		o.t.Logf("everything that was logged is in %s", file)
	}
}

// keep takes over what the daemon has said in the guest's present boot.
func (o *soak) keep() {
	lines := o.Guest.Lines(0, daemon)
	o.story = append(o.story, lines[min(o.kept, len(lines)):]...)
	o.kept = len(lines)
}

func (o *soak) table() string {
	var all []*stay
	for _, p := range o.script.pieces {
		all = append(all, p.stays...)
	}
	slices.SortFunc(all, func(a, b *stay) int { return a.in.Compare(b.in) })
	var b strings.Builder
	for _, st := range all {
		fmt.Fprintf(&b, "  %s to %s %s disc %2d %s", st.in.UTC().Format("15:04:05"), st.out.UTC().Format("15:04:05"), st.slot.Name, st.piece.no, st.why)
		for _, f := range st.faults {
			fmt.Fprintf(&b, " [%s]", f)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// matters is the log without reads and polls.
func (o *soak) matters() string {
	var b strings.Builder
	for _, e := range o.Log.Since(o.from, func(e bench.Event) bool {
		return e.Note != "" || e.Drive != nil && (e.Drive.Kind != simdrive.EventCommand || e.Drive.Op == "START STOP UNIT" && len(e.Drive.CDB) > 4 && e.Drive.CDB[4]&3 == 2)
	}) {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}
