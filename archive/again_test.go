package archive_test

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// goodCopy is a copy of one file, and what it has to be.
func goodCopy(t *testing.T, body []byte) (archive.Copy, archive.BagFile) {
	t.Helper()
	s := openDir(t, filepath.Join(t.TempDir(), "good"))
	f := archive.BagFile{Path: "data/image.iso", Size: int64(len(body)), SHA512: fmt.Sprintf("%x", sha512.Sum512(body))}
	put(t, s, bagPrefix+"/"+f.Path, body)
	return archive.Copy{Store: s, Prefix: bagPrefix}, f
}

func put(t *testing.T, s archive.Store, key string, body []byte) {
	t.Helper()
	up, err := s.Begin(t.Context(), key, int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range up.Parts() {
		from := int64(n) * up.PartSize()
		if err := up.Part(t.Context(), n, body[from:min(from+up.PartSize(), int64(len(body)))]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := up.Complete(t.Context(), archive.CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
}

// small and large objects go different ways.
var sizes = []int{0, 100_000, 9 << 20, 12<<20 + 1}

// What a copy gives is proved before anything becomes visible, and what is there
// already stays.
func TestSendAgain(t *testing.T) {
	for _, n := range sizes {
		body := archivetest.Bytes(uint64(n), n)
		from, f := goodCopy(t, body)
		to := archive.Copy{Store: openDir(t, filepath.Join(t.TempDir(), "to")), Prefix: bagPrefix}
		wrong := f
		wrong.SHA512 = fmt.Sprintf("%x", sha512.Sum512([]byte("other")))
		if err := archive.SendAgain(t.Context(), from, to, wrong); !errors.Is(err, archive.ErrCopyDamaged) {
			t.Errorf("%d bytes, another digest: %v", n, err)
		}
		if n > 0 {
			wrong = f
			wrong.Size--
			if err := archive.SendAgain(t.Context(), from, to, wrong); !errors.Is(err, archive.ErrCopyDamaged) {
				t.Errorf("%d bytes, longer than it should be: %v", n, err)
			}
		}
		if _, err := to.Store.Stat(t.Context(), bagPrefix+"/"+f.Path); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%d bytes: something is visible: %v", n, err)
		}
		if err := archive.SendAgain(t.Context(), from, to, f); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if sum, err := archive.DigestOf(t.Context(), to.Store, bagPrefix+"/"+f.Path); err != nil || sum != f.SHA512 {
			t.Errorf("%d bytes: %s, %v", n, sum, err)
		}
		other := archivetest.Bytes(uint64(n)+1, n)
		if n == 0 {
			continue
		}
		from, g := goodCopy(t, other)
		if err := archive.SendAgain(t.Context(), from, to, g); !errors.Is(err, archive.ErrExists) {
			t.Errorf("%d bytes over others: %v", n, err)
		}
		if sum, err := archive.DigestOf(t.Context(), to.Store, bagPrefix+"/"+f.Path); err != nil || sum != f.SHA512 {
			t.Errorf("%d bytes: it was changed: %s, %v", n, sum, err)
		}
	}
}

// A new version goes on top only of the version that was found damaged, and only
// where that one stays.
func TestSupersede(t *testing.T) {
	server, _, store := setup(t, nil)
	for _, n := range sizes[1:] {
		body := archivetest.Bytes(uint64(n), n)
		from, f := goodCopy(t, body)
		prefix := fmt.Sprintf("mfzwizltorxgk/v%d", n)
		to := archive.Copy{Store: store, Prefix: prefix}
		key := prefix + "/" + f.Path
		damaged := bytes.Clone(body)
		damaged[n/2] ^= 1
		versioning := func(s types.BucketVersioningStatus) {
			t.Helper()
			bucket := "discs"
			if _, err := server.Client().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &bucket,
				VersioningConfiguration: &types.VersioningConfiguration{Status: s}}); err != nil {
				t.Fatal(err)
			}
		}
		intact := func(what, version string) {
			t.Helper()
			info, err := store.Stat(t.Context(), key)
			if sum, derr := archive.DigestOf(t.Context(), store, key); err != nil || derr != nil || sum != fmt.Sprintf("%x", sha512.Sum512(damaged)) || info.VersionID != version {
				t.Errorf("%d bytes, %s: it was changed: %+v, %v, %v", n, what, info, err, derr)
			}
		}
		put(t, store, key, damaged)
		if n != sizes[1] {
			versioning(types.BucketVersioningStatusSuspended)
		}
		info, err := store.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := store.Current(t.Context(), key); err != nil || now != "" {
			t.Errorf("%d bytes, not versioned: %q would be kept, %v", n, now, err)
		}
		for _, old := range []string{info.VersionID, "", "null"} {
			if _, err := store.Supersede(t.Context(), from, to, f, old); !errors.Is(err, archive.ErrUnversioned) {
				t.Errorf("%d bytes, not versioned: %v", n, err)
			}
		}
		intact("not versioned", info.VersionID)

		// What came before the bucket kept versions is its version "null", and stays.
		versioning(types.BucketVersioningStatusEnabled)
		if _, err := store.Supersede(t.Context(), from, to, f, ""); !errors.Is(err, archive.ErrUnversioned) {
			t.Errorf("%d bytes, on top of what nobody looked at: %v", n, err)
		}
		now, err := store.Current(t.Context(), key)
		if err != nil || now == "" || n == sizes[1] && now != "null" { // versitygw gives uploads ids while versioning is suspended
			t.Errorf("%d bytes, from before: %q, %v", n, now, err)
		}
		above, err := store.Supersede(t.Context(), from, to, f, now)
		if err != nil || above == "" || above == now {
			t.Errorf("%d bytes, from before: %q, %v", n, above, err)
		}
		if sum, err := archive.DigestOf(t.Context(), store, key); err != nil || sum != f.SHA512 {
			t.Errorf("%d bytes, from before: %s, %v", n, sum, err)
		}
		if below := version(t, server, "arch/"+key, now); !bytes.Equal(below, damaged) {
			t.Errorf("%d bytes, from before: what lay there is %d other bytes", n, len(below))
		}

		key = prefix + "/w/" + f.Path
		to.Prefix = prefix + "/w"
		put(t, store, key, damaged)
		if info, err = store.Stat(t.Context(), key); err != nil || info.VersionID == "" {
			t.Fatalf("%+v, %v", info, err)
		}
		if _, err := store.Supersede(t.Context(), from, to, f, "another"); !errors.Is(err, archive.ErrPermanent) {
			t.Errorf("%d bytes, on top of another version: %v", n, err)
		}
		wrong := f
		wrong.SHA512 = fmt.Sprintf("%x", sha512.Sum512(nil))
		if _, err := store.Supersede(t.Context(), from, to, wrong, info.VersionID); !errors.Is(err, archive.ErrCopyDamaged) {
			t.Errorf("%d bytes, another digest: %v", n, err)
		}
		intact("refused", info.VersionID)
		id, err := store.Supersede(t.Context(), from, to, f, info.VersionID)
		if err != nil || id == "" || id == info.VersionID {
			t.Errorf("%d bytes: %q, %v", n, id, err)
		}
		if sum, err := archive.DigestOf(t.Context(), store, key); err != nil || sum != f.SHA512 {
			t.Errorf("%d bytes: %s, %v", n, sum, err)
		}
		if now, err := store.Stat(t.Context(), key); err != nil || now.VersionID != id {
			t.Errorf("%d bytes: %+v, %v", n, now, err)
		}
	}
}

// What a killed try left of putting a new version on top is gone on with, and
// nothing of it stays.
func TestSupersedeAfterAKill(t *testing.T) {
	server, f, store := setup(t, nil)
	server.Versioning("discs")
	body := archivetest.Bytes(1, 12<<20+1)
	from, file := goodCopy(t, body)
	key := bagPrefix + "/" + file.Path
	damaged := bytes.Clone(body)
	damaged[100] ^= 1
	put(t, store, key, damaged)
	info, err := store.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	// Two tries were killed, the second after a right part and a wrong one.
	bucket, full := aws.String("discs"), aws.String("arch/"+key)
	for try := range 2 {
		up, err := server.Client().CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: full,
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject})
		if err != nil {
			t.Fatal(err)
		}
		for n, b := range map[int32][]byte{1: body[:archivetest.PartSize], 2: damaged[:archivetest.PartSize]} {
			if try == 0 {
				continue
			}
			if _, err := server.Client().UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: full, UploadId: up.UploadId, PartNumber: &n,
				Body: bytes.NewReader(b), ChecksumCRC64NVME: aws.String(archive.FormatCRC64NVME(archive.CRC64NVME(b)))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := leftovers(t, server); n != 2 {
		t.Fatalf("%d unfinished uploads to begin with", n)
	}
	f.set(nil)
	id, err := store.Supersede(t.Context(), from, archive.Copy{Store: store, Prefix: bagPrefix}, file, info.VersionID)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := archive.DigestOf(t.Context(), store, key); err != nil || sum != file.SHA512 || id == info.VersionID {
		t.Errorf("%s, %v", sum, err)
	}
	if n := leftovers(t, server); n != 0 {
		t.Errorf("%d unfinished uploads are left", n)
	}
	if begun, sent := f.count("POST", "?uploads"), f.count("PUT", "partNumber="); begun > 1 || sent > 3 {
		t.Errorf("%d uploads begun, %d parts sent", begun, sent)
	}
}

// version reads one version of an object.
func version(t *testing.T, server *versitygw.Server, key, id string) []byte {
	t.Helper()
	out, err := server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("discs"), Key: &key, VersionId: &id})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// On top of a delete marker some servers put nothing and say that nothing is
// there. That is called what it is, with the marker's version, for small and
// large objects; the markers of a whole prefix are known, and only those on top.
func TestDeleteMarkers(t *testing.T) {
	server, _, store := setup(t, nil)
	server.Versioning("discs")
	bucket := aws.String("discs")
	want := map[string]string{}
	for _, n := range sizes {
		body := archivetest.Bytes(uint64(n), n)
		from, f := goodCopy(t, body)
		to := archive.Copy{Store: store, Prefix: fmt.Sprintf("mfzwizltorxgk/v%d", n+1)}
		key := to.Prefix + "/" + f.Path
		put(t, store, key, body)
		gone, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("arch/" + key)})
		if err != nil {
			t.Fatal(err)
		}
		want[key] = aws.ToString(gone.VersionId)
		err = archive.SendAgain(t.Context(), from, to, f)
		if !errors.Is(err, archive.ErrMarked) || !strings.Contains(err.Error(), want[key]) || !strings.Contains(err.Error(), "s3://discs/arch/"+key) || strings.Contains(err.Error(), "no such object") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	got, err := store.Markers(t.Context(), "mfzwizltorxgk/")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for key, id := range want { // an administrator does what was said
		if _, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("arch/" + key), VersionId: &id}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Stat(t.Context(), key); err != nil {
			t.Errorf("%s is not there again: %v", key, err)
		}
	}
	if got, err := store.Markers(t.Context(), "mfzwizltorxgk/"); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
