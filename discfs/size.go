package discfs

import (
	"fmt"

	"ripstation/disc"
	"ripstation/discfs/apple"
	"ripstation/discfs/iso9660"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
)

// sizeCodes are the checks of sizes: of the whole image, and of each system.
var sizeCodes = []tree.Code{
	{Number: "F101", Name: "size of the image against what is on it"},
	{Number: "F102", Name: "size of the image against ISO 9660"},
	{Number: "F103", Name: "size of the image against High Sierra"},
	{Number: "F104", Name: "size of the image against UDF"},
	{Number: "F105", Name: "size of the image against HFS"},
	{Number: "F106", Name: "size of the image against HFS+"},
	{Number: "F107", Name: "size of the image against the Apple partition map"},
}

var sizeCode = map[string]string{iso9660.ISO: "F102", iso9660.HighSierra: "F103", udf.UDF: "F104", apple.HFS: "F105", apple.HFSPlus: "F106", apple.Map: "F107"}

// moved takes sectors off what ISO 9660 and High Sierra claim: in a later session they
// count from the disc's first sector, not from the image's.
func moved(claims []tree.Claim, sectors int64) {
	for i := range claims {
		if c := &claims[i]; c.System == iso9660.ISO || c.System == iso9660.HighSierra {
			c.Bytes = max(c.Bytes-sectors*disc.SectorSize, 0)
		}
	}
}

// Expected is the largest size that any structure claims, taken literally, also where
// another contradicts it; known is false when the image has no file system
// that is known here.
func (m *Image) Expected() (bytes int64, known bool) {
	for _, c := range m.Claims {
		bytes = max(bytes, c.Bytes)
	}
	return bytes, len(m.Systems) > 0
}

// sizes holds the image's size against every claim. One that is smaller is the
// failure; a larger one is normal: padding, further sessions, other file
// systems.
func (m *Image) sizes() []disc.Check {
	s := tree.NewSheet(sizeCodes)
	most := map[string]tree.Claim{}
	for _, c := range m.Claims {
		if old, ok := most[c.System]; !ok || c.Bytes > old.Bytes {
			most[c.System] = c
		}
	}
	for _, system := range []string{iso9660.ISO, iso9660.HighSierra, udf.UDF, apple.HFS, apple.HFSPlus, apple.Map} {
		switch c, ok := most[system]; {
		case ok && c.Bytes > 0:
			m.size(s, sizeCode[system], c)
		case ok:
			s.NotRun(sizeCode[system], "the %s claims nothing of this image", c.Source)
		}
	}
	var all tree.Claim
	for _, c := range m.Claims {
		if c.Bytes > all.Bytes {
			all = c
		}
	}
	switch {
	case all.Bytes > 0:
		m.size(s, "F101", all)
	case len(m.Systems) > 0:
		s.NotRun("F101", "there is a file system, and nothing of it says how large it is")
	}
	return s.Checks()
}

func (m *Image) size(s *tree.Sheet, code string, c tree.Claim) {
	switch diff := m.Size - c.Bytes; {
	case diff < 0:
		s.Fail(code, "the %s reaches to byte %d, the image has %d: %d bytes (%d sectors) are missing at the end", c.Source, c.Bytes, m.Size,
			-diff, (-diff+disc.SectorSize-1)/disc.SectorSize)
	case diff == 0:
		s.Pass(code, "%s and image both have %d bytes", c.Source, m.Size)
	default:
		s.Pass(code, "the image has %d bytes, %d more than the %s claims; this is normal", m.Size, diff, fmt.Sprint(c.Source))
	}
}
