package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// What a rebuild can find. These numbers, too, never change their meaning.
const (
	RecordNotTaken Code = "R001" // an image's record or file list could not be used
	EventTwice     Code = "R002" // two events of one number, or one at two places
	BagUnfinished  Code = "R003" // a bag without its last tag manifest
	EventNotTaken  Code = "R004" // an event that is damaged, or not the one of its key
	EventsGone     Code = "R005" // numbers that neither an event nor a record has
	KeyUnknown     Code = "R006" // a key that is none of a store's
	BagGone        Code = "R007" // events speak of a bag that is not there
	EventNewer     Code = "R008" // an event that says more than this program knows
	BagWithdrawn   Code = "R009" // what the record of a withdrawn disc's bag held is gone with the bag
)

func init() {
	for code, words := range map[Code][2]string{
		RecordNotTaken: {"an image's record cannot be used", "rebuild from another store, or repair this one first"},
		EventTwice:     {"two events of one number", "two stations wrote them; compare the two, the first by name was taken"},
		BagUnfinished:  {"a bag that was never finished", "it was not taken; its disc has to be read again unless another store has it"},
		EventNotTaken:  {"an event cannot be used", "rebuild from another store, or repair this one first"},
		EventsGone:     {"events are gone", "rebuild from another store that has them"},
		KeyUnknown:     {"a key that is none of an archive's", "find out who put it there; it was not touched"},
		BagGone:        {"a bag that events speak of is not there", "another store may have it"},
		EventNewer:     {"an event says more than this program knows", "use the newer program"},
		BagWithdrawn:   {"the disc is withdrawn and its bag is gone, and what the bag's record held with it", "nothing, if it was deleted as `ripstation withdraw` said; the disc's events are what is left of it"},
	} {
		meanings[code] = words
	}
}

// The bounds of what a rebuild takes from a store that may be anybody's.
const (
	maxFindings    = 10_000
	maxEventsOf    = 100_000   // of one carrier
	maxEventBytes  = 256 << 20 // of one carrier
	maxRecordBytes = 256 << 20 // of one carrier, all versions
	maxVersions    = 1000
	maxBagFiles    = 10_000
)

// RebuildConfig says from what a catalog is made anew.
type RebuildConfig struct {
	Catalog  *catalog.Catalog // empty, open for writing
	Store    archive.Store
	Progress func(RebuildReport) // after every disc; may be nil
}

// RebuildReport is what a rebuild took, and what it could not take.
type RebuildReport struct {
	Store    string    `json:"store"`
	Objects  int64     `json:"objects"` // listed
	Discs    int       `json:"discs"`
	Images   int       `json:"images"`
	Events   int       `json:"events"` // without those in records
	Seconds  float64   `json:"seconds"`
	Findings []Finding `json:"findings"`
	Omitted  int       `json:"omitted"` // findings beyond those named
}

// Rebuild makes a catalog anew from one store alone (docs/decisions/0009). What
// cannot be taken is a finding, and the rest goes on. An error means that the
// store or the catalog could not be used: begin again with an empty catalog.
func Rebuild(ctx context.Context, cfg RebuildConfig) (RebuildReport, error) {
	start := time.Now()
	r := &rebuild{cfg: cfg, report: RebuildReport{Store: cfg.Store.Name(), Findings: []Finding{}}}
	err := r.all(ctx)
	r.report.Seconds = time.Since(start).Seconds()
	if err != nil {
		err = fmt.Errorf("make the catalog anew from store %s: %w", cfg.Store.Name(), err)
	}
	return r.report, err
}

type rebuild struct {
	cfg    RebuildConfig
	to     *catalog.Rebuilder
	report RebuildReport
}

func (r *rebuild) find(code Code, id string, version int, key, format string, args ...any) {
	if len(r.report.Findings) >= maxFindings {
		r.report.Omitted++
		return
	}
	r.report.Findings = append(r.report.Findings, Finding{Code: code, Store: r.report.Store, Key: cut(key), CarrierID: id, Version: version,
		Message: cut(fmt.Sprintf(format, args...))})
}

// cut bounds what a stranger's key or bytes can bring into a report.
func cut(s string) string {
	if len(s) > 2000 {
		s = s[:2000] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// found is what the store's list shows of one carrier.
type found struct {
	id     string
	bags   map[int]map[string]int64 // version -> path -> size
	events []archive.Info
}

func (r *rebuild) all(ctx context.Context) (err error) {
	if r.to, err = r.cfg.Catalog.Rebuild(ctx, r.report.Store); err != nil {
		return err
	}
	var now *found
	for info, err := range r.cfg.Store.List(ctx, "") {
		if err != nil {
			return err
		}
		r.report.Objects++
		id, rest, _ := strings.Cut(info.Key, "/")
		if !catalog.ValidID(id) {
			if !reserved(info.Key) {
				r.find(KeyUnknown, "", 0, info.Key, "%d bytes", info.Size)
			}
			continue
		}
		if now == nil || now.id != id {
			if err := r.carrier(ctx, now); err != nil {
				return err
			}
			now = &found{id: id, bags: map[int]map[string]int64{}}
		}
		r.sort(now, info, rest)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.carrier(ctx, now)
}

// sort puts one object to what is known of its carrier.
func (r *rebuild) sort(f *found, info archive.Info, rest string) {
	first, inside, _ := strings.Cut(rest, "/")
	version, isBag := strings.CutPrefix(first, "v")
	n, err := strconv.Atoi(version)
	switch {
	case first == "added" && inside != "":
	case first == "events":
		if _, ok := catalog.IsEventKey(info.Key); !ok {
			r.find(KeyUnknown, f.id, 0, info.Key, "%d bytes", info.Size)
		} else if len(f.events) >= maxEventsOf {
			r.find(EventNotTaken, f.id, 0, info.Key, "more than %d events of one disc", maxEventsOf)
		} else {
			f.events = append(f.events, info)
		}
	case isBag && err == nil && n >= 1 && strconv.Itoa(n) == version && inside != "":
		if f.bags[n] == nil {
			if len(f.bags) >= maxVersions {
				r.find(RecordNotTaken, f.id, n, info.Key, "more than %d images of one disc", maxVersions)
				return
			}
			f.bags[n] = map[string]int64{}
		}
		if len(f.bags[n]) < maxBagFiles {
			f.bags[n][inside] = info.Size
		} else {
			r.find(KeyUnknown, f.id, n, info.Key, "more than %d files in one bag", maxBagFiles)
		}
	default:
		r.find(KeyUnknown, f.id, 0, info.Key, "%d bytes", info.Size)
	}
}

// carrier takes one carrier into the catalog.
func (r *rebuild) carrier(ctx context.Context, f *found) error {
	if f == nil {
		return nil
	}
	in := catalog.Remains{CarrierID: f.id}
	versions := make([]int, 0, len(f.bags))
	for n := range f.bags {
		versions = append(versions, n)
	}
	slices.Sort(versions)
	left := int64(maxRecordBytes)
	for _, n := range versions {
		c, err := r.image(ctx, f, n, &left)
		if err != nil {
			return err
		}
		if c != nil {
			in.Records = append(in.Records, *c)
		}
	}
	var err error
	if in.Events, err = r.events(ctx, f); err != nil {
		return err
	}
	withdrawn := r.bagsGone(f, in)
	if len(in.Records)+len(in.Events) == 0 {
		return nil
	}
	return r.add(ctx, in, withdrawn)
}

// add takes in what there is of a carrier; what the catalog refuses is left
// out, a file list sooner than a record, a late record sooner than an early one.
// When it was the events alone that could not be taken, the records are, without
// them: an event must not cost the catalog an image. Of a withdrawn disc of which
// a bag is gone, what stood in its record is expected to be gone.
func (r *rebuild) add(ctx context.Context, in catalog.Remains, withdrawn bool) error {
	all := in.Records
	var told []func()
	tell := func(code Code, version int, key, format string, args ...any) {
		told = append(told, func() { r.find(code, in.CarrierID, version, key, format, args...) })
	}
	for {
		faults, err := r.to.Add(ctx, in)
		if err == nil {
			for _, f := range told {
				f()
			}
			code := EventsGone
			if withdrawn {
				code = BagWithdrawn
			}
			for _, f := range faults {
				r.find(code, in.CarrierID, 0, in.CarrierID+"/events/", "%s", f)
			}
			r.report.Discs++
			r.report.Images += len(in.Records)
			r.report.Events += len(in.Events)
			if r.cfg.Progress != nil {
				r.cfg.Progress(r.report)
			}
			return nil
		}
		if !errors.Is(err, catalog.ErrInvalid) && !errors.Is(err, catalog.ErrConflict) && !errors.Is(err, archive.ErrChecksum) && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		n := len(in.Records)
		if i := slices.IndexFunc(in.Records, func(c catalog.Commit) bool { return c.FileList != nil }); i >= 0 {
			tell(RecordNotTaken, i+1, in.CarrierID, "taken without the lists of its files: %v", err)
			in.Records = slices.Clone(in.Records)
			for i := range in.Records {
				in.Records[i] = withoutList(in.Records[i])
			}
			continue
		}
		if n > 0 {
			tell(RecordNotTaken, n, in.Records[n-1].Copies[0].Key, "%v", err)
			if in.Records = in.Records[:n-1]; n > 1 || len(in.Events) > 0 {
				continue
			}
		} else if told = nil; len(all) > 0 {
			tell(EventNotTaken, 0, in.CarrierID+"/events/", "none of its %d events was taken: %v", len(in.Events), err)
			in.Records, in.Events = all, nil
			continue
		} else {
			tell(EventNotTaken, 0, in.CarrierID+"/events/", "%v", err)
		}
		for _, f := range told {
			f()
		}
		return nil
	}
}

func withoutList(c catalog.Commit) catalog.Commit {
	c.FileList = nil
	c.Files = slices.DeleteFunc(slices.Clone(c.Files), func(o catalog.Object) bool { return o.Path == catalog.FilesPath })
	return c
}

// bagsGone tells of images that events speak of and that are not there. Those
// of a withdrawn disc may be gone: it reports whether one is.
func (r *rebuild) bagsGone(f *found, in catalog.Remains) (away bool) {
	told := map[string]bool{}
	withdrawn := false
	for _, e := range in.Events {
		if e.Changes != nil && e.Changes.Disposition != nil {
			withdrawn = *e.Changes.Disposition == catalog.Withdrawn
		}
	}
	for _, e := range in.Events {
		if e.Changes == nil || e.Changes.State == nil || !slices.Contains(e.Objects, "store:"+r.report.Store) {
			continue
		}
		for _, o := range e.Objects {
			v, ok := strings.CutPrefix(o, f.id+"/v")
			n, err := strconv.Atoi(v)
			if !ok || err != nil || f.bags[n] != nil || told[o] {
				continue
			}
			if told[o] = true; withdrawn {
				away = true
			} else {
				r.find(BagGone, f.id, n, o+"/", "nothing of it is in the store's list")
			}
		}
	}
	return away
}
