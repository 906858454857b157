package station

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"ripstation/internal/atomicfile"
)

// spool is the folder of the jobs, one folder a carrier.
type spool struct{ dir string }

// gonePrefix begins the name of a job's folder that is being cleared.
const gonePrefix = ".gone-"

// ErrSpoolTaken says that another process works on the spool.
var ErrSpoolTaken = errors.New("another ripstation works on this spool")

// lock takes the spool for this process, until unlock or the process ends.
func (s *spool) lock() (unlock func(), err error) {
	if err := atomicfile.MkdirAll(s.dir, 0o750); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("lock spool: %w; run it as the station's user, or name a spool of your own (station.spool)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock spool: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 20)
		n, _ := f.Read(owner) // the error that matters is the lock's
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			which := "it does not say which process"
			if pid, err := strconv.Atoi(strings.TrimSpace(string(owner[:n]))); err == nil && pid > 0 {
				which = fmt.Sprintf("process %d", pid)
			}
			return nil, fmt.Errorf("lock spool %s: %w (%s); wait until it has ended, or stop it. While it is `ripstation run`, the other commands speak to it",
				s.dir, ErrSpoolTaken, which)
		}
		return nil, fmt.Errorf("lock spool %s: %w", s.dir, err)
	}
	// Whose it is only helps a person: a full disk keeps no station from its start.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return func() { f.Close() }, nil
}

// jobs reads every job. A folder that cannot be read as one is told in broken
// and left as it is.
func (s *spool) jobs() (jobs []*job, broken []*brokenJob, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read spool: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(s.dir, e.Name())
		if e.IsDir() && (strings.HasPrefix(e.Name(), gonePrefix) || !others(e.Name()) && unfounded(dir)) {
			// A cut while it was cleared: nothing in it is needed any more. Or one
			// between its making and its first job.json: nothing was read yet.
			if err := os.RemoveAll(dir); err != nil {
				broken = append(broken, &brokenJob{dir, err})
			}
		}
	}
	jobs, more, err := s.look()
	return jobs, append(broken, more...), err
}

// unfounded reports whether a folder is one of a job that was never begun.
func unfounded(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "job.json"))
	return errors.Is(err, fs.ErrNotExist) && unbegun(dir)
}

// others reports whether an entry of the spool is no job's.
func others(name string) bool {
	return strings.HasPrefix(name, ".") || name == "lost+found" || name == keepingDir
}

// look is jobs without changing anything. A spool that is not there has none.
func (s *spool) look() (jobs []*job, broken []*brokenJob, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read spool: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || others(e.Name()) {
			continue
		}
		dir := filepath.Join(s.dir, e.Name())
		j, err := loadJob(dir)
		switch {
		case err == nil:
			jobs = append(jobs, j)
		case !unfounded(dir): // else a job that is just being begun, or never was
			broken = append(broken, &brokenJob{dir, err})
		}
	}
	return jobs, broken, nil
}

// unbegun reports whether a job's folder holds nothing but what is made
// before its first job.json.
func unbegun(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		torn, _ := filepath.Match(".job.json.*.part", e.Name())
		if !torn && e.Name() != "uploads" {
			return false
		}
	}
	sent, uerr := os.ReadDir(filepath.Join(dir, "uploads"))
	return err == nil && len(sent) == 0 && (uerr == nil || errors.Is(uerr, fs.ErrNotExist))
}

// create makes a job's folder and writes its first job.json.
func (s *spool) create(f jobFile) (*job, error) {
	f.Format, f.Version = jobFormat, jobVersion
	dir := filepath.Join(s.dir, f.ID)
	if _, err := os.Lstat(dir); err == nil && !unfounded(dir) {
		return nil, fmt.Errorf("%w: %s is there already", errUnfinished, dir)
	}
	j := newJob(dir, f)
	err := atomicfile.MkdirAll(filepath.Join(dir, "uploads"), 0o750)
	if err == nil {
		err = j.update(func(*jobFile) {})
	}
	if err != nil {
		// On a full disk each try would leave a folder with nothing in it.
		if unfounded(dir) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return nil, err
	}
	return j, nil
}

// discard takes a job's folder away once nothing in it is needed any more:
// its copies are proven and its disc has left the drive.
func (s *spool) discard(j *job) error {
	gone := filepath.Join(s.dir, gonePrefix+filepath.Base(j.dir))
	// One rename first, so that a cut never leaves half a job.
	if err := atomicfile.Rename(j.dir, gone); err != nil {
		return fmt.Errorf("clear job: %w", err)
	}
	return os.RemoveAll(gone)
}
