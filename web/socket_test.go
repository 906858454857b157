package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestSocketIsForUserAndGroup(t *testing.T) {
	g, err := user.LookupGroupId("1") // any group that exists and is not our own
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		group string
		mode  os.FileMode
	}{{"", 0o600}, {"no-such-group-here", 0o600}, {g.Name, 0o660}} {
		p := filepath.Join(t.TempDir(), "s")
		l, err := Listen(p, c.group)
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(p)
		want := c.mode
		if os.Geteuid() != 0 && c.mode == 0o660 {
			want = 0o600 // only root may give files to other groups
		}
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("group %q: mode %v, %v; want %v", c.group, st.Mode().Perm(), err, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	ctx := context.Background()
	p := filepath.Join(t.TempDir(), "folder", "s")
	if _, err := Dial(ctx, p); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	l, err := Listen(p, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(p, ""); !errors.Is(err, ErrRunning) {
		t.Errorf("with one listening: %v", err)
	}
	// A station that is between looking and listening holds the lock alone.
	starting, err := os.Create(p + "2.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer starting.Close()
	if err := syscall.Flock(int(starting.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(p+"2", ""); !errors.Is(err, ErrRunning) {
		t.Errorf("with one starting: %v", err)
	}
	// As after a kill: the file is there, nobody listens, the lock is gone.
	s := l.(socket)
	s.Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(p); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(ctx, p); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a stale socket: %v", err)
	}
	if l, err = Listen(p, ""); err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	// A program that answers without the lock, and a file that is no socket.
	other, err := net.Listen("unix", p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(p, ""); !errors.Is(err, ErrRunning) {
		t.Errorf("somebody else's live socket: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(p, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(p, ""); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if b, _ := os.ReadFile(p); !bytes.Equal(b, []byte("precious")) {
		t.Error("the file was touched")
	}
}

// Stations that start at the same moment over a stale socket: one gets it, and
// the others leave it alone.
func TestOneOfManyGetsAStaleSocket(t *testing.T) {
	for range 20 {
		p := filepath.Join(t.TempDir(), "s")
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: p, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		stale.SetUnlinkOnClose(false)
		if err := stale.Close(); err != nil {
			t.Fatal(err)
		}
		const n = 8
		got := make(chan net.Listener, n)
		var begin, wg sync.WaitGroup
		begin.Add(1)
		for range n {
			wg.Go(func() {
				begin.Wait()
				l, err := Listen(p, "")
				if err == nil {
					got <- l
				} else if !errors.Is(err, ErrRunning) {
					t.Error(err)
				}
			})
		}
		begin.Done()
		wg.Wait()
		close(got)
		if len(got) != 1 {
			t.Errorf("%d of %d stations got the socket", len(got), n)
		}
		if c, err := net.Dial("unix", p); err != nil {
			t.Errorf("nobody answers on the socket: %v", err)
		} else {
			c.Close()
		}
		for l := range got {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A station that was killed, and that a drive holds in the kernel, listens on
// and answers nobody: that is told, with its process, and not waited for.
func TestStationThatDoesNotAnswer(t *testing.T) {
	answersWithin = 50 * time.Millisecond
	t.Cleanup(func() { answersWithin = 20 * time.Second })
	p := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", p)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Dial(t.Context(), p)
	if !errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d has it open", os.Getpid())) {
		t.Errorf("Dial: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the person has gone"))
	if _, err := Dial(ctx, p); errors.Is(err, ErrNoAnswer) {
		t.Errorf("a caller who gave up is told: %v", err)
	}
}
