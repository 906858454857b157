package mmc

import (
	"context"
	"errors"
	"fmt"

	"ripstation/disc"
)

// survey is what has been learned of the disc in the drive so far. Parts that
// the drive does not have are nil or zero.
type survey struct {
	d          *Drive
	blobs      []disc.Blob
	waited     bool // a drive that fell asleep in the middle is waited for once
	unreadable bool // TEST UNIT READY says that this medium cannot be accessed

	conf     *Configuration
	info     *DiscInformation
	toc      []tocTrack
	last     *lastSession
	raw      *rawTOC
	atip     *ATIP
	capacity int64
	physical []PhysicalFormat // by layer
	cpst     byte
	bdType   string
	tracks   []TrackInformation
	headers  map[int]sectorHeader // what the probes of a track's sectors saw
	medium   disc.Medium
}

// Identify learns what is in the drive before any user data is read of it. It
// waits for a medium that is becoming ready, at most ReadyTimeout. Every raw
// answer is kept, and of every answer that the drive does not have, the reason.
//
// An error of class gone, changed, wedged, permission or transport ends it, and
// not ready after the wait does. A medium that cannot be made out is no error:
// its kind is disc.KindNoTOC.
func (d *Drive) Identify(ctx context.Context) (disc.Disc, error) {
	s := &survey{d: d, headers: map[int]sectorHeader{}}
	d.medium.Store(nil)
	err := d.ready(ctx)
	if err != nil && !cannotRead(err) {
		return disc.Disc{}, err
	}
	if err != nil {
		s.unreadable = true
		s.blobs = append(s.blobs, disc.Blob{Name: "TEST UNIT READY", Absent: err.Error()})
	}
	for _, step := range []func(context.Context) error{s.askDisc, s.askTOC, s.askSize, s.askStructures, s.askTracks, s.probe} {
		if err := step(ctx); err != nil {
			return disc.Disc{}, err
		}
	}
	d.medium.Store(&s.medium)
	return s.disc(), nil
}

// cannotRead tells a medium that the drive cannot make out from one that is
// not there, not ready, or not to be asked: NOT READY counts when the drive does
// not say that it is becoming ready (02/06, no reference position found).
func cannotRead(err error) bool {
	var re *disc.ReadError
	if !errors.As(err, &re) {
		return false
	}
	switch re.Class {
	case disc.ClassMedium, disc.ClassRefused, disc.ClassProtected:
		return true
	case disc.ClassNotReady:
		return re.Key == keyNotReady && re.ASC != ascNotReady
	}
	return false
}

// ask sends one command and keeps the raw answer under name. nil bytes and a
// nil error mean that the drive does not have the answer.
func (s *survey) ask(ctx context.Context, name string, cdb []byte, room int) ([]byte, error) {
	a, err := s.d.do(ctx, cdb, make([]byte, room), noAddress)
	if disc.ClassOf(err) == disc.ClassNotReady && !s.waited && !s.unreadable {
		s.waited = true
		if err := s.d.ready(ctx); fatal(err) {
			return nil, err
		}
		a, err = s.d.do(ctx, cdb, make([]byte, room), noAddress)
	}
	if fatal(err) {
		return nil, err
	}
	if err != nil {
		s.blobs = append(s.blobs, disc.Blob{Name: name, Absent: err.Error()})
		return nil, nil
	}
	s.blobs = append(s.blobs, disc.Blob{Name: name, Data: a.data})
	return a.data, nil
}

// known parses an answer into a place that stays nil when there is none, or
// when it makes no sense: the raw bytes are kept either way.
func known[T any](b []byte, parse func([]byte) (T, error)) *T {
	v, err := parse(b)
	if err != nil {
		return nil
	}
	return &v
}

func (s *survey) askDisc(ctx context.Context) error {
	b, err := s.ask(ctx, "GET CONFIGURATION", cdbGetConfiguration(allFeatures, featureProfileList, configRoom), configRoom)
	if err != nil {
		return err
	}
	s.conf = known(b, parseConfiguration)
	s.medium = disc.MediumUnknown
	if s.conf != nil {
		s.medium = profileOf(s.conf.Profile).medium
	}
	b, err = s.ask(ctx, "READ DISC INFORMATION", cdbReadDiscInfo(discInfoRoom), discInfoRoom)
	if err != nil {
		return err
	}
	s.info = known(b, parseDiscInformation)
	return nil
}

func (s *survey) askTOC(ctx context.Context) error {
	format := func(format byte) ([]byte, error) {
		return s.ask(ctx, fmt.Sprintf("READ TOC %04Xh", format), cdbReadTOC(format, tocRoom), tocRoom)
	}
	b, err := format(tocTracks)
	if err != nil {
		return err
	}
	if t := known(b, parseTracks); t != nil {
		s.toc = *t
	}
	if b, err = format(tocSessions); err != nil {
		return err
	}
	s.last = known(b, parseLastSession)
	if s.medium == disc.MediumDVD || s.medium == disc.MediumBD {
		return nil
	}
	if b, err = format(tocRaw); err != nil {
		return err
	}
	s.raw = known(b, parseRawTOC)
	if b, err = format(tocATIP); err != nil {
		return err
	}
	s.atip = known(b, parseATIP)
	return nil
}

func (s *survey) askSize(ctx context.Context) error {
	b, err := s.ask(ctx, "READ CAPACITY", cdbReadCapacity(), 8)
	if err != nil {
		return err
	}
	if n := known(b, parseCapacity); n != nil {
		s.capacity = *n
	}
	return nil
}

func (s *survey) askStructures(ctx context.Context) error {
	if s.medium == disc.MediumCD {
		return nil
	}
	structure := func(media, layer, format byte) ([]byte, error) {
		name := fmt.Sprintf("READ DISC STRUCTURE %02Xh layer %d", format, layer)
		if media == mediaBD {
			name = fmt.Sprintf("READ DISC STRUCTURE BD %02Xh", format)
		}
		return s.ask(ctx, name, cdbReadDiscStructure(media, layer, format, structureRoom), structureRoom)
	}
	if s.medium == disc.MediumBD {
		b, err := structure(mediaBD, 0, structurePhysical)
		if err != nil {
			return err
		}
		if t := known(b, parseBDType); t != nil {
			s.bdType = *t
		}
		_, err = structure(mediaBD, 0, structureBCA)
		return err
	}
	for layer, layers := 0, 1; layer < layers; layer++ {
		b, err := structure(mediaDVD, byte(layer), structurePhysical)
		if err != nil {
			return err
		}
		p := known(b, parsePhysicalFormat)
		if p == nil {
			break
		}
		s.physical = append(s.physical, *p)
		layers = p.Layers
	}
	if s.medium == disc.MediumUnknown {
		// A drive without profiles: what has a DVD's structure is a DVD, and
		// what has only a table of contents is a CD.
		if len(s.physical) == 0 {
			if s.toc != nil {
				s.medium = disc.MediumCD
			}
			return nil
		}
		s.medium = disc.MediumDVD
	}
	formats := []byte{structureCopyright, structureBCA, structureManufacturer}
	if len(s.physical) > 0 && s.physical[0].recordable() {
		formats = append(formats, structurePreRecorded, structureADIP)
	}
	for _, format := range formats {
		b, err := structure(mediaDVD, 0, format)
		if err != nil {
			return err
		}
		if format == structureCopyright {
			if c := known(b, parseCopyright); c != nil {
				s.cpst = *c
			}
		}
	}
	return nil
}

// maxTracksAsked bounds READ TRACK INFORMATION: a DVD-R can claim thousands of
// tracks, and a drive can claim anything.
const maxTracksAsked = 1000

func (s *survey) askTracks(ctx context.Context) error {
	if s.unreadable {
		return nil
	}
	first, last := 1, 0
	for _, t := range s.toc {
		if t.number != leadOut {
			last = max(last, t.number)
		}
	}
	if s.info != nil {
		first = max(1, s.info.FirstTrack)
		last = max(last, s.info.LastSessionLast)
	}
	refusals := 0
	for n := first; n <= min(last, first+maxTracksAsked-1) && refusals < 3; n++ {
		b, err := s.ask(ctx, fmt.Sprintf("READ TRACK INFORMATION %d", n), cdbReadTrackInfo(uint32(n), trackInfoRoom), trackInfoRoom)
		if err != nil {
			return err
		}
		t := known(b, parseTrackInformation)
		if t == nil {
			refusals++
			continue
		}
		t.Track = n
		s.tracks = append(s.tracks, *t)
	}
	return nil
}
