package archive_test

import (
	"errors"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// Unfinished uploads are found with their keys, and ended one by one; an
// object is never touched.
func TestUnfinished(t *testing.T) {
	eachStore(t, func(t *testing.T, s archive.Store, _ bool) {
		body := archivetest.Bytes(61, archivetest.PartSize+1)
		var ups []archive.Upload
		for _, key := range []string{"one/v1/data/image.iso", "two/v1/data/image.iso", "done/v1/data/image.iso"} {
			u, err := s.Begin(t.Context(), key, int64(len(body)))
			if err == nil {
				err = u.Part(t.Context(), 0, body[:archivetest.PartSize])
			}
			if err != nil {
				t.Fatal(err)
			}
			ups = append(ups, u)
		}
		if err := ups[2].Part(t.Context(), 1, body[archivetest.PartSize:]); err != nil {
			t.Fatal(err)
		}
		if _, err := ups[2].Complete(t.Context(), archive.CRC64NVME(body)); err != nil {
			t.Fatal(err)
		}
		list := func() map[string]archive.Unfinished {
			found := map[string]archive.Unfinished{}
			for u, err := range s.(archive.Uploads).Unfinished(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				found[u.Key] = u
			}
			return found
		}
		found := list()
		if len(found) != 2 || found["one/v1/data/image.iso"].ID == "" || found["two/v1/data/image.iso"].Begun.IsZero() {
			t.Fatalf("found %+v", found)
		}
		one := found["one/v1/data/image.iso"]
		for range 2 { // a second end finds nothing, and that is well
			if err := s.(archive.Uploads).End(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		if err := ups[0].Part(t.Context(), 0, body[:archivetest.PartSize]); !errors.Is(err, archive.ErrUploadGone) {
			t.Errorf("a part of an upload that was ended: %v", err)
		}
		if found := list(); len(found) != 1 || !ups[1].Has(0, archive.CRC64NVME(body[:archivetest.PartSize])) {
			t.Errorf("left %+v", found)
		}
		if _, err := s.Stat(t.Context(), "done/v1/data/image.iso"); err != nil {
			t.Error(err)
		}
		for _, bad := range []archive.Unfinished{{}, {Key: "../x", ID: "y"}, {Key: "two/v1/data/image.iso"}, {Key: "done/v1/data/image.iso", ID: ""}} {
			if err := s.(archive.Uploads).End(t.Context(), bad); err == nil {
				t.Errorf("ended %+v", bad)
			}
		}
	})
}
