package station

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

// read brings the disc's sectors into the spool, or goes on with it. It
// ends without an error when every pass has run, whatever is missing then. What it gives is
// the seal's to close; it is nil when the image is sealed already.
func (b *bay) read(ctx context.Context, d Drive, j *job) (_ *intake, err error) {
	f := j.file()
	if f.Step.atLeast(StepSealed) {
		return nil, nil
	}
	img, err := b.s.line.image(ctx, b, j, f.Disc.Sectors)
	if err != nil {
		return nil, err
	}
	b.s.line.leave(b)
	in := &intake{img: img}
	b.s.stream(j, img) // goes on until the courier takes over, or the story ends
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	if f.Step == StepIdentified {
		if err := j.update(func(f *jobFile) { f.Step = StepReading }); err != nil {
			return nil, err
		}
	}
	if r := img.Recovery(); len(r.Lost) > 0 || r.MapRebuilt != "" {
		b.notice(Notice{ID: j.ID, Word: WordResumed, Text: fmt.Sprintf("the spool was damaged while the station was down: %d extents are read again", len(r.Lost))})
	}
	b.notice(Notice{ID: j.ID, Word: WordReading, Text: fmt.Sprintf("%d sectors, %d of them in the spool already", f.Disc.Sectors, img.Counts().Read)})

	var said string
	defer b.witness.reads()()
	res, err := ripper.Rip(ctx, guarded{d, f.Insertion, &b.witness}, img, ripper.Options{
		Drive: driveName(f.Drive), Medium: f.Disc.Medium, Unrecorded: f.Disc.Unrecorded, RunOut: f.Disc.RunOut,
		Capacity: claim(f.Disc, "READ CAPACITY"), Passes: ripper.DefaultPasses(b.s.cfg.Retries),
		Wanted: wanted(f.Disc.TOC),
		PassDone: func(p ripper.PassResult) {
			in.follow(ctx, f.Disc.TOC)
			b.hitSoFar(j, img, p, &said)
		},
		Progress: func(p ripper.Progress) {
			c := p.Sectors
			b.notice(Notice{ID: j.ID, Word: WordReading, Progress: &Progress{
				What: "reading", Pass: p.PassName, Done: (c.Total - c.Untried - c.Skipped) * disc.SectorSize, Total: c.Total * disc.SectorSize,
				Rate: p.Rate, Missing: c.Skipped + c.Unreadable + c.Contested + c.Protected,
			}})
		},
	})
	if err != nil {
		return nil, err
	}
	if err := j.update(func(f *jobFile) { f.Checks = res.Checks }); err != nil {
		return nil, err
	}
	b.notice(Notice{ID: j.ID, Word: WordPass, Text: passes(res)})
	crashpoint.Here("read")
	return in, nil
}

// seal makes the image immutable: the spool is read back against the ledger,
// the digests are taken, the record is composed. From here on nothing needs
// the disc.
func (b *bay) seal(ctx context.Context, j *job, in *intake) error {
	f := j.file()
	if f.Step.atLeast(StepSealed) {
		return nil
	}
	defer in.close()
	b.notice(Notice{ID: j.ID, Word: WordChecking, Text: "reading the spool back from its disk and taking digests"})
	if err := in.halt(); err != nil {
		b.s.cfg.Log.Warn().Err(err).Str("carrier", j.ID).Msg("the image is read back to its end at the seal")
	}
	img, sm := in.img, in.img.Map()
	look := lookAt(ctx, img, sm, f.Disc.TOC, lookLimit)
	sealed, err := ripper.Seal(ctx, img, ripper.SealOptions{Follower: in.behind, Progress: func(done, total int64) {
		b.notice(Notice{ID: j.ID, Word: WordChecking, Progress: &Progress{What: "checking", Done: done, Total: total}})
	}})
	if err != nil {
		return err
	}
	look.adopt(in.ahead)
	found := look.finish(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	content, list, err := look.list(j, f, sm)
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", j.ID, err)
	}
	sealed.Samples = look.evidence(sm, sealed.Samples)
	checks := append(f.Checks[:len(f.Checks):len(f.Checks)], sealed.Checks...)
	checks = append(checks, found...)
	now := time.Now().UTC()
	err = j.update(func(f *jobFile) {
		f.Step, f.Sealed, f.Checks, f.Content, f.List = StepSealed, &sealed, checks, content, list
		f.Identity.Samples = sealed.Samples
		last := len(f.Captures) - 1
		f.Captures[last].Outcome, f.Captures[last].Ended = catalog.Imaged, now
		f.Events = append(f.Events, sealEvents(b, *f, sealed, now)...)
	})
	if err != nil {
		return err
	}
	word, text, _ := ending(j.file())
	b.notice(Notice{ID: j.ID, Word: word, Text: text})
	crashpoint.Here("sealed")
	return nil
}

func sealEvents(b *bay, f jobFile, s ripper.Sealed, now time.Time) []catalog.Event {
	cap := f.Captures[len(f.Captures)-1]
	image := fmt.Sprintf("%s/v%d/data/image.iso", f.ID, f.ImageVersion)
	outcome := catalog.EventSuccess
	if s.State != disc.ImageComplete {
		outcome = catalog.EventWarning
	}
	_, text := verdict(s)
	ev := []catalog.Event{
		b.event(catalog.EventImaging, outcome, text, cap, image),
		b.event(catalog.EventDigest, catalog.EventSuccess, "SHA-512, SHA-256, SHA-1 and MD5, from the spool as its disk gave it back ("+s.ReadBack+"), equal to the ledger", cap, image),
	}
	for i := range ev {
		ev[i].Time = now
	}
	return ev
}

// verdict is what was read of a disc, in the words of a screen.
func verdict(s ripper.Sealed) (Word, string) {
	c := s.Sectors
	missing := c.Untried + c.Skipped + c.Unreadable + c.Contested
	switch {
	case s.State == disc.ImageIncomplete:
		return WordIncomplete, fmt.Sprintf("%s missing of %d, filled with zeroes and listed", sectors(missing+c.Protected), c.Total)
	case s.State == disc.ImageProtected:
		return WordProtected, fmt.Sprintf("%s of %d are withheld by copy protection, filled with zeroes and listed", sectors(c.Protected), c.Total)
	case c.Suspect > 0:
		return WordSuspect, fmt.Sprintf("all of %d sectors read, %s after errors and not confirmed", c.Total, sectors(c.Suspect))
	}
	return WordComplete, fmt.Sprintf("%d sectors", c.Total)
}

// ending is what is said of a sealed disc, and how its stay ends: the one
// place where it is decided. A check that failed outweighs what was read.
func ending(f jobFile) (Word, string, Outcome) {
	word, text := verdict(*f.Sealed)
	var bad []string
	for _, c := range f.Checks {
		if c.Outcome == disc.Failure {
			bad = append(bad, c.Name+": "+c.Message)
		}
	}
	if f.Content != nil {
		if words := f.Content.DamageWords(3); words != "" {
			text += "; " + words
		}
	}
	switch {
	case len(bad) > 0:
		return WordNeedsYou, fmt.Sprintf("CHECK FAILED: %s; %s: %s", strings.Join(bad, "; "), word, text), OutcomeNeedsYou
	case f.Sealed.State != disc.ImageComplete:
		return word, text, OutcomeIncomplete
	}
	return word, text, OutcomeDone
}

func sectors(n int64) string {
	if n == 1 {
		return "1 sector"
	}
	return fmt.Sprintf("%d sectors", n)
}

// passes says what each pass did, leaving out those that found nothing to do.
func passes(r ripper.Result) string {
	var s []string
	for _, p := range r.Passes {
		if p.Reads == 0 {
			continue
		}
		text := fmt.Sprintf("%s: %s in %d reads", p.Name, sectors(p.Sectors), p.Reads)
		if p.Errors > 0 {
			text += fmt.Sprintf(", %d of them failed", p.Errors)
		}
		s = append(s, text)
	}
	if len(s) == 0 {
		return "nothing was left to read"
	}
	return strings.Join(s, "; ")
}

// claim is what one source says of the disc's size; 0 when it did not speak.
func claim(d disc.Disc, source string) int64 {
	for _, c := range d.Sizes {
		if c.Source == source {
			return c.Sectors
		}
	}
	return 0
}

func driveName(d disc.Drive) string {
	return strings.Join(strings.Fields(d.Vendor+" "+d.Model+" "+d.Firmware+" #"+d.Serial), " ")
}

// samples are sectors of the job's image that hold data, to hold against the
// disc in the drive; of recordables, which can differ in little, more of them. Of
// an image that is not whole the edges of what was read are among them. empty
// says that no sector has been read yet.
func (j *job) samples(ctx context.Context, recordable bool) (s []disc.Sample, empty bool, err error) {
	f := j.file()
	if f.Sealed != nil {
		return f.Sealed.Samples, false, nil
	}
	img, err := ripper.Open(ctx, j.dir)
	if errors.Is(err, ripper.ErrNoImage) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer img.Close()
	n := 2 * disc.EnoughSamples
	if recordable {
		n *= 4
	}
	s, err = ripper.Samples(img, img.Map(), n)
	if err != nil {
		return nil, false, err
	}
	edges, err := ripper.Edges(img, img.Map(), n)
	for _, e := range edges {
		if !slices.Contains(s, e) {
			s = append(s, e)
		}
	}
	c := img.Counts()
	return s, c.Read+c.Suspect+c.Contested == 0, err
}

// capture begins the record of one reading.
func (b *bay) capture(s seen, ask *Request) catalog.Capture {
	return catalog.Capture{
		ID: catalog.NewID(), Started: s.at, Operator: b.operator(ask), Drive: s.drive, Insertion: s.ins,
		Program: b.s.cfg.Program, Clock: clockState(), Settings: b.s.settings(),
	}
}

func (b *bay) operator(ask *Request) string {
	if ask != nil && ask.Operator != "" {
		return ask.Operator
	}
	return b.s.cfg.Operator
}

// event is a PREMIS event with this capture's agents.
func (b *bay) event(t catalog.EventType, o catalog.EventOutcome, detail string, c catalog.Capture, objects ...string) catalog.Event {
	return catalog.Event{Type: t, Time: time.Now().UTC(), Outcome: o, Detail: detail, Objects: objects, Agents: []catalog.Agent{
		{Role: catalog.RoleOperator, Name: c.Operator}, b.s.agent(), {Role: catalog.RoleDrive, Name: driveName(c.Drive)},
	}}
}

func carrierInfo(ask *Request) (c catalog.CarrierInfo) {
	merge(&c, ask)
	return c
}

// merge takes over what a person said; what is there already stays where the
// person said nothing.
func merge(c *catalog.CarrierInfo, ask *Request) {
	if ask == nil {
		return
	}
	if ask.Item != "" {
		c.Item = ask.Item
	}
	if ask.Title != "" {
		c.Title = ask.Title
	}
	if ask.Part > 0 {
		c.Part, c.Parts = ask.Part, max(ask.Parts, ask.Part)
	}
	if ask.Side != "" {
		c.Side = ask.Side
	}
}
