package disc

import "bytes"

// Descriptor is one raw volume descriptor of the disc.
type Descriptor struct {
	LBA  LBA    `json:"lba"`
	Data []byte `json:"data"`
}

// Sample is the SHA-256 of one sector that holds data.
type Sample struct {
	LBA    LBA      `json:"lba"`
	SHA256 [32]byte `json:"sha256"`
}

// Identity is evidence of which disc this is. It is compared, never hashed
// into a key.
type Identity struct {
	Kind        Kind         `json:"kind"`
	Medium      Medium       `json:"medium"`
	Recordable  bool         `json:"recordable"`
	Sectors     int64        `json:"sectors"`
	TOC         TOC          `json:"toc"`
	Label       string       `json:"label"`
	Descriptors []Descriptor `json:"descriptors"`
	// Samples are spread over the places where the image holds data. They are
	// taken from the sealed image, so a fresh disc has none until it is
	// compared with one held.
	Samples []Sample `json:"samples"`
}

// Verdict is what a comparison of two identities gives.
type Verdict string

const (
	Same      Verdict = "same"
	Different Verdict = "different"
	Unsure    Verdict = "unsure"
)

// EnoughSamples is how many sample sectors must agree before two pressed
// discs are the same for sure.
const EnoughSamples = 16

// LooksLike compares what the drive and the descriptors say, without the
// samples: Different when any of it contradicts, else Unsure.
func LooksLike(a, b Identity) Verdict {
	if a.Kind != b.Kind || a.Medium != b.Medium || a.Recordable != b.Recordable || a.Sectors != b.Sectors ||
		!sameTOC(a.TOC, b.TOC) || len(a.Descriptors) != len(b.Descriptors) {
		return Different
	}
	for i := range a.Descriptors {
		if a.Descriptors[i].LBA != b.Descriptors[i].LBA || !bytes.Equal(a.Descriptors[i].Data, b.Descriptors[i].Data) {
			return Different
		}
	}
	return Unsure
}

// Alike reports whether a fresh disc looks like one that is held in all that
// was compared: agree and disagree are how many of the held one's samples the
// fresh disc gave equal and unequal bytes for (unreadable ones count for
// neither). Nothing may contradict, and enough samples must agree.
func Alike(fresh, held Identity, agree, disagree int) bool {
	need := min(EnoughSamples, len(held.Samples))
	return disagree == 0 && LooksLike(fresh, held) != Different && len(fresh.Descriptors) > 0 && need > 0 && agree >= need
}

// Compare is Alike as a verdict on whether it is the same disc. Recordables of
// one recorder can agree in all of this, so they never get Same.
func Compare(fresh, held Identity, agree, disagree int) Verdict {
	switch {
	case disagree > 0 || LooksLike(fresh, held) == Different:
		return Different
	case fresh.Recordable || !Alike(fresh, held, agree, disagree):
		return Unsure
	}
	return Same
}

func sameTOC(a, b TOC) bool {
	if a.Sessions != b.Sessions || a.LeadOut != b.LeadOut || len(a.Tracks) != len(b.Tracks) {
		return false
	}
	for i, t := range a.Tracks {
		if u := b.Tracks[i]; t.Number != u.Number || t.Session != u.Session || t.Data != u.Data || t.Start != u.Start {
			return false
		}
	}
	return true
}
