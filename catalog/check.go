package catalog

import (
	"encoding/hex"
	"path"
	"strconv"
	"strings"

	"ripstation/disc"
)

// How much of each a record may have.
const (
	maxObjects  = 10_000
	maxCaptures = 1_000
	maxChecks   = 1_000
	maxEvents   = 10_000
	maxAgents   = 16
	maxSettings = 200
	maxParts    = 9999
	maxVersion  = 1_000_000
)

// settle fills in what has a default and cuts names to their length.
func settle(r *Record) {
	settleCarrier(&r.Carrier)
	r.Identity.Label = clamp(r.Identity.Label, maxName)
	if r.Image.Fill == "" {
		r.Image.Fill = "00"
	}
	for i := range r.Captures {
		settleCapture(&r.Captures[i])
	}
}

func settleCarrier(c *CarrierInfo) {
	for _, s := range []*string{&c.Item, &c.Title, &c.Side, &c.Condition} {
		*s = clamp(strings.TrimSpace(*s), maxName)
	}
	if c.Access == "" {
		c.Access = AccessUnreviewed
	}
}

func settleCapture(c *Capture) {
	c.Operator = clamp(strings.TrimSpace(c.Operator), maxName)
	if c.Operator == "" {
		c.Operator = Unattended
	}
	if c.Clock == "" {
		c.Clock = ClockUnknown
	}
}

// stateOf is what the counts make of an image (DESIGN, the words: Image). Nobody
// may call an image complete that its own counts call otherwise.
func stateOf(c disc.Counts) ImageState {
	switch {
	case c.Untried+c.Skipped+c.Unreadable+c.Contested > 0:
		return Incomplete
	case c.Protected > 0:
		return Protected
	}
	return Complete
}

func checkRecord(r *Record) error {
	if err := checkCarrier(r.Carrier); err != nil {
		return err
	}
	if err := checkImage(r.Image); err != nil {
		return err
	}
	if err := checkObjects(r.Objects, true); err != nil {
		return err
	}
	for _, o := range r.Objects {
		if o.Role == RoleImage && o.Size != r.Image.Size {
			return invalid("object %q has %d bytes and its image %d", o.Path, o.Size, r.Image.Size)
		}
	}
	if n := len(r.Captures); n == 0 || n > maxCaptures {
		return invalid("%d captures", n)
	}
	if p := r.Image.Replaces; p != "" {
		v, ok := strings.CutPrefix(p, r.Carrier.ID+"/v")
		if n, err := strconv.Atoi(v); !ok || err != nil || n < 1 || n >= r.Image.Version {
			return invalid("image %d replaces %q", r.Image.Version, clamp(p, 64))
		}
	}
	seen := map[string]bool{}
	for _, c := range r.Captures {
		if err := checkCapture(c); err != nil {
			return err
		}
		if seen[c.ID] {
			return invalid("capture %s stands in the record twice", c.ID)
		}
		seen[c.ID] = true
	}
	if last := r.Captures[len(r.Captures)-1]; last.Outcome != Imaged {
		return invalid("the last capture of a sealed image ended as %q", last.Outcome)
	}
	if err := checkChecks(r.Checks); err != nil {
		return err
	}
	return checkEvents(r.Events)
}

func checkCarrier(c CarrierInfo) error {
	switch {
	case !ValidID(c.ID):
		return invalid("carrier id %q", clamp(c.ID, 64))
	case (c.Part == 0) != (c.Parts == 0) || c.Part < 0 || c.Part > c.Parts || c.Parts > maxParts:
		return invalid("part %d of %d", c.Part, c.Parts)
	case !c.Access.valid():
		return invalid("access %q", c.Access)
	}
	return nil
}

func checkImage(i ImageInfo) error {
	c := i.Sectors
	var sum int64
	for _, n := range []int64{c.Read, c.Suspect, c.Contested, c.Unreadable, c.Protected, c.Unrecorded, c.Skipped, c.Untried} {
		if n < 0 || n > 1<<40 {
			return invalid("a count of %d sectors", n)
		}
		sum += n
	}
	fill, err := hex.DecodeString(i.Fill)
	switch {
	case i.Version < 1 || i.Version > maxVersion:
		return invalid("image version %d", i.Version)
	case !i.State.valid():
		return invalid("image state %q", i.State)
	case sum != c.Total:
		return invalid("the sector counts add up to %d and the total says %d", sum, c.Total)
	case i.State != stateOf(c):
		return invalid("image state %q, where its sector counts say %q", i.State, stateOf(c))
	case i.SectorSize < 1 || i.SectorSize > 1<<16:
		return invalid("sector size %d", i.SectorSize)
	case i.Size < 0 || i.Size > c.Total*int64(i.SectorSize):
		return invalid("an image of %d bytes in %d sectors of %d", i.Size, c.Total, i.SectorSize)
	case err != nil || len(fill) == 0:
		return invalid("fill pattern %q", i.Fill)
	case i.SealedAt.IsZero():
		return invalid("an image without the time it was sealed at")
	}
	end := int64(0)
	for _, e := range i.Missing {
		if int64(e.Start) < end || e.Count < 1 || e.Count > c.Total || int64(e.Start)+e.Count > c.Total {
			return invalid("missing sectors %d+%d", e.Start, e.Count)
		}
		end = int64(e.Start) + e.Count
	}
	return nil
}

// checkObjects looks at the files of a bag. Payload must have both digests
// that the bag's manifests are made of.
func checkObjects(objs []Object, payload bool) error {
	if len(objs) > maxObjects || payload && len(objs) == 0 {
		return invalid("%d objects", len(objs))
	}
	seen := map[string]bool{}
	for _, o := range objs {
		if !validPath(o.Path) || payload != strings.HasPrefix(o.Path, "data/") || seen[o.Path] || o.Role == "" || o.Size < 0 {
			return invalid("object %q of role %q with %d bytes", clamp(o.Path, 256), clamp(o.Role, 64), o.Size)
		}
		seen[o.Path] = true
		for _, d := range []struct {
			name, hex string
			size      int
			must      bool
		}{{"SHA-512", o.SHA512, 64, payload}, {"SHA-256", o.SHA256, 32, payload}, {"SHA-1", o.SHA1, 20, false}, {"MD5", o.MD5, 16, false}} {
			if d.hex == "" && !d.must {
				continue
			}
			if b, err := hex.DecodeString(d.hex); err != nil || len(b) != d.size || strings.ToLower(d.hex) != d.hex {
				return invalid("object %q: %s %q", o.Path, d.name, clamp(d.hex, 160))
			}
		}
		if len(o.CRC64NVME) > 32 {
			return invalid("object %q: CRC64NVME %q", o.Path, clamp(o.CRC64NVME, 64))
		}
	}
	return nil
}

// validPath takes what a bag of ours may hold: a plain relative path.
func validPath(p string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
	return p != "" && len(p) <= 512 && strings.Trim(p, letters) == "" && path.Clean("/"+p) == "/"+p
}

func checkCapture(c Capture) error {
	switch {
	case !ValidID(c.ID):
		return invalid("capture id %q", clamp(c.ID, 64))
	case !c.Outcome.valid():
		return invalid("capture %s ended as %q", c.ID, c.Outcome)
	case !c.Clock.valid():
		return invalid("capture %s: clock %q", c.ID, c.Clock)
	case c.Started.IsZero() || c.Ended.IsZero():
		return invalid("capture %s has no time of start or end", c.ID)
	case len(c.Settings) > maxSettings:
		return invalid("capture %s has %d settings", c.ID, len(c.Settings))
	}
	return nil
}

func checkChecks(cs []disc.Check) error {
	if len(cs) > maxChecks {
		return invalid("%d checks", len(cs))
	}
	for _, c := range cs {
		if c.Code == "" || !oneOf(c.Outcome, disc.Pass, disc.Warning, disc.Failure, disc.NotRun, disc.NotApplicable) {
			return invalid("check %q with outcome %q", clamp(c.Code, 64), clamp(string(c.Outcome), 64))
		}
	}
	return nil
}

func checkEvents(es []Event) error {
	if len(es) > maxEvents {
		return invalid("%d events", len(es))
	}
	for _, e := range es {
		switch {
		case e.ID != "" && !ValidID(e.ID):
			return invalid("event id %q", clamp(e.ID, 64))
		case !e.Type.valid():
			return invalid("event type %q", clamp(string(e.Type), 64))
		case !e.Outcome.valid():
			return invalid("event outcome %q", clamp(string(e.Outcome), 64))
		case e.Time.IsZero():
			return invalid("event %q without a time", e.Type)
		case len(e.Agents) == 0 || len(e.Agents) > maxAgents:
			return invalid("event %q with %d agents", e.Type, len(e.Agents))
		case len(e.Objects) > maxObjects:
			return invalid("event %q with %d objects", e.Type, len(e.Objects))
		}
		if err := e.Changes.check(); err != nil {
			return err
		}
	}
	return nil
}

func checkCopy(c Copy) error {
	if c.Store == "" || len(c.Store) > maxName || c.Key == "" || len(c.Key) > maxName || !c.State.valid() {
		return invalid("copy %q in store %q, state %q", clamp(c.Key, 64), clamp(c.Store, 64), clamp(string(c.State), 64))
	}
	return nil
}
