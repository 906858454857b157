package drivelock

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
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

// child starts another process that tries to take the drive, and says what
// came of it. It keeps what it got until it is killed.
func child(t *testing.T) (word string, kill func()) {
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
	}
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
	if _, err := Take(node); !errors.Is(err, ErrTaken) {
		t.Errorf("while another process holds it: %v", err)
	}
	kill() // with SIGKILL: nothing is left behind
	release, err := Take(node)
	if err != nil {
		t.Fatalf("after the other was killed: %v", err)
	}
	release()
	if _, err := Take("/dev/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such node: %v", err)
	}
}
