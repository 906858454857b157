package simdrive

import (
	"context"
	"errors"

	"ripstation/disc"
	"ripstation/mmc"
)

// Transport attaches an initiator in process. It stands for a Linux device
// node: the kernel behind it has taken the power-on unit attention already,
// and hands up every later one.
//
// A command ends with class gone once the drive has vanished, and with class
// wedged when its Timeout (on the drive's clock) or its context ends first.
// Closing the transport detaches the initiator.
func (d *Drive) Transport() mmc.Transport { return &transport{n: d.attach()} }

type transport struct{ n *Nexus }

// Do carries out one command; the data go straight into its buffer.
func (x *transport) Do(ctx context.Context, cmd *mmc.Command) (mmc.Result, error) {
	t := task{n: x.n, cdb: cmd.CDB, timeout: cmd.Timeout}
	switch cmd.Dir {
	case mmc.FromDrive:
		t.buf, t.max = cmd.Data, len(cmd.Data)
	case mmc.ToDrive:
		t.out = cmd.Data
	}
	if err := x.n.d.execute(ctx, &t); err != nil {
		class := disc.ClassWedged
		switch {
		case errors.Is(err, ErrVanished):
			class = disc.ClassGone
		case errors.Is(err, context.Canceled): // the caller's doing, not the drive's
			class = disc.ClassTransport
		}
		return mmc.Result{}, &disc.ReadError{Op: t.name(), Class: class, LBA: disc.LBA(t.lba), Err: err}
	}
	r := mmc.Result{Status: t.status, Sense: t.sense, Transferred: len(t.in)}
	switch {
	case cmd.Dir == mmc.ToDrive && t.status == statusGood:
		r.Transferred = len(cmd.Data)
	case len(t.in) > 0 && &t.in[0] != &cmd.Data[0]:
		copy(cmd.Data, t.in)
	}
	return r, nil
}

// Close detaches the initiator.
func (x *transport) Close() error {
	x.n.Close()
	return nil
}
