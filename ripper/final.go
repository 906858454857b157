package ripper

import "ripstation/disc"

// Final reports whether the n bytes of the image from off are as they will be
// sealed, so that they may be used while the disc is still being read: every
// sector is in the ledger, its bytes synced before, or is unrecorded. A later
// read of a suspect sector says what its bytes are worth, and never changes
// them; a sector of which there are no bytes is not final before the seal.
//
// What was final stays so unless the spool is found to have lost it. Such
// bytes are withdrawn and read anew, and may be others then; Changes tells.
// Final is answered from memory and may be asked by anybody at any time.
func (img *Image) Final(off, n int64) bool {
	if off < 0 || n < 0 || off > img.Size() || n > img.Size()-off {
		return false
	}
	if n == 0 {
		return true
	}
	first, last := off/disc.SectorSize, (off+n-1)/disc.SectorSize
	img.mu.Lock()
	defer img.mu.Unlock()
	return img.final(disc.Extent{Start: disc.LBA(first), Count: last - first + 1})
}

// final is Final for sectors. The caller holds mu.
func (img *Image) final(e disc.Extent) bool {
	within := func(set disc.Statuses, e disc.Extent) bool {
		x, ok := img.m.Next(set, e.Start)
		return ok && x.Start < e.End()
	}
	if within(^(disc.DataStatuses | disc.SetOf(disc.StatusUnrecorded)), e) {
		return false
	}
	for _, gap := range img.led.unproven(e) {
		if within(disc.DataStatuses, gap) {
			return false
		}
	}
	return true
}

// Sum gives the CRC64NVME of the MiB of the image that begins at off, or of the
// shorter last one, as a Follower has read it back from the disk and proved it.
// ok is false when it has not come so far, or has gone back. Where sectors were
// withdrawn since, it is that of the bytes before for a moment longer.
func (img *Image) Sum(off int64) (crc uint64, ok bool) {
	if off < 0 || off%blockSize != 0 {
		return 0, false
	}
	img.mu.Lock()
	defer img.mu.Unlock()
	if n := off / blockSize; n < int64(len(img.sums)) {
		return img.sums[n], true
	}
	return 0, false
}

// tellSums makes known what a Follower has proved, which only adds to it or
// goes on with a copy.
func (img *Image) tellSums(sums []uint64) {
	img.mu.Lock()
	defer img.mu.Unlock()
	img.sums = sums
	img.tell()
}

// Changes tells what became of sectors that were final. again are those that
// were withdrawn behind the mark: whoever has used their bytes takes them
// anew once they are final again. mark is where to go on the next time; the
// first time it is 0. next is closed when something has become final, was
// withdrawn or summed after this call, so that nobody need look at intervals:
//
//	for mark := 0; ; {
//		again, mark, next = img.Changes(mark)
//		... forget what was made of again; use what is Final
//		<-next
//	}
//
// Bytes that are read between two calls may be withdrawn meanwhile; the second
// call says so.
func (img *Image) Changes(mark int) (again []disc.Extent, now int, next <-chan struct{}) {
	img.mu.Lock()
	defer img.mu.Unlock()
	if img.changed == nil {
		img.changed = make(chan struct{})
	}
	now = len(img.again)
	// A copy of the list's head: it only grows.
	return img.again[min(max(mark, 0), now):now:now], now, img.changed
}

// tell wakes those who wait for changes. Some extents are not final any more,
// or may have been so and hold other bytes now. The caller holds mu.
func (img *Image) tell(again ...disc.Extent) {
	img.again = append(img.again, again...)
	if img.changed != nil {
		close(img.changed)
		img.changed = nil
	}
}
