package mmc

import (
	"os"
	"testing"

	"ripstation/disc"
)

// A real drive, with any disc in it or none. Nothing is moved or changed.
func TestRealDrive(t *testing.T) {
	path := os.Getenv("RIPSTATION_TEST_DRIVE")
	if path == "" {
		t.Skip("needs a real drive: set RIPSTATION_TEST_DRIVE=/dev/sr0")
	}
	n, err := OpenNode(path)
	if err != nil {
		t.Fatal(err)
	}
	d := New(n)
	defer d.Close()
	info, err := d.Info(t.Context())
	if err != nil || info.Model == "" {
		t.Fatalf("%+v %v", info, err)
	}
	t.Logf("%+v", info)
	status, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("tray: %s", status)
	if status != disc.TrayLoaded && status != disc.TrayNotReady {
		return
	}
	got, err := d.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %s %s, %d sectors, recordable %v, protection %q\ntoc %+v\nsizes %+v\nunrecorded %v\nrun-out %v",
		got.Medium, got.ProfileStr, got.Kind, got.Sectors, got.Recordable, got.Protection, got.TOC, got.Sizes, got.Unrecorded, got.RunOut)
	for _, b := range got.Blobs {
		t.Logf("%-40s %4d bytes % .24x %s", b.Name, len(b.Data), b.Data, b.Absent)
	}
	if got.Kind != disc.KindData {
		return
	}
	sector := make([]byte, 16*disc.SectorSize)
	if err := d.ReadSectors(t.Context(), 0, sector); err != nil && disc.ClassOf(err) != disc.ClassMedium && disc.ClassOf(err) != disc.ClassProtected {
		t.Error(err)
	}
}
