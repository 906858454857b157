package mmc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ripstation/disc"
)

// writing are the operation codes of MMC-6, SPC-4 and SBC-3 that change a
// medium, or how a drive would write one, or the drive itself.
var writing = map[byte]string{
	0x04: "FORMAT UNIT", 0x05: "FORMAT (tape)", 0x0A: "WRITE(6)", 0x15: "MODE SELECT(6)", 0x19: "ERASE(6)", 0x2A: "WRITE(10)", 0x2C: "ERASE(10)",
	0x2E: "WRITE AND VERIFY(10)", 0x35: "SYNCHRONIZE CACHE(10)", 0x3B: "WRITE BUFFER", 0x3F: "WRITE LONG(10)", 0x41: "WRITE SAME(10)",
	0x42: "UNMAP", 0x4C: "LOG SELECT", 0x53: "RESERVE TRACK", 0x54: "SEND OPC INFORMATION", 0x55: "MODE SELECT(10)", 0x58: "REPAIR TRACK",
	0x5B: "CLOSE TRACK/SESSION", 0x5D: "SEND CUE SHEET", 0x8A: "WRITE(16)", 0x91: "SYNCHRONIZE CACHE(16)", 0x93: "WRITE SAME(16)",
	0xA1: "BLANK", 0xA2: "SEND EVENT", 0xA3: "SEND KEY", 0xAA: "WRITE(12)", 0xAC: "ERASE(12)", 0xAE: "WRITE AND VERIFY(12)",
	0xB5: "SECURITY PROTOCOL OUT", 0xB6: "SET STREAMING", 0xBF: "SEND DISC STRUCTURE", 0xA6: "LOAD/UNLOAD MEDIUM", 0xA7: "SET READ AHEAD",
}

// source parses the files of the package that are not tests.
func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

// opcodes are the constants of type opcode, wherever they are declared.
func opcodes(t *testing.T, files map[string]*ast.File) map[string]byte {
	t.Helper()
	out := map[string]byte{}
	for name, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			typ, ok := spec.Type.(*ast.Ident)
			if !ok || typ.Name != "opcode" {
				return true
			}
			for i, ident := range spec.Names {
				lit, ok := spec.Values[i].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: %s is not a plain number", name, ident.Name)
					continue
				}
				v, err := strconv.ParseUint(lit.Value, 0, 8)
				if err != nil {
					t.Errorf("%s: %s: %v", name, ident.Name, err)
				}
				out[ident.Name] = byte(v)
			}
			return true
		})
	}
	return out
}

// Originals are never written to: no operation code that could do it is known
// to the package, and every one that is known stands in the table.
func TestNoOperationCodeWrites(t *testing.T) {
	found := opcodes(t, source(t))
	if len(found) != len(operations) {
		t.Errorf("%d constants, %d operations in the table", len(found), len(operations))
	}
	for name, code := range found {
		if what, bad := writing[code]; bad {
			t.Errorf("%s is %02Xh, %s", name, code, what)
		}
		if _, ok := operations[opcode(code)]; !ok {
			t.Errorf("%s (%02Xh) is not in the table", name, code)
		}
	}
	for code, op := range operations {
		if what, bad := writing[byte(code)]; bad {
			t.Errorf("%s is %02Xh, %s", op.name, byte(code), what)
		}
		if op.timeout < MinTimeout {
			t.Errorf("%s has %s, the kernel resets the bus for less than %s", op.name, op.timeout, MinTimeout)
		}
		if op.data == ToDrive {
			t.Errorf("%s sends data to the drive", op.name)
		}
	}
}

// Command descriptor blocks are made in one place only, from a constant of type
// opcode, and every function that makes one is named for it.
func TestCommandsAreMadeFromTheTable(t *testing.T) {
	made := 0
	for name, file := range source(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if typ, ok := n.Type.(*ast.Ident); ok && typ.Name == "Command" {
					made++
					if name != "drive.go" {
						t.Errorf("%s makes a Command of its own", name)
					}
				}
			case *ast.CallExpr:
				fun, ok := n.Fun.(*ast.Ident)
				if !ok {
					return true
				}
				if fun.Name == "opcode" && name != "opcode.go" && name != "read.go" {
					t.Errorf("%s converts a number to an operation code", name)
				}
				if fun.Name == "cdb" {
					arg, ok := n.Args[0].(*ast.Ident)
					if !ok || !strings.HasPrefix(arg.Name, "op") {
						t.Errorf("%s makes a command descriptor block of something else than an op constant", name)
					}
				}
			}
			return true
		})
	}
	if made != 1 {
		t.Errorf("a Command is made in %d places", made)
	}
}

func TestOnlySgioIsUnsafe(t *testing.T) {
	for name, file := range source(t) {
		for _, imp := range file.Imports {
			if imp.Path.Value == `"unsafe"` && name != "sgio_linux.go" {
				t.Errorf("%s imports unsafe", name)
			}
		}
	}
}

// The drive refuses at run time too, whoever asks.
func TestDriveRefusesOtherCommands(t *testing.T) {
	f := newFake()
	d := f.drive()
	codes := map[byte]bool{0xFF: true, 0xD8: true}
	for code := range writing {
		codes[code] = true
	}
	for code := range codes {
		_, err := d.do(t.Context(), []byte{code, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nil, noAddress)
		wantClass(t, err, disc.ClassRefused)
	}
	_, err := d.do(t.Context(), nil, nil, noAddress)
	wantClass(t, err, disc.ClassRefused)
	if len(f.log) > 0 {
		t.Errorf("sent to the drive: %v", f.log)
	}
	_, err = permit(&Command{CDB: cdbRead10(0, 1), Dir: ToDrive, Data: make([]byte, 2048)})
	wantClass(t, err, disc.ClassRefused)
}
