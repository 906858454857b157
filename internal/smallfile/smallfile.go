// Package smallfile reads files of a machine that ought to be small: those of
// its kernel and of its administrator.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Most is the size in bytes from which a file is not read.
const Most = 4 << 20

// ErrLarge says that a file is larger than any of its kind.
var ErrLarge = errors.New("it is far too large for what it should be")

// Read is the content of a file, of at most Most bytes. Anything but a plain
// file is an error and is not opened: opening a pipe waits for its writer.
func Read(fsys fs.FS, name string) ([]byte, error) {
	st, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it is no plain file, but %v", st.Mode().Type())}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, Most+1)) // the kernel's files have no size that could be asked for
	if err != nil {
		return nil, err
	}
	if len(b) > Most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrLarge}
	}
	return b, nil
}
