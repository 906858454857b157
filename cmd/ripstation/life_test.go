package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/station"
	"ripstation/web"
)

// notified listens as systemd does, and gives what a service says of itself.
func notified(t *testing.T) (path string, words <-chan string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ch := make(chan string, 1000)
	go func() {
		defer close(ch)
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			ch <- string(buf[:n])
		}
	}()
	return path, ch
}

func wait(t *testing.T, words <-chan string, want string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case w := <-words:
			if w == want {
				return
			}
		case <-limit:
			t.Fatalf("systemd was never told %s", want)
		}
	}
}

// A station that is stopped while it starts has done nothing wrong.
func TestStoppedWhileItStarts(t *testing.T) {
	_, config := stationFolder(t)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var talk bytes.Buffer
	a := &app{config: config, out: &talk, talk: &talk, err: &talk}
	if err := a.run(stopped, nil); err != nil || !strings.Contains(talk.String(), "stopped before it had started") {
		t.Errorf("before its parts are there: %v\n%s", err, talk.String())
	}
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	m, err := assemble(t.Context(), cfg, hands{open: func(context.Context, disc.Drive) (station.Drive, error) { return nil, station.ErrNoDrive }}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.tellSystemd(stopped, zerolog.Nop()); err != nil {
		t.Errorf("before it is ready: %v", err)
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
}

// The life of the service: ready when it answers, alive while it runs, one at
// a time, gone on SIGTERM with nothing left behind.
func TestServiceLife(t *testing.T) {
	dir, config := stationFolder(t)
	notify, words := notified(t)
	start := func() *exec.Cmd {
		cmd := command(t, "run", "--config", config)
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notify, "WATCHDOG_USEC=300000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	first := start()
	wait(t, words, "READY=1")
	wait(t, words, "WATCHDOG=1")
	if a := ripstation(t, "status", "--config", config); a.code != exitDone {
		t.Errorf("status of a station that is ready: exit %d\n%s", a.code, a.talk)
	}
	if a := ripstation(t, "run", "--config", config); a.code != exitFailed || !strings.Contains(a.talk, "already running") {
		t.Errorf("a second station: exit %d\n%s", a.code, a.talk)
	}
	// Through the station, with a relative path that only the asker knows.
	isoFile(t, dir, "image.iso", 500, 1)
	cmd := command(t, "rip", "image.iso", "--config", config)
	cmd.Dir = dir
	if a := finish(t, cmd); a.code != exitDone {
		t.Errorf("rip by the station: exit %d\n%s", a.code, a.talk)
	}
	// Killed: its socket is left behind and means nothing.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if !exists(filepath.Join(dir, "sock")) {
		t.Error("the kill left no socket; the test shows nothing")
	}
	if a := ripstation(t, "status", "--config", config); a.code != exitFailed || !strings.Contains(a.talk, "no station is running") {
		t.Errorf("status after a kill: exit %d\n%s", a.code, a.talk)
	}
	if a := ripstation(t, "list", "--config", config); a.code != exitDone || !strings.Contains(a.out, "IMAGE_FILE") {
		t.Errorf("list after a kill: exit %d\n%s", a.code, a.talk)
	}
	second := start()
	wait(t, words, "READY=1")
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait(t, words, "STOPPING=1")
	if err := second.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if exists(filepath.Join(dir, "sock")) {
		t.Error("the socket is left behind")
	}
}

// A rip that is killed at any of its steps is finished by the next one: one
// disc in the catalog, one bag in the store.
func TestKilledRipGoesOn(t *testing.T) {
	for _, point := range []string{"job-written", "reading", "read", "sealed", "before-complete", "after-complete", "stored", "recorded", "read-back", "spool-released"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dir, config := stationFolder(t)
			image := isoFile(t, dir, "image.iso", 700, 1)
			cmd := command(t, "rip", image, "--item", "K", "--config", config)
			cmd.Env = append(cmd.Env, crashpoint.Variable+"="+point)
			if a := finish(t, cmd); a.code != -1 || !strings.Contains(a.talk, "crash point "+point) {
				t.Fatalf("it was not killed: exit %d\n%s", a.code, a.talk)
			}
			a := ripstation(t, "rip", image, "--item", "K", "--config", config, "--json")
			var res ripResult
			if a.code != exitDone {
				t.Fatalf("exit %d\n%s", a.code, a.talk)
			}
			decode(t, a.out, &res)
			if res.Record == nil || res.Record.Image == nil || res.Record.Image.State != catalog.Complete {
				t.Fatalf("%+v", res)
			}
			var list []catalog.Summary
			decode(t, ripstation(t, "list", "--config", config, "--json").out, &list)
			bags, err := filepath.Glob(filepath.Join(dir, "store", "*", "v*", "tagmanifest-sha512.txt"))
			if err != nil || len(list) != len(bags) {
				t.Errorf("%d discs in the catalog, bags %q, %v", len(list), bags, err)
			}
			if a := ripstation(t, "audit", "--full", "--config", config); a.code != exitDone {
				t.Errorf("audit: exit %d\n%s", a.code, a.out)
			}
			if len(list) != 1 {
				t.Errorf("%d discs in the catalog, want the one; the second rip said:\n%s", len(list), a.talk)
			}
		})
	}
}

func TestMistypedCrashPointIsUsage(t *testing.T) {
	cmd := command(t, "version")
	cmd.Env = append(cmd.Env, crashpoint.Variable+"=sotred")
	if a := finish(t, cmd); a.code != exitUsage || !strings.Contains(a.talk, "no such crash point") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
}

// Ctrl-C while a disc is read leaves a job that the next start finishes.
func TestInterruptedRipGoesOn(t *testing.T) {
	dir, config := stationFolder(t)
	image := isoFile(t, dir, "image.iso", 200_000, 1)
	cmd := command(t, "rip", image, "--config", config)
	talk, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(talk)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "READING") {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("interrupted: exit %d", code)
	}
	a := ripstation(t, "rip", image, "--config", config)
	if a.code != exitDone || !strings.Contains(a.out, "READ WITHOUT ERRORS") {
		t.Errorf("the next one: exit %d\n%s", a.code, a.talk)
	}
}

// Without the network of a person's terminal the demonstration prints plain
// lines, and every disc ends as it should.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) answer {
		cmd := command(t, append([]string{"demo"}, args...)...)
		cmd.Dir = dir
		return finish(t, cmd)
	}
	began := time.Now()
	a := run()
	if took := time.Since(began); a.code != exitDone || took > time.Minute {
		t.Fatalf("exit %d after %v\n%s%s", a.code, took, a.out, a.talk)
	}
	for _, want := range []string{"READ WITHOUT ERRORS", "INCOMPLETE", "ALREADY ARCHIVED", "NEEDS YOU", "TAKE DISC OUT", "STORED IN 1 OF 1, READ BACK", "demo/store", "demo/config.toml",
		binary + " show ", binary + " audit --full "} {
		if !strings.Contains(a.out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.ContainsAny(a.out+a.talk, "\r\x1b") {
		t.Error("there is terminal control in it though there is no terminal")
	}
	config := filepath.Join(dir, "demo", "config.toml")
	var list []catalog.Summary
	decode(t, ripstation(t, "list", "--json", "--config", config).out, &list)
	if len(list) != 3 {
		t.Errorf("%d discs in the list", len(list))
	}
	for _, args := range [][]string{{"audit", "--full"}, {"config", "check"}} {
		if b := ripstation(t, append(args, "--config", config)...); b.code != exitDone {
			t.Errorf("%q: exit %d\n%s%s", args, b.code, b.out, b.talk)
		}
	}
	checkManifests(t, filepath.Join(dir, "demo", "store"))

	// Made anew, with an image of one's own. As JSON, the list is the result and
	// the story is talk.
	image := isoFile(t, dir, "own.iso", 3000, 7)
	a = run("--disc", image, "--json")
	decode(t, a.out, &list)
	if !strings.Contains(a.talk, "READ WITHOUT ERRORS") {
		t.Errorf("nobody hears the story: %q", a.talk)
	}
	a = run("--disc", image)
	decode(t, ripstation(t, "list", "--json", "--config", config).out, &list)
	if a.code != exitDone || len(list) != 1 || list[0].Label != "IMAGE_FILE" {
		t.Errorf("with an image: exit %d, %+v\n%s", a.code, list, a.talk)
	}
}

// checkManifests lets coreutils hold every bag against its manifests.
func checkManifests(t *testing.T, store string) {
	t.Helper()
	bags, err := filepath.Glob(filepath.Join(store, "*", "v1"))
	if err != nil || len(bags) == 0 {
		t.Fatalf("bags %q, %v", bags, err)
	}
	for _, bag := range bags {
		for _, m := range [][2]string{{"sha512sum", "manifest-sha512.txt"}, {"sha256sum", "manifest-sha256.txt"},
			{"sha512sum", "tagmanifest-sha512.txt"}, {"sha256sum", "tagmanifest-sha256.txt"}} {
			cmd := exec.Command(m[0], "--check", "--strict", m[1])
			cmd.Dir = bag
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s in %s: %v\n%s", m[1], bag, err, out)
			}
		}
	}
}

// Two demonstrations cannot share a folder at a time.
func TestDemoLeavesARunningOneAlone(t *testing.T) {
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config, err := freshDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := web.Listen(filepath.Join(dir, "ripstation.sock"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := ripstation(t, "demo", "--dir", dir)
	if a.code != exitFailed || !strings.Contains(a.talk, "a station is running") || !exists(config) {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	c, err := net.Dial("unix", filepath.Join(dir, "ripstation.sock"))
	if err != nil {
		t.Fatalf("the running one's socket: %v", err)
	}
	c.Close()
}
