// Package ripstation_test holds the rooms to the import graph that the
// architecture draws.
package ripstation_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ripstation/"

// rooms says which packages of this module each one may import, besides disc
// and helpers (see allowed). A new room goes in here, with its arrows.
var rooms = map[string][]string{
	"disc":                {},
	"mmc":                 {},
	"watcher":             {},
	"ripper":              {},
	"discfs":              {"discfs/tree", "discfs/digest", "discfs/proofs", "discfs/iso9660", "discfs/udf", "discfs/apple", "discfs/boot"},
	"discfs/tree":         {},
	"discfs/digest":       {"discfs/tree"},
	"discfs/proofs":       {"discfs/tree", "discfs/digest"},
	"discfs/iso9660":      {"discfs/tree"},
	"discfs/udf":          {"discfs/tree"},
	"discfs/apple":        {"discfs/tree"},
	"discfs/boot":         {"discfs/tree"},
	"discfs/export":       {"discfs/tree"},
	"catalog":             {},
	"archive":             {},
	"audit":               {"catalog", "archive"},
	"station":             {"audit", "ripper", "discfs", "discfs/tree", "catalog", "archive"},
	"web":                 {"station", "audit"},
	"archive/archivetest": {"archive", "internal/versitygw"},
	"systemd":             {},

	"cmd/ripstation": {"web", "station", "watcher", "mmc", "audit", "ripper", "discfs", "discfs/tree", "discfs/export", "catalog", "archive",
		"systemd", "internal/simdrive", "internal/isoimage"},

	"internal/isoimage":         {},
	"internal/versitygw":        {},
	"internal/simdrive":         {"mmc", "internal/isoimage"},
	"internal/simdrive/iscsi":   {"internal/simdrive"},
	"internal/simdrive/preload": {"internal/simdrive"},
	"internal/simbench":         {"mmc", "internal/simdrive", "internal/isoimage"},
	"internal/operator":         {"internal/simdrive", "internal/isoimage"},
	"internal/bench":            {"station", "catalog", "archive", "mmc", "internal/simbench", "internal/simdrive", "internal/simdrive/preload", "internal/isoimage"},
	"internal/zdeps":            {},
}

// allowed reports whether a package of this module may import another. Any
// package below internal that rooms does not name is a helper: open to all,
// and itself built on disc and other helpers only. The bench in e2e stands
// outside and may see everything.
func allowed(from, to string) bool {
	helper := func(p string) bool {
		_, named := rooms[p]
		return !named && strings.HasPrefix(p, "internal/")
	}
	switch {
	case from == "e2e" || strings.HasPrefix(from, "e2e/"):
		return true
	case from == "disc":
		return false
	case to == "disc" || helper(to):
		return true
	}
	return slices.Contains(rooms[from], to)
}

// source is one non-test file with what it imports.
type source struct {
	pkg, file, name string
	imports         []string
}

// sources lists the module's non-test files, those for other systems too.
func sources(t *testing.T) []source {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Dir,GoFiles,CgoFiles,IgnoredGoFiles", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []source
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath, Name, Dir             string
			GoFiles, CgoFiles, IgnoredGoFiles []string
		}
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkg := strings.TrimPrefix(p.ImportPath, module)
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			s := source{pkg: pkg, file: path.Join(pkg, name), name: p.Name}
			for _, i := range f.Imports {
				to, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				s.imports = append(s.imports, to)
			}
			all = append(all, s)
		}
	}
	if len(all) < 20 {
		t.Fatalf("found %d files: too few to be this module", len(all))
	}
	return all
}

func TestImportGraph(t *testing.T) {
	for _, s := range sources(t) {
		if _, named := rooms[s.pkg]; !named && !strings.HasPrefix(s.pkg, "internal/") && !strings.HasPrefix(s.pkg, "e2e") {
			t.Errorf("%s: the package %s is no room of the house; draw it in the table of this test first", s.file, s.pkg)
		}
		for _, to := range s.imports {
			if in, ok := strings.CutPrefix(to, module); ok && !allowed(s.pkg, in) {
				t.Errorf("%s: %s may not import %s", s.file, s.pkg, in)
			}
		}
	}
}

// TestGraphItself holds the table above to what must never be written into it.
func TestGraphItself(t *testing.T) {
	for _, p := range []string{"station", "ripper"} {
		for _, never := range []string{"mmc", "watcher", "internal/simdrive"} {
			if allowed(p, never) {
				t.Errorf("the table lets %s import %s; they see drives through interfaces of their own", p, never)
			}
		}
	}
	if !slices.Equal(rooms["audit"], []string{"catalog", "archive"}) || !slices.Equal(rooms["internal/simdrive/iscsi"], []string{"internal/simdrive"}) {
		t.Errorf("audit imports %q, the iSCSI face %q", rooms["audit"], rooms["internal/simdrive/iscsi"])
	}
	state := map[string]int{} // 1 on the way down, 2 done
	var down func(p string)
	down = func(p string) {
		switch state[p] {
		case 1:
			t.Errorf("the table has a circle through %s", p)
			return
		case 2:
			return
		}
		state[p] = 1
		for _, to := range rooms[p] {
			down(to)
		}
		state[p] = 2
	}
	for p := range rooms {
		down(p)
	}
}

func TestSpecialImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, to := range s.imports {
			first, _, _ := strings.Cut(to, "/")
			switch {
			case to == "unsafe" && s.file != "mmc/sgio_linux.go":
				t.Errorf("%s: imports unsafe; the only such file is mmc/sgio_linux.go", s.file)
			case to == "C":
				t.Errorf("%s: imports C; C comes in by libraries only", s.file)
			case s.pkg == "disc" && strings.Contains(first, ".") || s.pkg == "disc" && strings.HasPrefix(to, module):
				t.Errorf("%s: disc imports %s; it imports the standard library only", s.file, to)
			}
		}
	}
}

func TestPackageNames(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range []string{s.name, path.Base(s.pkg)} {
			switch name {
			case "util", "utils", "common", "manager", "helper", "helpers", "types", "misc", "base", "shared":
				t.Errorf("%s: a package named %s says nothing of its purpose", s.file, name)
			}
		}
	}
}
