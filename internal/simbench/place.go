package simbench

import (
	"fmt"
	"slices"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

// Key is the insertion that the drive has had last.
func (b *Bench) Key(s *Slot) disc.Insertion { return b.insertion(s) }

// Place makes a drive hold what it held when a station before ended: nothing
// of it is told but what a watcher finds at its start. seq is the number in
// the key of the insertion; m may be nil.
func (b *Bench) Place(s *Slot, m *simdrive.Disc, open bool, seq uint64) error {
	if m != nil {
		if err := s.Insert(m); err != nil {
			return fmt.Errorf("place a disc: %w", err)
		}
	}
	if open {
		s.ForceOpen()
	}
	s.seq.Store(seq)
	info := b.info(s)
	b.mu.Lock()
	b.queue = slices.DeleteFunc(b.queue, func(e disc.DriveEvent) bool { return e.Drive.Key == info.Key })
	b.mu.Unlock()
	b.push(disc.DriveEvent{Kind: disc.EventDriveAdded, Drive: info})
	if m != nil && !open {
		b.push(disc.DriveEvent{Kind: disc.EventInserted, Drive: info, Insertion: b.insertion(s), AtStart: true})
	}
	return nil
}
