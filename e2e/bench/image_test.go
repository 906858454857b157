package bench

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// entries reads a newc archive back: name to mode and body.
func entries(t *testing.T, b []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for at := 0; ; {
		if at+110 > len(b) || string(b[at:at+6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		field := func(i int) int {
			v, err := strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		mode, size, nameLen := field(1), field(6), field(11)
		name := string(b[at+110 : at+110+nameLen-1])
		body := (at + 110 + nameLen + 3) &^ 3
		if name == "TRAILER!!!" {
			return out
		}
		if _, twice := out[name]; twice {
			t.Errorf("%s is in the archive twice", name)
		}
		out[name] = fmt.Sprintf("%o %s", mode, b[body:body+size])
		at = (body + size + 3) &^ 3
	}
}

func TestCPIOHoldsWhatWasPutIn(t *testing.T) {
	var b bytes.Buffer
	c := newCPIO(&b)
	c.file("etc/passwd", 0o644, []byte("root"))
	c.file("etc/group", 0o600, []byte("x"))
	c.link("bin", "usr/bin")
	c.dir("a/b")
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	got := entries(t, b.Bytes())
	want := map[string]string{"etc": "40755 ", "etc/passwd": "100644 root", "etc/group": "100600 x", "bin": "120777 usr/bin", "a": "40755 ", "a/b": "40755 "}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s = %q, want %q", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the archive holds %v", got)
	}
}

func TestLibrariesAreFoundWithTheirLoader(t *testing.T) {
	libs, err := libraries("/nowhere", "/bin/ls")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"libc.so.6", "ld-linux-x86-64.so.2"} {
		if libs[name] == "" {
			t.Errorf("%s is missing among %v", name, libs)
		}
	}
}
