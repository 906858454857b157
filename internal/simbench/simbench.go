// Package simbench puts simulated drives before a station, in the place that
// the watcher and the device nodes have on a real machine.
package simbench

import (
	"context"
	"fmt"
	"slices"
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
	b.push(disc.DriveEvent{Kind: disc.EventDriveAdded, Drive: b.info(s)})
	return s
}

// moved turns a movement of the tray into the event a watcher would make.
func (b *Bench) moved(s *Slot, e simdrive.Event) {
	switch op := strings.TrimPrefix(e.Op, "button pressed: "); {
	case op == "tray is locked":
		b.push(disc.DriveEvent{Kind: disc.EventEjectRequested, Drive: b.info(s)})
	case op == "tray opened" || op == "tray forced open":
		b.push(disc.DriveEvent{Kind: disc.EventRemoved, Drive: b.info(s)})
	case op == "tray closed" || op == "tray pushed in" || strings.HasPrefix(op, "inserted "):
		s.seq.Add(1)
		b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: b.info(s), Insertion: b.insertion(s)})
	}
}

func (b *Bench) insertion(s *Slot) disc.Insertion {
	return disc.Insertion{DriveKey: b.info(s).Key, BootID: b.boot, DiskSeq: s.seq.Load()}
}

// SpuriousChange reports a media change that did not happen, as drives do
// after a bus reset: a new insertion key for the same disc.
func (b *Bench) SpuriousChange(s *Slot) {
	s.seq.Add(1)
	b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: b.info(s), Insertion: b.insertion(s)})
}

// Tell hands on an event that nothing has made, as watchers on a bad day do.
func (b *Bench) Tell(s *Slot, kind disc.EventKind, text string) {
	b.push(disc.DriveEvent{Kind: kind, Drive: b.info(s), Text: text})
}

// Unplug takes a drive off the bus, with the disc in it, as a USB bridge does
// that drops out.
func (b *Bench) Unplug(s *Slot) {
	s.Vanish()
	b.push(disc.DriveEvent{Kind: disc.EventDriveGone, Drive: b.info(s)})
}

// Replug brings a drive back under another node, with whatever is in it: the
// key is the same, the insertion another one.
func (b *Bench) Replug(s *Slot, node string) {
	b.mu.Lock()
	s.Info.Node = node
	b.mu.Unlock()
	s.Release()
	s.Return()
	b.push(disc.DriveEvent{Kind: disc.EventDriveAdded, Drive: b.info(s)})
	switch s.Tray() {
	case disc.TrayOpen, disc.TrayEmpty:
		return
	}
	s.seq.Add(1)
	b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: b.info(s), Insertion: b.insertion(s)})
}

func (b *Bench) info(s *Slot) disc.Drive {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.Info
}

// Found tells of the disc that lies in a drive as a watcher does that has just
// been started, and knows nothing of how it got there.
func (b *Bench) Found(s *Slot) {
	b.mu.Lock()
	b.queue = slices.DeleteFunc(b.queue, func(e disc.DriveEvent) bool { return e.Kind == disc.EventInserted && e.Drive.Key == s.Info.Key })
	b.mu.Unlock()
	b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: s.Info, Insertion: b.insertion(s), AtStart: true})
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
	s := b.find(d)
	if s == nil {
		return nil, fmt.Errorf("no simulated drive %q", d.Key+d.Node)
	}
	return &Drive{Drive: mmc.New(s.Transport()), bench: b, slot: s}, nil
}

// find gives the slot without the lock: a drive tells of its tray while it
// holds its own.
func (b *Bench) find(d disc.Drive) *Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.slots[d.Key]; s != nil {
		return s
	}
	for _, s := range b.slots {
		if d.Node != "" && s.Info.Node == d.Node {
			return s
		}
	}
	return nil
}

// Insertion is the last arrival that was counted, as a kernel has it: whether
// its disc is still there, only a command tells.
func (d *Drive) Insertion(context.Context) (disc.Insertion, error) {
	select {
	case <-d.slot.Gone():
		return disc.Insertion{}, &disc.ReadError{Op: "insertion", Class: disc.ClassGone, LBA: -1}
	default:
		return d.bench.insertion(d.slot), nil
	}
}
