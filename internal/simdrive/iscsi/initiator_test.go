package iscsi

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"
)

// initiator is a raw initiator: it sends the PDUs a test makes and hands back
// those that come.
type initiator struct {
	t     *testing.T
	conn  net.Conn
	r     *bufio.Reader
	cmdSN uint32
	tag   uint32
}

const testName = "iqn.2026-11.example:drive0"

// serve runs a server with one target over unit until the test ends, and
// checks that all it started has ended by then.
func serve(t *testing.T, unit *fakeUnit) (*Server, string) {
	t.Helper()
	s := New()
	var mu sync.Mutex
	s.Report = func(err error) { mu.Lock(); defer mu.Unlock(); t.Log(err) }
	if err := s.Add(Target{Name: testName, Attach: func() Unit { return unit }, Reset: unit.Reset}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v, want nil after its context ended", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not return after its context ended")
		}
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, addr string) *initiator {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &initiator{t: t, conn: conn, r: bufio.NewReader(conn), cmdSN: 7, tag: 100}
}

func (i *initiator) send(p *pdu) {
	i.t.Helper()
	if _, err := i.conn.Write(p.appendTo(nil)); err != nil {
		i.t.Fatal(err)
	}
}

func (i *initiator) recv(op byte) *pdu {
	i.t.Helper()
	p, err := readPDU(i.r, 1<<24)
	if err != nil {
		i.t.Fatal(err)
	}
	if p.opcode() != op {
		i.t.Fatalf("got a PDU with opcode %02xh, want %02xh: % x", p.opcode(), op, p.h)
	}
	return p
}

// login sends one login request from stage to stage.
func (i *initiator) loginStep(from, to byte, keys ...key) *pdu {
	i.t.Helper()
	p := &pdu{data: encodeKeys(keys)}
	p.h[0], p.h[1] = opLogin|immediate, flagTransit|from<<2|to
	p.h[8] = 0x80 // a random ISID
	p.setU32(16, i.tag)
	p.setU32(24, i.cmdSN)
	i.send(p)
	return i.recv(opLoginResp)
}

func (i *initiator) login(extra ...key) *initiator {
	i.t.Helper()
	p := i.loginStep(stageSecurity, stageOperational,
		key{"InitiatorName", "iqn.2026-11.example:me"}, key{"SessionType", "Normal"}, key{"TargetName", testName}, key{"AuthMethod", "None"})
	if p.h[36] != 0 {
		i.t.Fatalf("login refused with %02x%02xh", p.h[36], p.h[37])
	}
	keys := append([]key{{"HeaderDigest", "None,CRC32C"}, {"DataDigest", "None"}, {"InitialR2T", "No"}, {"ImmediateData", "Yes"},
		{"MaxRecvDataSegmentLength", "8192"}, {"MaxBurstLength", "16384"}, {"FirstBurstLength", "4096"}, {"ErrorRecoveryLevel", "0"}}, extra...)
	p = i.loginStep(stageOperational, stageFullFeature, keys...)
	if p.h[36] != 0 || p.h[1]&flagTransit == 0 || binary.BigEndian.Uint16(p.h[14:]) == 0 {
		i.t.Fatalf("no full feature phase: % x", p.h)
	}
	return i
}

// command sends a SCSI command and gives its tag.
func (i *initiator) command(flags byte, length int, cdb []byte, immediateData []byte) uint32 {
	i.t.Helper()
	i.tag++
	p := &pdu{data: immediateData}
	p.h[0], p.h[1] = opCommand, flagFinal|flags
	p.setU32(16, i.tag)
	p.setU32(20, uint32(length))
	p.setU32(24, i.cmdSN)
	i.cmdSN++
	copy(p.h[32:], cdb)
	i.send(p)
	return i.tag
}

// taskManagement sends an immediate task management request and gives the
// response code.
func (i *initiator) taskManagement(function byte, ref uint32) byte {
	i.t.Helper()
	i.tag++
	p := &pdu{}
	p.h[0], p.h[1] = opTaskMgmt|immediate, flagFinal|function
	p.setU32(16, i.tag)
	p.setU32(20, ref)
	p.setU32(24, i.cmdSN)
	i.send(p)
	return i.recv(opTaskMgmtResp).h[2]
}

// data collects the Data-In of a task until its status comes, checks the
// sequence, and gives bytes, status and the last PDU.
func (i *initiator) data(tag uint32) ([]byte, byte, *pdu) {
	i.t.Helper()
	var got []byte
	for n := uint32(0); ; n++ {
		p, err := readPDU(i.r, 1<<24)
		if err != nil {
			i.t.Fatal(err)
		}
		if p.tag() != tag {
			i.t.Fatalf("PDU for task %d, want %d", p.tag(), tag)
		}
		if p.opcode() == opResponse {
			return got, p.h[3], p
		}
		if p.opcode() != opDataIn || p.u32(36) != n || int(p.u32(40)) != len(got) {
			i.t.Fatalf("data-in number %d at %d: % x", n, len(got), p.h)
		}
		got = append(got, p.data...)
		if p.flags()&flagStatus != 0 {
			return got, p.h[3], p
		}
	}
}
