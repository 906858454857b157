package bench

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
)

// libraryDirs are where Debian keeps shared libraries for amd64.
var libraryDirs = []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64"}

// libraries finds every shared library that the ELF files named need, their
// loader included, first below root, then on this machine. It maps the name
// looked for to the file found.
func libraries(root string, files ...string) (map[string]string, error) {
	found := map[string]string{}
	for len(files) > 0 {
		file := files[0]
		files = files[1:]
		needs, err := needed(file)
		if err != nil {
			return nil, err
		}
		for _, lib := range needs {
			if found[lib] != "" {
				continue
			}
			at, err := findLibrary(root, lib)
			if err != nil {
				return nil, fmt.Errorf("find what %s needs: %w", file, err)
			}
			found[lib] = at
			files = append(files, at)
		}
	}
	return found, nil
}

func needed(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	defer f.Close()
	if f.Section(".dynamic") == nil {
		return nil, nil
	}
	libs, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if f.Section(".interp") != nil {
		libs = append(libs, "ld-linux-x86-64.so.2")
	}
	return libs, nil
}

func findLibrary(root, name string) (string, error) {
	for _, base := range []string{root, "/"} {
		for _, dir := range libraryDirs {
			at := filepath.Join(base, dir, name)
			if _, err := os.Stat(at); err == nil {
				return at, nil
			}
		}
	}
	return "", fmt.Errorf("library %s is neither in the bench's folder nor on this machine", name)
}

// moduleOrder gives the files of the kernel modules named and of those they
// need, each after what it needs. Modules that are part of the kernel itself
// have no file and are left out when another module needs them.
func moduleOrder(dir string, names ...string) ([]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".ko" {
			files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if done[name] {
			return nil
		}
		done[name] = true
		file := files[name]
		if file == "" {
			return fmt.Errorf("the kernel has no module %s below %s", name, dir)
		}
		needs, err := moduleNeeds(file)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if files[n] == "" {
				continue
			}
			if err := visit(n); err != nil {
				return err
			}
		}
		order = append(order, file)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}
