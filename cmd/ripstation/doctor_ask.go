package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ripstation/internal/drivelock"
	"ripstation/station"
)

// askWithin is how long doctor waits for a drive. A drive says who it is and
// what its tray does from memory; one that spins up a rotten disc may let that
// wait for a while.
const askWithin = 45 * time.Second

// reply is what came of asking a drive.
type reply struct {
	Bay station.BayStatus `json:"bay"`
	// Taken is true when another program of ripstation has the drive: it was
	// not asked.
	Taken bool `json:"taken"`
	// Held is true when some program holds the node for itself alone, as a mount
	// does, also where this process does not see it.
	Held bool `json:"held"`
	// Denied is true when this user may not use the node.
	Denied bool `json:"denied"`
	late   bool // no reply came
}

// askVerb asks one drive, for doctor, which does so in a process of its own: a
// call that hangs in the kernel keeps its process from ending.
func (a *app) askVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "ask NODE",
		Short:   "Ask a drive who it is and what its tray does, as JSON",
		Example: "  ripstation drives ask /dev/sr0",
		Args:    takes("the drive's node"),
		Hidden:  true,
		RunE: verb(func(ctx context.Context, args []string) error {
			if !isOptical(args[0]) {
				return usage("%s is not the node of an optical drive", one(args[0]))
			}
			return a.printJSON(askHere(ctx, args[0]))
		}),
	}
}

func askHere(ctx context.Context, node string) reply {
	release, err := drivelock.Take(node)
	if err != nil {
		return reply{Bay: faulty(node, err), Taken: errors.Is(err, drivelock.ErrTaken)}
	}
	defer release()
	r := reply{Bay: askDrive(ctx, node)}
	if r.Bay.Word == station.WordDriveFault {
		r.Denied = errors.Is(unix.Faccessat(unix.AT_FDCWD, node, unix.R_OK|unix.W_OK, unix.AT_EACCESS), unix.EACCES)
		return r
	}
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Close(fd)
	}
	r.Held = errors.Is(err, unix.EBUSY)
	return r
}

func faulty(node string, err error) station.BayStatus {
	b := station.BayStatus{Word: station.WordDriveFault, Text: err.Error()}
	b.Drive.Node = node
	return b
}

// maxReply bounds what is read of a reply.
const maxReply = 1 << 20

// askApart asks a drive in a process of its own. That one is left behind when
// it does not answer: it ends when the kernel lets it.
func askApart(node string) reply {
	self, err := os.Executable()
	if err != nil {
		return reply{Bay: faulty(node, fmt.Errorf("find this program's own file: %w", err))}
	}
	return askBy(exec.Command(self, "drives", "ask", node, "--json"), node, askWithin)
}

func askBy(cmd *exec.Cmd, node string, wait time.Duration) reply {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for doctor, which then has no child to wait for
	fail := func(err error) reply {
		return reply{Bay: faulty(node, fmt.Errorf("ask %s in a process of its own: %w", node, err))}
	}
	talk := &bytes.Buffer{}
	cmd.Stderr = talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fail(err)
	}
	if err := cmd.Start(); err != nil {
		return fail(err)
	}
	type answer struct {
		text []byte
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(out, maxReply))
		out.Close() // one that talks on shall not wait for a listener
		if werr := cmd.Wait(); err == nil && werr != nil {
			err = fmt.Errorf("%w: %s", werr, bytes.TrimSpace(talk.Bytes()))
		}
		came <- answer{text, err}
	}()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case a := <-came:
		var r reply
		if a.err == nil {
			a.err = json.Unmarshal(a.text, &r)
		}
		if a.err != nil {
			return fail(a.err)
		}
		return r
	case <-t.C:
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fail(err)
		}
		return reply{Bay: faulty(node, fmt.Errorf("no answer within %v", wait)), late: true}
	}
}

// lockTaken reports whether a process has a lock file of the spool. It takes
// the lock for a moment, beside others who only look.
func lockTaken(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock %s: %w", path, err)
	}
	return false, nil
}
