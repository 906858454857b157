package catalog

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ballastSize is what SQLite writes beside the catalog until its log begins
// again (1000 pages), so that a station which is let in can go on.
const ballastSize = 4 << 20

// OpenAtStation is Open for the one program that must start on a full disk,
// too: the images that can leave are what makes room there. It keeps a ballast
// beside the catalog, <path>-ballast, bytes of no meaning that give way when
// the disk has no room even for an index. ballastGone reports that they did;
// the next opening that finds room lays them down again.
func OpenAtStation(ctx context.Context, path string) (c *Catalog, ballastGone bool, err error) {
	ballast := path + "-ballast"
	c, err = Open(ctx, path)
	if errors.Is(err, ErrFull) && os.Remove(ballast) == nil {
		ballastGone = true
		c, err = Open(ctx, path)
	}
	if err == nil && !ballastGone {
		layBallast(ballast)
	}
	return c, ballastGone, err
}

// layBallast takes the ballast's room. Where that cannot be had, or the file
// system does not know how, there is none: the catalog works without.
func layBallast(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == ballastSize {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, ballastSize); err != nil {
		os.Remove(path)
	}
}
