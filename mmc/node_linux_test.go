package mmc

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

func TestHeaderHasTheKernelsLayout(t *testing.T) {
	if strconv.IntSize != 64 {
		return // the offsets below are those of 64-bit machines
	}
	var h sgIOHdr
	for name, c := range map[string][2]uintptr{
		"size": {unsafe.Sizeof(h), 88}, "dxfer_len": {unsafe.Offsetof(h.dxferLen), 12}, "dxferp": {unsafe.Offsetof(h.dxferp), 16},
		"sbp": {unsafe.Offsetof(h.sbp), 32}, "timeout": {unsafe.Offsetof(h.timeout), 40}, "usr_ptr": {unsafe.Offsetof(h.usrPtr), 56},
		"status": {unsafe.Offsetof(h.status), 64}, "host_status": {unsafe.Offsetof(h.hostStatus), 68}, "resid": {unsafe.Offsetof(h.resid), 72},
		"info": {unsafe.Offsetof(h.info), 80},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
}

// kernelNode is a Node whose ioctl is answered by a function.
func kernelNode(t *testing.T, answer func(c *sgCall) unix.Errno) *Node {
	t.Helper()
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := nodeOn(newDevice("/dev/sr0", presence{}), fd, func(_ int, c *sgCall) unix.Errno { return answer(c) })
	t.Cleanup(func() { n.Close() })
	return n
}

func nodeOn(d *device, fd int, submit func(int, *sgCall) unix.Errno) *Node {
	d.users++
	return &Node{Grace: DefaultGrace, path: d.path, fd: fd, dev: d, kernel: kernel{submit: submit}, free: func() {}}
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func read1(data []byte) *Command {
	return &Command{CDB: cdbRead10(16, 1), Dir: FromDrive, Data: data, Timeout: MinTimeout}
}

// Everything that SG_IO can report, and what outranks what.
func TestVerdict(t *testing.T) {
	medium := fixedSense(0x70, 3, 0x11, 5)
	for name, c := range map[string]struct {
		errno  unix.Errno
		reply  sgReply
		sense  []byte
		class  disc.Class // of the error; 0 for a Result
		status byte
		moved  int
	}{
		"good":                           {moved: 2048},
		"good, less moved":               {reply: sgReply{resid: 48}, moved: 2000},
		"errno outranks all":             {errno: unix.EIO, reply: sgReply{info: 1, status: 2, hostStatus: 1}, sense: medium, class: disc.ClassTransport},
		"command filter":                 {errno: unix.EPERM, class: disc.ClassPermission},
		"node's mode":                    {errno: unix.EACCES, class: disc.ClassPermission},
		"unplugged":                      {errno: unix.ENODEV, class: disc.ClassGone},
		"unplugged, sg node":             {errno: unix.ENXIO, class: disc.ClassGone},
		"check condition":                {reply: sgReply{info: 1, status: 2, maskedStatus: 1, driverStatus: 8, resid: 2048}, sense: medium, status: 2},
		"check, status only masked":      {reply: sgReply{info: 1, maskedStatus: 1, resid: 2048}, sense: medium, status: 2},
		"check, descriptor sense":        {reply: sgReply{info: 1, status: 2, resid: 2048}, sense: unhex("72 03 11 05 00 00 00 00"), status: 2},
		"sense with a good status":       {reply: sgReply{info: 1, driverStatus: 8, resid: 2048}, sense: medium, status: 2},
		"sense that nothing announces":   {reply: sgReply{}, sense: medium, status: 2, moved: 2048},
		"busy":                           {reply: sgReply{info: 1, status: 8, maskedStatus: 4, resid: 2048}, status: 8},
		"host: no connect":               {reply: sgReply{info: 1, hostStatus: 1}, class: disc.ClassGone},
		"host: time out":                 {reply: sgReply{info: 1, hostStatus: 3}, class: disc.ClassWedged},
		"host: bad target":               {reply: sgReply{info: 1, hostStatus: 4}, class: disc.ClassGone},
		"host: error":                    {reply: sgReply{info: 1, hostStatus: 7}, class: disc.ClassTransport},
		"host: reset, outranks sense":    {reply: sgReply{info: 1, hostStatus: 8, status: 2}, sense: medium, class: disc.ClassTransport},
		"host: error, info says ok":      {reply: sgReply{hostStatus: 7}, class: disc.ClassTransport},
		"host: the kernel read the same": {reply: sgReply{info: 1, hostStatus: 0x13, status: 2, resid: 2048}, sense: medium, status: 2},
		"host: so it says, no sense":     {reply: sgReply{info: 1, hostStatus: 0x13, status: 2, resid: 2048}, class: disc.ClassTransport},
		"driver: time out":               {reply: sgReply{info: 1, driverStatus: 6}, class: disc.ClassWedged},
		"driver: hard error":             {reply: sgReply{info: 1, driverStatus: 7}, class: disc.ClassTransport},
		"driver: error, info says ok":    {reply: sgReply{driverStatus: 4}, class: disc.ClassTransport},
		"info says not ok, no more":      {reply: sgReply{info: 1}, class: disc.ClassTransport},
		"residual below nothing":         {reply: sgReply{resid: -1}, class: disc.ClassTransport},
		"residual above all":             {reply: sgReply{resid: 2049}, class: disc.ClassTransport},
	} {
		n := kernelNode(t, func(call *sgCall) unix.Errno {
			call.reply = c.reply
			call.reply.sbLenWr = byte(copy(call.sense, c.sense))
			for i := range call.data {
				call.data[i] = 0xA5
			}
			return c.errno
		})
		data := make([]byte, 2048)
		res, err := n.Do(t.Context(), read1(data))
		if disc.ClassOf(err) != c.class || (err == nil) != (c.class == 0) {
			t.Errorf("%s: %v, want class %v", name, err, c.class)
			continue
		}
		if res.Status != c.status || res.Transferred != c.moved || !bytes.Equal(res.Sense, c.sense) && c.class == 0 {
			t.Errorf("%s: %+v, want status %02x, %d bytes", name, res, c.status, c.moved)
		}
		if want := append(bytes.Repeat([]byte{0xA5}, c.moved), make([]byte, 2048-c.moved)...); !bytes.Equal(data, want) {
			t.Errorf("%s: the buffer holds other bytes than the %d that moved", name, c.moved)
		}
	}
}

func TestPermissionSaysWhatToDo(t *testing.T) {
	n := kernelNode(t, func(*sgCall) unix.Errno { return unix.EPERM })
	_, err := n.Do(t.Context(), read1(make([]byte, 2048)))
	if err == nil || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "cdrom") {
		t.Errorf("%v", err)
	}
}

// Shorter deadlines make the kernel reset the bus with every drive on it.
func TestDeadlineIsNeverShort(t *testing.T) {
	var got []uint32
	n := kernelNode(t, func(c *sgCall) unix.Errno { got = append(got, c.timeoutMS); return 0 })
	for _, timeout := range []time.Duration{0, time.Second, MinTimeout, time.Minute} {
		cmd := read1(make([]byte, 2048))
		cmd.Timeout = timeout
		if _, err := n.Do(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []uint32{10_000, 10_000, 10_000, 60_000} {
		if got[i] != want {
			t.Errorf("%d ms, want %d", got[i], want)
		}
	}
}

func TestNodeRefusesWhatWrites(t *testing.T) {
	sent := 0
	n := kernelNode(t, func(*sgCall) unix.Errno { sent++; return 0 })
	for code := range writing {
		_, err := n.Do(t.Context(), &Command{CDB: []byte{code, 0, 0, 0, 0, 0, 0, 0, 0, 0}, Timeout: MinTimeout})
		wantClass(t, err, disc.ClassRefused)
	}
	if _, err := n.Do(t.Context(), &Command{}); err == nil || sent > 0 {
		t.Errorf("%v, %d sent", err, sent)
	}
}

// stuckNode is a node whose kernel does not answer until it is released.
func stuckNode(t *testing.T) (n *Node, entered, release, left chan struct{}) {
	entered, release, left = make(chan struct{}), make(chan struct{}), make(chan struct{})
	n = kernelNode(t, func(c *sgCall) unix.Errno {
		close(entered)
		<-release
		for i := range c.data {
			c.data[i] = 0xEE // the kernel still has the buffer
		}
		close(left)
		return 0
	})
	// The command's own deadline is 10 s at least; what is waited for is
	// deadline plus grace.
	n.Grace = -MinTimeout + 20*time.Millisecond
	return n, entered, release, left
}

func TestStuckCallIsAbandoned(t *testing.T) {
	n, _, release, left := stuckNode(t)
	var freed atomic.Int64
	n.free = func() { freed.Add(1) }
	before := Abandoned()
	data := make([]byte, 2048)
	_, err := n.Do(t.Context(), read1(data))
	wantClass(t, err, disc.ClassWedged)
	if Abandoned() != before+1 {
		t.Errorf("%d calls counted", Abandoned()-before)
	}
	// No more commands, at once, whatever the kernel would answer.
	_, err = n.Do(t.Context(), &Command{CDB: cdbTestUnitReady(), Timeout: MinTimeout})
	wantClass(t, err, disc.ClassWedged)
	if err := n.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if !isOpen(n.fd) {
		t.Error("the descriptor was closed under the kernel's feet")
	}
	if freed.Load() != 0 {
		t.Error("the drive was given up to other processes with a call to it still out")
	}
	close(release)
	<-left
	for deadline := time.Now().Add(10 * time.Second); isOpen(n.fd); {
		if time.Now().After(deadline) {
			t.Fatal("the descriptor stays open after the call came back")
		}
		time.Sleep(time.Millisecond)
	}
	for end := time.Now().Add(10 * time.Second); freed.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the drive is never given up")
		}
	}
	if !bytes.Equal(data, make([]byte, 2048)) {
		t.Error("a call that was given up wrote to the caller's buffer")
	}
}

// A command in flight is waited for also when nobody wants it any more.
func TestCancelWaitsForTheCommandInFlight(t *testing.T) {
	n, entered, release, _ := stuckNode(t)
	n.Grace = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := n.Do(ctx, read1(make([]byte, 2048)))
		done <- err
	}()
	<-entered
	cancel()
	// Another one waits for its turn, and need not.
	if _, err := n.Do(ctx, read1(make([]byte, 2048))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	waiting, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := n.Do(waiting, read1(make([]byte, 2048))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("the command in flight was left behind: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("%v", err)
	}
}

func TestCloseEndsTheNode(t *testing.T) {
	n := kernelNode(t, func(*sgCall) unix.Errno { return 0 })
	if _, err := n.Do(t.Context(), read1(make([]byte, 2048))); err != nil {
		t.Fatal(err)
	}
	fd := n.fd
	if err := errors.Join(n.Close(), n.Close()); err != nil || isOpen(fd) {
		t.Errorf("%v, still open: %v", err, isOpen(fd))
	}
	_, err := n.Do(t.Context(), read1(make([]byte, 2048)))
	wantClass(t, err, disc.ClassTransport)
}

func TestOpenNodeThatIsNoDrive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.iso")
	if err := os.WriteFile(file, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, class := range map[string]disc.Class{
		file: disc.ClassRefused, "/dev/full": disc.ClassRefused,
		filepath.Join(t.TempDir(), "sr7"): disc.ClassGone,
	} {
		n, err := OpenNode(path)
		if n != nil || disc.ClassOf(err) != class || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The real ioctl, on a descriptor that takes none: errno reaches the verdict.
func TestSubmitReachesTheKernel(t *testing.T) {
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := nodeOn(newDevice(os.DevNull, presence{}), fd, submit)
	defer n.Close()
	_, err = n.Do(t.Context(), read1(make([]byte, 2048)))
	if wantClass(t, err, disc.ClassRefused); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("%v", err)
	}
}
