// Package nights plays whole nights of a bench in virtual time: the operator of
// internal/operator at four simulated drives, the real station with a real
// catalog and real stores, and faults. A night is drawn from a seed; it is one
// or more lives of the program, each a process of its own, so that a kill is a
// kill; the hours of a life pass at once (testing/synctest). In the morning the
// catalog, the stores, the spool and what was told are held against what was
// done. The person at the bench feeds discs and errs, opens and closes batches and
// corrects them, and says a word on what waits for one. The spool lies on a disk
// of its own, which others fill. make nights plays a thousand; NIGHTS and SEED are the number and the
// first seed. A night that fails is shrunk to the fewest acts and faults that
// still fail, and printed.
//
// What a power cut is here: all processes are killed, the drives lose their
// state, the boot is another. Writes that were not synced are not lost: there is
// no honest way to drop them in a process; the bench in a guest does that.
package nights
