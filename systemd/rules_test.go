package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const rulesFile = "90-ripstation.rules"

// ruleTerm is one key with its operator and value, as udev(7) has them.
var ruleTerm = regexp.MustCompile(`^([A-Z]+)(?:\{([^}]*)\})?(==|!=|=|\+=|-=|:=)"([^"]*)"$`)

// readRules gives the rules of the file as their terms: key, attribute,
// operator, value.
func readRules(t *testing.T) [][][]string {
	t.Helper()
	b, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var rules [][][]string
	for i, line := range strings.Split(string(b), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		var rule [][]string
		for _, term := range strings.Split(line, ", ") {
			m := ruleTerm.FindStringSubmatch(term)
			if m == nil {
				t.Fatalf("%s:%d: %s is no key, operator and quoted value", rulesFile, i+1, term)
			}
			rule = append(rule, m[1:])
		}
		rules = append(rules, rule)
	}
	return rules
}

func TestUdevRules(t *testing.T) {
	match := []string{"==", "!="}
	operators := map[string][]string{
		"ACTION": match, "SUBSYSTEM": match, "KERNEL": match, "ATTRS": match,
		"ENV": {"="}, "GROUP": {"="}, "MODE": {"="}, "OPTIONS": {"+="}, "RUN": {"+="}, "GOTO": {"="}, "LABEL": {"="},
	}
	var labels, jumps, drive []string
	for _, rule := range readRules(t) {
		for _, term := range rule {
			key, attr, op, value := term[0], term[1], term[2], term[3]
			if !slices.Contains(operators[key], op) {
				t.Errorf("%s%s: that key does not take that operator", key, op)
			}
			switch key {
			case "LABEL":
				labels = append(labels, value)
			case "GOTO":
				jumps = append(jumps, value)
			}
			if slices.Equal(rule[0], []string{"SUBSYSTEM", "", "==", "block"}) {
				drive = append(drive, key+attr+op+value)
			}
		}
	}
	if !slices.Equal(labels, jumps) {
		t.Errorf("jumps to %q, labels %q", jumps, labels)
	}
	for _, want := range []string{"ENVUDISKS_IGNORE=1", "ENVUDISKS_AUTO=0", "GROUP=cdrom", "MODE=0660", "OPTIONS+=nowatch"} {
		if !slices.Contains(drive, want) {
			t.Errorf("the rule for drives has %q, want %s in it", drive, want)
		}
	}
	for _, before := range []string{"60-cdrom_id.rules", "60-persistent-storage.rules", "80-udisks2.rules"} {
		if rulesFile <= before {
			t.Errorf("%s is read before %s", rulesFile, before)
		}
	}
}

// TestUdevReadsTheRules has udev itself read the file, in a mount namespace
// where the machine lets us make one.
func TestUdevReadsTheRules(t *testing.T) {
	how := []string{"-m"}
	if exec.Command("unshare", "-m", "true").Run() != nil {
		how = []string{"-rm"}
		if exec.Command("unshare", "-rm", "true").Run() != nil {
			t.Log("no mount namespace to be had here: udev's own reading of the rules is left to the bench")
			return
		}
	}
	read := func(content string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, rulesFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		script := `mount --bind "$1" /etc/udev/rules.d && udevadm test /devices/virtual/mem/null 2>&1`
		out, err := run(t, "unshare", append(how, "sh", "-c", script, "sh", dir)...)
		if err != nil || !strings.Contains(out, "Reading rules file: /etc/udev/rules.d/"+rulesFile) {
			t.Fatalf("udevadm test did not read the rules: %v\n%s", err, out)
		}
		var said []string
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, rulesFile+":") {
				said = append(said, line)
			}
		}
		return strings.Join(said, "\n")
	}
	b, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	if said := read(string(b)); said != "" {
		t.Errorf("udev says of the rules:\n%s", said)
	}
	if said := read(strings.Replace(string(b), "UDISKS_AUTO}=", "UDISKS_AUTO=", 1)); said == "" {
		t.Error("udev says nothing of a broken rule, so its silence proves nothing")
	}
}

func TestSysctl(t *testing.T) {
	b, err := os.ReadFile("ripstation.sysctl.conf")
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, line := range strings.Split(string(b), "\n") {
		if line != "" && line[0] != '#' {
			set = append(set, line)
		}
	}
	if !slices.Equal(set, []string{"dev.cdrom.autoclose = 0"}) {
		t.Errorf("sets %q, want autoclose off and nothing else", set)
	}
	if _, err := os.Stat("/lib/systemd/systemd-sysctl"); err != nil {
		t.Errorf("the program that the udev rule runs when the cdrom driver is loaded: %v", err)
	}
}
