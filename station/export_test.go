package station

import (
	"context"
	"os"

	"ripstation/archive"
)

// RenewLocks is what the station does every day for its first store.
func (s *Station) RenewLocks(ctx context.Context) error {
	return s.renewLocks(ctx, s.desks[0], archive.KeeperOf(s.desks[0].store.Store))
}

// MakeRoom is what a bay does whose disc finds no room in the spool.
func (s *Station) MakeRoom() bool { return s.makeRoom() }

// ForgetLocks loses what is known of the locks in the first store.
func (s *Station) ForgetLocks() { _ = os.Remove(s.locksFile(s.desks[0].store.Name())) }
