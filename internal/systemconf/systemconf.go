// Package systemconf reads the configuration of udev, systemd and sysctl as
// they do: files that lie in several folders, of which the first hides those of
// the same name in the others.
package systemconf

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ripstation/internal/smallfile"
)

// places are the folders of a kind of file, the one that counts most first
// (udev(7), systemd.unit(5), sysctl.d(5)).
var (
	ruleFolders   = []string{"etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"}
	sysctlFolders = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}
	unitFolders   = []string{"etc/systemd/system", "run/systemd/system", "run/systemd/generator", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system",
		"run/systemd/generator.late"}
)

// file is one that counts: no folder that counts more has one of its name.
type file struct {
	name, path string
}

// files are those of the folders whose names end so, by name.
func files(fsys fs.FS, folders []string, end string) ([]file, error) {
	var all []file
	for _, dir := range folders {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), end) && !slices.ContainsFunc(all, func(f file) bool { return f.name == e.Name() }) {
				all = append(all, file{e.Name(), path.Join(dir, e.Name())})
			}
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// Rule is the file of udev's rules of this name that counts, and where it lies.
// The error is fs.ErrNotExist when there is none.
func Rule(fsys fs.FS, name string) (text, at string, err error) {
	for _, dir := range ruleFolders {
		at := path.Join(dir, name)
		b, err := smallfile.Read(fsys, at)
		if err == nil {
			return string(b), "/" + at, nil
		}
		if _, there := fs.Lstat(fsys, at); there == nil || !errors.Is(err, fs.ErrNotExist) {
			return "", "/" + at, err // a link to /dev/null hides the others, too
		}
	}
	return "", "", fs.ErrNotExist
}

// Lines are the lines of a configuration that say something, without blanks at
// their ends: no comments (# or ;), no empty ones.
func Lines(text string) []string {
	var said []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != ';' {
			said = append(said, line)
		}
	}
	return said
}

// Sysctl is what the kernel's setting is set to at the start of the machine,
// and by which file; both are empty when no file says so. key is written with
// dots.
func Sysctl(fsys fs.FS, key string) (value, at string, err error) {
	all, err := files(fsys, sysctlFolders, ".conf")
	if err != nil {
		return "", "", err
	}
	for _, f := range all {
		b, err := smallfile.Read(fsys, f.path)
		if err != nil {
			continue // it says nothing: /dev/null, or a link to nowhere
		}
		for _, line := range Lines(string(b)) {
			k, v, ok := strings.Cut(line, "=")
			if k = strings.TrimPrefix(strings.TrimSpace(k), "-"); ok && strings.ReplaceAll(k, "/", ".") == key {
				value, at = strings.TrimSpace(v), "/"+f.path
			}
		}
	}
	return value, at, nil
}

// Unit is what a unit's file and those beside it (NAME.d/*.conf) say.
type Unit struct {
	Name string
	At   string // where its file lies
	set  map[string][]string
}

// Last is what a key is set to in the end; empty when it is not.
func (u Unit) Last(section, key string) string {
	all := u.set[section+"."+key]
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// Words are those of a key that is a list. An empty value forgets what stood
// before it.
func (u Unit) Words(section, key string) []string {
	var words []string
	for _, v := range u.set[section+"."+key] {
		if v == "" {
			words = nil
		}
		words = append(words, strings.Fields(v)...)
	}
	return words
}

// Units are the units whose names end so, ".mount" for one. One that is hidden
// by a link to /dev/null is not there.
func Units(fsys fs.FS, end string) ([]Unit, error) {
	all, err := files(fsys, unitFolders, end)
	if err != nil {
		return nil, err
	}
	var units []Unit
	for _, f := range all {
		b, err := smallfile.Read(fsys, f.path)
		if err != nil {
			continue
		}
		u := Unit{Name: f.name, At: "/" + f.path, set: map[string][]string{}}
		u.read(string(b))
		var beside []string
		for _, dir := range unitFolders {
			beside = append(beside, path.Join(dir, f.name+".d"))
		}
		more, err := files(fsys, beside, ".conf")
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			b, err := smallfile.Read(fsys, m.path)
			if err != nil {
				continue
			}
			u.read(string(b))
		}
		units = append(units, u)
	}
	return units, nil
}

func (u Unit) read(text string) {
	section := ""
	for _, line := range Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		if k, v, ok := strings.Cut(line, "="); ok {
			k = section + "." + strings.TrimSpace(k)
			u.set[k] = append(u.set[k], strings.TrimSpace(v))
		}
	}
}
