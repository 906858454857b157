package bench

import (
	"context"
	"errors"

	"ripstation/internal/simdrive"
	"ripstation/internal/simdrive/iscsi"
)

// statusTaskAborted is SAM-5's status of a command that nobody will answer.
const statusTaskAborted = 0x40

// pulled gives every command of a drive whose cable was pulled an end: QEMU
// takes no device out that still owes it one, and cannot abort what it waits
// for.
type pulled struct{ iscsi.Unit }

func (p pulled) Execute(ctx context.Context, cdb, out []byte, alloc int) (status byte, in, sense []byte, err error) {
	status, in, sense, err = p.Unit.Execute(ctx, cdb, out, alloc)
	if errors.Is(err, simdrive.ErrVanished) {
		return statusTaskAborted, nil, nil, nil
	}
	return status, in, sense, err
}

// asTarget is the drive on the bus, as one that can be pulled.
func (d *Drive) asTarget() iscsi.Target {
	t := iscsi.Drive(d.target, d.Drive)
	attach := t.Attach
	t.Attach = func() iscsi.Unit { return pulled{attach()} }
	return t
}
