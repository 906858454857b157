package iscsi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Opcodes of RFC 7143, 11.2.1.2; requests come from the initiator, responses
// from the target.
const (
	opNopOut   = 0x00
	opCommand  = 0x01
	opTaskMgmt = 0x02
	opLogin    = 0x03
	opText     = 0x04
	opDataOut  = 0x05
	opLogout   = 0x06

	opNopIn        = 0x20
	opResponse     = 0x21
	opTaskMgmtResp = 0x22
	opLoginResp    = 0x23
	opTextResp     = 0x24
	opDataIn       = 0x25
	opLogoutResp   = 0x26
	opR2T          = 0x31
	opReject       = 0x3f
)

const (
	headerLen   = 48
	flagFinal   = 0x80
	noTag       = 0xffffffff // the reserved task tag
	immediate   = 0x40       // in byte 0
	opcodeMask  = 0x3f
	maxSegment  = 256 << 10 // the MaxRecvDataSegmentLength this target declares
	loginMaxSeg = 8 << 10   // what both sides may send before it is negotiated (RFC 7143, 13.12)
)

// errTooLong says that a PDU declares a data segment above the agreed length.
var errTooLong = errors.New("data segment longer than agreed")

// pdu is one protocol data unit: the 48-byte basic header segment and the data
// segment without its padding. Additional header segments are read and
// dropped: a 16-byte CDB needs none.
type pdu struct {
	h    [headerLen]byte
	data []byte
}

func (p *pdu) opcode() byte    { return p.h[0] & opcodeMask }
func (p *pdu) immediate() bool { return p.h[0]&immediate != 0 }
func (p *pdu) flags() byte     { return p.h[1] }
func (p *pdu) final() bool     { return p.h[1]&flagFinal != 0 }
func (p *pdu) tag() uint32     { return p.u32(16) }
func (p *pdu) cmdSN() uint32   { return p.u32(24) }

func (p *pdu) u32(off int) uint32       { return binary.BigEndian.Uint32(p.h[off:]) }
func (p *pdu) setU32(off int, v uint32) { binary.BigEndian.PutUint32(p.h[off:], v) }
func (p *pdu) copyFrom(q *pdu, off int) { copy(p.h[off:off+8], q.h[off:off+8]) }
func response(op, flags byte, q *pdu) pdu { // a response to q: same initiator task tag
	var p pdu
	p.h[0], p.h[1] = op, flags
	copy(p.h[16:20], q.h[16:20])
	return p
}

// readPDU reads one PDU whose data segment is at most limit bytes. io.EOF
// means that the peer closed between two PDUs.
func readPDU(r io.Reader, limit int) (*pdu, error) {
	p := new(pdu)
	if _, err := io.ReadFull(r, p.h[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("read pdu header: %w", err)
		}
		return nil, err
	}
	n := int(p.u32(4) & 0xffffff)
	if n > limit {
		return nil, fmt.Errorf("read pdu with opcode %02xh: %d bytes, limit %d: %w", p.opcode(), n, limit, errTooLong)
	}
	if ahs := int64(p.h[4]) * 4; ahs > 0 {
		if _, err := io.CopyN(io.Discard, r, ahs); err != nil {
			return nil, fmt.Errorf("read pdu additional header: %w", noEOF(err))
		}
	}
	if n == 0 {
		return p, nil
	}
	buf := make([]byte, (n+3)&^3)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("read pdu data: %w", noEOF(err))
	}
	p.data = buf[:n]
	return p, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendTo gives the PDU's bytes on the wire, padded to four.
func (p *pdu) appendTo(b []byte) []byte {
	n := len(p.data)
	p.h[4] = 0
	p.h[5], p.h[6], p.h[7] = byte(n>>16), byte(n>>8), byte(n)
	b = append(b, p.h[:]...)
	b = append(b, p.data...)
	return append(b, make([]byte, -n&3)...)
}
