package station

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/discfs"
)

// seen is what is known of a disc before its image is read.
type seen struct {
	at       time.Time
	ins      disc.Insertion
	drive    disc.Drive
	disc     disc.Disc
	identity disc.Identity
	notes    []string
	// refusal says in plain words why an ISO cannot hold this disc; empty when
	// it can.
	refusal, hint string
	arrival       *arrival // nil where nothing came: what was said of it is all there is
}

// identify learns what is in the drive: what the drive says first, then the
// volume descriptors.
func (b *bay) identify(ctx context.Context, d Drive, ins disc.Insertion) (seen, error) {
	b.notice(Notice{Word: WordInserted, Text: "finding out what it is"})
	s := seen{at: time.Now().UTC(), ins: ins, drive: b.info()}
	if info, err := d.Info(ctx); err == nil {
		s.drive = known(s.drive, info)
		b.meet(s.drive)
	} else if disc.ClassOf(err) != disc.ClassRefused {
		return s, err
	}
	var err error
	if s.disc, err = d.Identify(ctx); err != nil {
		return s, err
	}
	s.identity = disc.Identity{Kind: s.disc.Kind, Medium: s.disc.Medium, Recordable: s.disc.Recordable, Sectors: s.disc.Sectors, TOC: s.disc.TOC}
	s.refusal, s.hint = refusal(s.disc, b.s.cfg.ReadProtected)
	if s.disc.Sectors > 0 && s.refusal == "" {
		v, err := discfs.Read(driveReader{ctx, d, s.disc.Sectors}, s.disc.Sectors*disc.SectorSize)
		// A damaged descriptor is no reason not to read the rest of the disc.
		if c := disc.ClassOf(err); err != nil && c != disc.ClassMedium && c != disc.ClassProtected && c != disc.ClassRefused {
			return s, err
		}
		if err != nil {
			s.notes = append(s.notes, "volume descriptors: "+err.Error())
		}
		s.identity.Label, s.identity.Descriptors = v.Label, v.Descriptors
		s.notes = append(s.notes, v.Notes...)
	}
	b.notice(Notice{Word: WordIdentified, Text: describe(s)})
	return s, nil
}

// known fills what the watcher said of a drive with what the drive says.
func known(d, info disc.Drive) disc.Drive {
	if info.Vendor != "" || info.Model != "" {
		d.Vendor, d.Model, d.Firmware = info.Vendor, info.Model, info.Firmware
	}
	if info.Serial != "" {
		d.Serial = info.Serial
	}
	return d
}

// refusal says why a disc does not become an ISO, and what to do with it.
func refusal(d disc.Disc, readProtected bool) (why, hint string) {
	switch d.Kind {
	case disc.KindAudio:
		return "an audio CD: an ISO image cannot hold audio tracks", "put it aside for the audio workflow"
	case disc.KindMixed:
		return "data and audio tracks on one disc: an ISO image would hold the data only", "put it aside for a reader of mixed discs"
	case disc.KindCDExtra:
		return "a CD-Extra: an ISO image would hold its data session only, not its music", "put it aside for a reader of mixed discs"
	case disc.KindVideoCD:
		return "a Video CD (Mode 2 Form 2 sectors): an ISO image would cut 276 bytes from each of its sectors", "put it aside for a reader of Video CDs"
	case disc.KindBlank:
		return "a blank disc: nothing is recorded on it", "check that it is the right disc"
	case disc.KindNoTOC:
		return "the drive cannot read the table of contents", "clean the disc and try again, or try another drive; it may be damaged or not closed"
	case disc.KindUnknown:
		return "the drive does not say what this disc is", "try another drive"
	}
	if d.Protection != "" && !readProtected {
		return fmt.Sprintf("copy-protected (%s): an ISO image would hold scrambled data and could not say so", d.Protection),
			"put it aside, or set read.protected = \"image\" to keep what the drive gives"
	}
	if d.Sectors <= 0 {
		return "the drive says that it holds no sectors", "clean the disc and try again, or try another drive"
	}
	return "", ""
}

func describe(s seen) string {
	d := s.disc
	what := d.ProfileStr
	if what == "" {
		what = string(d.Medium)
	}
	parts := []string{what}
	if d.Medium != disc.MediumFile {
		parts = append(parts, string(d.Kind))
	}
	if s.identity.Label != "" {
		parts = append(parts, `label "`+s.identity.Label+`"`) // discfs has made it fit to be shown
	}
	if d.Sectors > 0 {
		parts = append(parts, fmt.Sprintf("%d sectors", d.Sectors))
	}
	if d.TOC.Sessions > 1 {
		parts = append(parts, fmt.Sprintf("%d sessions", d.TOC.Sessions))
	}
	if d.Protection != "" {
		parts = append(parts, "protected by "+d.Protection)
	}
	return strings.Join(parts, ", ")
}

// refuse ends the story of a disc that an ISO cannot hold: all that is known
// of it is recorded, and a person is asked.
func (b *bay) refuse(ctx context.Context, d Drive, s seen, ask *Request) (Outcome, error) {
	cap := b.capture(s, ask)
	cap.ID = s.insertionID("capture")
	cap.Outcome, cap.Reason, cap.Ended = catalog.Refused, s.refusal, time.Now().UTC()
	carrier := carrierInfo(ask)
	carrier.ID = s.insertionID("carrier")
	needs, events := b.s.said(ask, s.drive, carrier.ID, false)
	err := b.s.recordAttempt(ctx, catalog.Attempt{
		Carrier: carrier, Disc: s.disc, Identity: s.identity, Capture: cap,
		Needs:  append(needs, catalog.Need{Kind: catalog.NeedsReview, Reason: s.refusal}),
		Events: append([]catalog.Event{b.event(catalog.EventFormat, catalog.EventWarning, s.refusal, cap, carrier.ID)}, events...),
	})
	if err != nil {
		return "", err
	}
	b.carried(s.arrival, carrier.ID, nil)
	b.notice(Notice{ID: carrier.ID, Word: WordNeedsYou, Text: s.refusal, Hint: s.hint})
	return OutcomeNeedsYou, b.part(ctx, d, s, trayRefused, carrier.ID, carrier, string(WordNeedsYou)+": "+s.refusal, s.hint)
}

// insertionID makes an id that is the same each time the same insertion is
// met: a story that is told again records nothing twice.
func (s *seen) insertionID(what string) string {
	text := fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", what, s.ins.DriveKey, s.ins.BootID, s.ins.DiskSeq)
	if s.arrival != nil && s.arrival.again != "" {
		text = append(text, "\x00"+s.arrival.again...)
	}
	h := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h[:16]))
}

// driveReader is a drive's user data as an io.ReaderAt, for the few sectors
// that identify a disc.
type driveReader struct {
	ctx     context.Context
	d       Drive
	sectors int64
}

var errUnaligned = errors.New("read inside a sector")

func (r driveReader) ReadAt(p []byte, off int64) (int, error) {
	if off%disc.SectorSize != 0 || len(p)%disc.SectorSize != 0 {
		return r.readInside(p, off)
	}
	n := 0
	for n < len(p) {
		lba := (off + int64(n)) / disc.SectorSize
		want := min(len(p)-n, r.d.MaxSectors()*disc.SectorSize)
		if left := (r.sectors - lba) * disc.SectorSize; int64(want) > left {
			want = int(left)
		}
		if want <= 0 {
			return n, fmt.Errorf("read %d bytes at %d: behind the end of the disc: %w", len(p), off, errUnaligned)
		}
		if err := r.d.ReadSectors(r.ctx, disc.LBA(lba), p[n:n+want]); err != nil {
			return n, err
		}
		n += want
	}
	return n, nil
}

// readInside reads whole sectors around a range and gives the range.
func (r driveReader) readInside(p []byte, off int64) (int, error) {
	first := off / disc.SectorSize * disc.SectorSize
	last := (off + int64(len(p)) + disc.SectorSize - 1) / disc.SectorSize * disc.SectorSize
	buf := make([]byte, last-first)
	n, err := r.ReadAt(buf, first)
	if n <= int(off-first) {
		return 0, err
	}
	return copy(p, buf[off-first:n]), err
}
