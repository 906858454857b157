package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ripstation/internal/filesystem"
)

var _ = examine(20, examinePlaces)

// discRoom is what the largest disc of a common kind needs, a double-layer DVD.
const discRoom = 9 << 30

func examinePlaces(_ context.Context, e *examiner) {
	if e.only != "" {
		return
	}
	if e.lies("spool", e.cfg.Station.Spool, discRoom) {
		e.writable("spool", e.cfg.Station.Spool)
	}
	folder := filepath.Dir(e.cfg.Station.Catalog)
	if e.lies("catalog", folder, 1<<30) {
		e.writable("catalog", folder)
	}
}

// lies tells what a folder lies on and how much room there is. It reports
// whether the folder is there.
func (e *examiner) lies(about, folder string, room int64) bool {
	i, err := filesystem.Of(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.line(about, "folder", unseen, fmt.Sprintf("%s is not there yet; the station makes it", folder), "")
		return false
	case errors.Is(err, fs.ErrPermission):
		e.line(about, "folder", unseen, err.Error(), "run this as the user that the station runs as")
		return false
	case err != nil:
		e.line(about, "folder", unseen, err.Error(), "")
		return false
	}
	s, text, do := fine, fmt.Sprintf("%s, %s", i.Name, folder), ""
	switch {
	case i.ReadOnly || i.Kind == filesystem.ReadOnly:
		s, text, do = problem, text+": it is mounted read-only", "mount it writable, or look into the system's log for why it became so"
	case i.Kind == filesystem.Memory:
		s, text, do = problem, text+": it lies in memory and is gone after a restart", "choose a folder on a disk"
	case i.Kind == filesystem.Network && about == "catalog":
		s, text, do = problem, text+": SQLite's locks cannot be relied on over a network", "choose a folder on a disk of this machine"
	case i.Kind == filesystem.Network && about == "spool":
		s, text, do = problem, text+": drives would wait for the network, and a sync is another machine's word", "choose a folder on a disk of this machine"
	case i.Kind == filesystem.Network:
		text += ": a network file system; that something is on its disks is the other machine's word"
	case i.Kind == filesystem.FAT && about == "spool":
		s, text, do = problem, text+": FAT keeps no journal and most of it takes no file over 4 GiB", "choose a folder on another file system"
	case i.Kind == filesystem.FAT && i.Name == "vfat":
		s, text, do = problem, text+": FAT takes no file over 4 GiB, which most DVDs are", "format the drive with ext4 or another file system that keeps a journal"
	case i.Kind == filesystem.FAT:
		text += ": it keeps no journal; unmount the drive before it is unplugged"
	case i.Kind == filesystem.Unknown:
		s, text = unseen, text+": nobody here knows how durable it is"
	}
	e.line(about, "file system", s, text, do)
	free := fmt.Sprintf("%s of %s are free", size(i.Free), size(i.Total))
	if i.Free < room {
		e.line(about, "free space", problem, free, fmt.Sprintf("make room: at least %s", size(room)))
	} else {
		e.line(about, "free space", fine, free, "")
	}
	return true
}

// writable tries to make a file and takes it away again.
func (e *examiner) writable(about, folder string) {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err == nil {
		_, err = f.WriteString("ripstation doctor")
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.line(about, "write", unseen, err.Error(), "run this as the user that the station runs as; if it is, that user needs to write there")
	case err != nil:
		e.line(about, "write", problem, err.Error(), "")
	default:
		e.line(about, "write", fine, "", "")
	}
}
