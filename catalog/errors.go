package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers branch on.
var (
	ErrNotFound   = errors.New("not in the catalog")
	ErrAmbiguous  = errors.New("fits more than one disc")
	ErrConflict   = errors.New("the catalog already says something else")
	ErrTransition = errors.New("a copy cannot go this way")
	ErrInvalid    = errors.New("not acceptable")
	ErrDamaged    = errors.New("the catalog is damaged")
	ErrAbsent     = errors.New("there is no catalog yet")
	ErrBusy       = errors.New("another program keeps the catalog locked")
	ErrFull       = errors.New("no space left for the catalog")
	ErrReadOnly   = errors.New("the catalog is open for reading only")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrInvalid)
}

// explain turns what SQLite says into words and a next step. The bytes of the
// catalog are never touched by any of it.
func explain(op string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w; run this as the station's user, or mend the owner of the catalog's folder", op, err)
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if full(se.Code()) {
		return fmt.Errorf("%s: %w; nothing was recorded: make room on its file system and try again: %w", op, ErrFull, err)
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%s: %w; find out which one holds it (fuser catalog.db), or try again later: %w", op, ErrBusy, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s: %w; stop the station, keep the file and its -wal as they are, and work from a backup: %w", op, ErrDamaged, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s: the file is not a SQLite database; name another file or restore the catalog from a backup: %w", op, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		return fmt.Errorf("%s: the catalog or its folder may not be opened or written; run this as the station's user, or mend their owner: %w", op, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%s: the disk under the catalog gives errors; look at the kernel's log before going on: %w", op, err)
	case sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%s: %w", op, context.Canceled)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// full reports whether an extended result code speaks of a full disk. SQLite
// calls it an I/O error when it is the -shm file that finds no room.
func full(code int) bool {
	return code&0xff == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR_SHMSIZE
}
