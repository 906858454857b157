package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var pioneer = disc.Drive{Key: "PIONEER BD-RW 1.50 #ABC", Node: "/dev/sr0", Vendor: "PIONEER", Model: "BD-RW BDR-209", Firmware: "1.50", Serial: "ABC"}

func hexOf(n int, seed string) string {
	return strings.Repeat(fmt.Sprintf("%x", sha256.Sum256([]byte(seed))), 2)[:2*n]
}

func aCapture(outcome CaptureOutcome, at time.Time) Capture {
	return Capture{ID: NewID(), Started: at, Ended: at.Add(5 * time.Minute), Outcome: outcome, Operator: "ada", Drive: pioneer,
		Insertion: disc.Insertion{DriveKey: pioneer.Key, BootID: "b00t", DiskSeq: 7},
		Program:   Program{"ripstation", "0.1", "abcdef0"}, Clock: ClockSynchronised, Settings: map[string]string{"retries": "3"}}
}

// aRecord is a complete image of a pressed CD of 1000 sectors.
func aRecord(id string, version int) Record {
	at := noon.Add(time.Duration(version) * time.Hour)
	cap := aCapture(Imaged, at)
	return Record{
		Carrier: CarrierInfo{ID: id, Item: "B-1001", Title: "The Atlas", Part: 2, Parts: 3, Side: "A", Condition: "scratched"},
		Image: ImageInfo{Version: version, State: Complete, Size: 1000 * 2048, SectorSize: 2048,
			Sectors: disc.Counts{Total: 1000, Read: 990, Suspect: 4, Unrecorded: 6}, SealedAt: at.Add(6 * time.Minute)},
		Objects: []Object{{Role: RoleImage, Path: "data/image.iso", Size: 1000 * 2048, SHA512: hexOf(64, id), SHA256: hexOf(32, id),
			SHA1: hexOf(20, id), MD5: hexOf(16, id), CRC64NVME: "AAAAAAAAAAA="}},
		Disc: disc.Disc{Medium: disc.MediumCD, Kind: disc.KindData, Profile: 8, ProfileStr: "CD-ROM", Sectors: 1000,
			TOC:   disc.TOC{Sessions: 1, Tracks: []disc.Track{{Number: 1, Session: 1, Data: true, Control: 4, Mode: 1}}, LeadOut: 1000},
			Blobs: []disc.Blob{{Name: "READ TOC 0000h", Data: []byte{0, 18, 1, 1}}}},
		Identity: disc.Identity{Kind: disc.KindData, Medium: disc.MediumCD, Sectors: 1000, Label: "ATLAS_2",
			Descriptors: []disc.Descriptor{{LBA: 16, Data: []byte("\x01CD001\xff")}}, Samples: []disc.Sample{{LBA: 16, SHA256: [32]byte{1}}}},
		Drive:    pioneer,
		Captures: []Capture{cap},
		Checks:   []disc.Check{{Code: "capacity-unchanged", Name: "capacity before and after", Outcome: disc.Pass, Message: "1000 sectors"}},
		Events:   []Event{anEvent(EventImaging, EventSuccess, at.Add(5*time.Minute), id)},
	}
}

func anEvent(typ EventType, outcome EventOutcome, at time.Time, objects ...string) Event {
	return Event{Type: typ, Time: at, Outcome: outcome, Detail: "something happened",
		Agents: []Agent{{RoleOperator, "ada"}, {RoleProgram, "ripstation 0.1 abcdef0"}}, Objects: objects}
}

func aCommit(t testing.TB, r Record) Commit {
	t.Helper()
	b, err := EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	stored := r.Image.SealedAt.Add(time.Minute)
	key := fmt.Sprintf("%s/v%d/", r.Carrier.ID, r.Image.Version)
	return Commit{RecordBytes: b,
		Files:  []Object{{Role: RoleTag, Path: "bagit.txt", Size: 55, SHA512: hexOf(64, "bagit"), SHA256: hexOf(32, "bagit")}},
		Copies: []Copy{{Store: "shelf", Key: key, State: Stored, StoredAt: &stored}, {Store: "cloud", Key: key, State: Queued}},
		Events: []Event{anEvent(EventIngestion, EventSuccess, stored, r.Carrier.ID)}}
}

// latestSchema is how many migrations there are.
func latestSchema(t testing.TB) int {
	t.Helper()
	steps, err := migrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	return len(steps)
}

func openTemp(t testing.TB) *Catalog {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"))
}

func openAt(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustCommit(t testing.TB, c *Catalog, in Commit) {
	t.Helper()
	if err := c.Commit(context.Background(), in); err != nil {
		t.Fatal(err)
	}
}

// tamper changes the database behind the catalog's back.
func tamper(t testing.TB, c *Catalog, stmt string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(stmt, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		t.Fatalf("%s changed nothing", stmt)
	}
}

func disc64k() disc.Blob { return disc.Blob{Name: "large", Data: make([]byte, 64<<10)} }
