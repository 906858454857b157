package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
)

// slack is how far the guest's clock may be from the bench's, with what a
// person's hand takes.
const slack = 3 * time.Second

// probing is how many sectors udev and an identification may read of a disc
// each time that it arrives or is looked at again, by reads of 16 and more.
const probing = 400

// settle waits until nothing is under way any more.
func (o *soak) settle() {
	for limit := time.Now().Add(3 * time.Minute); ; {
		st, err := o.screen()
		waiting := len(st.Jobs)
		for _, s := range st.Stores {
			waiting += s.Waiting
		}
		if err == nil && waiting == 0 {
			return
		}
		if time.Now().After(limit) {
			o.wrong("three minutes after the last disc the station still has jobs: %+v, stores %+v, %v", st.Jobs, st.Stores, err)
			return
		}
	}
}

// carrier is one record with the bags and the stays that belong to it.
type carrier struct {
	catalog.View
	content int // 0: nothing that was presented
	stays   []*stay
	final   []*stay // those that a capture with an end tells of
}

// account holds what the station has left against what the operator knows.
func (o *soak) account(report catalog.BatchReport) {
	all := o.carriers()
	o.captures(all)
	o.presented(all)
	o.identified(all)
	o.stored(all)
	o.once(all)
	o.reads()
	o.batch(report, all)
	if left := strings.TrimSpace(o.must("sh", "-c", "ls -A "+service+"/spool | grep -v -e '^\\.' -e '\\.json$' -e lock; true")); left != "" {
		o.wrong("the spool still holds %s", left)
	}
	for _, s := range o.slots {
		if n := s.WriteAttempts(); n != 0 {
			o.wrong("%s was told %d times to write", s.Name, n)
		}
	}
	if out, exit := o.text("audit"); exit != 0 {
		o.wrong("audit: exit %d\n%s", exit, out)
	}
}

// carriers are all records, each with the content of the image in its bag.
func (o *soak) carriers() (all []*carrier) {
	var ids []string
	for _, c := range o.list() {
		ids = append(ids, c.ID)
	}
	out := o.must(bench.AsService("/bin/sh", "-c", "for id in "+strings.Join(ids, " ")+"; do /usr/bin/ripstation --config "+config+" --json show $id || exit 1; done")...)
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		c := &carrier{}
		if err := dec.Decode(&c.View); err != nil {
			o.t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		if c.Image != nil {
			c.content = o.contentOf(c)
		}
	}
	return all
}

// contentOf finds the disc that is in a carrier's latest bag, byte for byte.
func (o *soak) contentOf(c *carrier) int {
	dir := filepath.Join(o.s3.File(bucket, c.ID), fmt.Sprintf("v%d", c.Image.Version))
	got, err := os.ReadFile(filepath.Join(dir, "data/image.iso"))
	if err != nil {
		o.wrong("carrier %.8s: %v", c.ID, err)
		return 0
	}
	record, err := os.ReadFile(filepath.Join(dir, "metadata/record.json"))
	var r catalog.Record
	if err == nil {
		err = json.Unmarshal(record, &r)
	}
	if err != nil {
		o.wrong("carrier %.8s: its record: %v", c.ID, err)
		return 0
	}
	for _, p := range o.script.pieces {
		if p.refused || !fits(int64(len(got)), p) || !within(r.Image.Missing, p.m.Sectors()) {
			continue
		}
		if want := onDisc(o.t, p.m, r.Image.Missing...); bytes.Equal(got, want[:len(got)]) {
			if !slices.Equal(r.Image.Missing, p.missing) {
				o.wrong("carrier %.8s is disc %d, of which it says that %v are missing; %v cannot be read", c.ID, p.no, r.Image.Missing, p.missing)
			}
			if c.Label != p.label {
				o.wrong("carrier %.8s is disc %d, and its label is %q", c.ID, p.no, c.Label)
			}
			return p.content
		}
	}
	o.wrong("carrier %.8s, label %q: the %d bytes of its image are those of no disc", c.ID, c.Label, len(got))
	return 0
}

// fits reports whether an image can be a disc's by its size: a CD-R's may or
// may not have the two sectors of run-out.
func fits(size int64, p *piece) bool {
	return size == p.m.Sectors()*disc.SectorSize || size == p.imageSectors()*disc.SectorSize
}

func within(missing []disc.Extent, sectors int64) bool {
	for _, e := range missing {
		if e.Start < 0 || e.Count < 0 || int64(e.End()) > sectors {
			return false
		}
	}
	return true
}

// off is how long before or after a stay a time was.
func (st *stay) off(at time.Time) time.Duration {
	if before := st.in.Sub(at); before > 0 {
		return before
	}
	if st.out.IsZero() {
		return 0
	}
	return max(0, at.Sub(st.out))
}

// captures finds for every capture the stay that it tells of: a disc of the
// carrier's content, in that drive, at that time.
func (o *soak) captures(all []*carrier) {
	for _, c := range all {
		for _, cap := range c.Captures {
			var here, its []*stay
			for _, p := range o.script.pieces {
				for _, st := range p.stays {
					if strings.EqualFold(st.slot.Name, cap.Drive.Serial) && !cap.Started.Before(st.in.Add(-slack)) && (st.out.IsZero() || !cap.Started.After(st.out.Add(slack))) {
						here = append(here, st)
						if p.content == c.content || c.content == 0 && c.Image == nil {
							its = append(its, st)
						}
					}
				}
			}
			switch {
			case len(its) > 0:
				st := its[0] // the one whose time it was; the clocks may differ
				for _, other := range its {
					if other.off(cap.Started) <= st.off(cap.Started) {
						st = other
					}
				}
				c.stays = append(c.stays, st)
				if c.content == 0 {
					c.content = st.piece.content
				}
				if cap.Outcome != catalog.Interrupted && cap.Outcome != "" {
					c.final = append(c.final, st)
				}
			case len(here) > 0:
				o.wrong("carrier %.8s is disc %s, and its capture of %s in %s (%s) was while disc %d was there", c.ID, o.names(c.content), cap.Started.Format(time.TimeOnly), cap.Drive.Serial, cap.Outcome, here[0].piece.no)
			default:
				o.wrong("carrier %.8s has a capture of %s in %s (%s), when no disc was there", c.ID, cap.Started.Format(time.TimeOnly), cap.Drive.Serial, cap.Outcome)
			}
		}
	}
}

// names tells which pieces have a content.
func (o *soak) names(content int) string {
	var nos []string
	for _, p := range o.script.pieces {
		if p.content == content {
			nos = append(nos, fmt.Sprint(p.no))
		}
	}
	return strings.Join(nos, " or ")
}

// presented holds every stay against the records: one that the station ended
// by itself must have been told to its end, then or before.
func (o *soak) presented(all []*carrier) {
	known := map[*stay]bool{}
	for _, c := range all {
		for _, st := range c.final {
			known[st] = true
		}
	}
	for _, p := range o.script.pieces {
		before := false
		for _, st := range p.stays {
			before = before || known[st]
			if !st.button && !before {
				o.wrong("disc %d was given back by %s at %s, and no record has that", p.no, st.slot.Name, st.out.UTC().Format(time.TimeOnly))
			}
		}
		if !before {
			o.wrong("disc %d was presented %d times and is in no record", p.no, len(p.stays))
		}
	}
	for _, c := range all {
		if c.content == 0 {
			o.wrong("carrier %.8s, label %q, is of no disc that was presented", c.ID, c.Label)
		}
	}
}

// identified holds the items of the records against what was said of the discs.
func (o *soak) identified(all []*carrier) {
	named := map[*piece]bool{}
	for _, c := range all {
		if c.Item == nil {
			continue
		}
		i := slices.IndexFunc(c.stays, func(st *stay) bool { return st.piece.code == *c.Item })
		if i < 0 {
			o.wrong("carrier %.8s is disc %s and stands under %s, which is another's", c.ID, o.names(c.content), *c.Item)
			continue
		}
		named[c.stays[i].piece] = true
	}
	for _, p := range o.script.pieces {
		for _, st := range p.stays {
			if st.bound && !named[p] {
				o.wrong("disc %d was said to be %s, the station agreed, and no record says so", p.no, st.asked)
			}
		}
	}
	o.bindings(all)
}

// stored holds the bucket against the records.
func (o *soak) stored(all []*carrier) {
	versions := map[string]*carrier{}
	for _, c := range all {
		for v := 1; c.Image != nil && v <= c.Image.Version; v++ {
			versions[fmt.Sprintf("%s/v%d", c.ID, v)] = c
		}
		for _, copy := range c.Copies {
			if copy.State != catalog.ReadBack {
				o.wrong("carrier %.8s: its copy in %s is %s", c.ID, copy.Store, copy.State)
			}
		}
	}
	for _, bag := range o.bags() {
		if versions[bag] == nil {
			o.wrong("the bucket has the bag %s, of which the catalog knows nothing", bag)
		}
		delete(versions, bag)
		dir := o.s3.File(bucket, bag)
		for _, sum := range []string{"sha512sum", "sha256sum"} {
			for _, manifest := range []string{"manifest-", "tagmanifest-"} {
				check := exec.Command(sum, "--strict", "--quiet", "-c", manifest+strings.TrimSuffix(sum, "sum")+".txt")
				check.Dir = dir
				if out, err := check.CombinedOutput(); err != nil {
					o.wrong("bag %s: %s: %v\n%s", bag, sum, err, out)
				}
			}
		}
		o.listed(dir)
	}
	for bag := range versions {
		o.wrong("the catalog has %s, and the bucket has no such bag", bag)
	}
	uploads, err := filepath.Glob(o.s3.File(bucket, ".sgwtmp/multipart/*/*"))
	if err != nil {
		o.t.Fatal(err)
	}
	if len(uploads) > 0 {
		o.wrong("%d unfinished uploads are left in the bucket: %v", len(uploads), uploads)
	}
	put := map[string][]string{}
	for _, e := range o.Log.Since(o.from, func(e bench.Event) bool { return e.S3 != nil && e.S3.Status/100 == 2 }) {
		switch e.S3.Op {
		case "PutObject", "CompleteMultipartUpload":
			put[e.S3.Key] = append(put[e.S3.Key], e.String())
		case "DeleteObject":
			if !strings.HasPrefix(e.S3.Key, "probe/") {
				o.wrong("an object was deleted: %s", e)
			}
		}
	}
	for key, all := range put {
		if len(all) > 1 {
			o.wrong("%s was written %d times:\n%s", key, len(all), strings.Join(all, "\n"))
		}
	}
}

// once holds the number of records and bags against the number of discs.
func (o *soak) once(all []*carrier) {
	for _, p := range o.script.pieces {
		if p.content != p.no {
			continue // another has the same
		}
		copies, ends, finals := 0, 0, 0
		for _, q := range o.script.pieces {
			if q.content == p.content {
				copies++
				for _, st := range q.stays {
					if !st.button {
						ends++
					}
				}
			}
		}
		bags, bare := 0, 0
		for _, c := range all {
			if c.content != p.content {
				continue
			}
			finals += len(c.final)
			if c.Image == nil {
				bare++
			} else {
				bags++
			}
		}
		what := fmt.Sprintf("disc %s (%s), given back %d times: %d carriers with bags, %d without", o.names(p.content), p.kind, ends, bags, bare)
		switch {
		case p.refused:
			if bags != 0 || bare == 0 {
				o.wrong("%s; it cannot have an image", what)
			}
		case bags == 0:
			o.wrong("%s", what)
		case p.recordable && bags > ends:
			o.wrong("%s; each of them was read once for each time at most", what)
		case !p.recordable && bags > copies:
			o.wrong("%s; of %d discs there cannot be as many", what, copies)
		}
	}
}

// reads holds the drives' logs against what there was to read.
func (o *soak) reads() {
	for _, p := range o.script.pieces {
		if p.refused || len(p.missing) > 0 || strings.HasPrefix(p.kind, "worn") {
			continue // an incomplete one is read anew each time
		}
		read, plain := int64(0), true
		for i, st := range p.stays {
			plain = plain && !st.button && len(st.faults) == 0
			if p.recordable && i > 0 {
				break // it is read again to be compared
			}
			read += o.long(st, st.from, nil)
		}
		if most := p.m.Sectors() + probing*int64(len(p.stays)); plain && read > most {
			o.wrong("disc %d has %d sectors; %d were read in %d stays, and nothing had happened to it", p.no, p.m.Sectors(), read, len(p.stays))
		}
	}
	vouched := int64(0)
	for _, m := range o.ledger {
		for _, e := range m.safe {
			vouched += e.Count
		}
		if p := m.piece; len(m.safe) == 0 || p.recordable || len(p.missing) > 0 || strings.HasPrefix(p.kind, "worn") {
			continue // held in full against what the spool has; read between tries of a sector that fails
		}
		end := m.piece.ended
		again, looks := int64(0), int64(0)
		for i, st := range m.piece.stays {
			if i > 0 && st.slot != m.piece.stays[i-1].slot {
				continue // in another drive it is held against all that the spool has
			}
			if n := o.long(st, m.at, m.safe); n > 0 && (end == 0 || st.from < end) {
				again, looks = again+n, looks+1+int64(len(st.faults))
			}
		}
		if again > probing*looks {
			n := int64(0)
			for _, e := range m.safe {
				n += e.Count
			}
			o.wrong("disc %d: %d of %d sectors that the ledger vouched for at %d were read again", m.piece.no, again, n, m.at)
		}
	}
	o.t.Logf("the ledgers of broken off readings were asked %d times and vouched for %d sectors", len(o.ledger), vouched)
}

// long counts the sectors of a stay that reads of 16 and more have given since
// a place in the log, those of some extents alone unless they are nil.
func (o *soak) long(st *stay, from int, of []disc.Extent) (n int64) {
	next := o.next(st)
	for _, e := range o.Log.Since(max(from, st.from), bench.ReadOf(st.slot.Name, 0, 1<<31)) {
		if next > 0 && e.Seq >= next {
			break
		}
		if e.Drive.Count < 16 || e.Drive.Status != 0 || e.Drive.Err != nil {
			continue
		}
		if of == nil {
			n += e.Drive.Count
			continue
		}
		for _, x := range of {
			n += max(0, int64(min(x.End(), e.Drive.LBA+disc.LBA(e.Drive.Count)))-int64(max(x.Start, e.Drive.LBA)))
		}
	}
	return n
}

// next is where the log was when the drive got its next disc; 0: never.
func (o *soak) next(st *stay) (at int) {
	for _, p := range o.script.pieces {
		for _, other := range p.stays {
			if other.slot == st.slot && other.from > st.from && (at == 0 || other.from < at) {
				at = other.from
			}
		}
	}
	return at
}
