package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

func TestCommitAndShow(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	in := aCommit(t, rec)
	mustCommit(t, c, in)
	v, err := c.Show(ctx, rec.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	if *v.Item != "B-1001" || *v.Title != "The Atlas" || *v.Part != "2/3" || *v.Side != "A" || v.Kind != disc.KindData || v.Label != "ATLAS_2" ||
		v.Disposition != None || len(v.Needs) != 0 || v.Sessions != 1 || v.Access != AccessUnreviewed || v.Drive != pioneer {
		t.Errorf("shown as %+v", v)
	}
	if i := v.Image; i == nil || i.State != Complete || i.Version != 1 || i.Sectors != rec.Image.Sectors || i.SHA512 != rec.Objects[0].SHA512 ||
		i.SHA256 != rec.Objects[0].SHA256 || i.SHA1 != rec.Objects[0].SHA1 || i.MD5 != rec.Objects[0].MD5 {
		t.Errorf("image %+v", v.Image)
	}
	if len(v.Copies) != 2 || v.Copies[0].Store != "cloud" || v.Copies[0].State != Queued || v.Copies[0].StoredAt != nil ||
		v.Copies[1].State != Stored || !v.Copies[1].StoredAt.Equal(*in.Copies[0].StoredAt) {
		t.Errorf("copies %+v", v.Copies)
	}
	if len(v.Captures) != 1 || !reflect.DeepEqual(v.Captures[0], rec.Captures[0]) {
		t.Errorf("captures %+v, want %+v", v.Captures, rec.Captures)
	}
	if !reflect.DeepEqual(v.Checks, rec.Checks) {
		t.Errorf("checks %+v", v.Checks)
	}
	if len(v.Events) != 2 || v.Events[0].Type != EventImaging || v.Events[1].Type != EventIngestion || !reflect.DeepEqual(v.Events[0].Agents, rec.Events[0].Agents) {
		t.Errorf("events %+v", v.Events)
	}
	if b, err := c.Record(ctx, rec.Carrier.ID, 1); err != nil || !bytes.Equal(b, in.RecordBytes) {
		t.Errorf("the record's bytes: %v", err)
	}
	if objs, err := c.Objects(ctx, rec.Carrier.ID, 1); err != nil || len(objs) != 2 || objs[0] != in.Files[0] || objs[1] != rec.Objects[0] {
		t.Errorf("objects %+v, %v", objs, err)
	}
	if info, err := c.Carrier(ctx, rec.Carrier.ID); err != nil || info.Title != "The Atlas" || info.Parts != 3 || info.Condition != "scratched" {
		t.Errorf("carrier %+v, %v", info, err)
	}
	if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) != 0 {
		t.Errorf("problems %v, %v", ps, err)
	}
}

// The field names are a promise to scripts.
func TestShowJSON(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, rec))
	audio := Attempt{Carrier: CarrierInfo{ID: NewID()}, Disc: disc.Disc{Kind: disc.KindAudio, Medium: disc.MediumCD}, Capture: aCapture(Refused, noon)}
	if err := c.RecordCapture(ctx, audio); err != nil {
		t.Fatal(err)
	}
	tree := func(id string) (m map[string]any) {
		v, err := c.Show(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(v)
		json.Unmarshal(b, &m)
		return m
	}
	has := func(m map[string]any, keys string) {
		t.Helper()
		for _, k := range strings.Fields(keys) {
			if _, ok := m[k]; !ok {
				t.Errorf("no %q in %v", k, m)
			}
		}
	}
	m := tree(rec.Carrier.ID)
	has(m, "id item part side kind label disposition image checks copies drive captures events needs")
	has(m["image"].(map[string]any), "state version size sectors sha512 sha256 sha1 md5")
	has(m["image"].(map[string]any)["sectors"].(map[string]any), "total read suspect contested unreadable protected unrecorded skipped untried")
	has(m["copies"].([]any)[0].(map[string]any), "store key state stored_at read_back_at")
	m = tree(audio.Carrier.ID)
	for _, k := range []string{"image", "item", "part", "side"} {
		if v, ok := m[k]; !ok || v != nil {
			t.Errorf("%s of a disc without an image is %v", k, v)
		}
	}
	if l := m["events"].([]any); len(l) != 1 { // what else would say in the store that there was such a disc?
		t.Errorf("its events are %v", l)
	}
	for _, k := range []string{"checks", "copies"} {
		if l, ok := m[k].([]any); !ok || len(l) != 0 {
			t.Errorf("%s is %v, want an empty list", k, m[k])
		}
	}
	if m["kind"] != "audio" || m["disposition"] != "needs identity" || len(m["captures"].([]any)) != 1 || len(m["needs"].([]any)) != 1 {
		t.Errorf("an audio disc is shown as %v", m)
	}
}

func TestCommitTwice(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	in := aCommit(t, rec)
	mustCommit(t, c, in)
	before, err := c.Show(ctx, rec.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	when := noon.Add(time.Hour * 24)
	if err := c.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: "shelf", State: ReadBack, ReadBackAt: &when}); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, c, in)
	after, err := c.Show(ctx, rec.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	if after.Copies[1].State != ReadBack {
		t.Errorf("a second commit took the copy back to %q", after.Copies[1].State)
	}
	after.Copies = before.Copies
	if !reflect.DeepEqual(before, after) {
		t.Errorf("a second commit changed\n%+v into\n%+v", before, after)
	}
	for name, change := range map[string]func(*Record){
		"another record of the same image":  func(r *Record) { r.Identity.Label = "OTHER" },
		"the same capture as another image": func(r *Record) { r.Image.Version = 2 },
		"the same capture with other facts": func(r *Record) { r.Image.Version = 2; r.Captures[0].Operator = "bob" },
		"the same capture of another disc":  func(r *Record) { r.Carrier.ID = NewID() },
	} {
		r := aRecord(rec.Carrier.ID, 1)
		r.Captures = []Capture{rec.Captures[0]}
		change(&r)
		if err := c.Commit(ctx, aCommit(t, r)); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	last, err := c.Show(ctx, rec.Carrier.ID)
	last.Copies = before.Copies
	if err != nil || !reflect.DeepEqual(before, last) {
		t.Errorf("a refused commit left traces (%v)", err)
	}
}

func TestCommitRefusals(t *testing.T) {
	c := openTemp(t)
	for name, spoil := range map[string]func(*Commit){
		"no record":         func(in *Commit) { in.RecordBytes = nil },
		"copy state":        func(in *Commit) { in.Copies[0].State = "fine" },
		"copy without key":  func(in *Commit) { in.Copies[0].Key = "" },
		"need kind":         func(in *Commit) { in.Needs = []Need{{Accepted, "x"}} },
		"need reason":       func(in *Commit) { in.Needs = []Need{{NeedsReview, " "}} },
		"event type":        func(in *Commit) { in.Events[0].Type = "???" },
		"file in the data":  func(in *Commit) { in.Files[0].Path = "data/x" },
		"file with no role": func(in *Commit) { in.Files[0].Role = "" },
	} {
		in := aCommit(t, aRecord(NewID(), 1))
		spoil(&in)
		if err := c.Commit(context.Background(), in); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := c.List(context.Background(), Filter{}); err != nil || len(l) != 0 {
		t.Errorf("refused commits left %v (%v)", l, err)
	}
}

// An interrupted reading is recorded when it ends; the image that a later one
// completes names both.
func TestInterruptedThenImaged(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	rec.Carrier.Item = "" // nobody said
	first := aCapture(Interrupted, noon)
	first.Reason = "the eject button was pressed"
	a := Attempt{Carrier: CarrierInfo{ID: rec.Carrier.ID}, Disc: disc.Disc{Kind: disc.KindNoTOC}, Capture: first,
		Needs: []Need{{NeedsReview, "put it in again"}}, Events: []Event{anEvent(EventCapture, EventFail, noon)}}
	for range 2 {
		if err := c.RecordCapture(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	changed := a
	changed.Capture.Reason = "the drive fell off the table"
	if err := c.RecordCapture(ctx, changed); !errors.Is(err, ErrConflict) {
		t.Errorf("a capture was told anew: %v", err)
	}
	v, err := c.Show(ctx, rec.Carrier.ID)
	if err != nil || v.Image != nil || len(v.Captures) != 1 || len(v.Events) != 1 || v.Disposition != NeedsIdentity || len(v.Needs) != 2 {
		t.Fatalf("after the first reading: %+v, %v", v, err)
	}
	rec.Captures = append([]Capture{first}, rec.Captures...)
	mustCommit(t, c, aCommit(t, rec))
	v, err = c.Show(ctx, rec.Carrier.ID)
	if err != nil || v.Image == nil || len(v.Captures) != 2 || v.Captures[0].Reason != first.Reason || v.Kind != disc.KindData || v.Label != "ATLAS_2" {
		t.Fatalf("after the second reading: %+v, %v", v, err)
	}
	if *v.Title != "The Atlas" || v.Item != nil || v.Disposition != NeedsIdentity {
		t.Errorf("title %q, item %v, %q", *v.Title, v.Item, v.Disposition)
	}
	third := aRecord(rec.Carrier.ID, 2)
	third.Carrier.Title = ""
	mustCommit(t, c, aCommit(t, third))
	if v, err = c.Show(ctx, rec.Carrier.ID); err != nil || *v.Item != "B-1001" || *v.Title != "The Atlas" || v.Disposition != NeedsReview {
		t.Errorf("after a reading that brings the item: %+v, %v", v, err)
	}
}

func TestRecordCaptureRefusesAnImage(t *testing.T) {
	c := openTemp(t)
	err := c.RecordCapture(context.Background(), Attempt{Carrier: CarrierInfo{ID: NewID()}, Capture: aCapture(Imaged, noon)})
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("an image without a record: %v", err)
	}
}

// What people said is not replaced by what a later reading was started with.
func TestSecondImage(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	rec.Image.State, rec.Image.Sectors.Read, rec.Image.Sectors.Unreadable = Incomplete, 987, 3
	rec.Image.Missing = []disc.Extent{{Start: 100, Count: 3}}
	mustCommit(t, c, aCommit(t, rec))
	if n, err := c.NextVersion(ctx, rec.Carrier.ID); err != nil || n != 2 {
		t.Fatalf("next version %d, %v", n, err)
	}
	if n, err := c.NextVersion(ctx, NewID()); err != nil || n != 1 {
		t.Fatalf("next version of an unknown disc %d, %v", n, err)
	}
	better := aRecord(rec.Carrier.ID, 2)
	better.Carrier.Item, better.Carrier.Side = "B-9999", "B"
	mustCommit(t, c, aCommit(t, better))
	v, err := c.Show(ctx, rec.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	if *v.Item != "B-1001" || *v.Side != "A" || v.Image.Version != 2 || v.Image.State != Complete || v.Disposition != NeedsReview ||
		!strings.Contains(strings.Join(v.Needs, ""), "B-9999") {
		t.Errorf("after a second image: %+v", v)
	}
	held, err := c.Candidates(ctx, better.Identity)
	if err != nil || len(held) != 1 || held[0].Version != 2 || held[0].State != Complete || len(held[0].Copies) != 2 ||
		!reflect.DeepEqual(held[0].Identity.Samples, better.Identity.Samples) || disc.LooksLike(better.Identity, held[0].Identity) == disc.Different {
		t.Errorf("candidates %+v, %v", held, err)
	}
	for _, other := range []disc.Identity{{Medium: disc.MediumCD, Sectors: 999}, {Medium: disc.MediumDVD, Sectors: 1000}} {
		if held, err := c.Candidates(ctx, other); err != nil || len(held) != 0 {
			t.Errorf("candidates for %+v: %+v, %v", other, held, err)
		}
	}
	if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) != 0 {
		t.Errorf("problems %v, %v", ps, err)
	}
}

func TestReopened(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	rec := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, rec))
	beside, err := OpenReadOnly(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := beside.Show(ctx, rec.Carrier.ID)
	if err != nil {
		t.Fatal(err)
	}
	second := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, second))
	if l, err := beside.List(ctx, Filter{}); err != nil || len(l) != 2 || l[0].ID != second.Carrier.ID {
		t.Errorf("beside a running station: %+v, %v", l, err)
	}
	beside.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	b, err := again.Show(ctx, rec.Carrier.ID)
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("after closing and opening: %+v, %v", b, err)
	}
}
