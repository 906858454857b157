// Package systemd_test holds the files that install ripstation as a service
// against the real tools that will read them.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// run runs a tool that the test cannot do without, and gives its output.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run scripts/packages.sh systemd udev", err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}

// root makes a file system root with the units of this machine's systemd, our
// own files where they go, and something executable as the program.
func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"usr/bin", "usr/lib/systemd", "usr/lib/sysusers.d", "usr/lib/tmpfiles.d", "etc/systemd/system", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run(t, "cp", "-a", "/lib/systemd/system", filepath.Join(dir, "usr/lib/systemd/system")); err != nil {
		t.Fatalf("copy this machine's units: %v\n%s", err, out)
	}
	for from, to := range map[string]string{
		"ripstation.service": "etc/systemd/system/ripstation.service", "ripstation.sysusers": "usr/lib/sysusers.d/ripstation.conf",
		"ripstation.tmpfiles": "usr/lib/tmpfiles.d/ripstation.conf",
	} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "usr/bin/ripstation"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUnitVerifies(t *testing.T) {
	dir := root(t)
	verify := func() (string, error) {
		return run(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root="+dir, "ripstation.service")
	}
	if out, err := verify(); err != nil || out != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// The same check sees a mistake, so its silence means something.
	unit := filepath.Join(dir, "etc/systemd/system/ripstation.service")
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, []byte(strings.Replace(string(b), "ProtectHome=yes", "ProtectHom=yes", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := verify(); !strings.Contains(out, "ProtectHom") {
		t.Errorf("systemd-analyze verify is silent about a misspelt key:\n%s", out)
	}
}

// TestUnitExposure: the score is systemd's own, 0 to 10 where 10 is open.
func TestUnitExposure(t *testing.T) {
	if out, err := run(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", "./ripstation.service"); err != nil {
		t.Errorf("exposure above 2.0: %v\n%s", err, out)
	}
}

// TestUnitSettings holds what the program needs and promises, and what
// systemd's tools have no opinion on.
func TestUnitSettings(t *testing.T) {
	b, err := os.ReadFile("ripstation.service")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string][]string{}
	for _, line := range strings.Split(string(b), "\n") {
		if k, v, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			set[k] = append(set[k], v)
		}
	}
	for k, want := range map[string][]string{
		"Type": {"notify"}, "WatchdogSec": {"90"}, "KillMode": {"mixed"},
		"User": {"ripstation"}, "Group": {"ripstation"}, "SupplementaryGroups": {"cdrom"},
		"CapabilityBoundingSet": {""}, "AmbientCapabilities": {""}, "NoNewPrivileges": {"yes"},
		"DevicePolicy": {"closed"}, "DeviceAllow": {"block-sr rw", "char-sg rw"}, "ProtectSystem": {"strict"},
		"StateDirectory": {"ripstation"}, "RuntimeDirectory": {"ripstation"}, "RuntimeDirectoryMode": {"0750"},
		"RestrictAddressFamilies": {"AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
		"ExecStart":               {"/usr/bin/ripstation run --config /etc/ripstation/config.toml"},
		// Either would hide drives or udev, or the boot id.
		"PrivateDevices": nil, "PrivateUsers": nil, "PrivateNetwork": nil, "ProcSubset": nil,
	} {
		if !slices.Equal(set[k], want) {
			t.Errorf("%s is %q, want %q", k, set[k], want)
		}
	}
	for _, c := range set["LoadCredential"] {
		if _, path, _ := strings.Cut(c, ":"); path == "" || strings.Contains(path, "/") {
			t.Errorf("LoadCredential=%s: with a path in it the service does not start while the file is absent", c)
		}
	}
	if len(set["LoadCredential"]) != 2 {
		t.Errorf("LoadCredential is %q, want the two keys of an S3 store", set["LoadCredential"])
	}
}

// TestAccounts makes the user and the folders in an empty root.
func TestAccounts(t *testing.T) {
	dir := root(t)
	if out, err := run(t, "systemd-sysusers", "--root="+dir, "--dry-run", "ripstation.conf"); err != nil || !strings.Contains(out, "'ripstation'") {
		t.Errorf("systemd-sysusers: %v\n%s", err, out)
	}
	if os.Getuid() != 0 {
		// The rest gives files to other users.
		t.Log("not root: folders are not made")
		return
	}
	if out, err := run(t, "systemd-sysusers", "--root="+dir, "ripstation.conf"); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, out)
	}
	groups, err := os.ReadFile(filepath.Join(dir, "etc/group"))
	if err != nil {
		t.Fatal(err)
	}
	member := false
	for _, g := range strings.Split(string(groups), "\n") {
		member = member || strings.HasPrefix(g, "cdrom:") && strings.HasSuffix(g, ":ripstation")
	}
	if !member {
		t.Errorf("ripstation is not in the group cdrom:\n%s", groups)
	}
	if out, err := run(t, "systemd-tmpfiles", "--root="+dir, "--create", "ripstation.conf"); err != nil || out != "" {
		t.Errorf("systemd-tmpfiles: %v\n%s", err, out)
	}
	for name, mode := range map[string]os.FileMode{"etc/credstore": 0o700, "etc/ripstation": 0o755, "var/lib/ripstation": 0o750} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %v", name, fi, err, mode)
		}
	}
}
