// Package procfs reads what Linux says of mounts, processes and open files
// (proc(5)). It is given a machine's root folder, so that a test can make one
// up. It sends nothing to any device.
package procfs

import (
	"io/fs"
	"strings"

	"ripstation/internal/smallfile"
)

// Mount is one line of proc_pid_mountinfo(5).
type Mount struct {
	Device  string // "11:0"
	Point   string // where, as bytes that need not be UTF-8
	Type    string // "iso9660"
	Source  string // "/dev/sr0", or whatever the file system calls it
	Options []string
}

// Mounts are the mounts that a process sees; pid is a number or "self". whole
// is false when a line was not understood, so that one may be missing.
func Mounts(fsys fs.FS, pid string) (mounts []Mount, whole bool, err error) {
	b, err := smallfile.Read(fsys, "proc/"+pid+"/mountinfo")
	if err != nil {
		return nil, false, err
	}
	mounts, whole = parseMounts(string(b))
	return mounts, whole, nil
}

func parseMounts(text string) (mounts []Mount, whole bool) {
	whole = true
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(left) < 6 || len(right) < 2 || !strings.Contains(left[2], ":") {
			whole = false
			continue
		}
		mounts = append(mounts, Mount{Device: left[2], Point: unescape(left[4]), Options: strings.Split(left[5], ","), Type: right[0], Source: unescape(right[1])})
	}
	return mounts, whole
}

// unescape puts back the bytes that the kernel writes as a backslash and three
// octal digits: blanks, line ends and the backslash itself.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && len(s)-i > 3 && s[i+1] <= '3' && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
