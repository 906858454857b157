package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The modules a guest loads at boot, beside those they need.
var guestModules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "virtio_console", "virtio_rng",
	"sr_mod", "sd_mod", "sg", "loop", "isofs", "udf", "nls_utf8", "nls_iso8859_1",
}

// The programs a guest has beside busybox, each in every place it may be.
var guestPrograms = []string{"bin/udevadm", "lib/udev/cdrom_id", "lib/udev/scsi_id", "lib/udev/ata_id", "usr/bin/setpriv"}

const passwd = "root:x:0:0:root:/root:/bin/sh\nripstation:x:999:999::/var/lib/ripstation:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n"

// The groups that udev's rules name, with Debian's numbers, and the service's.
const group = "root:x:0:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nkmem:x:15:\ndialout:x:20:\ncdrom:x:24:\ntape:x:26:\naudio:x:29:\nvideo:x:44:\ninput:x:104:\nsgx:x:105:\nkvm:x:106:\nrender:x:107:\nripstation:x:999:\nnogroup:x:65534:\n"

// buildImage makes the guest's initramfs: the kernel's modules, udev with its
// stock rules, busybox, the agent, and this product's udev rule and sysctl.
func buildImage(repo, cache, agent string) ([]byte, error) {
	root := filepath.Join(cache, "guest")
	var out bytes.Buffer
	c := newCPIO(&out)
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu", "usr/lib64", "proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/lib/ripstation", "etc/udev/rules.d"} {
		c.dir(dir)
	}
	for name, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "/run", "usr/lib/systemd/systemd-udevd": "/usr/bin/udevadm", "usr/sbin/mount": "/usr/bin/busybox"} {
		c.link(name, to)
	}
	c.file("etc/passwd", 0o644, []byte(passwd))
	c.file("etc/group", 0o644, []byte(group))
	c.file("etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nhosts: files\n"))
	c.file("etc/hosts", 0o644, []byte("127.0.0.1 localhost\n10.0.2.2 host\n"))
	if err := errors.Join(
		addFile(c, "init", agent, 0o755),
		addPrograms(c, root),
		addModules(c, root),
		addTree(c, "usr/lib/udev/rules.d", filepath.Join(root, "lib/udev/rules.d")),
		addProduct(c, repo),
	); err != nil {
		return nil, err
	}
	if err := c.close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func addFile(c *cpioWriter, name, from string, perm fs.FileMode) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	c.file(name, perm, body)
	return nil
}

func addTree(c *cpioWriter, name, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := addFile(c, name+"/"+e.Name(), filepath.Join(from, e.Name()), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPrograms takes the programs from the bench's folder or else from this
// machine, with the libraries they need, and busybox under all its names.
func addPrograms(c *cpioWriter, root string) error {
	var files []string
	for _, p := range guestPrograms {
		at := filepath.Join(root, p)
		if _, err := os.Stat(at); err != nil {
			at = "/" + p
		}
		files = append(files, at)
		name := p
		if !strings.HasPrefix(p, "usr/") {
			name = "usr/" + p
		}
		if err := addFile(c, name, at, 0o755); err != nil {
			return err
		}
	}
	if err := addLibraries(c, root, files...); err != nil {
		return err
	}
	busybox := filepath.Join(root, "bin/busybox")
	names, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("list what busybox has: %w", err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" && name != "setpriv" {
			c.link("usr/bin/"+name, "busybox")
		}
	}
	return addFile(c, "usr/bin/busybox", busybox, 0o755)
}

func addLibraries(c *cpioWriter, root string, files ...string) error {
	libs, err := libraries(root, files...)
	if err != nil {
		return err
	}
	for name, at := range libs {
		dir := "usr/lib/x86_64-linux-gnu/"
		if strings.HasPrefix(name, "ld-linux") {
			dir = "usr/lib64/"
		}
		if err := addFile(c, dir+name, at, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func addModules(c *cpioWriter, root string) error {
	order, err := moduleOrder(filepath.Join(root, "lib/modules"), guestModules...)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, file := range order {
		name := "usr/lib/modules/" + filepath.Base(file)
		fmt.Fprintf(&list, "/%s\n", name)
		if err := addFile(c, name, file, 0o644); err != nil {
			return err
		}
	}
	c.file("etc/modules.list", 0o644, []byte(list.String()))
	return nil
}

// addProduct lays what the package installs beside the program where it would
// lie.
func addProduct(c *cpioWriter, repo string) error {
	for pattern, dir := range map[string]string{"systemd/*.rules": "etc/udev/rules.d", "systemd/*sysctl*.conf": "etc/sysctl.d"} {
		files, err := filepath.Glob(filepath.Join(repo, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := addFile(c, dir+"/"+filepath.Base(file), file, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// programImage is the second archive: the program under test, with the
// libraries it needs that are not in the first.
func programImage(cache, program string) ([]byte, error) {
	var out bytes.Buffer
	c := newCPIO(&out)
	for _, dir := range []string{"usr", "usr/bin", "usr/lib", "usr/lib64", "usr/lib/x86_64-linux-gnu"} {
		c.dirs[dir] = true // there already, from the first archive
	}
	if err := errors.Join(addFile(c, "usr/bin/ripstation", program, 0o755), addLibraries(c, filepath.Join(cache, "guest"), program)); err != nil {
		return nil, err
	}
	if err := c.close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
