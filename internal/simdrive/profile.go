package simdrive

import "ripstation/disc"

// Profile is an MMC profile number (MMC-6, 5.3.1: Profile List feature): what
// kind of medium a drive holds.
type Profile uint16

const (
	ProfileNone    Profile = 0x0000
	ProfileCDROM   Profile = 0x0008
	ProfileCDR     Profile = 0x0009
	ProfileCDRW    Profile = 0x000A
	ProfileDVDROM  Profile = 0x0010
	ProfileDVDR    Profile = 0x0011 // DVD-R sequential recording
	ProfileDVDRW   Profile = 0x0014 // DVD-RW sequential recording
	ProfileDVDRDL  Profile = 0x0015 // DVD-R dual layer sequential recording
	ProfileDVDpRW  Profile = 0x001A // DVD+RW
	ProfileDVDpR   Profile = 0x001B // DVD+R
	ProfileDVDpRDL Profile = 0x002B // DVD+R dual layer
	ProfileBDROM   Profile = 0x0040
	ProfileBDR     Profile = 0x0041 // BD-R sequential recording mode
	ProfileBDRE    Profile = 0x0043
)

// Medium is the family of the profile.
func (p Profile) Medium() disc.Medium {
	switch {
	case p >= 0x0008 && p <= 0x000A:
		return disc.MediumCD
	case p >= 0x0010 && p <= 0x002B:
		return disc.MediumDVD
	case p >= 0x0040 && p <= 0x0043:
		return disc.MediumBD
	}
	return disc.MediumUnknown
}

func (p Profile) pressed() bool {
	return p == ProfileCDROM || p == ProfileDVDROM || p == ProfileBDROM
}

func (p Profile) erasable() bool {
	return p == ProfileCDRW || p == ProfileDVDRW || p == ProfileDVDpRW || p == ProfileBDRE
}
