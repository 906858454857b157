package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ripstation/audit"
	"ripstation/catalog"
)

// A withdrawal is recorded with authority and reason; what an administrator
// must delete is printed, version by version, with what stands against it; and
// nothing is deleted. Once it is done, no audit calls it a fault, and no repair
// brings it back.
func TestWithdraw(t *testing.T) {
	dir, config, server := twoStores(t)
	run := func(code int, args ...string) answer {
		t.Helper()
		a := ripstation(t, append(args, "--config", config)...)
		if a.code != code {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, a.code, code, a.out, a.talk)
		}
		return a
	}
	client := server.Client()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("locked"), ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	put(t, strings.Replace(fileText(t, config), `bucket = "discs"`, `bucket = "locked"`, 1), config)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "WITHDRAWN", nil))
	kept := archiveFile(t, config, discOf(t, dir, "b.iso", "KEPT", func(src string) { put(t, "b", src, "b") }))
	image := "archive/" + id + "/v1/data/image.iso"
	if _, err := client.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: aws.String("locked"), Key: &image,
		LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}}); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	record := "archive/" + id + "/v1/metadata/record.json"
	if _, err := client.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: aws.String("locked"), Key: &record,
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: &until}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{{[]string{"withdraw", id}, "--authority TEXT --reason TEXT"}, {[]string{"withdraw", id, "--authority", "x"}, "--authority TEXT --reason TEXT"},
		{[]string{"withdraw", id, "--authority", " ", "--reason", "y"}, "--authority TEXT"}, {[]string{"withdraw"}, "the id of a disc"},
		{[]string{"withdraw", id, "--authority", "a\nb", "--reason", "y"}, "control character"},
		{[]string{"annotate", id, "--disposition", "perhaps"}, "perhaps"}} {
		if a := run(exitUsage, c.args...); !strings.Contains(a.talk, c.says) {
			t.Errorf("%q: %s", c.args, a.talk)
		}
	}
	run(exitFailed, "withdraw", "zzzz", "--authority", "x", "--reason", "y")

	a := run(exitDone, "withdraw", id[:8], "--authority", "Head of Collections", "--reason", "the deposit ended")
	for _, want := range []string{"is WITHDRAWN. Nothing was deleted", image + "  version ", "LEGAL HOLD", "RETAINED until " + until.Format(time.RFC3339) + " (GOVERNANCE)",
		"first take the legal holds off", "s3:BypassGovernanceRetention", filepath.Join(dir, "store", id, "v1/data/image.iso")} {
		if !strings.Contains(a.out, want) {
			t.Errorf("it does not say %q:\n%s", want, a.out)
		}
	}
	if strings.Contains(a.out, "events/0") || strings.Contains(a.out, kept) {
		t.Errorf("it names what has to stay:\n%s", a.out)
	}
	var v catalog.View
	decode(t, run(exitDone, "show", id, "--json").out, &v)
	e := v.Events[len(v.Events)-1]
	if v.Disposition != catalog.Withdrawn || e.Type != catalog.EventDeaccession || !strings.Contains(e.Detail, "the deposit ended") ||
		e.Agents[len(e.Agents)-1] != (catalog.Agent{Role: catalog.RoleAuthority, Name: "Head of Collections"}) || *e.Changes.Disposition != catalog.Withdrawn {
		t.Errorf("%s, %+v", v.Disposition, e)
	}
	run(exitDone, "audit", "--full") // nothing was deleted
	var w withdrawal
	decode(t, run(exitDone, "withdraw", id, "--json").out, &w)
	if len(w.Stores) != 2 || len(w.Stores[0].Objects) != 11 || len(w.Stores[1].Objects) != 11 {
		t.Errorf("%+v", w)
	}
	decode(t, run(exitDone, "show", id, "--json").out, &v)
	n := len(v.Events)

	// The administrator does the half of it.
	if err := os.RemoveAll(filepath.Join(dir, "store", id, "v1")); err != nil {
		t.Fatal(err)
	}
	var rep audit.Report
	decode(t, run(exitDone, "audit", "--json").out, &rep)
	if len(rep.Findings) != 0 || rep.Copies.Withdrawn != 1 || rep.Copies.Missing != 0 {
		t.Errorf("%+v", rep)
	}
	if a := run(exitDone, "audit", "--full"); !strings.Contains(a.out, "1 gone, as their discs are withdrawn") {
		t.Errorf("%s", a.out)
	}
	decode(t, run(exitDone, "show", id, "--json").out, &v)
	if len(v.Events) != n+2 { // that it is gone, once, and that the other copy was read
		t.Errorf("%d events, then %d: %+v", n, len(v.Events), v.Events[n:])
	}
	if a := ripstation(t, "repair", id, "--config", config); a.code == exitDone || !strings.Contains(a.talk, "is withdrawn") || exists(filepath.Join(dir, "store", id, "v1")) {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	run(exitDone, "repair", "--all-damaged")
	// A disc that nobody withdrew is a fault as ever.
	if err := os.RemoveAll(filepath.Join(dir, "store", kept, "v1")); err != nil {
		t.Fatal(err)
	}
	run(exitFindings, "audit")
	if err := os.Rename(filepath.Join(dir, "store"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	if a := run(exitBlind, "withdraw", id); !strings.Contains(a.out, "NOT KNOWN what is there") || !strings.Contains(a.out, image) {
		t.Errorf("%s", a.out)
	}
}
