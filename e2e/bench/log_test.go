package bench

import (
	"context"
	"errors"
	"strings"
	"testing"

	"ripstation/internal/simdrive"
)

func command(drive, op string, cdb ...byte) simdrive.Event {
	return simdrive.Event{Kind: simdrive.EventCommand, Drive: drive, Op: op, CDB: cdb, LBA: -1}
}

func filled() *Log {
	l := NewLog()
	read := command("d0", "READ(10)", 0x28)
	read.LBA, read.Count = 16, 16
	l.OfDrive(read)
	l.add(Event{S3: &Request{Op: "PutObject", Bucket: "b", Key: "x/v1/tagmanifest-sha512.txt", Status: 200}})
	l.add(Event{S3: &Request{Op: "PutObject", Bucket: "b", Key: "x/v1/refused.txt", Status: 403}})
	l.OfDrive(command("d0", "START STOP UNIT", 0x1b, 0, 0, 0, 0x03, 0))
	l.OfDrive(command("d0", "START STOP UNIT", 0x1b, 0, 0, 0, 0x02, 0))
	return l
}

func TestOrderFindsTheStepsAndNamesTheFirstThatIsWrong(t *testing.T) {
	l := filled()
	read := Step{"the read", ReadOf("d0", 31, 1)}
	manifest := Step{"the tag manifest", S3("PutObject", "tagmanifest-sha512.txt")}
	eject := Step{"the eject", Eject("d0")}
	found, err := l.Order(0, read, manifest, eject)
	if err != nil || len(found) != 3 || found[2].Seq != 4 {
		t.Errorf("the right order: %v, %v", found, err)
	}
	if _, err := l.Order(0, eject, manifest); err == nil || !strings.Contains(err.Error(), "the tag manifest came at 1, before the eject at 4") {
		t.Errorf("the wrong order: %v", err)
	}
	if _, err := l.Order(0, Step{"sector 32", ReadOf("d0", 32, 1)}); err == nil || !strings.Contains(err.Error(), "sector 32 is not in the log") {
		t.Errorf("a step that is not there: %v", err)
	}
	if _, ok := l.First(0, S3("PutObject", "refused.txt")); ok {
		t.Error("a refused request counts as one that was carried out")
	}
	if _, ok := l.First(0, Eject("d1")); ok {
		t.Error("another drive's eject is found")
	}
}

func TestAwaitSeesWhatComesLater(t *testing.T) {
	l := filled()
	from := l.Mark()
	go l.Note("now")
	e, err := l.Await(context.Background(), from, "the note", func(e Event) bool { return e.Note == "now" })
	if err != nil || e.Seq != from {
		t.Errorf("Await = %v, %v", e, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Await(ctx, l.Mark(), "nothing", func(Event) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await after its context ended = %v", err)
	}
}

func TestTextFoldsChatterAndKeepsTheRest(t *testing.T) {
	l := NewLog()
	for range 5 {
		l.OfDrive(command("d0", "TEST UNIT READY", 0x00))
	}
	bad := command("d0", "READ(10)", 0x28)
	bad.Count, bad.Status = 1, 2
	l.OfDrive(bad)
	l.OfDrive(bad)
	if got := l.Text(0); strings.Count(got, "\n") != 4 || !strings.Contains(got, "4 more") || strings.Count(got, "READ(10)") != 2 {
		t.Errorf("Text:\n%s", got)
	}
}
