// Package ripper brings the sectors of a disc into an Image, and proves later
// that they are what the drive gave.
//
// An Image is a folder of the spool with three files: the image itself, the
// map of what is known of each sector, and the ledger with the digest of each
// chunk as it came from the drive (docs/decisions/0003-spool.md). Bytes are synced before the
// ledger has their digest, and the ledger is synced before the map claims
// them. So an Image can be opened after a cut at any moment, and goes on
// without reading again what is safe.
//
// Rip runs passes over the map; Seal reads everything back from the disk
// itself, holds it against the ledger and takes the digests of the whole.
package ripper
