// Package mmc speaks to an optical drive: SCSI multimedia commands (MMC-6)
// over a Transport, and the sense data that comes back.
//
// Node is the Transport of a Linux device node. Drive is a drive behind any
// Transport. Every failed command is a *disc.ReadError whose class says what
// it means for the disc and the job; nobody else looks at sense bytes.
//
// The package reads and opens trays. It has no command that writes, formats,
// blanks or closes, and both Drive and Node refuse an operation code that is
// not in its one table.
package mmc
