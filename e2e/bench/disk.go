package bench

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// PlugImage plugs an image file in as a SCSI disk and gives its node. unplug
// takes it out again; what the guest has written is then in the file. name is
// one that nothing else plugged in has.
func (b *Bench) PlugImage(ctx context.Context, name, path string, readOnly bool) (node string, unplug func(context.Context) error, err error) {
	return b.plug(ctx, name, readOnly, map[string]any{"driver": "file", "filename": path})
}

// PlugDamaged is PlugImage of a disk with places, given in bytes, that it cannot
// read: the first reading that touches one ends with a medium error. After that
// the place is sound, as if the disk had put another in its stead.
func (b *Bench) PlugDamaged(ctx context.Context, name, path string, places []int64) (node string, unplug func(context.Context) error, err error) {
	var errs []any
	for _, at := range places {
		errs = append(errs, map[string]any{"event": "none", "iotype": "read", "errno": int(unix.ENODATA), "sector": at / 512, "once": true})
	}
	return b.plug(ctx, name, false, map[string]any{"driver": "blkdebug", "image": map[string]any{"driver": "file", "filename": path}, "inject-error": errs})
}

func (b *Bench) plug(ctx context.Context, name string, readOnly bool, file map[string]any) (node string, unplug func(context.Context) error, err error) {
	b.mu.Lock()
	id := b.nextID
	b.nextID = (b.nextID + 1) % 256
	b.mu.Unlock()
	if err := b.Guest.attachImage(ctx, name, file, readOnly, id); err != nil {
		return "", nil, fmt.Errorf("plug image %s in: %w", name, err)
	}
	unplug = func(ctx context.Context) error { return b.Guest.DetachDrive(ctx, name) }
	if node, err = b.findNode(ctx, id); err != nil {
		return "", nil, errors.Join(fmt.Errorf("find image %s in the guest: %w", name, err), unplug(ctx))
	}
	return node, unplug, nil
}

func (g *Guest) attachImage(ctx context.Context, name string, file map[string]any, readOnly bool, id int) error {
	if err := g.qmp.call(ctx, "blockdev-add", map[string]any{
		"driver": "raw", "node-name": "node-" + name, "read-only": readOnly,
		"file": file,
	}); err != nil {
		return err
	}
	if err := g.qmp.call(ctx, "device_add", map[string]any{
		"driver": "scsi-hd", "id": name, "bus": "scsi0.0", "channel": 0, "scsi-id": id, "lun": 0, "drive": "node-" + name,
	}); err != nil {
		return errors.Join(err, g.qmp.call(ctx, "blockdev-del", map[string]any{"node-name": "node-" + name}))
	}
	return nil
}
