package disc

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
)

// MaxSectors is the most sectors a map can hold (4 TiB of user data).
const MaxSectors = math.MaxInt32

// MaxDrives is the most drives a map can name.
const MaxDrives = 255

// maxDriveName bounds the name of a drive, in bytes.
const maxDriveName = 512

// Evidence says which drive read, in which pass, and how many reads this
// evidence stands for (0 when sectors were passed over without a read).
type Evidence struct {
	Drive uint8  // index into Drives, from 1; 0 is no drive
	Pass  uint8  // from 1; 0 is before the first pass
	Tries uint16 // added to the tries the sectors have; stays at 65535 when it would exceed it
}

// Run is a run of sectors that have all the same status and evidence.
type Run struct {
	Extent
	Status Status
	Drive  uint8  // that gave the status
	Pass   uint8  // that gave the status
	Tries  uint16 // all reads so far
}

// SectorMap has, for every sector of an image from LBA 0, its status and where
// the status comes from. Evidence accumulates: see Mark. It is not safe for
// use by several goroutines at once.
type SectorMap struct {
	sectors int64
	drives  []string
	runs    []span // sorted by start, the first at 0, neighbours differ
	counts  Counts
}

// span is a Run without its length: it ends where the next one starts.
type span struct {
	start LBA
	cell
}

// cell is what the map holds of one sector.
type cell struct {
	status      Status
	drive, pass uint8
	tries       uint16
}

// NewSectorMap is a map of that many untried sectors, 1 to MaxSectors.
func NewSectorMap(sectors int64) (*SectorMap, error) {
	if sectors < 1 || sectors > MaxSectors {
		return nil, fmt.Errorf("sector map: %d sectors is not between 1 and %d", sectors, MaxSectors)
	}
	return &SectorMap{sectors: sectors, runs: []span{{}}, counts: Counts{Total: sectors, Untried: sectors}}, nil
}

// Sectors is how many sectors the map has.
func (m *SectorMap) Sectors() int64 { return m.sectors }

// Counts says how many sectors have each status.
func (m *SectorMap) Counts() Counts { return m.counts }

// State is the state of the image that the map describes.
func (m *SectorMap) State() ImageState { return m.counts.State() }

// Drives are the names of the drives that gave evidence; Run.Drive n is
// Drives()[n-1].
func (m *SectorMap) Drives() []string { return slices.Clone(m.drives) }

// AddDrive gives the index of the drive of that name, and enters it if it is new.
func (m *SectorMap) AddDrive(name string) (uint8, error) {
	if i := slices.Index(m.drives, name); i >= 0 {
		return uint8(i + 1), nil
	}
	if name == "" || len(name) > maxDriveName {
		return 0, fmt.Errorf("sector map: a drive's name has 1 to %d bytes, this has %d", maxDriveName, len(name))
	}
	if len(m.drives) == MaxDrives {
		return 0, fmt.Errorf("sector map: it names %d drives already and cannot take another", MaxDrives)
	}
	m.drives = append(m.drives, name)
	return uint8(len(m.drives)), nil
}

// At is the run that holds lba. Outside of the map it is an empty one.
func (m *SectorMap) At(lba LBA) Run {
	if lba < 0 || int64(lba) >= m.sectors {
		return Run{Extent: Extent{Start: lba}}
	}
	return m.run(m.find(lba))
}

// Runs are all runs in order. The map must not be changed meanwhile.
func (m *SectorMap) Runs() iter.Seq[Run] {
	return func(yield func(Run) bool) {
		for i := range m.runs {
			if !yield(m.run(i)) {
				return
			}
		}
	}
}

// Next is the first stretch at or behind from whose sectors all have a status
// of the set, as far as it goes; ok is false when there is none.
func (m *SectorMap) Next(set Statuses, from LBA) (e Extent, ok bool) {
	from = max(from, 0)
	if int64(from) >= m.sectors {
		return Extent{}, false
	}
	for i := m.find(from); i < len(m.runs); i++ {
		if !set.Has(m.runs[i].status) {
			if ok {
				break
			}
			continue
		}
		r := m.run(i)
		if !ok {
			e, ok = Extent{Start: max(r.Start, from)}, true
		}
		e.Count = int64(r.End() - e.Start)
	}
	return e, ok
}

// Extents are all stretches with a status of the set, in order. The map may be
// changed meanwhile: each is looked up behind the one before.
func (m *SectorMap) Extents(set Statuses) iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		for e, ok := m.Next(set, 0); ok && yield(e); e, ok = m.Next(set, e.End()) {
		}
	}
}

// Missing are the extents of which the image holds no bytes though the disc
// should have some: untried, skipped, unreadable and protected sectors.
func (m *SectorMap) Missing() []Extent {
	return slices.Collect(m.Extents(MissingStatuses))
}

// Clone is an independent copy.
func (m *SectorMap) Clone() *SectorMap {
	c := *m
	c.drives, c.runs = slices.Clone(m.drives), slices.Clone(m.runs)
	return &c
}

// Equal reports whether both maps say the same, evidence and drives included.
func (m *SectorMap) Equal(o *SectorMap) bool {
	return m.sectors == o.sectors && slices.Equal(m.drives, o.drives) && slices.Equal(m.runs, o.runs)
}

// find is the index of the run that holds lba, which must lie in the map.
func (m *SectorMap) find(lba LBA) int {
	return sort.Search(len(m.runs), func(i int) bool { return m.runs[i].start > lba }) - 1
}

func (m *SectorMap) end(i int) LBA {
	if i+1 < len(m.runs) {
		return m.runs[i+1].start
	}
	return LBA(m.sectors)
}

func (m *SectorMap) run(i int) Run {
	s := m.runs[i]
	return Run{
		Extent: Extent{Start: s.start, Count: int64(m.end(i) - s.start)},
		Status: s.status, Drive: s.drive, Pass: s.pass, Tries: s.tries,
	}
}

// Believed says of bytes of the image whether all of their sectors were read
// and can be believed. The map must not be changed meanwhile.
func (m *SectorMap) Believed() func(off, n int64) bool {
	return func(off, n int64) bool {
		if n <= 0 {
			return true
		}
		first, last := off/SectorSize, (off+n-1)/SectorSize
		if off < 0 || last >= m.sectors {
			return false
		}
		for i := m.find(LBA(first)); i < len(m.runs); i++ {
			if !BelievedStatuses.Has(m.runs[i].status) {
				return false
			}
			if int64(m.run(i).End()) > last {
				return true
			}
		}
		return false
	}
}
