// Package simbench puts simulated drives before a station, in the place that
// the watcher and the device nodes have on a real machine.
package simbench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
)

// Bench is a row of simulated drives and what happens at them.
type Bench struct {
	boot   string
	events chan disc.DriveEvent

	mu    sync.Mutex
	slots map[string]*Slot
	queue []disc.DriveEvent
	wake  chan struct{}
}

// Slot is one drive of the bench.
type Slot struct {
	*simdrive.Drive
	Info disc.Drive

	seq atomic.Uint64
}

// New makes a bench without drives. boot stands for the boot id in the keys of
// insertions.
func New(boot string) *Bench {
	return &Bench{boot: boot, events: make(chan disc.DriveEvent), slots: map[string]*Slot{}, wake: make(chan struct{}, 1)}
}

// Events are what a watcher would tell; they flow while Run runs.
func (b *Bench) Events() <-chan disc.DriveEvent { return b.events }

// Add makes a drive. Its key is the serial, or else the name, in o.
func (b *Bench) Add(o simdrive.Options) *Slot {
	s := &Slot{}
	next := o.Log
	o.Log = func(e simdrive.Event) {
		if e.Kind == simdrive.EventTray {
			b.moved(s, e)
		}
		if next != nil {
			next(e)
		}
	}
	s.Drive = simdrive.New(o)
	key := o.Serial
	if key == "" {
		key = o.Name
	}
	s.Info = disc.Drive{Key: key, KeyByPlace: o.Serial == "", Node: s.Name(), Vendor: o.Vendor, Model: o.Model, Firmware: o.Firmware, Serial: o.Serial}
	b.mu.Lock()
	b.slots[key] = s
	b.mu.Unlock()
	b.push(disc.DriveEvent{Kind: disc.EventDriveAdded, Drive: s.Info})
	return s
}

// moved turns a movement of the tray into the event a watcher would make.
func (b *Bench) moved(s *Slot, e simdrive.Event) {
	switch op := strings.TrimPrefix(e.Op, "button pressed: "); {
	case op == "tray is locked":
		b.push(disc.DriveEvent{Kind: disc.EventEjectRequested, Drive: s.Info})
	case op == "tray opened" || op == "tray forced open":
		b.push(disc.DriveEvent{Kind: disc.EventRemoved, Drive: s.Info})
	case op == "tray closed" || op == "tray pushed in" || strings.HasPrefix(op, "inserted "):
		s.seq.Add(1)
		b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: s.Info, Insertion: b.insertion(s)})
	}
}

func (b *Bench) insertion(s *Slot) disc.Insertion {
	return disc.Insertion{DriveKey: s.Info.Key, BootID: b.boot, DiskSeq: s.seq.Load()}
}

// SpuriousChange reports a media change that did not happen, as drives do
// after a bus reset: a new insertion key for the same disc.
func (b *Bench) SpuriousChange(s *Slot) {
	s.seq.Add(1)
	b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: s.Info, Insertion: b.insertion(s)})
}

// push never blocks: a drive calls it in the middle of a command.
func (b *Bench) push(e disc.DriveEvent) {
	e.Time = time.Now().UTC()
	b.mu.Lock()
	b.queue = append(b.queue, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run hands events on until ctx is done.
func (b *Bench) Run(ctx context.Context) error {
	for {
		b.mu.Lock()
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		for _, e := range queue {
			select {
			case b.events <- e:
			case <-ctx.Done():
				return nil
			}
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Drive is an opened drive of the bench, as a station wants it.
type Drive struct {
	*mmc.Drive
	bench *Bench
	slot  *Slot
}

// Open opens a drive by its key or its name.
func (b *Bench) Open(_ context.Context, d disc.Drive) (*Drive, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slots[d.Key]
	for _, other := range b.slots {
		if s == nil && d.Node != "" && other.Info.Node == d.Node {
			s = other
		}
	}
	if s == nil {
		return nil, fmt.Errorf("no simulated drive %q", d.Key+d.Node)
	}
	return &Drive{Drive: mmc.New(s.Transport()), bench: b, slot: s}, nil
}

// Insertion is the arrival of what is in the drive.
func (d *Drive) Insertion(context.Context) (disc.Insertion, error) {
	switch d.slot.Tray() {
	case disc.TrayOpen, disc.TrayEmpty:
		return disc.Insertion{}, &disc.ReadError{Op: "insertion", Class: disc.ClassGone, LBA: -1}
	}
	return d.bench.insertion(d.slot), nil
}
