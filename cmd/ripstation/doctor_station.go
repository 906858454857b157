package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ripstation/internal/procfs"
	"ripstation/internal/smallfile"
	"ripstation/station"
	"ripstation/web"
)

var (
	_ = examine(5, examineStation)
	_ = examine(15, examineSpoolOwner)
)

// running is the station that answers on the configuration's socket.
type running struct {
	err     error // web.ErrNotRunning when none does; anything else: that is not known
	version web.Version
	status  station.Status
}

// stationWithin is how long a station may take to say what it does.
const stationWithin = 20 * time.Second

func askStation(ctx context.Context, socket string) (r running) {
	ctx, cancel := context.WithTimeout(ctx, stationWithin)
	defer cancel()
	c, err := web.Dial(ctx, socket)
	if err != nil {
		return running{err: err}
	}
	defer c.Close()
	if r.version, r.err = c.Version(ctx); r.err == nil {
		r.status, r.err = c.Status(ctx)
	}
	return r
}

// pid is the running station's process, 0 when none answers.
func (r running) pid() int {
	if r.err != nil {
		return 0
	}
	return r.version.PID
}

func examineStation(ctx context.Context, e *examiner) {
	if e.only != "" {
		return
	}
	r := e.running
	switch {
	case r.err == nil:
		e.line("station", "running", fine, fmt.Sprintf("%s, process %d, answers on %s", r.version.Program, r.version.PID, e.cfg.Station.Socket), "")
	case errors.Is(r.err, web.ErrNotRunning):
		e.line("station", "running", fine, "no; nothing is archived until `ripstation run` is started", "")
	case errors.Is(r.err, fs.ErrPermission):
		e.line("station", "running", unseen, r.err.Error(), "")
	default:
		e.line("station", "running", problem, "it does not answer: "+r.err.Error(), "look into its log; if it says nothing any more, stop it and start it anew")
	}
	if n := r.status.GivenUp; r.err == nil && n > 0 {
		e.line("station", "drive calls", problem, fmt.Sprintf("%d never came back from the kernel", n), "switch that drive off and on; `ripstation status` shows which it is")
	}
	var others []procfs.Process
	var err error
	if !within(ctx, lookWithin, func() { others, err = e.host.stations(r.pid()) }) || err != nil {
		e.line("station", "other stations", unseen, "/proc does not show what runs here", "run this on the station's own machine, outside of a sandbox")
		return
	}
	if len(others) > 0 && r.err != nil {
		e.line("station", "other stations", problem, called(others)+" runs as a station, and does not answer on "+e.cfg.Station.Socket,
			"use its configuration (--config); if it is not meant to run, stop it")
	} else if len(others) > 0 {
		e.line("station", "other stations", problem, called(others)+" runs as a station beside this one", "stop it, or see that the two have drives, spool and catalog of their own")
	}
}

// stations are the processes that are `ripstation run`, but for this one.
func (h *host) stations(but int) ([]procfs.Process, error) {
	all, err := procfs.Processes(h.files)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p procfs.Process) bool {
		return p.PID == but || p.PID == os.Getpid() || p.Name != programName || procfs.Argument(h.files, p.PID, 1) != "run"
	}), nil
}

// examineSpoolOwner tells which process works on the spool.
func examineSpoolOwner(_ context.Context, e *examiner) {
	if e.only != "" {
		return
	}
	const what = "owner"
	lock := filepath.Join(e.cfg.Station.Spool, "lock")
	taken, err := e.host.taken(lock)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // there is no spool yet, as is told below
	case errors.Is(err, fs.ErrPermission):
		e.line("spool", what, unseen, err.Error(), "run this as the user that the station runs as")
		return
	case err != nil:
		e.line("spool", what, unseen, err.Error(), "")
		return
	case !taken:
		if pid := e.running.pid(); pid > 0 {
			e.line("spool", what, problem, fmt.Sprintf("the running station, process %d, does not work on it: it was started with another configuration", pid), "start the station anew, or use its configuration (--config)")
			return
		}
		e.line("spool", what, fine, "no process works on it", "")
		return
	}
	pid := lockOwner(lock)
	text := "a process that does not say which it is"
	if pid > 0 {
		text = fmt.Sprintf("process %d", pid)
		if name := procfs.NameOf(e.host.files, pid); name != "" {
			text = called([]procfs.Process{{PID: pid, Name: name}})
		}
	}
	switch ours := e.running.pid(); {
	case ours > 0 && pid == ours:
		e.line("spool", what, fine, "the running station, "+text, "")
	case ours > 0:
		e.line("spool", what, problem, text+" works on it, which is not the running station", "stop one of them")
	case errors.Is(e.running.err, web.ErrNotRunning):
		e.line("spool", what, fine, text+" works on it, a `ripstation rip` or a station with another socket; a station that starts now waits for its end", "")
	default:
		e.line("spool", what, fine, text+" works on it", "")
	}
}

// lockOwner is the process that the spool's lock file names, 0 when it names
// none.
func lockOwner(lock string) int {
	b, err := smallfile.Read(os.DirFS(filepath.Dir(lock)), filepath.Base(lock))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}
