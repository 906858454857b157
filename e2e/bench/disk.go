package bench

import (
	"context"
	"errors"
	"fmt"
)

// PlugImage plugs an image file in as a SCSI disk and gives its node. unplug
// takes it out again; what the guest has written is then in the file. name is
// one that nothing else plugged in has.
func (b *Bench) PlugImage(ctx context.Context, name, path string, readOnly bool) (node string, unplug func(context.Context) error, err error) {
	b.mu.Lock()
	id := b.nextID
	b.nextID = (b.nextID + 1) % 256
	b.mu.Unlock()
	if err := b.Guest.attachImage(ctx, name, path, readOnly, id); err != nil {
		return "", nil, fmt.Errorf("plug image %s in: %w", name, err)
	}
	unplug = func(ctx context.Context) error { return b.Guest.DetachDrive(ctx, name) }
	if node, err = b.findNode(ctx, id); err != nil {
		return "", nil, errors.Join(fmt.Errorf("find image %s in the guest: %w", name, err), unplug(ctx))
	}
	return node, unplug, nil
}

func (g *Guest) attachImage(ctx context.Context, name, path string, readOnly bool, id int) error {
	if err := g.qmp.call(ctx, "blockdev-add", map[string]any{
		"driver": "raw", "node-name": "node-" + name, "read-only": readOnly,
		"file": map[string]any{"driver": "file", "filename": path},
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
