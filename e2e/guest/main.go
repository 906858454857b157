// Command guest is the first process of the bench's guest, and the agent the
// bench speaks with. As process 1 it brings the machine up as far as a
// distribution's own init would for an optical drive: file systems, modules,
// udev, network, the state disk; then it reaps what is orphaned. The agent is
// a child of it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if err := os.Setenv("PATH", "/usr/sbin:/usr/bin"); err != nil {
		fmt.Println("BRING-UP:", err)
	}
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		if err := agent(); err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			os.Exit(1)
		}
		return
	}
	if err := bringUp(); err != nil {
		fmt.Println("BRING-UP:", err)
	}
	cmd := exec.Command("/init", "agent")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Println("BRING-UP:", err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && err != syscall.EINTR {
			fmt.Println("REAP:", err)
			break
		}
		if cmd.Process != nil && pid == cmd.Process.Pid {
			fmt.Println("BRING-UP: the agent ended:", status)
		}
	}
}
