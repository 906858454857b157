package mmc

import (
	"slices"
	"testing"

	"ripstation/disc"
)

func data(number, session int, start disc.LBA, sectors int64) disc.Track {
	return disc.Track{Number: number, Session: session, Data: true, Control: 4, Start: start, Sectors: sectors}
}

func TestUnrecordedExtents(t *testing.T) {
	for name, c := range map[string]struct {
		toc     disc.TOC
		medium  disc.Medium
		raw     *rawTOC
		sectors int64
		want    []disc.Extent
	}{
		"one session": {toc: disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 1000)}}, medium: disc.MediumCD, sectors: 1000},
		"three sessions of a CD-R": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 5000), data(2, 2, 16402, 3000), data(3, 3, 26304, 100)}},
			medium: disc.MediumCD, sectors: 26406,
			want: []disc.Extent{{Start: 5002, Count: 11400}, {Start: 19404, Count: 6900}},
		},
		"a lead-out before what the standard gives is not believed": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 5002), data(2, 2, 16402, 3000)}},
			medium: disc.MediumCD, raw: &rawTOC{leadOuts: map[int]disc.LBA{1: 3}}, sectors: 19404,
			want: []disc.Extent{{Start: 5002, Count: 11400}},
		},
		"a lead-out behind it is": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 5002), data(2, 2, 16402, 3000)}},
			medium: disc.MediumCD, raw: &rawTOC{leadOuts: map[int]disc.LBA{1: 6000}}, sectors: 19404,
			want: []disc.Extent{{Start: 6000, Count: 10402}},
		},
		"sessions too near for a gap": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 5000), data(2, 2, 6000, 3000)}},
			medium: disc.MediumCD, sectors: 9000,
		},
		"border zone of a DVD-R": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 16000), data(2, 2, 28288, 4000)}},
			medium: disc.MediumDVD, sectors: 32288,
			want: []disc.Extent{{Start: 16000, Count: 12288}},
		},
		"border zone of unknown size": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 0), data(2, 2, 28288, 4000)}},
			medium: disc.MediumDVD, sectors: 32288,
		},
		"two tracks of one session": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 16000), data(2, 1, 17000, 4000)}},
			medium: disc.MediumDVD, sectors: 21000,
		},
		"a blank track that claims the recorded one": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 1000), {Number: 2, Session: 1, Data: true, Blank: true, Start: 500, Sectors: 1 << 31}}},
			medium: disc.MediumDVD, sectors: 1600,
			want: []disc.Extent{{Start: 1000, Count: 600}},
		},
		"a blank track that claims the one behind it": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 1000), {Number: 2, Session: 1, Data: true, Blank: true, Start: 1000, Sectors: 600}, data(3, 1, 1200, 400)}},
			medium: disc.MediumDVD, sectors: 1600,
			want: []disc.Extent{{Start: 1000, Count: 200}},
		},
		"sizes that no disc has": {
			toc:    disc.TOC{Tracks: []disc.Track{data(1, 1, 0, 1<<32-1), data(2, 2, 1<<31-1, 1<<32-1), data(3, 3, -5, 9)}},
			medium: disc.MediumDVD, sectors: 5000,
		},
	} {
		if got := unrecorded(c.toc, c.medium, c.raw, c.sectors); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestRunOut(t *testing.T) {
	toc := disc.TOC{LeadOut: 19404, Tracks: []disc.Track{data(1, 1, 0, 3000), data(2, 1, 3152, 1850), data(3, 2, 16402, 3002)}}
	got := runOut(toc, nil, nil, 19404)
	want := []disc.Extent{{Start: 3000, Count: 152}, {Start: 5000, Count: 2}, {Start: 19402, Count: 2}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got = runOut(toc, nil, []TrackInformation{{Track: 1}, {Track: 2, Packet: true}, {Track: 3, Packet: true}}, 19404)
	if !slices.Equal(got, want[:1]) {
		t.Errorf("tracks 2 and 3 written in packets: %v", got)
	}
	toc = disc.TOC{LeadOut: 300, Tracks: []disc.Track{{Number: 1, Session: 1, Start: 0}, data(2, 1, 200, 100)}}
	if got := runOut(toc, nil, nil, 300); !slices.Equal(got, []disc.Extent{{Start: 298, Count: 2}}) {
		t.Errorf("audio tracks have none: %v", got)
	}
	toc = disc.TOC{LeadOut: 2, Tracks: []disc.Track{data(1, 1, 0, 2)}}
	if got := runOut(toc, nil, nil, 2); len(got) != 0 {
		t.Errorf("a track that would be all run-out: %v", got)
	}
}

func TestBehindCapacity(t *testing.T) {
	for _, c := range []struct {
		capacity, sectors int64
		want              []disc.Extent
	}{
		{5000, 5000, nil}, {5002, 5000, nil}, {0, 100, nil}, {4848, 5001, nil},
		{4998, 5000, []disc.Extent{{Start: 4998, Count: 2}}}, {4848, 5000, []disc.Extent{{Start: 4848, Count: 152}}},
	} {
		if got := behindCapacity(c.capacity, c.sectors); !slices.Equal(got, c.want) {
			t.Errorf("capacity %d of %d: %v, want %v", c.capacity, c.sectors, got, c.want)
		}
	}
	f := cd()
	f.gives(opReadCapacity, "00 00 13 87 00 00 08 00")
	got, err := f.drive().Identify(t.Context())
	if want := []disc.Extent{{Start: 5000, Count: 2}}; err != nil || got.Sectors != 5002 || !slices.Equal(got.RunOut, want) {
		t.Errorf("%d sectors, run-out %v, %v", got.Sectors, got.RunOut, err)
	}
}

func TestProbePoints(t *testing.T) {
	if got := probePoints(100, 800); !slices.Equal(got, []disc.LBA{100, 116, 200, 300, 400, 500, 600, 700}) {
		t.Error(got)
	}
	if got := probePoints(0, 1); !slices.Equal(got, []disc.LBA{0}) {
		t.Error(got)
	}
	for _, end := range []int64{0, -5, 1 << 40} {
		for _, lba := range probePoints(10, end) {
			if lba < 10 {
				t.Errorf("end %d: sector %d", end, lba)
			}
		}
	}
}
