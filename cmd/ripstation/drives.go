package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ripstation/disc"
	"ripstation/internal/blockreader"
	"ripstation/mmc"
	"ripstation/station"
	"ripstation/watcher"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// majorCDROM is the kernel's block major of optical drives behind sr_mod.
const majorCDROM = 11

// isOptical reports whether path is the node of an optical drive.
func isOptical(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && unix.Major(uint64(st.Rdev)) == majorCDROM
}

// nodePath makes a path of a drive's short name: sr0 is /dev/sr0, unless
// there is a file of that name. A link to a drive's node is followed.
func nodePath(source string) string {
	if filepath.Base(source) == source && !exists(source) {
		if node := "/dev/" + source; isOptical(node) {
			source = node
		}
	}
	if !isOptical(source) {
		return source
	}
	if node, err := filepath.EvalSymlinks(source); err == nil {
		return node
	}
	return source
}

// opener opens drives and image files for the station.
type opener struct {
	read ReadConfig

	mu    sync.Mutex
	known map[string]disc.Drive // by node: what the watcher said
}

func newOpener(read ReadConfig) *opener { return &opener{read: read, known: map[string]disc.Drive{}} }

// meet remembers the name that the watcher gave a drive.
func (o *opener) meet(d disc.Drive) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[d.Node] = d
}

func (o *opener) open(ctx context.Context, d disc.Drive) (station.Drive, error) {
	path := nodePath(d.Node)
	if path == "" {
		return nil, fmt.Errorf("drive %s has no device node: %w", d.Key, station.ErrNoDrive)
	}
	if !isOptical(path) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", path, station.ErrNoDrive)
		}
		return blockreader.Open(path)
	}
	node, err := mmc.OpenNode(path)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	known := o.known[path]
	o.mu.Unlock()
	if known.Key == "" {
		known.Key = d.Key
	}
	return &realDrive{Drive: mmc.New(node), node: path, known: known, read: o.read}, nil
}

// realDrive is an optical drive behind a device node, as the station sees it.
type realDrive struct {
	*mmc.Drive
	node  string
	known disc.Drive
	read  ReadConfig
}

// MaxSectors is the smaller of what the drive takes and what read.chunk says.
func (d *realDrive) MaxSectors() int {
	return min(d.Drive.MaxSectors(), int(d.read.Chunk/disc.SectorSize))
}

// Identify also sets the reading speed, which a drive forgets with every disc.
func (d *realDrive) Identify(ctx context.Context) (disc.Disc, error) {
	dd, err := d.Drive.Identify(ctx)
	if err != nil || d.read.Speed == 0 {
		return dd, err
	}
	// A drive that knows no speeds reads at its own.
	if err := d.SetSpeed(ctx, d.read.Speed); err != nil && disc.ClassOf(err) != disc.ClassRefused {
		return dd, err
	}
	return dd, nil
}

// Info adds the drive's key, as the watcher gave it.
func (d *realDrive) Info(ctx context.Context) (disc.Drive, error) {
	i, err := d.Drive.Info(ctx)
	if i.Serial == "" {
		i.Serial = d.known.Serial
	}
	i.Key, i.KeyByPlace, i.Node = d.known.Key, d.known.KeyByPlace, d.node
	return i, err
}

// Insertion is made of the same numbers as the watcher's.
func (d *realDrive) Insertion(context.Context) (disc.Insertion, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return disc.Insertion{}, fmt.Errorf("read the boot id, which tells one insertion from another: %w", err)
	}
	return disc.Insertion{DriveKey: d.known.Key, BootID: strings.TrimSpace(string(boot)), DiskSeq: watcher.NewUdev().DiskSeq(filepath.Base(d.node))}, nil
}

// statusOf asks a drive for its tray, for the watcher and for `drives`.
func statusOf(ctx context.Context, d disc.Drive) (disc.TrayStatus, error) {
	node, err := mmc.OpenNode(d.Node)
	if err != nil {
		return disc.TrayUnknown, err
	}
	st, err := mmc.New(node).Status(ctx)
	return st, errors.Join(err, node.Close())
}

// nameOf asks a drive who it is, for the watcher and for `drives`.
func nameOf(ctx context.Context, path string) (disc.Drive, error) {
	node, err := mmc.OpenNode(path)
	if err != nil {
		return disc.Drive{Node: path}, err
	}
	d, err := mmc.New(node).Info(ctx)
	d.Node = path
	return d, errors.Join(err, node.Close())
}

// nodes are the optical drives that the kernel has.
func nodes() []string {
	all, err := filepath.Glob("/dev/sr[0-9]*")
	if err != nil {
		return nil
	}
	slices.Sort(all)
	return slices.DeleteFunc(all, func(p string) bool { return !isOptical(p) })
}
