// Package operator is a person at a bench, made of a seed: which discs there
// are, what is done with them through a night, and what must be so in the
// morning. The nights in process and the soak in a guest have the same one.
//
// How to use it:
//
//	night := operator.Draw(seed, operator.Options{Drives: 4, Discs: 24})
//	hand, err := operator.New(night, drives) // []*simdrive.Drive, in the order of their numbers
//	hand.Scan = func(ctx context.Context, code string, drive int) error { ... } // drive -1: without one
//	hand.Tell = func(e operator.Entry) { ... } // optional: every deed, as it is done
//	err = hand.Work(ctx, 0)                    // until the last act is done
//	flaws := operator.Account(night, hand.Diary(), operator.Morning{Carriers: ..., Jobs: ..., Notices: ...})
//
// Work does with the drives what hands do: it lays discs on open trays, presses
// buttons, pushes trays in. What a fault is, and who makes it happen, is the
// caller's: Night.Faults is a list of them with their times, for whoever can
// play them.
//
// A disc of the night is known by its number in Night.Discs. Physical gives the
// simulated disc, Bytes what it bears. Which disc a capture of the catalog was
// made of follows from its drive's serial number and the time (Diary.At), or from
// its insertion where Entry.Insertion is set.
package operator
