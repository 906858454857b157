package mmc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
	"ripstation/internal/drivelock"
)

// DefaultGrace is how long behind its own deadline a command may come back
// before it is given up. The kernel aborts it first, then resets unit, bus and
// host, waits up to 10 s for the drive after each, and only then returns; and it
// does not count the time that a command waited behind those of another program.
const DefaultGrace = 60 * time.Second

// openDeadline bounds the opening of a node: the kernel asks the drive for its
// medium then, with 30 s for the answer, and can hang while the drive's host
// adapter is being recovered.
const openDeadline = 90 * time.Second

// lookAround is how often a call that takes its time is held against what is
// still on the bus.
const lookAround = 5 * time.Second

// senseSize is the most sense data that SPC-4 allows.
const senseSize = 252

var abandoned atomic.Int64

// Abandoned is how many drive calls of this process were given up because they
// did not come back from the kernel.
func Abandoned() int64 { return abandoned.Load() }

// kernel is the part of it that a Node needs.
type kernel struct {
	open    func(path string) (fd int, err error)
	version func(fd int) (int, error)
	submit  func(fd int, c *sgCall) unix.Errno
}

var linux = kernel{
	open: func(path string) (int, error) {
		return unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	},
	version: func(fd int) (int, error) { return unix.IoctlGetInt(fd, sgGetVersionNum) },
	submit:  submit,
}

// Node is the Transport of a device node (/dev/sr0, or the sg node of the same
// drive) through the SG_IO ioctl. Commands of several goroutines take turns,
// also those of other Nodes of the same device.
type Node struct {
	// Grace is how long behind its deadline a command may come back; it may be
	// set before the first command. Beyond it the call is abandoned, and the
	// device gets no further command from this process, by whatever Node, until
	// it has left the bus and come back: they end with disc.ClassWedged.
	Grace time.Duration

	path   string
	fd     int
	dev    *device
	kernel kernel
	free   func() // gives up the drive's lock
	buf    []byte // the kernel's data buffer, reused from command to command

	mu     sync.Mutex
	closed bool
	lost   bool // its own call was given up; whoever brings that back ends the Node
}

// OpenNode opens a device node for commands, and takes the drive for this
// process (internal/drivelock) until the Node is closed. The descriptor is raw
// and non-blocking: a blocking open pulls an open tray in, and one that is
// read-only is refused eject and speed commands by the kernel's filter. Errors
// are *disc.ReadError of class gone, permission, refused (not a drive), wedged
// or transport, or wrap drivelock.ErrTaken.
func OpenNode(path string) (*Node, error) { return openNode(path, linux, openDeadline) }

func openNode(path string, k kernel, deadline time.Duration) (*Node, error) {
	dev, err := deviceAt(path)
	if err != nil {
		return nil, openError(path, errnoClass(err), withHint(err))
	}
	free := func() {}
	if dev.is.rdev != 0 { // else it is no node, which the kernel will say
		if free, err = drivelock.Take(path); err != nil {
			dev.done()
			return nil, err
		}
	}
	done := func() {
		free()
		dev.done()
	}
	select {
	case <-dev.turn:
	case <-dev.stuck:
		done()
		return nil, dev.refused("open " + path)
	}
	if dev.isStuck() { // both were so
		done()
		return nil, dev.refused("open " + path)
	}
	fd, err := openWithin(path, dev, k, deadline, done)
	if err != nil {
		return nil, err
	}
	dev.turn <- struct{}{}
	return &Node{Grace: DefaultGrace, path: path, fd: fd, dev: dev, kernel: k, free: free}, nil
}

// openWithin opens the node and asks whether it takes commands, both on a
// goroutine of their own. It has the device's turn, and gives it back with an
// error. done is called then, once no call is out any more.
func openWithin(path string, dev *device, k kernel, deadline time.Duration, done func()) (fd int, err error) {
	type opened struct {
		fd         int
		err, noDrv error
	}
	back, late := make(chan opened), make(chan struct{})
	sent := time.Now()
	go func() {
		var o opened
		if o.fd, o.err = k.open(path); o.err == nil {
			if v, err := k.version(o.fd); err != nil || v < sgMinVersion {
				o.noDrv = errors.New("it does not take SCSI commands; is it the node of an optical drive?")
			}
		}
		select {
		case back <- o:
		case <-late:
			if o.err == nil {
				unix.Close(o.fd)
			}
			done()
		}
	}()
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case o := <-back:
		switch {
		case o.err != nil:
			err = openError(path, errnoClass(o.err), withHint(o.err))
		case o.noDrv != nil:
			unix.Close(o.fd)
			err = openError(path, disc.ClassRefused, o.noDrv)
		default:
			return o.fd, nil
		}
		dev.turn <- struct{}{}
		done()
		return -1, err
	case <-timer.C:
		dev.giveUp("the opening of its node", sent)
		close(late)
		return -1, dev.refused("open " + path)
	}
}

// Path is the node's path as it was opened.
func (n *Node) Path() string { return n.path }

// Do carries one command. A command in flight is waited for, also when ctx is
// cancelled, up to its deadline plus Grace, or until its device has left the
// bus; ctx is looked at while waiting for a turn, and its error is returned
// then (no *disc.ReadError: nothing was sent).
func (n *Node) Do(ctx context.Context, cmd *Command) (Result, error) {
	op, err := permit(cmd)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("%s on %s: %w", op.name, n.path, err)
	}
	if n.dev.isStuck() {
		return Result{}, n.dev.refused(op.name)
	}
	select {
	case <-n.dev.turn:
	case <-n.dev.stuck:
		return Result{}, n.dev.refused(op.name)
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%s on %s: %w", op.name, n.path, ctx.Err())
	}
	if n.isClosed() {
		n.dev.turn <- struct{}{}
		return Result{}, &disc.ReadError{Op: op.name, Class: disc.ClassTransport, LBA: -1, Err: fmt.Errorf("%s is closed", n.path)}
	}
	return n.carry(op, cmd)
}

// carry runs the call on a goroutine of its own, since nothing can interrupt
// one that is stuck in the kernel's error handling. Whoever brings the call
// back returns the turn; an abandoned one never does, so that its buffers and
// its descriptor are touched by nobody else.
func (n *Node) carry(op operation, cmd *Command) (Result, error) {
	if len(n.buf) < len(cmd.Data) {
		n.buf = make([]byte, len(cmd.Data))
	}
	timeout := max(cmd.Timeout, MinTimeout)
	call := &sgCall{
		cdb:       append([]byte(nil), cmd.CDB...),
		sense:     make([]byte, senseSize),
		data:      n.buf[:len(cmd.Data)],
		timeoutMS: uint32(min(timeout, 24*time.Hour) / time.Millisecond),
	}
	back := make(chan unix.Errno)
	late := make(chan struct{})
	sent := time.Now()
	go func() {
		errno := n.kernel.submit(n.fd, call)
		select {
		case back <- errno:
		case <-late:
			n.closeLate()
		}
	}()
	most := timeout + n.Grace
	timer := time.NewTimer(min(most, lookAround))
	defer timer.Stop()
	for {
		select {
		case errno := <-back:
			res, err := verdict(op, call, errno)
			copy(cmd.Data, call.data[:res.Transferred])
			n.dev.turn <- struct{}{}
			return res, err
		case <-timer.C:
		}
		left := n.dev.left()
		if waited := time.Since(sent); waited < most && !left {
			timer.Reset(min(most-waited, lookAround))
			continue
		}
		n.mu.Lock()
		n.lost = true
		n.mu.Unlock()
		n.dev.giveUp(op.name, sent)
		close(late)
		if left {
			return Result{}, &disc.ReadError{Op: op.name, Class: disc.ClassGone, LBA: -1,
				Err: fmt.Errorf("%s has left the bus while the command was under way", n.path)}
		}
		return Result{}, n.dev.refused(op.name)
	}
}

func (n *Node) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// Close waits for a command under way, as long as Do would, closes the
// descriptor and gives the drive up. With an abandoned call it returns at once,
// and both happen if that call ever comes back: until then the drive stays
// taken, so that no other process sends it anything either.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	select {
	case <-n.dev.stuck:
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.lost {
			go n.closeLate() // closing can hang behind the other Node's call
		}
		return nil
	case <-n.dev.turn:
	}
	err := n.end()
	n.dev.turn <- struct{}{}
	if err != nil {
		return fmt.Errorf("close %s: %w", n.path, err)
	}
	return nil
}

func (n *Node) end() error {
	err := unix.Close(n.fd)
	n.free()
	n.dev.done()
	return err
}

// closeLate ends the Node on a device with a stuck call: when that came back
// after all, or when it was another Node's. The device stays refused.
func (n *Node) closeLate() { _ = n.end() }
