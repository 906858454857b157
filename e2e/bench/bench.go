// Package bench is a bench without hardware: a guest of Debian's kernel with
// stock udev, simulated drives as its /dev/sr*, an S3 server on the host's
// loopback, and one log on the host that holds what the drives were told and
// what the S3 server was asked.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"ripstation/internal/simdrive"
	"ripstation/internal/simdrive/iscsi"
)

// Bench is a running bench.
type Bench struct {
	Guest *Guest
	Log   *Log

	dir     string
	targets *iscsi.Server
	portal  string
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	drives map[string]*Drive
	nextID int
	failed []error
}

// Drive is a simulated drive that the guest sees.
type Drive struct {
	*simdrive.Drive
	Name   string // in the log and in QEMU
	Node   string // /dev/sr0
	target string
	id     int // SCSI id on the guest's adapter
}

// Start boots a guest without drives. Close ends it.
func Start(ctx context.Context, opt GuestOptions) (*Bench, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	opt.Dir = dir
	b := &Bench{Log: NewLog(), dir: dir, drives: map[string]*Drive{}, targets: iscsi.New()}
	b.targets.Report = b.fail
	running, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.portal = l.Addr().String()
	b.running.Go(func() { b.fail(b.targets.Run(running, l)) })
	if b.Guest, err = NewGuest(ctx, opt); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if err := b.PowerOn(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Close cuts the guest's power and takes everything down.
func (b *Bench) Close() error {
	if b.Guest != nil {
		b.Guest.PowerOff()
	}
	b.cancel()
	b.running.Wait()
	return os.RemoveAll(b.dir)
}

func (b *Bench) fail(err error) {
	// A guest whose power is cut breaks its connections off anywhere.
	if err == nil || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrUnexpectedEOF) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, err)
}

// Failures are what went wrong with the bench itself since the last call.
func (b *Bench) Failures() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := errors.Join(b.failed...)
	b.failed = nil
	return err
}

// PowerOff cuts the guest's power, and returns when its drives have noticed.
func (b *Bench) PowerOff(ctx context.Context) error {
	b.Log.Note("the guest's power is cut")
	b.Guest.PowerOff()
	return b.targets.Idle(ctx)
}

// PowerOn starts the guest, after a PowerOff, with its drives plugged in
// and its state disk as the power cut left it.
func (b *Bench) PowerOn(ctx context.Context) error {
	b.mu.Lock()
	var drives []*Drive
	for _, d := range b.drives {
		drives = append(drives, d)
	}
	b.mu.Unlock()
	if err := b.Guest.PowerOn(ctx, func() error {
		for _, d := range drives {
			if err := b.Guest.AttachDrive(ctx, d.Name, b.portal, d.target, d.id); err != nil {
				return err
			}
		}
		return nil
	}, b.resetDrives); err != nil {
		return err
	}
	return b.findNodes(ctx)
}

// resetDrives is what a machine's reset does to what hangs on its bus.
func (b *Bench) resetDrives() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.drives {
		d.Reset()
	}
}

// Reboot restarts the guest in good order.
func (b *Bench) Reboot(ctx context.Context) error {
	b.Log.Note("the guest reboots")
	if err := b.Guest.Reboot(ctx); err != nil {
		return err
	}
	return b.findNodes(ctx)
}

// Plug makes a simulated drive and plugs it into the running guest. Its Name
// (o.Name) must be one that no other drive has. A disc may be in it already.
// o.Log, if set, hears of each event after the bench's log does.
func (b *Bench) Plug(ctx context.Context, o simdrive.Options, inside *simdrive.Disc) (*Drive, error) {
	hear := o.Log
	o.Log = func(e simdrive.Event) {
		b.Log.OfDrive(e)
		if hear != nil {
			hear(e)
		}
	}
	d := &Drive{Drive: simdrive.New(o), Name: o.Name, target: "iqn.2026-11.example:" + o.Name}
	if inside != nil {
		if err := d.Insert(inside); err != nil {
			return nil, err
		}
	}
	return d, b.plugIn(ctx, d)
}

// PlugAgain plugs a drive in that was unplugged, with what lies in it. It may
// get another node. A drive that hung does so no more.
func (b *Bench) PlugAgain(ctx context.Context, d *Drive) error {
	d.Release()
	d.Return()
	return b.plugIn(ctx, d)
}

func (b *Bench) plugIn(ctx context.Context, d *Drive) error {
	if err := b.targets.Add(d.asTarget()); err != nil {
		return err
	}
	b.mu.Lock()
	d.id = b.nextID
	b.nextID = (b.nextID + 1) % 256
	b.mu.Unlock()
	if err := b.Guest.AttachDrive(ctx, d.Name, b.portal, d.target, d.id); err != nil {
		b.targets.Remove(d.target)
		return fmt.Errorf("plug %s in: %w", d.Name, err)
	}
	b.mu.Lock()
	b.drives[d.Name] = d
	b.mu.Unlock()
	b.Log.Note("%s is plugged in", d.Name)
	return b.findNodes(ctx)
}

// Unplug pulls a drive's cable, also under a command that it does not answer.
// A drive that is not plugged in is no error.
func (b *Bench) Unplug(ctx context.Context, d *Drive) error {
	b.mu.Lock()
	_, here := b.drives[d.Name]
	delete(b.drives, d.Name)
	b.mu.Unlock()
	if !here {
		return nil
	}
	b.Log.Note("%s is unplugged", d.Name)
	d.Vanish()
	err := b.Guest.DetachDrive(ctx, d.Name)
	b.targets.Remove(d.target)
	return err
}

// findNodes waits until the guest has a device node for every drive, and udev
// has done with it.
func (b *Bench) findNodes(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.drives {
		node, err := b.findNode(ctx, d.id)
		if err != nil {
			return fmt.Errorf("find %s in the guest: %w", d.Name, err)
		}
		d.Node = node
	}
	if len(b.drives) == 0 {
		return nil
	}
	r, err := b.Guest.Run(ctx, "udevadm", "settle", "--timeout=60")
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("udev does not settle: %s", r.Stderr)
	}
	return err
}

func (b *Bench) findNode(ctx context.Context, id int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := b.Guest.Run(ctx, "sh", "-c", fmt.Sprintf("ls /sys/bus/scsi/devices/*:0:%d:0/block", id))
		if err != nil {
			return "", err
		}
		if name := strings.TrimSpace(r.Stdout); r.Exit == 0 && name != "" {
			return "/dev/" + name, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("no device node: %w", ctx.Err())
		}
	}
}
