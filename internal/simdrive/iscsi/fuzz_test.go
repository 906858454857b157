package iscsi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// FuzzPDU holds the reader of PDUs to its bounds, and to reading back what was
// written.
func FuzzPDU(f *testing.F) {
	ping := pdu{data: []byte("abc")}
	f.Add(ping.appendTo(nil))
	long := pdu{}
	long.h[5] = 0xff
	f.Add(long.h[:])
	ahs := pdu{}
	ahs.h[4] = 2
	f.Add(append(ahs.h[:], make([]byte, 8)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPDU(bytes.NewReader(b), 1024)
		if err != nil {
			return
		}
		if len(p.data) > 1024 {
			t.Fatalf("data segment of %d bytes passed a limit of 1024", len(p.data))
		}
		again, err := readPDU(bytes.NewReader(p.appendTo(nil)), 1024)
		if err != nil || !bytes.Equal(again.data, p.data) || again.opcode() != p.opcode() {
			t.Fatalf("written and read back: %v", err)
		}
	})
}

// FuzzKeys holds the reader of login and text keys to giving back what it was
// given.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("InitiatorName=iqn.x\x00TargetName=iqn.y\x00"))
	f.Add([]byte("A=\x00\x00B=1=2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b)
		if err != nil {
			return
		}
		again, err := parseKeys(encodeKeys(keys))
		if err != nil || len(again) != len(keys) {
			t.Fatalf("%v became %v: %v", keys, again, err)
		}
		p := defaultParams()
		if _, err := p.negotiate(keys); err == nil && (p.sendSegment < 512 || p.maxBurst < 512 || p.maxBurst > 256<<10) {
			t.Fatalf("negotiated %+v", p)
		}
	})
}

// FuzzSession throws what it likes at a session in full feature phase: it must
// end, without a panic.
func FuzzSession(f *testing.F) {
	cmd := pdu{}
	cmd.h[0], cmd.h[1] = opCommand, flagFinal|flagRead
	cmd.setU32(20, 4096)
	copy(cmd.h[32:], []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0})
	f.Add(cmd.appendTo(nil))
	abort := pdu{}
	abort.h[0], abort.h[1] = opTaskMgmt|immediate, flagFinal|tmAbortTask
	f.Add(abort.appendTo(cmd.appendTo(nil)))
	write := pdu{}
	write.h[0], write.h[1] = opCommand, flagFinal|flagWrite
	write.setU32(20, 4096)
	out := pdu{data: make([]byte, 4096)}
	out.h[0], out.h[1] = opDataOut, flagFinal
	f.Add(out.appendTo(write.appendTo(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		go func() {
			far.Write(b) // the session may end before it has taken all
			far.Close()
		}()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := far.Read(buf); err != nil {
					return
				}
			}
		}()
		s := &session{login: &login{params: defaultParams(), target: "x"}, server: New(), conn: near,
			unit: &attaching{unit: &quickUnit{}}, ended: make(chan struct{})}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := s.run(ctx, bufio.NewReader(near))
		near.Close()
		if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			t.Fatal("the session did not end")
		}
	})
}

type quickUnit struct{}

func (quickUnit) Execute(_ context.Context, _, _ []byte, alloc int) (byte, []byte, []byte, error) {
	return statusGood, make([]byte, min(alloc, 8192)), nil, nil
}

func (quickUnit) Close() {}
