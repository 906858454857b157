package station_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/internal/versitygw"
	"ripstation/station"
)

// seen is a store that notes what is asked of it, in order, and answers what
// a test wants.
type seen struct {
	archive.Store
	mu     sync.Mutex
	events []string
	refuse func(op string) error // may be nil
	news   chan struct{}
}

func watch(s archive.Store) *seen { return &seen{Store: s, news: make(chan struct{})} }

func (s *seen) note(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event)
	close(s.news)
	s.news = make(chan struct{})
}

func (s *seen) ask(op string) error {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	s.note(op)
	if refuse == nil {
		return nil
	}
	return refuse(op)
}

func (s *seen) answer(refuse func(op string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// count is how many events of a kind there were.
func (s *seen) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

// first is the place of the first event of a kind, last that of the last one.
func (s *seen) first(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.events {
		if strings.HasPrefix(e, prefix) {
			return i
		}
	}
	return -1
}

func (s *seen) last(prefix string) (at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = -1
	for i, e := range s.events {
		if strings.HasPrefix(e, prefix) {
			at = i
		}
	}
	return at
}

// await waits until n events of a kind have come.
func (s *seen) await(n int, prefix string) bool {
	end := time.After(patience)
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		if s.count(prefix) >= n {
			return true
		}
		select {
		case <-news:
		case <-end:
			return false
		}
	}
}

func (s *seen) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if err := s.ask("begin"); err != nil {
		return nil, err
	}
	u, err := s.Store.Begin(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return seenUpload{u, s, strings.HasSuffix(key, ".iso")}, nil
}

func (s *seen) Read(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := s.ask("read"); err != nil {
		return nil, err
	}
	return s.Store.Read(ctx, key, off, n)
}

type seenUpload struct {
	archive.Upload
	s     *seen
	image bool
}

func (u seenUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	if err := u.s.ask("try"); err != nil {
		return err
	}
	err := u.Upload.PartFrom(ctx, n, src, crc)
	if err == nil && u.image {
		u.s.note(fmt.Sprintf("part %d;", n))
	}
	return err
}

func (u seenUpload) Complete(ctx context.Context, crc uint64) (archive.Info, error) {
	if err := u.s.ask("complete"); err != nil {
		return archive.Info{}, err
	}
	return u.Upload.Complete(ctx, crc)
}

// hooked adds a drive that has far called once, before it answers the first
// long read of the last sectors of a disc of 6000.
func (r *rig) hooked(s *seen, far func()) *simbench.Slot {
	var once sync.Once
	return r.bench.Add(simdrive.Options{Serial: "SIM1", Log: func(e simdrive.Event) {
		if e.Op != "READ(10)" || e.Count < 16 || e.LBA < 5000 {
			return
		}
		once.Do(far)
		s.note("last sectors")
	}})
}

// Parts are in the store before the disc's last sectors are read, and none of
// them is sent a second time.
func TestPartsGoUpWhileTheDiscTurns(t *testing.T) {
	for name, of := range map[string]func(t *testing.T, r *rig) (archive.Store, int){
		"directory": func(t *testing.T, r *rig) (archive.Store, int) { return r.store, 12 },
		"s3": func(t *testing.T, r *rig) (archive.Store, int) {
			server := versitygw.Start(t)
			server.Bucket("discs")
			s, err := archive.NewS3(t.Context(), archive.S3Config{Name: "shelf", Endpoint: server.Endpoint, Bucket: "discs", PathStyle: true, PartSize: 5 << 20,
				AccessKeyFile: server.AccessKeyFile, SecretKeyFile: server.SecretKeyFile})
			must(t, err)
			t.Cleanup(func() { s.Close() })
			return s, 3
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			store, parts := of(t, r)
			w := watch(store)
			r.cfg.Stores[0].Store = w
			drive := r.hooked(w, func() { w.await(1, "part") })
			r.start()
			d := simdrive.PressedCD(iso(t, "TURNS", 201, 6000), 6000)
			must(t, drive.Insert(d))
			x := r.ended(1, station.OutcomeDone)
			if a, b := w.first("part"), w.first("last sectors"); a < 0 || a > b {
				t.Errorf("the first part came at %d, the last sectors were read at %d: %v", a, b, w.events)
			}
			if n := w.count("part"); n != parts || w.count("try") != parts+1 {
				t.Errorf("%d parts sent, %d are needed: %v", n, parts, w.events)
			}
			if w.first("complete") < w.last("last sectors") {
				t.Errorf("completed before the disc was read: %v", w.events)
			}
			rd, err := store.Read(t.Context(), x.ID+"/v1/data/image.iso", 0, -1)
			must(t, err)
			defer rd.Close()
			img, err := io.ReadAll(rd)
			must(t, err)
			sameAsDisc(t, img, d)
		})
	}
}

// Sectors that come later, at a second try or not at all: the part that they
// are in waits for them, and the image is what was sealed.
func TestPartsOfADamagedDisc(t *testing.T) {
	r := newRig(t)
	w := watch(r.store)
	r.cfg.Stores[0].Store = w
	drive := r.hooked(w, func() { w.await(1, "part") })
	r.start()
	d := simdrive.PressedCD(iso(t, "LATER", 202, 6000), 6000)
	bad := disc.Extent{Start: 2600, Count: 3}
	d.Damage().Fail(2, disc.Extent{Start: 700, Count: 2})
	d.Damage().Bad(bad)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeIncomplete)
	sameAsDisc(t, r.image(x.ID, 1), d, bad)
	if n := w.count("part"); n != 12 {
		t.Errorf("%d parts sent, 12 are needed: %v", n, w.events)
	}
	if w.first("part 5;") < w.last("last sectors") || w.first("part 1;") < w.first("last sectors") {
		t.Errorf("parts with sectors missing were sent: %v", w.events)
	}
}

var errRefused = errors.New("connection refused")

// A store that is dark while the disc is read holds nothing up and is not
// talked of; when it is back in time, parts go up.
func TestStoreIsDarkWhileReading(t *testing.T) {
	r := newRig(t)
	w := watch(r.store)
	w.answer(func(string) error { return errRefused })
	r.cfg.Stores[0].Store = w
	drive := r.hooked(w, func() {
		w.await(3, "begin")
		w.answer(nil)
		w.await(2, "part")
	})
	r.start()
	d := simdrive.PressedCD(iso(t, "DARK", 203, 6000), 6000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeDone)
	sameAsDisc(t, r.image(x.ID, 1), d)
	if n := len(r.notes(word(station.WordWaitStore))); n > 0 {
		t.Errorf("%d times it was told that a store is waited for:\n%s", n, r.story())
	}
	if n := w.count("part"); n != 12 {
		t.Errorf("%d parts sent: %v", n, w.events)
	}
}

// Two stores, the best-effort one dark for ever: the disc has its copy, its
// tray opens, and parts went up while it was read.
func TestOneOfTwoStoresIsDark(t *testing.T) {
	r := newRig(t)
	w := watch(r.store)
	r.cfg.Stores[0].Store = w
	dark := &seen{}
	r.withSecond(false, func(s archive.Store) archive.Store {
		dark = watch(s)
		dark.answer(func(string) error { return errRefused })
		return dark
	})
	drive := r.hooked(w, func() { w.await(3, "part"); dark.await(2, "begin") })
	r.start()
	d := simdrive.PressedCD(iso(t, "TWO", 204, 6000), 6000)
	must(t, drive.Insert(d))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeDone || drive.Ejects() != 1 {
		t.Fatalf("ended as %q, %d ejects:\n%s", x.Outcome, drive.Ejects(), r.story())
	}
	sameAsDisc(t, r.image(x.ID, 1), d)
	var next *time.Time
	for _, st := range r.station.Status().Stores {
		if st.Name == "usb" {
			next = st.Next
			if !strings.Contains(st.Message, "refused") || next == nil {
				t.Errorf("the status says %+v", st)
			}
		} else if st.Message != "" || st.Next != nil {
			t.Errorf("of the store that answers the status says %+v", st)
		}
	}
	dark.answer(nil) // and back: the copy gets there, too
	must(t, r.station.Settled(t.Context(), x.ID))
	if c := r.copyIn(x.ID, "usb"); c.State != catalog.ReadBack {
		t.Errorf("the second copy is %+v", c)
	}
}

// A store that forgets the upload in mid-read gets another one, and nobody
// hears of it.
func TestUploadExpiresWhileReading(t *testing.T) {
	r := newRig(t)
	w := watch(r.store)
	r.cfg.Stores[0].Store = w
	drive := r.hooked(w, func() {
		w.await(3, "part")
		// At once: a part is on its way.
		must(t, os.Rename(filepath.Join(r.dir, "store", ".uploads"), filepath.Join(r.dir, "forgotten")))
	})
	r.start()
	d := simdrive.PressedCD(iso(t, "EXPIRED", 205, 6000), 6000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeDone)
	sameAsDisc(t, r.image(x.ID, 1), d)
	if n := w.count("begin"); n < 2 {
		t.Errorf("begun %d times", n)
	}
	for _, n := range r.told() {
		if n.Word == station.WordWaitStore || n.Word == station.WordNeedsYou {
			t.Errorf("told: %s %s", n.Word, n.Text)
		}
	}
}

// What only a person can mend is told at once, tried at long intervals, and
// the status says when the next try is.
func TestPermanentFailureIsParked(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.BackoffParked = time.Hour })
	w := watch(r.store)
	w.answer(func(op string) error { return fmt.Errorf("%s: access denied: %w", op, archive.ErrPermanent) })
	r.cfg.Stores[0].Store = w
	drive := r.hooked(w, func() {})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "DENIED", 206, 6000), 6000)))
	r.await(1, func(n station.Notice) bool {
		return n.Word == station.WordWaitStore && strings.Contains(n.Text, "the disc is read all the same")
	})
	r.await(1, func(n station.Notice) bool {
		return n.Word == station.WordWaitStore && strings.Contains(n.Text, "next try in 1h") && !strings.Contains(n.Text, "all the same")
	})
	if n := w.count("begin"); n > 2 { // the stream's, and the courier's
		t.Errorf("the store was asked %d times", n)
	}
	st := r.station.Status().Stores[0]
	if st.Next == nil || time.Until(*st.Next) < 50*time.Minute || !strings.Contains(st.Message, "access denied") {
		t.Errorf("the status says %+v", st)
	}
}

// With store-checksum the spool lets go without a read-back, and the words say
// which proof it was.
func TestProofByTheStoresChecksum(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Stores[0].Proof = station.ProofChecksum })
	w := watch(r.store)
	r.cfg.Stores[0].Store = w
	drive := r.hooked(w, func() {})
	r.start()
	d := simdrive.PressedCD(iso(t, "CHECKSUM", 207, 6000), 6000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeDone)
	r.cleared(x.ID)
	if n := w.count("read"); n != 0 {
		t.Errorf("the copy was read %d times", n)
	}
	if c := r.copyIn(x.ID, "shelf"); c.State != catalog.Stored || c.ReadBackAt != nil {
		t.Errorf("the copy is %+v", c)
	}
	events, err := r.catalog.Events(t.Context(), x.ID)
	must(t, err)
	told := false
	for _, e := range events {
		told = told || e.Type == catalog.EventReplication && strings.Contains(e.Detail, "accepted with matching checksums, not read back")
		if e.Type == catalog.EventFixity {
			t.Errorf("an event says that the copy was read back: %+v", e)
		}
	}
	if !told {
		t.Errorf("no event says which proof it was: %+v", events)
	}
	c := r.cfg
	c.Eject = station.EjectReadBack
	if _, err := station.New(c); err == nil || !strings.Contains(err.Error(), "never read back") {
		t.Errorf("a tray that would wait for ever: %v", err)
	}
	c.Stores = []station.Store{{Store: r.store, Required: true, Proof: "hope"}}
	if _, err := station.New(c); err == nil {
		t.Error("an unknown proof was taken")
	}
}

// Uploads that nobody goes on with are ended at the start: those of images
// recorded here, and no others.
func TestOrphanUploadsAreEnded(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "DONE", 208, 2000), 2000)))
	done := r.ended(1, station.OutcomeDone)
	r.cleared(done.ID)
	d := slowDisc(t, "WAY", 209, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	drive.ForceOpen()
	way := r.await(2, final) // taken out: its upload is one of a job under way
	r.stop()
	begin := func(key string) {
		u, err := r.store.Begin(t.Context(), key, 1<<20)
		must(t, err)
		must(t, u.Part(t.Context(), 0, make([]byte, 1<<20)))
	}
	begin(done.ID + "/v1/data/left.iso")
	begin(done.ID + "/v9/data/image.iso")                 // perhaps another station's
	begin("aaaaaaaaaaaaaaaaaaaaaaaaaa/v1/data/image.iso") // nobody's that is known here
	begin(done.ID + "x/v1/data/image.iso")
	begin("probe/x")
	second := r.again(r.bench)
	second.start()
	keys := func() (list []string) {
		for u, err := range second.store.Unfinished(t.Context()) {
			must(t, err)
			list = append(list, u.Key)
		}
		return list
	}
	end := time.Now().Add(patience)
	for strings.Contains(strings.Join(keys(), " "), done.ID+"/v1/") {
		if time.Now().After(end) {
			t.Fatalf("the orphan is still there: %v", keys())
		}
		time.Sleep(time.Millisecond)
	}
	left := strings.Join(keys(), " ")
	for _, key := range []string{done.ID + "/v9/", "aaaaaaaaaaaaaaaaaaaaaaaaaa/v1/", done.ID + "x/v1/", "probe/x", way.ID + "/v1/data/image.iso"} {
		if !strings.Contains(left, key) {
			t.Errorf("the upload of %s was ended, too; left are %s", key, left)
		}
	}
	// The job under way goes on with its upload.
	must(t, drive.Insert(d))
	x := second.ended(1, station.OutcomeDone)
	sameAsDisc(t, second.image(x.ID, 1), d)
	if x.ID != way.ID || strings.Contains(strings.Join(keys(), " "), way.ID) {
		t.Errorf("went on as %s, was %s; unfinished: %v", x.ID, way.ID, keys())
	}
	if got, err := os.ReadFile(filepath.Join(r.dir, "store", done.ID, "v1", "data", "image.iso")); err != nil || len(got) != 2000*disc.SectorSize {
		t.Errorf("the stored image: %d bytes, %v", len(got), err)
	}
}
