package mmc

import (
	"fmt"

	"ripstation/disc"
)

// profile is what a profile number (MMC-6, table 95) says of the medium.
type profile struct {
	name       string
	medium     disc.Medium
	recordable bool
}

// Drives that only read give recordable media the profile of the pressed ones,
// so recordable here is evidence and its absence is none.
var profiles = map[uint16]profile{
	0x0008: {"CD-ROM", disc.MediumCD, false},
	0x0009: {"CD-R", disc.MediumCD, true},
	0x000A: {"CD-RW", disc.MediumCD, true},
	0x0010: {"DVD-ROM", disc.MediumDVD, false},
	0x0011: {"DVD-R", disc.MediumDVD, true},
	0x0012: {"DVD-RAM", disc.MediumDVD, true},
	0x0013: {"DVD-RW restricted overwrite", disc.MediumDVD, true},
	0x0014: {"DVD-RW sequential", disc.MediumDVD, true},
	0x0015: {"DVD-R DL", disc.MediumDVD, true},
	0x0016: {"DVD-R DL layer jump", disc.MediumDVD, true},
	0x0017: {"DVD-RW DL", disc.MediumDVD, true},
	0x0018: {"DVD-Download", disc.MediumDVD, true},
	0x001A: {"DVD+RW", disc.MediumDVD, true},
	0x001B: {"DVD+R", disc.MediumDVD, true},
	0x002A: {"DVD+RW DL", disc.MediumDVD, true},
	0x002B: {"DVD+R DL", disc.MediumDVD, true},
	0x0040: {"BD-ROM", disc.MediumBD, false},
	0x0041: {"BD-R", disc.MediumBD, true},
	0x0042: {"BD-R random", disc.MediumBD, true},
	0x0043: {"BD-RE", disc.MediumBD, true},
	// HD DVD has DVD's sectors and file systems; no family of its own.
	0x0050: {"HD DVD-ROM", disc.MediumDVD, false},
	0x0051: {"HD DVD-R", disc.MediumDVD, true},
	0x0052: {"HD DVD-RAM", disc.MediumDVD, true},
	0x0053: {"HD DVD-RW", disc.MediumDVD, true},
	0x0058: {"HD DVD-R DL", disc.MediumDVD, true},
	0x005A: {"HD DVD-RW DL", disc.MediumDVD, true},
}

func profileOf(number uint16) profile {
	if p, ok := profiles[number]; ok {
		return p
	}
	if number == 0 {
		return profile{"", disc.MediumUnknown, false}
	}
	return profile{fmt.Sprintf("profile %04Xh", number), disc.MediumUnknown, false}
}
