package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"ripstation/e2e/control"
)

// Run runs a program in the guest, as root, to its end. A program that ends
// with a status other than 0 is a Result, not an error.
func (g *Guest) Run(ctx context.Context, argv ...string) (Result, error) {
	return g.RunInput(ctx, nil, argv...)
}

// RunInput is Run with something on standard input.
func (g *Guest) RunInput(ctx context.Context, stdin []byte, argv ...string) (Result, error) {
	seconds := 600
	m, err := g.agent.call(ctx, control.Request{Op: control.OpRun, Argv: argv, Stdin: stdin, Seconds: seconds})
	return Result{m.Exit, string(m.Stdout), string(m.Stderr)}, err
}

// AsService is the command line that runs argv as the unit does: user and
// group ripstation, supplementary group cdrom, no capability, none to be had.
func AsService(argv ...string) []string {
	return append([]string{"/usr/bin/setpriv", "--reuid=ripstation", "--regid=ripstation", "--groups=cdrom",
		"--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"}, argv...)
}

// Start starts a program under a name; env adds to its environment. Its lines
// and its end are kept as they come. It runs until it ends, is signalled, or
// the guest goes down.
func (g *Guest) Start(ctx context.Context, name string, env []string, argv ...string) (pid int, err error) {
	m, err := g.agent.call(ctx, control.Request{Op: control.OpStart, Name: name, Env: env, Argv: argv})
	return m.PID, err
}

// Signal sends a signal to a started program.
func (g *Guest) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	_, err := g.agent.call(ctx, control.Request{Op: control.OpSignal, Name: name, Signal: int(sig)})
	return err
}

// Mark is a place in the guest's events, for AwaitLine, AwaitExit and Lines.
func (g *Guest) Mark() int { return g.agent.mark() }

// AwaitExit waits until the named program has ended since mark, and gives its
// exit status.
func (g *Guest) AwaitExit(ctx context.Context, mark int, name string) (int, error) {
	m, err := g.agent.await(ctx, mark, func(m control.Message) bool {
		return m.Event == control.EventExit && m.Name == name
	})
	if err != nil {
		return 0, fmt.Errorf("wait for the end of %s: %w", name, err)
	}
	return m.Exit, nil
}

// AwaitLine waits for a line of the named program, since mark, that holds
// part.
func (g *Guest) AwaitLine(ctx context.Context, mark int, name, part string) (string, error) {
	m, err := g.agent.await(ctx, mark, func(m control.Message) bool {
		return m.Event == control.EventOutput && m.Name == name && strings.Contains(m.Line, part)
	})
	if err != nil {
		return "", fmt.Errorf("wait for a line of %s with %q: %w", name, part, err)
	}
	return m.Line, nil
}

// Lines gives what the named program has written since mark.
func (g *Guest) Lines(mark int, name string) []string {
	g.agent.mu.Lock()
	defer g.agent.mu.Unlock()
	var lines []string
	for _, m := range g.agent.events[min(mark, len(g.agent.events)):] {
		if m.Event == control.EventOutput && m.Name == name {
			lines = append(lines, m.Line)
		}
	}
	return lines
}

// ReadFile gives a file of the guest.
func (g *Guest) ReadFile(ctx context.Context, path string) ([]byte, error) {
	m, err := g.agent.call(ctx, control.Request{Op: control.OpRead, Path: path})
	return m.Data, err
}

// WriteFile makes a file in the guest hold data.
func (g *Guest) WriteFile(ctx context.Context, path string, data []byte, mode uint32) error {
	_, err := g.agent.call(ctx, control.Request{Op: control.OpWrite, Path: path, Data: data, Mode: mode})
	return err
}

// Reboot restarts the guest as an operator would: the state disk is unmounted
// first. What was started is gone; end it before.
func (g *Guest) Reboot(ctx context.Context) error {
	mark := g.agent.mark()
	_, err := g.agent.call(ctx, control.Request{Op: control.OpReboot})
	if err != nil && !errors.Is(err, errRebooted) {
		return err
	}
	return g.awaitHello(ctx, mark)
}

// Reset restarts the guest as the reset button does: what was not synced to
// the state disk is lost.
func (g *Guest) Reset(ctx context.Context) error {
	mark := g.agent.mark()
	if err := g.qmp.call(ctx, "system_reset", nil); err != nil {
		return err
	}
	return g.awaitHello(ctx, mark)
}

func (g *Guest) awaitHello(ctx context.Context, mark int) error {
	m, err := g.agent.await(ctx, mark, func(m control.Message) bool { return m.Event == control.EventHello })
	if err != nil {
		return fmt.Errorf("wait for the guest to come up: %w; its console says:\n%s", err, g.consoleTail())
	}
	g.mu.Lock()
	g.bootID = m.BootID
	g.mu.Unlock()
	return nil
}

// BootID is the kernel's boot id of the boot that the guest is in.
func (g *Guest) BootID() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bootID
}

// AttachDrive plugs a drive in: the iSCSI target at portal (host:port), with
// the SCSI id given. Name and id are the caller's, and unique in the guest.
func (g *Guest) AttachDrive(ctx context.Context, name, portal, target string, id int) error {
	if err := g.connect(ctx, name, portal, target); err != nil {
		return err
	}
	if err := g.qmp.call(ctx, "device_add", map[string]any{
		"driver": "scsi-generic", "id": name, "bus": "scsi0.0", "channel": 0, "scsi-id": id, "lun": 0, "drive": "node-" + name,
	}); err != nil {
		return errors.Join(err, g.qmp.call(ctx, "blockdev-del", map[string]any{"node-name": "node-" + name}))
	}
	return nil
}

// connect makes a drive known to QEMU, which asks it for its readiness once and
// gives up on one whose disc still spins up.
func (g *Guest) connect(ctx context.Context, name, portal, target string) error {
	for began := time.Now(); ; {
		err := g.qmp.call(ctx, "blockdev-add", map[string]any{
			"driver": "iscsi", "node-name": "node-" + name, "transport": "tcp", "portal": portal, "target": target, "lun": 0,
			"header-digest": "none", "initiator-name": "iqn.2026-11.example:guest",
		})
		if err == nil || !strings.Contains(err.Error(), "NOT READY") || time.Since(began) > time.Minute {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// DetachDrive pulls a drive's cable.
func (g *Guest) DetachDrive(ctx context.Context, name string) error {
	mark := g.qmp.mark()
	if err := g.qmp.call(ctx, "device_del", map[string]any{"id": name}); err != nil {
		return err
	}
	if err := g.qmp.await(ctx, mark, func(m qmpMessage) bool {
		return m.Event == "DEVICE_DELETED" && m.Data["device"] == name
	}); err != nil {
		return fmt.Errorf("wait for drive %s to be gone: %w", name, err)
	}
	return g.qmp.call(ctx, "blockdev-del", map[string]any{"node-name": "node-" + name})
}
