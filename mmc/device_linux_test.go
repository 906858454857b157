package mmc

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// rack is a folder in the place of /dev, with a kernel that answers for the
// drives in it until it is told to hang.
type rack struct {
	t     *testing.T
	dir   string
	sent  atomic.Int64 // calls that reached the kernel: opens and commands
	hangs atomic.Pointer[chan struct{}]
}

func newRack(t *testing.T) *rack {
	t.Cleanup(func() { clear(devices.by) }) // the stuck ones: their nodes' inodes are used again
	return &rack{t: t, dir: t.TempDir()}
}

// plug makes a drive's node; one that was there is another drive's.
func (r *rack) plug(name string) (path string) {
	r.t.Helper()
	path = filepath.Join(r.dir, name)
	fresh := path + ".new" // beside the old one, so that the inode is another
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// hang makes every call hang from now on; the one that is under way never
// heeds anything else.
func (r *rack) hang() (release func()) {
	c := make(chan struct{})
	r.hangs.Store(&c)
	return func() { close(c) }
}

func (r *rack) kernel() kernel {
	wait := func() {
		r.sent.Add(1)
		if c := r.hangs.Load(); c != nil {
			<-*c
		}
	}
	return kernel{
		open: func(path string) (int, error) {
			wait()
			return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		},
		version: func(int) (int, error) { return sgMinVersion, nil },
		submit:  func(int, *sgCall) unix.Errno { wait(); return 0 },
	}
}

func (r *rack) open(path string) (*Node, error) { return openNode(path, r.kernel(), time.Minute) }

func (r *rack) must(path string) *Node {
	r.t.Helper()
	n, err := r.open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func ready() *Command { return &Command{CDB: cdbTestUnitReady(), Timeout: MinTimeout} }

// forgotten fails if a device is remembered that nobody uses.
func forgotten(t *testing.T) {
	t.Helper()
	devices.mu.Lock()
	defer devices.mu.Unlock()
	for _, d := range devices.by {
		if !d.isStuck() {
			t.Errorf("%s is remembered with %d users", d.path, d.users)
		}
	}
}

// A drive with a stuck call gets nothing more by any Node, open or opened
// later, until it has left the bus and come back.
func TestWedgedDriveGetsNoMoreCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t)
		sr0, sr1 := r.plug("sr0"), r.plug("sr1")
		first, second, other := r.must(sr0), r.must(sr0), r.must(sr1)
		before := Abandoned()
		release := r.hang()
		start := time.Now()
		_, err := first.Do(t.Context(), ready())
		wantClass(t, err, disc.ClassWedged)
		if took := time.Since(start); took != MinTimeout+DefaultGrace || Abandoned() != before+1 {
			t.Errorf("given up after %s, %d calls counted", took, Abandoned()-before)
		}
		for _, word := range []string{"TEST UNIT READY", sr0, "after 1m10s", "switch it off and on"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
		r.hangs.Store(nil) // whoever asked now would have an answer
		sent := r.sent.Load()
		nothing := func(when string) {
			t.Helper()
			_, err := first.Do(t.Context(), ready())
			wantClass(t, err, disc.ClassWedged)
			_, err = second.Do(t.Context(), ready())
			wantClass(t, err, disc.ClassWedged)
			_, err = r.open(sr0)
			wantClass(t, err, disc.ClassWedged)
			if n := r.sent.Load() - sent; n != 0 {
				t.Errorf("%s: %d calls went to the wedged drive", when, n)
			}
		}
		nothing("at once")
		if _, err := other.Do(t.Context(), ready()); err != nil {
			t.Errorf("the drive beside it: %v", err)
		}
		sent = r.sent.Load()
		time.Sleep(time.Hour)
		nothing("an hour later")
		release()
		synctest.Wait()
		nothing("when the call has come back after all")

		r.plug("sr0") // switched off and on
		third := r.must(sr0)
		if _, err := third.Do(t.Context(), ready()); err != nil {
			t.Errorf("after the drive has come back: %v", err)
		}
		_, err = second.Do(t.Context(), ready()) // its descriptor is of the old one
		wantClass(t, err, disc.ClassWedged)
		for _, n := range []*Node{first, second, third, other} {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		forgotten(t)
	})
}

// A node whose opening never comes back, as the kernel asks the drive then.
func TestOpenThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t)
		sr0 := r.plug("sr0")
		release := r.hang()
		before := Abandoned()
		start := time.Now()
		waiting := make(chan error)
		go func() { _, err := r.open(sr0); waiting <- err }()
		go func() { _, err := r.open(sr0); waiting <- err }()
		wantClass(t, <-waiting, disc.ClassWedged)
		wantClass(t, <-waiting, disc.ClassWedged)
		if took := time.Since(start); took != time.Minute || Abandoned() != before+1 || r.sent.Load() != 1 {
			t.Errorf("given up after %s, %d calls counted, %d sent", took, Abandoned()-before, r.sent.Load())
		}
		_, err := r.open(sr0)
		wantClass(t, err, disc.ClassWedged)
		release()
		synctest.Wait()
		r.hangs.Store(nil)
		_, err = r.open(sr0) // nobody uses it any more, and it is remembered
		wantClass(t, err, disc.ClassWedged)
		r.plug("sr0")
		if err := r.must(sr0).Close(); err != nil {
			t.Error(err)
		}
		forgotten(t)
	})
}

// Whoever comes while a call is out waits for it: it may be the one that
// never comes back.
func TestNodesOfOneDriveTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t)
		n := r.must(r.plug("sr0"))
		release := r.hang()
		done := make(chan error, 2)
		go func() { _, err := n.Do(t.Context(), ready()); done <- err }()
		synctest.Wait()
		sent := r.sent.Load()
		r.hangs.Store(nil)
		go func() {
			m, err := r.open(n.Path())
			if err == nil {
				err = m.Close()
			}
			done <- err
		}()
		time.Sleep(20 * time.Second)
		if extra := r.sent.Load() - sent; extra != 0 {
			t.Errorf("%d calls beside the one that was under way", extra)
		}
		release()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		forgotten(t)
	})
}

// A drive that is switched off while a call hangs is not waited for to the
// call's end.
func TestDriveThatLeavesTheBusUnderACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t)
		sr0 := r.plug("sr0")
		n := r.must(sr0)
		defer r.hang()()
		go func() {
			time.Sleep(2 * time.Second)
			if err := os.Remove(sr0); err != nil {
				t.Error(err)
			}
		}()
		start := time.Now()
		_, err := n.Do(t.Context(), ready())
		wantClass(t, err, disc.ClassGone)
		if took := time.Since(start); took > lookAround {
			t.Errorf("it was waited for %s", took)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		_, err = r.open(sr0)
		wantClass(t, err, disc.ClassGone)
		r.plug("sr0")
		r.hangs.Store(nil)
		if err := r.must(sr0).Close(); err != nil {
			t.Error(err)
		}
	})
}

// A stuck call keeps one goroutine and one descriptor, however often the drive
// is asked again, and nothing once it has come back.
func TestWhatAStuckCallKeeps(t *testing.T) {
	r := newRack(t)
	sr0 := r.plug("sr0")
	n := r.must(sr0)
	n.Grace = 20*time.Millisecond - MinTimeout
	goroutines, descriptors := runtime.NumGoroutine(), openFiles(t)
	release := r.hang()
	_, err := n.Do(t.Context(), ready())
	wantClass(t, err, disc.ClassWedged)
	for range 1000 {
		_, err := r.open(sr0)
		wantClass(t, err, disc.ClassWedged)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if g, d := runtime.NumGoroutine()-goroutines, openFiles(t)-descriptors; g > 1 || d > 0 {
		t.Errorf("%d goroutines and %d descriptors more than before", g, d)
	}
	release()
	for end := time.Now().Add(10 * time.Second); isOpen(n.fd) || runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left, descriptor open: %v", runtime.NumGoroutine()-goroutines, isOpen(n.fd))
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
