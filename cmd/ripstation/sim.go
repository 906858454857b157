package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
	"ripstation/station"
)

// simBay is a simulated drive with the hand of the person in front of it. It
// tells the station of its discs, as the watcher does of real ones.
type simBay struct {
	*simdrive.Drive
	info   disc.Drive
	boot   string
	events chan<- disc.DriveEvent

	mu  sync.Mutex
	seq uint64
}

// simBays are the simulated drives of one machine.
type simBays struct {
	bays   map[string]*simBay // by key
	events chan disc.DriveEvent
	boot   string
}

func newSimBays() *simBays {
	return &simBays{bays: map[string]*simBay{}, events: make(chan disc.DriveEvent), boot: fmt.Sprintf("simulated-%d", time.Now().UnixNano())}
}

// add builds a drive in under a short name, which is its node and key.
func (s *simBays) add(name string, o simdrive.Options) *simBay {
	b := &simBay{Drive: simdrive.New(o), boot: s.boot, events: s.events}
	b.info = disc.Drive{Key: name, Node: name, Vendor: o.Vendor, Model: o.Model, Firmware: o.Firmware, Serial: o.Serial}
	s.bays[name] = b
	return b
}

// open is the station's opener.
func (s *simBays) open(_ context.Context, d disc.Drive) (station.Drive, error) {
	for _, name := range []string{d.Key, d.Node} {
		if b := s.bays[name]; b != nil {
			return &simOpened{Drive: mmc.New(b.Transport()), bay: b}, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", d.Node, station.ErrNoDrive)
}

// insert puts a disc in and tells the station.
func (b *simBay) insert(ctx context.Context, d *simdrive.Disc) error {
	if err := b.Insert(d); err != nil {
		return err
	}
	b.mu.Lock()
	b.seq++
	b.mu.Unlock()
	return b.tell(ctx, disc.EventInserted)
}

// takeOut takes the disc from the open tray and tells the station.
func (b *simBay) takeOut(ctx context.Context) error {
	if b.TakeOut() == nil {
		return fmt.Errorf("drive %s: the tray is closed, or there is no disc on it", b.info.Node)
	}
	b.CloseTray()
	return b.tell(ctx, disc.EventRemoved)
}

func (b *simBay) tell(ctx context.Context, kind disc.EventKind) error {
	ev := disc.DriveEvent{Kind: kind, Drive: b.info, Time: time.Now().UTC()}
	if kind == disc.EventInserted {
		ev.Insertion = b.insertion()
	}
	select {
	case b.events <- ev:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *simBay) insertion() disc.Insertion {
	b.mu.Lock()
	defer b.mu.Unlock()
	return disc.Insertion{DriveKey: b.info.Key, BootID: b.boot, DiskSeq: b.seq}
}

// simOpened is the drive as the station opened it.
type simOpened struct {
	*mmc.Drive
	bay *simBay
}

func (d *simOpened) Info(ctx context.Context) (disc.Drive, error) {
	i, err := d.Drive.Info(ctx)
	i.Key, i.Node = d.bay.info.Key, d.bay.info.Node
	return i, err
}

func (d *simOpened) Insertion(context.Context) (disc.Insertion, error) { return d.bay.insertion(), nil }
