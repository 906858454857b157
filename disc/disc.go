// Package disc holds the words of the trade: what a disc is, what has been
// read of it, and what can go wrong with it. Every room may import it; it
// imports the standard library only.
package disc

// SectorSize is the number of bytes in one user-data sector of a data disc
// (Mode 1, Mode 2 Form 1, DVD and BD alike).
const SectorSize = 2048

// LBA is a logical block address (MMC-6, 4.2.3.6.5). The first user-data sector is 0;
// a lead-in pregap is negative.
type LBA int32

// Extent is a run of sectors: Count sectors from Start. An empty extent has
// Count 0.
type Extent struct {
	Start LBA   `json:"start"`
	Count int64 `json:"count"`
}

// End is the first LBA behind the extent.
func (e Extent) End() LBA { return e.Start + LBA(e.Count) }

// Contains reports whether lba lies in the extent.
func (e Extent) Contains(lba LBA) bool { return lba >= e.Start && lba < e.End() }

// Kind says what sort of thing is recorded, as far as it decides what an
// image of it can hold.
type Kind string

const (
	KindUnknown   Kind = "unknown"        // nothing could be learned of it
	KindData      Kind = "data"           // data tracks only, one or several sessions
	KindAudio     Kind = "audio"          // CD-DA tracks only
	KindMixed     Kind = "mixed"          // data and audio tracks in one session
	KindCDExtra   Kind = "cd-extra"       // audio session first, data session later
	KindVideoCD   Kind = "video-cd"       // Mode 2 Form 2 sectors (Video CD, Super Video CD, CD-i)
	KindBlank     Kind = "blank"          // READ DISC INFORMATION: disc status 0
	KindNoTOC     Kind = "unreadable-toc" // the drive cannot read the table of contents
	KindImageFile Kind = "image-file"     // not a disc: a file or a plain block device
)

// Medium is the family of the carrier.
type Medium string

const (
	MediumUnknown Medium = "unknown"
	MediumCD      Medium = "CD"
	MediumDVD     Medium = "DVD"
	MediumBD      Medium = "BD"
	MediumFile    Medium = "file"
)

// ECCSectors is the number of sectors that one error-correction unit of the
// medium covers: a read of one of them costs the drive as much as a read of
// all.
func (m Medium) ECCSectors() int64 {
	switch m {
	case MediumDVD:
		return 16
	case MediumBD:
		return 32
	}
	return 1
}
