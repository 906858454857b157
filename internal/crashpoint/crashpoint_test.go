package crashpoint

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// When the test binary is started as the victim, it passes "stored" three
// times and says so each time.
func TestMain(m *testing.M) {
	if os.Getenv("CRASHPOINT_VICTIM") != "" {
		for i := range 3 {
			Here("read")
			Here("stored")
			os.Stdout.WriteString("passed " + strconv.Itoa(i+1) + "\n")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHereKillsAtTheNthTime(t *testing.T) {
	for _, c := range []struct {
		value, out, err string
		killed          bool
	}{
		{"", "passed 1\npassed 2\npassed 3\n", "", false},
		{"stored", "", "crash point stored\n", true},
		{"stored:1", "", "crash point stored\n", true},
		{"stored:3", "passed 1\npassed 2\n", "crash point stored\n", true},
		{"stored:4", "passed 1\npassed 2\npassed 3\n", "", false},
		{"sealed", "passed 1\npassed 2\npassed 3\n", "", false},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CRASHPOINT_VICTIM=1", Variable+"="+c.value)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		var ee *exec.ExitError
		killed := errors.As(err, &ee) && ee.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if killed != c.killed || out.String() != c.out || errs.String() != c.err {
			t.Errorf("%q: killed %v (%v), stdout %q, stderr %q", c.value, killed, err, out.String(), errs.String())
		}
	}
}

func TestCheck(t *testing.T) {
	for _, v := range []string{"", "stored", "stored:2"} {
		if err := Check(v); err != nil {
			t.Errorf("%q: %v", v, err)
		}
	}
	for _, v := range []string{"sotred", "stored:", "stored:0", "stored:x", ":1"} {
		if err := Check(v); err == nil || !strings.Contains(err.Error(), "spool-released") {
			t.Errorf("%q: %v: want an error that lists the names", v, err)
		}
	}
}

func TestNamesAreSortedAndDescribed(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) == 0 {
		t.Errorf("names: %q", names)
	}
	for _, n := range names {
		if Describe(n) == "" {
			t.Errorf("%s says nothing of itself", n)
		}
	}
}

// Every crash point in the program's source is in the list, spelled as a
// literal, and every one in the list is somewhere in the source.
func TestSourceAndListAgree(t *testing.T) {
	root := filepath.Join("..", "..")
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			filepath.Dir(path) == filepath.Join(root, "internal", "crashpoint") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Here" {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "crashpoint" {
				return true
			}
			lit, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: crash point is not a literal", path)
				return true
			}
			name, err := strconv.Unquote(lit.Value)
			if err != nil || points[name] == "" {
				t.Errorf("%s: crash point %s is not in the list", path, lit.Value)
			}
			found[name] = path
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range Names() {
		if found[n] == "" {
			t.Errorf("crash point %s is in the list and nowhere in the source", n)
		}
	}
}
