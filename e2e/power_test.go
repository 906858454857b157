package e2e

import (
	"strings"
	"testing"

	"ripstation/internal/simdrive"
)

// A power cut loses what was not synced and nothing else; a reboot loses
// nothing. A drive with a disc in it is there after both, unlocked, and with
// its medium known: what the tests of the daemon's restarts stand on.
func TestRebootAndPowerCut(t *testing.T) {
	ctx, b := sharedBench(t)
	const sectors = 1000
	d := plug(t, ctx, b, simdrive.Options{Name: "p0"}, simdrive.PressedCD(simdrive.Pattern(21, sectors), sectors))
	boot := b.Guest.BootID()
	const dir = "/var/lib/ripstation/"
	run(t, ctx, b, "sh", "-c", "echo one > "+dir+"kept")
	if err := b.Reboot(ctx); err != nil {
		t.Fatal(err)
	}
	if again := b.Guest.BootID(); again == boot || again == "" {
		t.Errorf("the boot id is %q after %q", again, boot)
	}
	if got := run(t, ctx, b, "cat", dir+"kept"); got != "one\n" {
		t.Errorf("after the reboot the file says %q", got)
	}

	run(t, ctx, b, "sh", "-c", "echo two > "+dir+"synced && sync && echo three > "+dir+"unsynced")
	if err := b.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	if d.Locked() {
		t.Error("the tray is still locked although its initiator is gone")
	}
	if err := b.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	if got := run(t, ctx, b, "cat", dir+"kept", dir+"synced"); got != "one\ntwo\n" {
		t.Errorf("after the power cut the synced files say %q", got)
	}
	if r, err := b.Guest.Run(ctx, "cat", dir+"unsynced"); err != nil || strings.Contains(r.Stdout, "three") {
		t.Errorf("what was not synced has outlived the power cut: %q, %v", r.Stdout, err)
	}
	if props := udevOf(t, ctx, b, d.Node); props["ID_CDROM_MEDIA"] != "1" {
		t.Errorf("udev says of the drive with a disc in it: %v", props)
	}
	run(t, ctx, b, "sh", "-c", "rm "+dir+"kept "+dir+"synced; rm -f "+dir+"unsynced")
}
