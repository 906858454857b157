package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const stateDir = "/var/lib/ripstation"

func bringUp() error {
	return errors.Join(
		mounts(),
		modules("/etc/modules.list"),
		sysctl("/etc/sysctl.d"),
		udev(),
		network(),
		disk(),
	)
}

func mounts() error {
	var errs []error
	for _, m := range []struct{ kind, dir string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"},
		{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			errs = append(errs, fmt.Errorf("mount %s: %w", m.dir, err))
		}
	}
	errs = append(errs, os.Chmod("/tmp", 0o1777), os.Chmod("/dev/shm", 0o1777))
	for link, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"} {
		errs = append(errs, os.Symlink(to, link))
	}
	return errors.Join(append(errs, unix.Sethostname([]byte("bench")))...)
}

// modules loads the modules listed, which stand in the order they need.
func modules(list string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for path := range strings.FieldsSeq(string(text)) {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// sysctl does what systemd-sysctl does for the product's own files.
func sysctl(dir string) error {
	files, err := filepath.Glob(dir + "/*.conf")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if !ok || strings.HasPrefix(name, "#") {
				continue
			}
			path := "/proc/sys/" + strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(name), "-"), ".", "/")
			if err := os.WriteFile(path, []byte(strings.TrimSpace(value)), 0o644); err != nil {
				return fmt.Errorf("sysctl of %s: %w", file, err)
			}
		}
	}
	return nil
}

func udev() error {
	cmd := exec.Command("/usr/lib/systemd/systemd-udevd")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if _, err := os.Stat("/run/udev/control"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(
		run("/usr/bin/udevadm", "trigger", "--type=subsystems", "--action=add"),
		run("/usr/bin/udevadm", "trigger", "--type=devices", "--action=add"),
		run("/usr/bin/udevadm", "settle", "--timeout=30"),
	)
}

func network() error {
	return errors.Join(
		run("/bin/busybox", "ip", "link", "set", "lo", "up"),
		run("/bin/busybox", "ip", "addr", "add", "10.0.2.15/24", "dev", "eth0"),
		run("/bin/busybox", "ip", "link", "set", "eth0", "up"),
		run("/bin/busybox", "ip", "route", "add", "default", "via", "10.0.2.2"),
	)
}

// disk mounts the state disk, which the bench has formatted, where the
// service's StateDirectory is.
func disk() error {
	if err := unix.Mount("/dev/vda", stateDir, "ext4", unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		return fmt.Errorf("mount %s: %w", stateDir, err)
	}
	return errors.Join(os.Chown(stateDir, serviceUID, serviceUID), os.Chmod(stateDir, 0o750),
		os.MkdirAll("/run/ripstation", 0o755), os.Chown("/run/ripstation", serviceUID, serviceUID))
}

// serviceUID is the ripstation user's and group's number in the guest's
// passwd and group files.
const serviceUID = 999

func run(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// reboot leaves the state disk clean, as an orderly shutdown does.
func reboot() error {
	unix.Sync()
	if err := unix.Unmount(stateDir, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", stateDir, err)
	}
	return syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}
