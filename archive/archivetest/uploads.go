package archivetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"ripstation/archive"
)

const key = "mfzwizltorxgk/v1/data/image.iso"

func invisible(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(5, 2*PartSize+999)
	u := begin(t, s, key, len(body))
	if u.Stored() {
		t.Fatal("stored before anything was sent")
	}
	absent(t, s, key)
	for _, n := range []int{2, 0, 1} {
		if u.Has(n, archive.CRC64NVME(cut(body, n))) {
			t.Fatalf("has part %d before it was sent", n)
		}
		send(t, u, body, n)
		if !u.Has(n, archive.CRC64NVME(cut(body, n))) || u.Has(n, 1) {
			t.Fatalf("does not know what part %d is", n)
		}
		absent(t, s, key)
	}
	complete(t, u, body)
	holds(t, s, key, body)
	if keys := list(t, s, ""); len(keys) != 1 || keys[0] != key {
		t.Fatalf("listed %q", keys)
	}
}

func sizes(t *testing.T, sub Subject) {
	s := sub.Open(t)
	for _, n := range []int{0, 1, 2048, PartSize - 1, PartSize, PartSize + 1, 2 * PartSize} {
		body, k := Bytes(uint64(n), n), fmt.Sprintf("sizes/%d", n)
		upload(t, s, k, body)
		holds(t, s, k, body)
		if u := begin(t, sub.Open(t), k, n); !u.Stored() {
			t.Fatalf("%d bytes are not known to be stored", n)
		} else {
			complete(t, u, body)
		}
	}
}

func resume(t *testing.T, sub Subject) {
	body := Bytes(6, 4*PartSize+1)
	send(t, begin(t, sub.Open(t), key, len(body)), body, 3, 0)
	send(t, begin(t, sub.Open(t), key, len(body)), body, 2)

	s := sub.Open(t)
	u := begin(t, s, key, len(body))
	absent(t, s, key)
	held := map[int]bool{0: true, 2: true, 3: true}
	for n := range u.Parts() {
		crc := archive.CRC64NVME(cut(body, n))
		if u.Has(n, crc) != (held[n] && !sub.ForgetsParts) {
			t.Errorf("part %d: has it: %v, was sent: %v", n, u.Has(n, crc), held[n])
		}
		if u.Has(n, crc^1) {
			t.Errorf("part %d is taken for another", n)
		}
		if !u.Has(n, crc) {
			send(t, u, body, n)
		}
	}
	complete(t, u, body)
	holds(t, s, key, body)
}

// Before completion the last bytes sent count, and only they are held.
func partAgain(t *testing.T, sub Subject) {
	body, wrong := Bytes(7, PartSize+100), Bytes(8, PartSize+100)
	send(t, begin(t, sub.Open(t), key, len(body)), wrong, 0, 1)
	s := sub.Open(t)
	u := begin(t, s, key, len(body))
	if u.Has(0, archive.CRC64NVME(cut(body, 0))) {
		t.Fatal("wrong bytes are taken for the right ones")
	}
	send(t, u, body, 0, 1)
	if u.Has(0, archive.CRC64NVME(cut(wrong, 0))) || !u.Has(0, archive.CRC64NVME(cut(body, 0))) {
		t.Fatal("the first bytes count")
	}
	if _, err := u.Complete(t.Context(), archive.CRC64NVME(wrong)); !errors.Is(err, archive.ErrChecksum) {
		t.Fatalf("complete with the checksum of what was overwritten: %v", err)
	}
	complete(t, u, body)
	holds(t, s, key, body)
}

func wrongChecksum(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(9, PartSize+5)
	u := begin(t, s, key, len(body))
	send(t, u, body, 0, 1)
	for _, crc := range []uint64{0, archive.CRC64NVME(body) ^ 1, archive.CRC64NVME(body[:PartSize])} {
		if _, err := u.Complete(t.Context(), crc); !errors.Is(err, archive.ErrChecksum) {
			t.Fatalf("complete with a wrong checksum: %v", err)
		}
		absent(t, s, key)
	}
	complete(t, u, body)
	holds(t, s, key, body)
	empty := begin(t, s, "empty", 0)
	if _, err := empty.Complete(t.Context(), 1); !errors.Is(err, archive.ErrChecksum) {
		t.Fatalf("an empty object with a checksum: %v", err)
	}
	absent(t, s, "empty")
}

func wrongParts(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(10, 2*PartSize+5)
	u := begin(t, s, key, len(body))
	for _, c := range []struct {
		n    int
		body []byte
	}{{-1, body[:PartSize]}, {3, body[:5]}, {0, body[:PartSize-1]}, {0, body[:PartSize+1]}, {2, body[:PartSize]}, {2, nil}} {
		if err := u.Part(t.Context(), c.n, c.body); !errors.Is(err, archive.ErrPermanent) {
			t.Errorf("part %d of %d bytes: %v", c.n, len(c.body), err)
		}
	}
	send(t, u, body, 0, 2)
	if _, err := u.Complete(t.Context(), archive.CRC64NVME(body)); err == nil {
		t.Error("completed without part 1")
	}
	absent(t, s, key)
	send(t, u, body, 1)
	complete(t, u, body)
	holds(t, s, key, body)
}

func completeTwice(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(11, PartSize+7)
	u := begin(t, s, key, len(body))
	send(t, u, body, 0, 1)
	complete(t, u, body)
	complete(t, u, body)
	holds(t, s, key, body)
}

func beginFinished(t *testing.T, sub Subject) {
	body := Bytes(12, PartSize+8)
	upload(t, sub.Open(t), key, body)
	s := sub.Open(t)
	u := begin(t, s, key, len(body))
	if !u.Stored() {
		t.Fatal("not known to be stored")
	}
	if _, err := u.Complete(t.Context(), archive.CRC64NVME(body)^1); !errors.Is(err, archive.ErrExists) {
		t.Fatalf("complete with another checksum: %v", err)
	}
	if err := u.Part(t.Context(), 0, Bytes(13, PartSize)); !errors.Is(err, archive.ErrExists) {
		t.Fatalf("a part for a finished object: %v", err)
	}
	complete(t, u, body)
	if err := u.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, int64(len(body)) - 1, int64(len(body)) + 1} {
		if _, err := s.Begin(t.Context(), key, size); !errors.Is(err, archive.ErrExists) {
			t.Fatalf("begin with %d bytes: %v", size, err)
		}
	}
	holds(t, s, key, body)
	put(t, s, "small", []byte("abc"))
	if u := begin(t, s, "small", 3); !u.Stored() {
		t.Fatal("an object that was put is not known to be stored")
	} else {
		complete(t, u, []byte("abc"))
	}
}

func abort(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(14, PartSize+9)
	u := begin(t, s, key, len(body))
	send(t, u, body, 0)
	for range 2 {
		if err := u.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Part(t.Context(), 1, cut(body, 1)); !errors.Is(err, archive.ErrUploadGone) {
		t.Fatalf("a part for an aborted upload: %v", err)
	}
	u = begin(t, s, key, len(body))
	if u.Has(0, archive.CRC64NVME(cut(body, 0))) {
		t.Fatal("still has the part")
	}
	absent(t, s, key)
	send(t, u, body, 0, 1)
	complete(t, u, body)
	holds(t, s, key, body)
}

// Two programs that send the same object at the same time both end well.
func twoSides(t *testing.T, sub Subject) {
	body := Bytes(15, 3*PartSize)
	var g sync.WaitGroup
	var errs [2]error
	for i := range errs {
		s := sub.Open(t)
		g.Go(func() {
			errs[i] = func() error {
				for { // begun again as long as that may help, as every caller does
					u, err := s.Begin(t.Context(), key, int64(len(body)))
					for n := 0; err == nil && n < u.Parts(); n++ {
						if !u.Stored() {
							err = u.Part(t.Context(), n, cut(body, n))
						}
					}
					if err == nil {
						_, err = u.Complete(t.Context(), archive.CRC64NVME(body))
					}
					if err == nil || errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrExists) || errors.Is(err, archive.ErrChecksum) {
						return err
					}
				}
			}()
		})
	}
	g.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	holds(t, sub.Open(t), key, body)
}
