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
)

// DefaultGrace is how long behind its own deadline a command may come back
// before it is given up: the kernel first aborts it and resets what it hangs
// on, and only then returns.
const DefaultGrace = 30 * time.Second

// openDeadline bounds the opening of a node, which can hang in the kernel
// while the drive's host adapter is being recovered.
const openDeadline = 60 * time.Second

// senseSize is the most sense data that SPC-4 allows.
const senseSize = 252

var abandoned atomic.Int64

// Abandoned is how many drive calls of this process were given up because they
// did not come back from the kernel.
func Abandoned() int64 { return abandoned.Load() }

// Node is the Transport of a device node (/dev/sr0, or the sg node of the same
// drive) through the SG_IO ioctl. Commands of several goroutines take turns.
type Node struct {
	// Grace is how long behind its deadline a command may come back; it may be
	// set before the first command. Beyond it the call is abandoned, and the
	// node refuses every further command with disc.ClassWedged.
	Grace time.Duration

	path   string
	fd     int
	submit func(fd int, c *sgCall) unix.Errno
	turn   chan struct{} // holds a token while no command is under way
	stuck  chan struct{} // closed when a call has been abandoned
	buf    []byte        // the kernel's data buffer, reused from command to command

	mu     sync.Mutex
	closed bool
}

// OpenNode opens a device node for commands. The descriptor is raw and
// non-blocking: a blocking open pulls an open tray in, and one that is
// read-only is refused eject and speed commands by the kernel's filter. Errors
// are *disc.ReadError of class gone, permission, refused (not a drive), wedged
// or transport.
func OpenNode(path string) (*Node, error) {
	type opened struct {
		fd  int
		err error
	}
	done := make(chan opened)
	late := make(chan struct{})
	go func() {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		select {
		case done <- opened{fd, err}:
		case <-late:
			if err == nil {
				unix.Close(fd)
			}
		}
	}()
	timer := time.NewTimer(openDeadline)
	defer timer.Stop()
	var o opened
	select {
	case o = <-done:
	case <-timer.C:
		close(late)
		abandoned.Add(1)
		return nil, openError(path, disc.ClassWedged, errors.New("the kernel did not answer; unplug the drive and plug it in again"))
	}
	if o.err != nil {
		return nil, openError(path, errnoClass(o.err), withHint(o.err))
	}
	version, err := unix.IoctlGetInt(o.fd, sgGetVersionNum)
	if err != nil || version < sgMinVersion {
		unix.Close(o.fd)
		return nil, openError(path, disc.ClassRefused, errors.New("it does not take SCSI commands; is it the node of an optical drive?"))
	}
	return newNode(path, o.fd), nil
}

func newNode(path string, fd int) *Node {
	n := &Node{Grace: DefaultGrace, path: path, fd: fd, submit: submit, turn: make(chan struct{}, 1), stuck: make(chan struct{})}
	n.turn <- struct{}{}
	return n
}

// Path is the node's path as it was opened.
func (n *Node) Path() string { return n.path }

// Do carries one command. A command in flight is waited for, also when ctx is
// cancelled, up to its deadline plus Grace; ctx is looked at while waiting for
// a turn, and its error is returned then (no *disc.ReadError: nothing was
// sent).
func (n *Node) Do(ctx context.Context, cmd *Command) (Result, error) {
	op, err := permit(cmd)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("%s on %s: %w", op.name, n.path, err)
	}
	select {
	case <-n.stuck:
		return Result{}, n.wedged(op)
	default:
	}
	select {
	case <-n.turn:
	case <-n.stuck:
		return Result{}, n.wedged(op)
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%s on %s: %w", op.name, n.path, ctx.Err())
	}
	if n.isClosed() {
		n.turn <- struct{}{}
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
	go func() {
		errno := n.submit(n.fd, call)
		select {
		case back <- errno:
		case <-late:
			n.closeLate()
		}
	}()
	timer := time.NewTimer(timeout + n.Grace)
	defer timer.Stop()
	select {
	case errno := <-back:
		res, err := verdict(op, call, errno)
		copy(cmd.Data, call.data[:res.Transferred])
		n.turn <- struct{}{}
		return res, err
	case <-timer.C:
		abandoned.Add(1)
		close(n.stuck)
		close(late)
		return Result{}, n.wedged(op)
	}
}

func (n *Node) wedged(op operation) error {
	return &disc.ReadError{Op: op.name, Class: disc.ClassWedged, LBA: -1,
		Err: fmt.Errorf("a command to %s never came back from the kernel, so it gets no more; switch the drive off and on, or unplug it", n.path)}
}

func (n *Node) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// Close waits for a command under way, as long as Do would, and closes the
// descriptor. With an abandoned call it returns at once, and the descriptor is
// closed if that call ever comes back.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	select {
	case <-n.stuck:
		return nil
	case <-n.turn:
	}
	err := unix.Close(n.fd)
	n.turn <- struct{}{}
	if err != nil {
		return fmt.Errorf("close %s: %w", n.path, err)
	}
	return nil
}

// closeLate ends the descriptor of an abandoned call that came back after all.
// The node stays refused, so nobody else uses it.
func (n *Node) closeLate() { unix.Close(n.fd) }
