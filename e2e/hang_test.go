package e2e

import (
	"testing"

	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
)

// A drive that does not answer can be pulled and plugged in again, with its
// disc in it, as one does with a drive that hangs.
func TestDriveThatHangsIsUnpluggedAndBack(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors = 4000
	d := plug(t, ctx, b, simdrive.Options{Name: "d6", Timing: simdrive.Timing{Rate: 512 << 10}}, nil)
	t.Cleanup(d.Release)
	insert(t, ctx, b, d, simdrive.PressedCD(simdrive.Pattern(16, sectors), sectors))
	from, mark := b.Log.Mark(), b.Guest.Mark()
	if _, err := b.Guest.Start(ctx, "reader", nil, "dd", "if="+d.Node, "of=/dev/null", "bs=64k"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Log.Await(ctx, from, "the reader's progress", bench.ReadOf("d6", 500, 500)); err != nil {
		t.Fatal(err)
	}
	d.Hang()
	if err := b.Unplug(ctx, d); err != nil {
		t.Fatal(err)
	}
	// With an error, or, as the kernel may have it, at the end of a disc that is shorter now.
	if _, err := b.Guest.AwaitExit(ctx, mark, "reader"); err != nil {
		t.Errorf("the reader did not end: %v", err)
	}
	if err := b.PlugAgain(ctx, d); err != nil {
		t.Fatal(err)
	}
	run(t, ctx, b, "dd", "if="+d.Node, "of=/dev/null", "bs=64k", "count=4")
}
