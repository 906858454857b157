package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/internal/versitygw"
)

// objectVersion reads one version of an object.
func objectVersion(t *testing.T, server *versitygw.Server, bucket, key, id string) []byte {
	t.Helper()
	out, err := server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &id})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Error(err)
	}
	return b
}

// Where only an administrator can help, it is told which object, what lies there
// and what to do, and the exit code is the one of findings: a delete marker in a
// bucket, a link in a folder, a stranger beside a damaged file. A bucket whose
// versioning was switched on later is repaired.
func TestRepairTellsAnAdministrator(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	withCloud(t, config, server, "discs", server.Endpoint)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 3000, 1), "--item", "X")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	key := id + "/v1/data/image.iso"

	server.Versioning("discs")
	object := server.File("discs", key)
	if err := os.WriteFile(object, flip([]byte(fileText(t, object))), 0o644); err != nil {
		t.Fatal(err)
	}
	if a := run("repair", id); a.code != exitDone || !strings.Contains(a.out, "on top of the damaged null; now READ BACK") {
		t.Errorf("versioning came later: exit %d\n%s%s", a.code, a.out, a.talk)
	}

	// The image is so large that the server's refusal of it may get lost.
	second := archiveFile(t, config, isoFile(t, dir, "b.iso", 3000, 2), "--item", "Y")
	markers := map[string]*string{}
	for _, p := range []string{"/v1/data/image.iso", "/v1/metadata/record.json"} {
		key := second + p
		gone, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("discs"), Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		markers[key] = gone.VersionId
	}
	a := run("repair", second)
	if a.code != exitFindings || !strings.Contains(a.out, "NEEDS YOU: somebody has deleted objects") {
		t.Errorf("deleted: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	for key, version := range markers {
		if !strings.Contains(a.out, "s3://discs/"+key+"\n      delete marker, version id "+*version) {
			t.Errorf("deleted %s: exit %d\n%s%s", key, a.code, a.out, a.talk)
		}
		if _, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("discs"), Key: &key, VersionId: version}); err != nil {
			t.Fatal(err)
		}
	}
	if a := run("repair", second); a.code != exitDone || !strings.Contains(a.out, "nothing to repair") {
		t.Errorf("the markers are removed: exit %d\n%s%s", a.code, a.out, a.talk)
	}

	bag := filepath.Join(dir, "store", id, "v1")
	image := filepath.Join(bag, "data", "image.iso")
	if err := errors.Join(os.Rename(image, filepath.Join(dir, "keep")), os.Symlink(filepath.Join(dir, "keep"), image)); err != nil {
		t.Fatal(err)
	}
	if a := run("repair", id); a.code != exitFindings || !strings.Contains(a.out, "must first move away") || !strings.Contains(a.out, image+"\n      to "+filepath.Join(dir, "store", ".set-aside")) || !strings.Contains(a.out, "a symbolic link lies in the place") {
		t.Errorf("a link: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if err := errors.Join(os.Remove(image), os.Rename(filepath.Join(dir, "keep"), image)); err != nil {
		t.Fatal(err)
	}

	// A stranger in the payload does not hide that bag-info.txt is damaged.
	put(t, "extra\n", bag, "data", "extra.txt")
	edit(t, filepath.Join(bag, "bag-info.txt"), true, flip)
	a = run("verify", id, "--store", "local")
	if a.code != exitFindings || strings.Contains(a.out, "READ BACK") || !strings.Contains(a.out, "DAMAGED") || !strings.Contains(a.out, "bag-info.txt") {
		t.Errorf("damaged beside a stranger: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("repair", id); a.code != exitFindings || !strings.Contains(a.out, filepath.Join(bag, "bag-info.txt")+"\n      to ") {
		t.Errorf("damaged beside a stranger: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}
