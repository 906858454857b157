package discfs

import (
	"fmt"

	"ripstation/disc"
)

// SizeCheck holds what each volume claims against the image's size in bytes.
// An image that is smaller than a claim is a failure; one that is larger is
// normal (padding, further sessions, other file systems). When nothing on the
// image claims a size there is one check, which was not run.
func SizeCheck(v Volumes, imageSize int64) []disc.Check {
	var out []disc.Check
	for _, vol := range v.Volumes {
		if vol.Bytes == 0 {
			continue
		}
		c := disc.Check{Code: oldSizeCodes[vol.System], Name: fmt.Sprintf("size of the %s volume against the image", vol.System), Outcome: disc.Pass}
		switch diff := imageSize - vol.Bytes; {
		case diff < 0:
			c.Outcome = disc.Failure
			c.Message = fmt.Sprintf("the volume reaches to byte %d, the image has %d: %d bytes (%d sectors) are missing at the end",
				vol.Bytes, imageSize, -diff, (-diff+disc.SectorSize-1)/disc.SectorSize)
		case diff == 0:
			c.Message = fmt.Sprintf("volume and image both have %d bytes", imageSize)
		default:
			c.Message = fmt.Sprintf("the image has %d bytes, %d more than the volume claims; this is normal", imageSize, diff)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		out = append(out, disc.Check{Code: "volume-size", Name: "size of the volumes against the image", Outcome: disc.NotRun, Message: "nothing on it claims a size"})
	}
	return out
}

var oldSizeCodes = map[System]string{ISO9660: "volume-size-iso9660", Joliet: "volume-size-joliet", UDF: "volume-size-udf"}
