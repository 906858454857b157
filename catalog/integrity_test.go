package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/carrierlist"
)

// One value of every column of every table is changed in turn, as a flipped
// bit would. SQLite's own check must be shown to miss it, and ours to tell it.
func TestEveryColumnIsGuarded(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "whole.db")
	c := openAt(t, path)
	rec := aRecord(NewID(), 1)
	mustCommit(t, c, withFiles(t, aCommit(t, rec), rec, []FileEntry{{Path: "a", Type: TypeFile, Size: 1, Modified: noon, SHA256: hexOf(32, "a"), Reason: "odd",
		Extents: []FileExtent{{Offset: 0, Length: 1}}}, {Path: "b", Type: TypeDirectory}}))
	other := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, other))
	bare := NewID()
	if err := c.RecordCapture(ctx, Attempt{Carrier: CarrierInfo{ID: bare}, Disc: disc.Disc{Kind: disc.KindAudio}, Capture: aCapture(Refused, noon)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Sent(ctx, bare, "shelf", Post{Last: 1}); err != nil {
		t.Fatal(err)
	}
	openBatch(t, c, "17")
	came(t, c, "17", CarrierInfo{Item: "B"}, "B")
	if _, err := c.ImportList(ctx, "17", []carrierlist.Row{{Item: "B"}}, BatchSight{}, "eve"); err != nil {
		t.Fatal(err)
	}
	if err := c.AskRetry(ctx, []string{bare}, "sr0"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddFile(ctx, bare, aPhoto("one")); err != nil {
		t.Fatal(err)
	}
	type column struct{ table, name string }
	var cols []column
	for _, tbl := range append(hashedTables[:len(hashedTables):len(hashedTables)], files) {
		for _, col := range append(tbl.cols[:len(tbl.cols):len(tbl.cols)], "digest") {
			cols = append(cols, column{tbl.name, col})
		}
	}
	for tbl, names := range map[string]string{"events": "id carrier seq type time outcome detail digest changes", "agents": "role name",
		"event_agents": "agent", "event_objects": "object"} {
		for _, col := range strings.Fields(names) {
			cols = append(cols, column{tbl, col})
		}
	}
	if _, err := c.w.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, col := range cols {
		p := filepath.Join(dir, col.table+"."+col.name+".db")
		if err := os.WriteFile(p, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", "file:"+p+"?_pragma=foreign_keys(off)")
		if err != nil {
			t.Fatal(err)
		}
		var was any
		first := fmt.Sprintf("(SELECT min(rowid) FROM %s)", col.table)
		if err := db.QueryRow(fmt.Sprintf("SELECT %s FROM %s WHERE rowid = %s", col.name, col.table, first)).Scan(&was); err != nil {
			t.Fatal(err)
		}
		var now any = "x"
		switch v := was.(type) {
		case int64:
			now = v ^ 1<<20
		case string:
			now = v + "x"
		case []byte:
			v = append([]byte{}, v...)
			v[0] ^= 1
			now = v
		case nil:
			now = map[bool]any{true: int64(1), false: "x"}[col.name == "part" || col.name == "parts"]
		}
		stmt := fmt.Sprintf("UPDATE %s SET %s = ? WHERE rowid = %s", col.table, col.name, first)
		if _, err := db.Exec("PRAGMA ignore_check_constraints = on"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(stmt, now); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
		db.Close()
		d, err := OpenReadOnly(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := d.IntegrityCheck(ctx)
		d.Close()
		if err != nil || len(ps) == 0 {
			t.Errorf("%s.%s was changed from %v to %v and nothing was found (%v)", col.table, col.name, was, now, err)
		}
	}
}

func TestReadsAreVerified(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	good, bad := aRecord(NewID(), 1), aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, good))
	mustCommit(t, c, aCommit(t, bad))
	id := bad.Carrier.ID
	tamper(t, c, "UPDATE records SET body = CAST(replace(body, 'The Atlas', 'The Atles') AS BLOB) WHERE carrier = ?", id)
	tamper(t, c, "UPDATE copies SET state = 'stored' WHERE carrier = ? AND store = 'cloud'", id)
	tamper(t, c, "UPDATE images SET state = 'incomplete' WHERE carrier = ?", id)
	tamper(t, c, "UPDATE events SET outcome = 'fail' WHERE carrier = ? AND seq = 1", id)
	tamper(t, c, "UPDATE objects SET sha512 = '00' WHERE carrier = ? AND role = 'image'", id)
	if b, err := c.Record(ctx, id, 1); !errors.Is(err, ErrDamaged) || b != nil {
		t.Errorf("a damaged record was given out (%v)", err)
	}
	if cs, err := c.Copies(ctx, id, 1); !errors.Is(err, ErrDamaged) || len(cs) != 1 || cs[0].Store != "shelf" {
		t.Errorf("copies %+v, %v", cs, err)
	}
	if es, err := c.Events(ctx, id); !errors.Is(err, ErrDamaged) || len(es) != 1 || es[0].Type != EventIngestion {
		t.Errorf("events %+v, %v", es, err)
	}
	if os, err := c.Objects(ctx, id, 1); !errors.Is(err, ErrDamaged) || len(os) != 1 {
		t.Errorf("objects %+v, %v", os, err)
	}
	v, err := c.Show(ctx, id)
	if !errors.Is(err, ErrDamaged) || v.Image != nil || *v.Item != "B-1001" || len(v.Captures) != 1 || len(v.Events) != 1 {
		t.Errorf("shown %+v, %v", v, err)
	}
	if l, err := c.List(ctx, Filter{}); !errors.Is(err, ErrDamaged) || len(l) != 2 || l[0].Image != nil || l[1].Image == nil {
		t.Errorf("listed %+v, %v", l, err)
	}
	if h, err := c.Candidates(ctx, bad.Identity); !errors.Is(err, ErrDamaged) || len(h) != 1 || h[0].CarrierID != good.Carrier.ID {
		t.Errorf("candidates %+v, %v", h, err)
	}
	if p, err := c.PendingCopies(ctx); !errors.Is(err, ErrDamaged) || len(p) != 3 {
		t.Errorf("pending %+v, %v", p, err)
	}
	var walked, broken int
	for _, err := range c.AllCopies(ctx) {
		if errors.Is(err, ErrDamaged) {
			broken++
		} else if err == nil {
			walked++
		}
	}
	if walked != 3 || broken != 1 {
		t.Errorf("%d copies walked and %d damaged", walked, broken)
	}
	if err := c.SetCopy(ctx, id, 1, Copy{Store: "cloud", State: Stored}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged row was written over: %v", err)
	}
	if v, err := c.Show(ctx, good.Carrier.ID); err != nil || v.Image == nil {
		t.Errorf("the neighbour suffers: %v", err)
	}
}

// Rows that are gone have no digest that could tell.
func TestLostRows(t *testing.T) {
	ctx := context.Background()
	for name, stmt := range map[string]string{
		"an event in the middle": "PRAGMA foreign_keys = off; DELETE FROM event_agents WHERE event = 2; DELETE FROM event_objects WHERE event = 2; DELETE FROM events WHERE n = 2",
		"the last event":         "PRAGMA foreign_keys = off; DELETE FROM event_agents WHERE event = 3; DELETE FROM event_objects WHERE event = 3; DELETE FROM events WHERE n = 3",
		"the only trace":         "PRAGMA foreign_keys = off; DELETE FROM event_agents; DELETE FROM event_objects; DELETE FROM events",
		"the order of events":    "PRAGMA foreign_keys = off; UPDATE events SET n = 99 WHERE n = 2; UPDATE events SET n = 2 WHERE n = 3; UPDATE events SET n = 3 WHERE n = 99",
		"an event of the record": "PRAGMA foreign_keys = off; UPDATE events SET id = 'abcdefghijklmnopqrstuvwxyz' WHERE seq = 1",
		"an agent of an event":   "DELETE FROM event_agents WHERE place = 1",
		"an object":              "DELETE FROM objects WHERE role = 'image'",
		"a capture":              "DELETE FROM image_captures; DELETE FROM checks; DELETE FROM captures",
		"an item":                "PRAGMA foreign_keys = off; DELETE FROM items",
	} {
		c := openTemp(t)
		rec := aRecord(NewID(), 1)
		mustCommit(t, c, aCommit(t, rec))
		if err := c.AddEvent(ctx, rec.Carrier.ID, anEvent(EventFixity, EventSuccess, noon, rec.Carrier.ID)); err != nil {
			t.Fatal(err)
		}
		if es, err := c.Events(ctx, rec.Carrier.ID); err != nil || len(es) != 3 {
			t.Fatalf("%d events, %v", len(es), err)
		}
		tamper(t, c, stmt)
		if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) == 0 {
			t.Errorf("%s is gone and nothing was found (%v)", name, err)
		}
	}
}

// A page of the file is overwritten with zeroes, one after the other. Whatever
// is damaged, nothing panics, and the damage is told.
func TestZeroedPages(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "whole.db")
	c := openAt(t, path)
	for range 20 {
		mustCommit(t, c, aCommit(t, aRecord(NewID(), 1)))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := 0; at < len(whole); at += page {
		b := append([]byte{}, whole...)
		for i := range b[at : at+page] {
			b[at+i] = 0
		}
		p := filepath.Join(dir, fmt.Sprint(at, ".db"))
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := OpenReadOnly(ctx, p)
		if err != nil {
			continue
		}
		ps, err := d.IntegrityCheck(ctx)
		if err == nil && len(ps) == 0 {
			t.Errorf("page %d is zeroed and nothing was found", at/page)
		}
		if _, err := d.List(ctx, Filter{}); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("page %d: %v is not told as damage", at/page, err)
		}
		d.Close()
		os.Remove(p)
	}
}
