package simdrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ripstation/disc"
)

// SAM-5 status codes.
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
)

// errTimeout says that a command's own deadline has passed.
var errTimeout = errors.New("the command was not answered within its time")

// task is one command on its way through the drive.
type task struct {
	n   *Nexus
	cdb []byte
	out []byte
	buf []byte // where data may be put; nil: make room
	max int    // bytes the initiator takes
	// timeout ends the command without an answer; 0: none. It runs on the
	// drive's clock.
	timeout time.Duration
	began   time.Time

	status byte
	in     []byte // data for the initiator, at most max bytes
	sense  []byte

	lba   int64 // for the log
	count int64
}

// command is one operation code the drive knows.
type command struct {
	name string
	size int // bytes of its CDB
	// medium says that it needs a medium that is ready.
	medium bool
	// always says that it is carried out while a unit attention waits, and
	// leaves it waiting (SPC-4, 5.14; MMC-6, 4.1.6).
	always bool
	// run carries it out with Drive.mu held; it may give the lock up in
	// between. It returns data of any length: the caller cuts it to the
	// allocation length first, and to what the initiator takes afterwards.
	run func(ctx context.Context, d *Drive, t *task) ([]byte, *check, error)
}

// execute carries out one command: waits for its turn, and leaves status,
// data and sense in t.
func (d *Drive) execute(ctx context.Context, t *task) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.began = d.clock.Now()
	t.lba = -1
	select {
	case <-d.slot:
	default: // somebody else's command is being carried out
		if err := d.block(ctx, t, d.slot); err != nil {
			d.logCommand(t, err)
			return err
		}
	}
	err := d.perform(ctx, t)
	d.logCommand(t, err)
	d.slot <- struct{}{}
	return err
}

func (d *Drive) perform(ctx context.Context, t *task) error {
	if err := d.standing(ctx, t); err != nil {
		return err
	}
	if err := d.wait(ctx, t, d.opts.Timing.Command); err != nil {
		return err
	}
	data, c, err := d.dispatch(ctx, t)
	switch {
	case err != nil:
		return err
	case c != nil:
		t.fail(d, c)
	default:
		t.status = statusGood
		t.in = data[:min(len(data), t.max)]
	}
	return nil
}

func (d *Drive) logCommand(t *task, err error) {
	if d.opts.Log == nil {
		return
	}
	d.log(Event{Kind: EventCommand, Time: t.began, Nexus: t.n.id, Op: t.name(), CDB: slices.Clone(t.cdb),
		LBA: disc.LBA(t.lba), Count: t.count, Status: t.status, Sense: t.sense, Err: err, Duration: d.clock.Now().Sub(t.began)})
}

// name is the command's name in the standards.
func (t *task) name() string {
	if len(t.cdb) == 0 {
		return "empty command"
	}
	if c, ok := commands[t.cdb[0]]; ok {
		return c.name
	}
	if w, ok := writing[t.cdb[0]]; ok {
		return w
	}
	return fmt.Sprintf("command %02x", t.cdb[0])
}

// dispatch is the order in which a drive looks at a command: does it know it,
// is it whole, does a unit attention go first, is the medium ready.
func (d *Drive) dispatch(ctx context.Context, t *task) ([]byte, *check, error) {
	d.settle()
	if len(t.cdb) == 0 {
		return nil, refuse(SenseInvalidOpcode), nil
	}
	cmd, known := commands[t.cdb[0]]
	if !known {
		if _, ok := writing[t.cdb[0]]; ok {
			d.writes.Add(1)
		}
		return nil, refuse(SenseInvalidOpcode), nil
	}
	if len(t.cdb) < cmd.size {
		return nil, refuse(SenseInvalidField), nil
	}
	if !cmd.always && len(t.n.attentions) > 0 {
		s := t.n.attentions[0]
		t.n.attentions = t.n.attentions[1:]
		return nil, refuse(s), nil
	}
	if cmd.medium {
		if c := d.notReady(); c != nil {
			return nil, c, nil
		}
		if d.wedged {
			return nil, refuse(SenseInternalFailure), nil
		}
	}
	return cmd.run(ctx, d, t)
}

// notReady is why the medium cannot be used, nil when it can.
func (d *Drive) notReady() *check {
	switch {
	case d.tray == trayOpen:
		return refuse(SenseNoMediumOpen)
	case d.disc == nil:
		return refuse(SenseNoMediumClosed)
	case !d.arrived:
		return refuse(SenseNotReadyBecoming)
	}
	return nil
}

func (t *task) fail(d *Drive, c *check) {
	t.status = statusCheckCondition
	t.in = nil
	t.sense = encodeSense(*c, d.opts.DescriptorSense)
}

// standing waits out a hang and reports a drive that has vanished. d.mu is
// held, and given up while waiting.
func (d *Drive) standing(ctx context.Context, t *task) error {
	for {
		if d.vanished {
			return ErrVanished
		}
		if d.hung == nil {
			return ctx.Err()
		}
		if err := d.block(ctx, t, d.hung); err != nil {
			return err
		}
	}
}

// block waits until the channel gives, the drive vanishes, or the command's
// time is over. d.mu is held, and given up while waiting.
func (d *Drive) block(ctx context.Context, t *task, until <-chan struct{}) error {
	gone, left, limited := d.gone, t.left(d), t.timeout > 0
	d.mu.Unlock()
	defer d.mu.Lock()
	ctx2, cancel := context.WithCancel(ctx)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if limited && d.clock.Sleep(ctx2, left) == nil {
			close(over)
		}
	}()
	defer func() { cancel(); <-done }()
	select {
	case <-until:
		return nil
	case <-gone:
		return ErrVanished
	case <-over:
		return errTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait lets drive time pass. d.mu is held, and given up while waiting, so
// that a hand can reach the drive meanwhile.
func (d *Drive) wait(ctx context.Context, t *task, dur time.Duration) error {
	if dur <= 0 {
		return nil
	}
	late := t.timeout > 0 && dur > t.left(d)
	if late {
		dur = t.left(d)
	}
	gone := d.gone
	d.mu.Unlock()
	ctx2, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-gone:
			cancel()
		case <-ctx2.Done():
		}
	}()
	err := d.clock.Sleep(ctx2, dur)
	cancel()
	<-done
	d.mu.Lock()
	switch {
	case d.vanished:
		return ErrVanished
	case ctx.Err() != nil:
		return ctx.Err()
	case late:
		return errTimeout
	case err != nil: // the drive vanished and came back in between
		return ErrVanished
	}
	return d.standing(ctx, t)
}

// left is how much of the command's time is left.
func (t *task) left(d *Drive) time.Duration {
	return max(t.timeout-d.clock.Now().Sub(t.began), 0)
}
