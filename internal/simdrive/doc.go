// Package simdrive is a simulated optical drive that answers SCSI commands at
// the byte level, as SPC-4, MMC-6 and INF-8090 lay them down: a tray with a
// lock and a button, discs of every common kind with their geometry and their
// damage, media events, sense data, and time.
//
// It is what the demonstration reads, what the tests hold the rest of the
// program against, and what the bench's guest kernel sees as its /dev/sr*. It
// encodes its own answers and shares no code with the package that decodes
// them, so that each checks the other.
//
// A drive has faces. In process it is an mmc.Transport ([Drive.Transport]).
// A face that carries commands from elsewhere attaches with [Drive.Nexus] and
// hands each command to [Nexus.Execute]: package iscsi, for a guest's kernel,
// and package preload, for unmodified programs.
//
// There are two ends to hold it by: the commands of an initiator, and the
// hand of the person in front of it ([Drive.Insert], [Drive.PressButton],
// [Drive.ForceOpen], ...). Both may be used from any goroutine.
package simdrive
