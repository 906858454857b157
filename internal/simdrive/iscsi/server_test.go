package iscsi

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

// fakeUnit answers a few commands and keeps what it was sent.
type fakeUnit struct {
	mu      sync.Mutex
	written []byte
	resets  int
	closed  int
	hanging chan struct{} // closed when the hanging command has arrived
}

func (f *fakeUnit) Execute(ctx context.Context, cdb, dataOut []byte, alloc int) (byte, []byte, []byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch cdb[0] {
	case 0x00, cdbGetEventStatus:
		return statusGood, nil, nil, nil
	case 0x28: // READ(10): bytes that tell their place
		n := min(alloc, int(binary.BigEndian.Uint16(cdb[7:]))*2048)
		return statusGood, pattern(n), nil, nil
	case 0x3c: // a few good bytes, then an error
		return statusCheckCondition, pattern(100), []byte{0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 5, 0, 0, 0, 0}, nil
	case 0x55: // MODE SELECT
		f.written = bytes.Clone(dataOut)
		return statusGood, nil, nil, nil
	case cdbReadCapacity10:
		return statusCheckCondition, nil, []byte{0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3a, 0, 0, 0, 0, 0}, nil
	case 0xfe:
		return 0, nil, nil, errors.New("no answer")
	case 0xff:
		close(f.hanging)
		<-ctx.Done()
		return statusCheckCondition, nil, nil, nil
	}
	return statusCheckCondition, nil, []byte{0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0}, nil
}

func (f *fakeUnit) Reset() { f.mu.Lock(); defer f.mu.Unlock(); f.resets++ }
func (f *fakeUnit) Close() { f.mu.Lock(); defer f.mu.Unlock(); f.closed++ }

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i / 7)
	}
	return b
}

func TestLoginSettlesTheParameters(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr)
	p := i.loginStep(stageSecurity, stageOperational, key{"InitiatorName", "iqn.x"}, key{"TargetName", testName}, key{"AuthMethod", "CHAP,None"})
	keys, err := parseKeys(p.data)
	if err != nil {
		t.Fatal(err)
	}
	if lookup(keys, "AuthMethod") != "None" || lookup(keys, "TargetPortalGroupTag") != "1" {
		t.Errorf("security stage answered %v", keys)
	}
	p = i.loginStep(stageOperational, stageFullFeature, key{"HeaderDigest", "CRC32C,None"}, key{"DataDigest", "CRC32C"},
		key{"InitialR2T", "No"}, key{"MaxBurstLength", "1024"}, key{"MaxConnections", "8"}, key{"X-com.example.odd", "1"})
	if keys, err = parseKeys(p.data); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"HeaderDigest": "None", "DataDigest": "Reject", "InitialR2T": "Yes", "MaxBurstLength": "1024",
		"MaxConnections": "1", "X-com.example.odd": "NotUnderstood", "MaxRecvDataSegmentLength": "262144"} {
		if got := lookup(keys, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestLoginRefusals(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	for name, c := range map[string]struct {
		keys []key
		want uint16
	}{
		"no such target":    {[]key{{"InitiatorName", "iqn.x"}, {"TargetName", "iqn.other"}}, loginNotFound},
		"no initiator name": {[]key{{"TargetName", testName}}, loginMissing},
		"no target name":    {[]key{{"InitiatorName", "iqn.x"}}, loginMissing},
		"only CHAP":         {[]key{{"InitiatorName", "iqn.x"}, {"TargetName", testName}, {"AuthMethod", "CHAP"}}, loginAuthFailure},
		"not a pair":        {[]key{{"", "x"}}, loginInitiatorError},
	} {
		t.Run(name, func(t *testing.T) {
			i := dial(t, addr)
			p := i.loginStep(stageSecurity, stageOperational, c.keys...)
			if got := binary.BigEndian.Uint16(p.h[36:]); got != c.want {
				t.Errorf("status %04xh, want %04xh", got, c.want)
			}
			if _, err := readPDU(i.r, 100); !errors.Is(err, io.EOF) {
				t.Errorf("after the refusal: %v, want the connection closed", err)
			}
		})
	}
}

func TestDiscoveryListsTheTargets(t *testing.T) {
	s, addr := serve(t, &fakeUnit{})
	if err := s.Add(Target{Name: "iqn.2026-11.example:drive1", Attach: func() Unit { return &fakeUnit{} }}); err != nil {
		t.Fatal(err)
	}
	i := dial(t, addr)
	i.loginStep(stageSecurity, stageFullFeature, key{"InitiatorName", "iqn.x"}, key{"SessionType", "Discovery"})
	p := &pdu{data: encodeKeys([]key{{"SendTargets", "All"}})}
	p.h[0], p.h[1] = opText, flagFinal
	p.setU32(16, 5)
	p.setU32(24, i.cmdSN)
	i.send(p)
	want := "TargetName=" + testName + "\x00TargetAddress=" + addr + ",1\x00TargetName=iqn.2026-11.example:drive1\x00TargetAddress=" + addr + ",1\x00"
	if got := string(i.recv(opTextResp).data); got != want {
		t.Errorf("SendTargets answered %q, want %q", got, want)
	}
}

func TestReadComesInBurstsWithStatusAtTheEnd(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	const n = 20 * 2048 // segments of 8192, bursts of 16384
	tag := i.command(flagRead, n, []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 20, 0}, nil)
	var got []byte
	for seg := 0; len(got) < n; seg++ {
		p := i.recv(opDataIn)
		got = append(got, p.data...)
		end := len(got)%16384 == 0 || len(got) == n
		if p.tag() != tag || p.final() != end || (p.flags()&flagStatus != 0) != (len(got) == n) || len(p.data) > 8192 {
			t.Fatalf("segment %d ends at %d: % x", seg, len(got), p.h)
		}
	}
	if !bytes.Equal(got, pattern(n)) {
		t.Error("the bytes are not those of the unit")
	}
}

func TestResiduals(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	got, status, p := i.data(i.command(flagRead, 4096, []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, nil))
	if len(got) != 2048 || status != statusGood || p.flags()&flagUnderflow == 0 || p.u32(44) != 2048 {
		t.Errorf("a short read: %d bytes, status %02xh, flags %02xh, residual %d", len(got), status, p.flags(), p.u32(44))
	}
	got, status, p = i.data(i.command(flagRead, 512, []byte{0x3c}, nil))
	if len(got) != 100 || status != statusCheckCondition || p.flags()&flagUnderflow == 0 || p.u32(44) != 412 {
		t.Errorf("data before an error: %d bytes, status %02xh, flags %02xh, residual %d", len(got), status, p.flags(), p.u32(44))
	}
	if len(p.data) != 20 || p.data[1] != 18 || p.data[2+2] != 3 || p.data[2+12] != 0x11 {
		t.Errorf("sense segment % x", p.data)
	}
	if got, status, _ = i.data(i.command(0, 0, []byte{0x00}, nil)); len(got) != 0 || status != statusGood {
		t.Errorf("a command without data: %d bytes, status %02xh", len(got), status)
	}
}

func TestDataOutImmediateAndCalledFor(t *testing.T) {
	unit := &fakeUnit{}
	_, addr := serve(t, unit)
	i := dial(t, addr).login()
	want := pattern(20000)
	cdb := []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0x4e, 0x20, 0}

	// 40 bytes fit the command itself.
	if _, status, _ := i.data(i.command(flagWrite, 40, cdb, want[:40])); status != statusGood || !bytes.Equal(unit.written, want[:40]) {
		t.Fatalf("immediate data: status %02xh, unit got %d bytes", status, len(unit.written))
	}

	// 20000 bytes: 1000 with the command, then two bursts of at most 16384.
	tag := i.command(flagWrite, len(want), cdb, want[:1000])
	for off := 1000; off < len(want); {
		r2t := i.recv(opR2T)
		n := int(r2t.u32(44))
		if r2t.tag() != tag || int(r2t.u32(40)) != off || n != min(16384, len(want)-off) {
			t.Fatalf("R2T at %d: % x", off, r2t.h)
		}
		for sn, sent := uint32(0), 0; sent < n; sn++ {
			k := min(5000, n-sent)
			p := &pdu{data: want[off : off+k]}
			p.h[0] = opDataOut
			if sent+k == n {
				p.h[1] = flagFinal
			}
			p.setU32(16, tag)
			p.setU32(20, r2t.u32(20))
			p.setU32(36, sn)
			p.setU32(40, uint32(off))
			i.send(p)
			sent += k
			off += k
		}
	}
	if _, status, p := i.data(tag); status != statusGood || p.u32(44) != 0 || !bytes.Equal(unit.written, want) {
		t.Errorf("called-for data: status %02xh, residual %d, unit got %d bytes", status, p.u32(44), len(unit.written))
	}
}

func TestAbortedTaskGetsNoResponse(t *testing.T) {
	unit := &fakeUnit{hanging: make(chan struct{})}
	_, addr := serve(t, unit)
	i := dial(t, addr).login()
	hung := i.command(flagRead, 100, []byte{0xff}, nil)
	<-unit.hanging
	if got := i.taskManagement(tmAbortTask, hung); got != tmComplete {
		t.Errorf("abort answered %d, want %d", got, tmComplete)
	}
	if got := i.taskManagement(tmAbortTask, hung); got != tmNoTask {
		t.Errorf("second abort answered %d, want %d", got, tmNoTask)
	}
	// The next response on the wire is the next command's.
	if got, status, _ := i.data(i.command(flagRead, 2048, []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, nil)); status != statusGood || len(got) != 2048 {
		t.Errorf("after the abort: status %02xh, %d bytes", status, len(got))
	}
}

func TestNoAnswerIsTargetFailure(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	_, _, p := i.data(i.command(flagRead, 100, []byte{0xfe}, nil))
	if p.opcode() != opResponse || p.h[2] != 0x01 {
		t.Errorf("a command without an answer was answered % x", p.h)
	}
}

func TestLUNResetAbortsAndTellsTheUnit(t *testing.T) {
	unit := &fakeUnit{hanging: make(chan struct{})}
	_, addr := serve(t, unit)
	i := dial(t, addr).login()
	i.command(0, 0, []byte{0xff}, nil)
	<-unit.hanging
	i.command(0, 0, []byte{0x00}, nil) // waits behind it
	if got := i.taskManagement(tmLUNReset, noTag); got != tmComplete {
		t.Errorf("reset answered %d, want %d", got, tmComplete)
	}
	if _, status, _ := i.data(i.command(0, 0, []byte{0x00}, nil)); status != statusGood || unit.resets != 1 {
		t.Errorf("after the reset: status %02xh, the unit heard of %d resets", status, unit.resets)
	}
}

func TestCommandWindowMovesOn(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	for range 5 * window {
		tag := i.command(0, 0, []byte{0x00}, nil)
		if _, status, p := i.data(tag); status != statusGood || p.u32(32)-i.cmdSN < window-1 {
			t.Fatalf("status %02xh, window ends at %d where %d is next", status, p.u32(32), i.cmdSN)
		}
	}
}

func TestEmptyDriveAnswersCapacityUntilTheGuestComes(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	capacity := make([]byte, 10)
	capacity[0] = cdbReadCapacity10
	if got, status, _ := i.data(i.command(flagRead, 8, capacity, nil)); status != statusGood || !bytes.Equal(got, []byte{0, 0, 0, 0, 0, 0, 8, 0}) {
		t.Errorf("while connecting: status %02xh, % x", status, got)
	}
	i.data(i.command(flagRead, 8, []byte{cdbGetEventStatus}, nil))
	if _, status, _ := i.data(i.command(flagRead, 8, capacity, nil)); status != statusCheckCondition {
		t.Errorf("after the guest's first poll: status %02xh, want CHECK CONDITION", status)
	}
}

func TestOtherLUNsAreEmpty(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	for cdb, want := range map[byte]byte{cdbInquiry: statusGood, 0x00: statusCheckCondition} {
		i.tag++
		p := &pdu{}
		p.h[0], p.h[1], p.h[9] = opCommand, flagFinal|flagRead, 3
		p.setU32(16, i.tag)
		p.setU32(20, 36)
		p.setU32(24, i.cmdSN)
		i.cmdSN++
		p.h[32] = cdb
		i.send(p)
		if got, status, _ := i.data(i.tag); status != want || want == statusGood && got[0] != 0x7f {
			t.Errorf("command %02xh to unit 3: status %02xh, % x", cdb, status, got)
		}
	}
}

func TestPingAndLogout(t *testing.T) {
	_, addr := serve(t, &fakeUnit{})
	i := dial(t, addr).login()
	p := &pdu{data: []byte("are you there")}
	p.h[0], p.h[1] = opNopOut|immediate, flagFinal
	p.setU32(16, 9)
	p.setU32(20, noTag)
	p.setU32(24, i.cmdSN)
	i.send(p)
	if got := i.recv(opNopIn); string(got.data) != "are you there" || got.tag() != 9 {
		t.Errorf("ping answered %q for task %d", got.data, got.tag())
	}
	p = &pdu{}
	p.h[0], p.h[1] = opLogout, flagFinal
	p.setU32(24, i.cmdSN)
	i.send(p)
	if got := i.recv(opLogoutResp); got.h[2] != 0 {
		t.Errorf("logout answered %d", got.h[2])
	}
	if _, err := readPDU(i.r, 100); !errors.Is(err, io.EOF) {
		t.Errorf("after logout: %v, want the connection closed", err)
	}
}

func TestNewSessionEndsTheOldOne(t *testing.T) {
	unit := &fakeUnit{hanging: make(chan struct{})}
	_, addr := serve(t, unit)
	old := dial(t, addr).login()
	old.command(0, 0, []byte{0xff}, nil)
	<-unit.hanging
	i := dial(t, addr).login()
	if _, status, _ := i.data(i.command(0, 0, []byte{0x00}, nil)); status != statusGood {
		t.Errorf("new session: status %02xh", status)
	}
	if _, err := readPDU(old.r, 1<<20); err == nil {
		t.Error("the old session still gets answers")
	}
	unit.mu.Lock()
	defer unit.mu.Unlock()
	if unit.closed != 1 {
		t.Errorf("the unit was closed %d times, want once for the old session", unit.closed)
	}
}

func TestIdleWaitsForTheSessionsEnd(t *testing.T) {
	unit := &fakeUnit{}
	s, addr := serve(t, unit)
	i := dial(t, addr).login()
	i.data(i.command(0, 0, []byte{0x00}, nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Idle(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Idle with a session on = %v", err)
	}
	i.conn.Close()
	if err := s.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	unit.mu.Lock()
	defer unit.mu.Unlock()
	if unit.closed != 1 {
		t.Errorf("the unit was closed %d times before Idle returned", unit.closed)
	}
}

func TestAddRefusesBadAndTakenNames(t *testing.T) {
	s := New()
	attach := func() Unit { return &fakeUnit{} }
	for _, name := range []string{"", "a b", "a=b", strings.Repeat("x", 224)} {
		if err := s.Add(Target{Name: name, Attach: attach}); err == nil {
			t.Errorf("Add took the name %q", name)
		}
	}
	if err := s.Add(Target{Name: "iqn.a", Attach: attach}); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Target{Name: "iqn.a", Attach: attach}); err == nil {
		t.Error("Add took a name twice")
	}
	s.Remove("iqn.a")
	if err := s.Add(Target{Name: "iqn.a", Attach: attach}); err != nil {
		t.Errorf("Add after Remove: %v", err)
	}
}

func TestSegmentsAboveTheLimitAreRefusedUnread(t *testing.T) {
	p := pdu{data: make([]byte, 1025)}
	if _, err := readPDU(bytes.NewReader(p.appendTo(nil)), 1024); !errors.Is(err, errTooLong) {
		t.Errorf("a segment of 1025 bytes with limit 1024: %v", err)
	}
	p.data = p.data[:1024]
	if _, err := readPDU(bytes.NewReader(p.appendTo(nil)), 1024); err != nil {
		t.Errorf("a segment of 1024 bytes with limit 1024: %v", err)
	}
}

func TestBreachesOfTheProtocolEndTheSession(t *testing.T) {
	for name, breach := range map[string]func(i *initiator){
		"a gap in the command numbers":    func(i *initiator) { i.cmdSN += 2; i.command(0, 0, []byte{0x00}, nil) },
		"more data than a command may":    func(i *initiator) { i.command(flagWrite, maxDataOut+1, []byte{0x55}, nil) },
		"immediate data above FirstBurst": func(i *initiator) { i.command(flagWrite, 8000, []byte{0x55}, make([]byte, 5000)) },
		"more data than were called for": func(i *initiator) {
			tag := i.command(flagWrite, 100, []byte{0x55}, nil)
			r2t := i.recv(opR2T)
			p := &pdu{data: make([]byte, 200)}
			p.h[0] = opDataOut
			p.setU32(16, tag)
			p.setU32(20, r2t.u32(20))
			i.send(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := serve(t, &fakeUnit{})
			i := dial(t, addr).login()
			breach(i)
			if p, err := readPDU(i.r, 1<<20); err == nil {
				t.Errorf("the session goes on: % x", p.h)
			}
		})
	}
}
