package operator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/operator"
)

// A morning that is as it should be has no flaw, and each that is not has the
// one that is told.
func TestAccount(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := operator.Night{Drives: 1, Discs: []operator.Disc{
		{Number: 0, Model: 0, Kind: operator.Pressed, Item: "A", Label: "X", Seed: 1 << 8, Sectors: 300},
		{Number: 1, Model: 1, Kind: operator.Scratched, Item: "B", Label: "Y", Seed: 2 << 8, Sectors: 300, Bad: []disc.Extent{{Start: 100, Count: 2}}},
	}}
	key := func(seq uint64) disc.Insertion { return disc.Insertion{DriveKey: "S", BootID: "b", DiskSeq: seq} }
	whole := disc.Extent{Count: 300}
	diary := []operator.Entry{
		{At: at, What: operator.Scan, Drive: -1, Disc: -1, Code: "A"},
		{At: at.Add(5 * time.Second), What: operator.Closed, Drive: 0, Disc: 0, Insertion: key(1)},
		{At: at.Add(9 * time.Second), What: operator.Read, Drive: 0, Disc: 0, Read: whole},
		{At: at.Add(5 * time.Minute), What: operator.Ejected, Drive: 0, Disc: 0},
		{At: at.Add(6 * time.Minute), What: operator.Closed, Drive: 0, Disc: 1, Insertion: key(2)},
		{At: at.Add(7 * time.Minute), What: operator.Read, Drive: 0, Disc: 1, Read: whole},
		{At: at.Add(9 * time.Minute), What: operator.Ejected, Drive: 0, Disc: 1},
	}
	image := func(d int, missing int64) operator.Image {
		state := "complete"
		if missing > 0 {
			state = "incomplete"
		}
		return operator.Image{Store: "s", Version: 1, State: state, Missing: missing, Bytes: func() ([]byte, error) { return n.Discs[d].Bytes() }}
	}
	good := func() operator.Morning {
		return operator.Morning{Carriers: []operator.Carrier{
			{ID: "a", Item: "A", Captures: []operator.Capture{{Insertion: key(1), Outcome: "imaged"}}, Images: []operator.Image{image(0, 0)}},
			{ID: "b", Captures: []operator.Capture{{Insertion: key(2), Outcome: "imaged"}}, Images: []operator.Image{image(1, 2)}},
		}, Notices: []operator.Notice{{At: at.Add(5 * time.Minute), ID: "a", Ejecting: true}, {At: at.Add(9 * time.Minute), ID: "b", Ejecting: true}}}
	}
	for name, c := range map[string]struct {
		change func(m *operator.Morning, d *[]operator.Entry)
		want   string
	}{
		"as it should be": {func(*operator.Morning, *[]operator.Entry) {}, ""},
		"images swapped": {func(m *operator.Morning, _ *[]operator.Entry) {
			m.Carriers[0].Images, m.Carriers[1].Images = m.Carriers[1].Images, m.Carriers[0].Images
		}, "is not what its disc bears"},
		"damage untold":   {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers[1].Images[0].Missing = 0 }, "lacks 2"},
		"called complete": {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers[1].Images[0].State = "complete" }, "told as complete"},
		"another's name":  {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers[1].Item = "A" }, "is said to be item A"},
		"two discs, one card": {func(m *operator.Morning, _ *[]operator.Entry) {
			m.Carriers[0].Captures = append(m.Carriers[0].Captures, operator.Capture{Insertion: key(2)})
		}, "two discs"},
		"no disc":            {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers[0].Captures[0].Insertion = key(9) }, "nobody put in"},
		"no record":          {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers = m.Carriers[:1] }, "nothing is known of it"},
		"ejected, no record": {func(m *operator.Morning, _ *[]operator.Entry) { m.Carriers = m.Carriers[:1] }, "which has no record"},
		"two bags": {func(m *operator.Morning, _ *[]operator.Entry) {
			c := m.Carriers[0]
			c.ID, c.Item = "c", ""
			m.Carriers = append(m.Carriers, c)
		}, "has 2 bags"},
		"wrong eject": {func(m *operator.Morning, _ *[]operator.Entry) { m.Notices[1].ID = "a" }, "opened at 00:09:00 for carrier a"},
		"read twice": {func(_ *operator.Morning, d *[]operator.Entry) {
			*d = slices.Insert(*d, 3, operator.Entry{At: at.Add(4 * time.Minute), What: operator.Read, Drive: 0, Disc: 0, Read: whole})
		}, "was read 2 times"},
	} {
		m, d := good(), slices.Clone(diary)
		c.change(&m, &d)
		flaws := operator.Account(n, d, m)
		if all := strings.Join(flaws, "\n"); (c.want == "") != (len(flaws) == 0) || !strings.Contains(all, c.want) {
			t.Errorf("%s: want %q; got:\n%s", name, c.want, all)
		}
	}
}

// Of a disc that waited for room when the station was stopped, and that was
// exchanged before it ran again, nothing can be known. Of one that was taken out of
// a running station's drive it is.
func TestDiscThatWaitedForRoom(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := operator.Night{Drives: 1, Discs: []operator.Disc{{Number: 0, Kind: operator.Pressed, Item: "A", Label: "X", Seed: 1 << 8, Sectors: 300}}}
	diary := []operator.Entry{
		{At: at, What: operator.Closed, Drive: 0, Disc: 0, Insertion: disc.Insertion{DriveKey: "S", BootID: "b", DiskSeq: 1}},
		{At: at.Add(time.Hour), What: operator.Opened, Drive: 0, Disc: 0},
	}
	waits := operator.Notice{At: at.Add(time.Minute), Word: "WAITING FOR SPACE"}
	reads := operator.Notice{At: at.Add(2 * time.Minute), ID: "a", Word: "READING"}
	for name, c := range map[string]struct {
		notices []operator.Notice
		stopped int
		known   bool
	}{
		"stopped":              {[]operator.Notice{waits}, 1, true},
		"not stopped":          {[]operator.Notice{waits}, 0, false},
		"begun after that":     {[]operator.Notice{waits, reads}, 1, false},
		"told of nothing":      {nil, 1, false},
		"told of another stay": {[]operator.Notice{{At: at.Add(2 * time.Hour), Word: waits.Word}}, 1, false},
		"in another drive":     {[]operator.Notice{{At: waits.At, Drive: 1, Word: waits.Word}}, 1, false},
		"another word":         {[]operator.Notice{{At: waits.At, Word: "IDENTIFIED"}}, 1, false},
	} {
		flaws := operator.Account(n, diary, operator.Morning{Notices: c.notices, Interrupted: func(*operator.Arrival) int { return c.stopped }})
		if c.known != (len(flaws) == 0) {
			t.Errorf("%s: %q", name, flaws)
		}
	}
}

// A tray that opens before the store has the disc's image is a flaw, unless the
// disc went to the pending rack: somebody was told so, or, when the station was
// killed just then, an event of that moment says it.
func TestTheTrayWaitsForTheStore(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ins := disc.Insertion{DriveKey: "S", BootID: "b", DiskSeq: 1}
	n := operator.Night{Drives: 1, Stores: 1, Both: true, Eject: "stored", Dark: "pending", Discs: []operator.Disc{
		{Number: 0, Model: 0, Kind: operator.Pressed, Item: "A", Label: "X", Seed: 1 << 8, Sectors: 300}}}
	opened := at.Add(5 * time.Minute)
	diary := []operator.Entry{
		{At: at, What: operator.Closed, Drive: 0, Disc: 0, Insertion: ins},
		{At: at.Add(time.Minute), What: operator.Read, Drive: 0, Disc: 0, Read: disc.Extent{Count: 300}},
		{At: opened, What: operator.Ejected, Drive: 0, Disc: 0},
	}
	for name, c := range map[string]struct {
		stored time.Duration // after the tray opened
		rack   *time.Duration
		told   bool
		before string // the state of an image from before that was stored then
		flaw   bool
	}{
		"stored before":          {-time.Minute, nil, false, "", false},
		"stored after":           {time.Hour, nil, false, "", true},
		"told":                   {time.Hour, nil, true, "", false},
		"an event":               {time.Hour, new(time.Duration), false, "", false},
		"another time's":         {time.Hour, ptr(-time.Hour), false, "", true},
		"an event that followed": {time.Hour, ptr(time.Minute), false, "", true},
		"held in full before":    {time.Hour, nil, false, "complete", false},
		"held in part before":    {time.Hour, nil, false, "incomplete", true},
	} {
		stored := opened.Add(c.stored)
		car := operator.Carrier{ID: "a", Captures: []operator.Capture{{Insertion: ins, Outcome: "imaged"}}, Images: []operator.Image{
			{Store: "store0", Version: 1, State: "complete", Stored: &stored, Bytes: func() ([]byte, error) { return n.Discs[0].Bytes() }}}}
		then := diary
		if c.before != "" {
			first, early := disc.Insertion{DriveKey: "S", BootID: "b"}, at.Add(-time.Hour)
			then = append([]operator.Entry{{At: early, What: operator.Closed, Drive: 0, Disc: 0, Insertion: first}, {At: early, What: operator.Ejected, Drive: 0, Disc: 0}}, diary...)
			car.Captures = append([]operator.Capture{{Insertion: first, Outcome: "imaged"}}, car.Captures...)
			car.Images[0].Version = 2
			car.Images = append(car.Images, operator.Image{Store: "store0", Version: 1, State: c.before, Stored: &early, Bytes: car.Images[0].Bytes})
		}
		if c.rack != nil {
			car.Racked = []time.Time{opened.Add(*c.rack)}
		}
		m := operator.Morning{Carriers: []operator.Carrier{car}, Notices: []operator.Notice{{At: opened, ID: "a", Ejecting: true, Pending: c.told}}}
		flaws := strings.Join(operator.Account(n, then, m), "\n")
		if strings.Contains(flaws, "was to be stored in store0 first") != c.flaw || !c.flaw && flaws != "" && c.before == "" {
			t.Errorf("%s: %s", name, flaws)
		}
	}
}

func ptr(d time.Duration) *time.Duration { return &d }

// A disc that looks like one that was taken out in mid-read and goes on with its
// job may have that one's identifier only when nothing was scanned for it.
func TestTheNameOfALookalike(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := func(seq uint64) disc.Insertion { return disc.Insertion{DriveKey: "S", BootID: "b", DiskSeq: seq} }
	n := operator.Night{Drives: 1, Discs: []operator.Disc{
		{Number: 0, Model: 0, Kind: operator.Pressed, Item: "A", Label: "X", Seed: 1 << 8, Sectors: 300},
		{Number: 1, Model: 0, Kind: operator.Lookalike, Item: "B", Label: "X", Seed: 1<<8 + 1, Sectors: 300},
	}}
	for name, c := range map[string]struct {
		scanned, item string
		flaw          bool
	}{
		"nothing was scanned": {"", "A", false},
		"its own was scanned": {"B", "A", true},
		"it has no name":      {"B", "", false},
		"it has its own":      {"B", "B", false},
	} {
		diary := []operator.Entry{
			{At: at, What: operator.Scan, Drive: -1, Disc: -1, Code: "A"},
			{At: at.Add(5 * time.Second), What: operator.Closed, Drive: 0, Disc: 0, Insertion: key(1)},
			{At: at.Add(9 * time.Second), What: operator.Read, Drive: 0, Disc: 0, Read: disc.Extent{Count: 30}},
			{At: at.Add(time.Minute), What: operator.Opened, Drive: 0, Disc: 0},
			{At: at.Add(10 * time.Minute), What: operator.Closed, Drive: 0, Disc: 1, Insertion: key(2)},
			{At: at.Add(11 * time.Minute), What: operator.Read, Drive: 0, Disc: 1, Read: disc.Extent{Start: 30, Count: 270}},
			{At: at.Add(15 * time.Minute), What: operator.Ejected, Drive: 0, Disc: 1},
		}
		if c.scanned != "" {
			diary = slices.Insert(diary, 4, operator.Entry{At: at.Add(9*time.Minute + 50*time.Second), What: operator.Scan, Drive: -1, Disc: -1, Code: c.scanned})
		}
		m := operator.Morning{Carriers: []operator.Carrier{{ID: "a", Item: c.item, Captures: []operator.Capture{{Insertion: key(1), Outcome: "interrupted"}, {Insertion: key(2), Outcome: "imaged"}},
			Images: []operator.Image{{Store: "s", Version: 1, State: "complete", Bytes: func() ([]byte, error) { return n.Discs[1].Bytes() }}}}},
			Notices: []operator.Notice{{At: at.Add(15 * time.Minute), ID: "a", Ejecting: true}}}
		flaws := strings.Join(operator.Account(n, diary, m), "\n")
		if strings.Contains(flaws, "is said to be item") != c.flaw {
			t.Errorf("%s: %s", name, flaws)
		}
	}
}
