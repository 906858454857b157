package simdrive

import (
	"bytes"
	"context"
	"testing"
	"time"

	"ripstation/mmc"
)

func TestReadThroughTransport(t *testing.T) {
	d := New(Options{Clock: NewVirtualClock(time.Unix(0, 0))})
	m := PressedCD(Pattern(1, 100), 100)
	x := d.Transport()
	if err := d.Insert(m); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4*2048)
	read := func() mmc.Result {
		r, err := x.Do(context.Background(), &mmc.Command{CDB: []byte{0x28, 0, 0, 0, 0, 5, 0, 0, 4, 0}, Dir: mmc.FromDrive, Data: buf})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := read(); r.Status != 2 || r.Sense[2] != 6 || r.Sense[12] != 0x28 {
		t.Fatalf("first command after an insertion: %+v, want unit attention 28/00", r)
	}
	if r := read(); r.Status != 0 || r.Transferred != len(buf) {
		t.Fatalf("read: %+v", r)
	}
	want, err := m.UserData(5, 4)
	if err != nil || !bytes.Equal(buf, want) {
		t.Fatalf("read gives other bytes than the disc's (%v)", err)
	}
	if m.Reads(5) != 1 || m.Reads(4) != 0 || m.Reads(8) != 1 || m.Reads(9) != 0 {
		t.Fatal("reads counted wrongly")
	}
}
