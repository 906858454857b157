package drivelock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// node stands for a drive: its device number is what is locked.
const node = "/dev/null"

func TestMain(m *testing.M) {
	if os.Getenv("DRIVELOCK_CHILD") != "" {
		_, err := Take(node)
		switch {
		case err == nil:
			os.Stdout.WriteString("taken\n")
		case errors.Is(err, ErrTaken):
			os.Stdout.WriteString("refused\n")
		default:
			os.Stdout.WriteString(err.Error() + "\n")
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The error says whose the drive is, to as many as ask.
func TestOwnerIsNamed(t *testing.T) {
	word, kill, pid := childOf(t)
	defer func() { kill() }()
	if word != "taken\n" {
		t.Fatalf("the other process: %s", word)
	}
	for range 3 {
		_, err := Take(node)
		if got := Owner(node); got != pid {
			t.Errorf("the owner is %d, want %d", got, pid)
		}
		if want := fmt.Sprintf("process %d;", pid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// Who has asked is let go, and the next ones hear whose the drive is.
func TestAskersAreLetGo(t *testing.T) {
	release, err := Take(node)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		t.Fatal(err)
	}
	dev := uint64(st.Rdev)
	name := nameOf(dev)
	n := 0
	for owner(name) == os.Getpid() {
		if n++; n > 100*askers {
			t.Fatal("the owner's ear is never full; the test shows nothing")
		}
	}
	mu.Lock()
	h := held[dev]
	mu.Unlock()
	swept(dev, h)
	if owner(name) != os.Getpid() {
		t.Errorf("after %d askers and a sweep nobody is told whose the drive is", n)
	}
}

func child(t *testing.T) (word string, kill func()) {
	t.Helper()
	word, kill, _ = childOf(t)
	return word, kill
}

// childOf starts another process that tries to take the drive, and says what
// came of it. It keeps what it got until it is killed.
func childOf(t *testing.T) (word string, kill func(), pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DRIVELOCK_CHILD=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = in.Close()
	}, cmd.Process.Pid
}

func TestOneProcessADrive(t *testing.T) {
	first, err := Take(node)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Take(node)
	if err != nil {
		t.Fatalf("the same process: %v", err)
	}
	word, kill := child(t)
	kill()
	if word != "refused\n" {
		t.Errorf("another process, while it is held twice: %s", word)
	}
	first()
	first() // once more changes nothing
	word, kill = child(t)
	kill()
	if word != "refused\n" {
		t.Errorf("another process, while it is held once: %s", word)
	}
	second()
	word, kill = child(t)
	if word != "taken\n" {
		t.Errorf("another process, after the last release: %s", word)
	}
	for range 3 * askers { // the last ones find the owner's ear full
		if _, err := Take(node); !errors.Is(err, ErrTaken) {
			t.Errorf("while another process holds it: %v", err)
		}
	}
	kill() // with SIGKILL: nothing is left behind
	if got := Owner(node); got != 0 {
		t.Errorf("after the other was killed the owner is %d", got)
	}
	if got := Owner("/dev/absent"); got != 0 {
		t.Errorf("what is not there belongs to %d", got)
	}
	release, err := Take(node)
	if err != nil {
		t.Fatalf("after the other was killed: %v", err)
	}
	release()
	if _, err := Take("/dev/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such node: %v", err)
	}
}
