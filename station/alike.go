package station

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"ripstation/catalog"
	"ripstation/disc"
)

// held is a carrier of the catalog that the disc in the drive looks like in all
// that was compared: a pressed disc is the same for sure, a recordable may be.
type held struct {
	catalog.Held
	who     catalog.CarrierInfo
	sending bool // its copies are still on their way
	agree   int  // samples that agreed
}

// alike finds the carriers whose latest image looks like the disc.
func (b *bay) alike(ctx context.Context, d Drive, s seen) ([]held, error) {
	candidates, err := b.s.cfg.Catalog.Candidates(ctx, s.identity)
	if errors.Is(err, catalog.ErrDamaged) {
		// A disc whose identity is damaged there is read anew; no disc waits for that.
		b.s.cfg.Log.Error().Err(err).Msg("discs that the catalog is damaged for cannot be known again")
	} else if err != nil {
		return nil, fmt.Errorf("look the disc up: %w", err)
	}
	var list []held
	samples := newSampler(d)
	for _, c := range candidates {
		if disc.LooksLike(s.identity, c.Identity) == disc.Different {
			continue
		}
		agree, disagree, err := samples.against(ctx, c.Identity.Samples)
		if err != nil {
			return nil, err
		}
		if !disc.Alike(s.identity, c.Identity, agree, disagree) {
			continue
		}
		who, err := b.s.cfg.Catalog.Carrier(ctx, c.CarrierID)
		if err != nil {
			return nil, fmt.Errorf("look the disc up: %w", err)
		}
		h := held{Held: c, who: who, agree: agree}
		j := b.s.job(c.CarrierID)
		h.sending = j != nil && j.step().atLeast(StepSealed) && j.step() != StepDone && !j.failed()
		list = append(list, h)
	}
	return list, nil
}

// enough reports whether what is held of a disc makes another reading needless, now or
// as soon as its copies have got where they are going to.
func (b *bay) enough(h held) bool {
	return h.sending || h.proven(b.s.cfg.Stores)
}

// proven reports whether the image is complete, and every required store has
// its copy and none is in doubt.
func (h *held) proven(stores []Store) bool {
	return h.State == catalog.Complete && catalog.Ailing(h.Copies, required(stores)) == ""
}

func required(stores []Store) (names []string) {
	for _, st := range stores {
		if st.Required {
			names = append(names, st.Name())
		}
	}
	return names
}

func (h *held) image() heldImage { return heldImage{h.CarrierID, h.Version, h.Item} }

// sampler reads sample sectors of the disc in a drive, each once however many
// carriers it is held against.
type sampler struct {
	d    Drive
	read map[disc.LBA]sampled
}

type sampled struct {
	sum  [sha256.Size]byte
	none bool // it cannot be read
}

func newSampler(d Drive) *sampler { return &sampler{d, map[disc.LBA]sampled{}} }

// against counts the samples that the disc gives equal and unequal bytes for,
// up to the first unequal one: that settles it. One that cannot be read counts for nothing; a
// drive that fails otherwise ends the comparison.
func (r *sampler) against(ctx context.Context, samples []disc.Sample) (agree, disagree int, err error) {
	buf := make([]byte, disc.SectorSize)
	for _, s := range samples {
		got, there := r.read[s.LBA]
		if !there {
			err := r.d.ReadSectors(ctx, s.LBA, buf)
			switch disc.ClassOf(err) {
			case 0:
				if err != nil {
					return agree, disagree, err
				}
				got.sum = sha256.Sum256(buf)
			case disc.ClassMedium, disc.ClassProtected, disc.ClassRefused:
				got.none = true
			default:
				return agree, disagree, err
			}
			r.read[s.LBA] = got
		}
		switch {
		case got.none:
		case got.sum == s.SHA256:
			agree++
		default:
			return agree, 1, nil
		}
	}
	return agree, 0, nil
}

// compare holds the disc in a drive against samples.
func compare(ctx context.Context, d Drive, samples []disc.Sample) (agree, disagree int, err error) {
	return newSampler(d).against(ctx, samples)
}
