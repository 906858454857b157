package iscsi

import (
	"bufio"
	"fmt"
	"net"
)

// Login stages and status codes (RFC 7143, 11.12 and 11.13).
const (
	stageSecurity    = 0
	stageOperational = 1
	stageFullFeature = 3

	flagTransit  = 0x80
	flagContinue = 0x40

	loginInitiatorError = 0x0200
	loginAuthFailure    = 0x0201
	loginNotFound       = 0x0203
	loginMissing        = 0x0207
	maxTextBytes        = 64 << 10 // of one exchange, over all its continued PDUs
	maxLoginRounds      = 32
)

// login holds what the login phase settles.
type login struct {
	params
	discovery bool
	target    string
	initiator string
	isid      [6]byte
	cmdSN     uint32
	statSN    uint32
}

// doLogin carries a connection through the login phase. has tells whether a
// target of that name is there.
func doLogin(conn net.Conn, r *bufio.Reader, has func(string) bool) (*login, error) {
	l := &login{params: defaultParams(), statSN: 1}
	first := true
	named := false
	var text []byte
	for range maxLoginRounds {
		q, err := readPDU(r, loginMaxSeg)
		if err != nil {
			return nil, fmt.Errorf("log in: %w", err)
		}
		if q.opcode() != opLogin {
			return nil, fmt.Errorf("log in: opcode %02xh before login is done", q.opcode())
		}
		if first {
			copy(l.isid[:], q.h[8:14])
			first = false
		}
		l.cmdSN = q.cmdSN()
		text = append(text, q.data...)
		if len(text) > maxTextBytes {
			return nil, l.refuse(conn, q, loginInitiatorError, "keys are longer than %d bytes", maxTextBytes)
		}
		if q.flags()&flagContinue != 0 {
			if err := l.reply(conn, q, nil, 0); err != nil {
				return nil, err
			}
			continue
		}
		keys, err := parseKeys(text)
		text = nil
		if err != nil {
			return nil, l.refuse(conn, q, loginInitiatorError, "%v", err)
		}
		opening := !named
		if opening {
			named = true
			l.initiator = lookup(keys, "InitiatorName")
			l.discovery = lookup(keys, "SessionType") == "Discovery"
			l.target = lookup(keys, "TargetName")
			switch {
			case l.initiator == "", !l.discovery && l.target == "":
				return nil, l.refuse(conn, q, loginMissing, "the first request lacks InitiatorName or TargetName")
			case !l.discovery && !has(l.target):
				return nil, l.refuse(conn, q, loginNotFound, "no target %.223q", l.target)
			}
		}
		current, next := q.flags()>>2&3, q.flags()&3
		var out []key
		if methods := lookup(keys, "AuthMethod"); methods != "" {
			if pick(methods, "None") != "None" {
				return nil, l.refuse(conn, q, loginAuthFailure, "initiator insists on %.64q", methods)
			}
			out = append(out, key{"AuthMethod", "None"})
		}
		if opening && !l.discovery {
			out = append(out, key{"TargetPortalGroupTag", "1"})
		}
		if current == stageOperational {
			answers, err := l.negotiate(keys)
			if err != nil {
				return nil, l.refuse(conn, q, loginInitiatorError, "%v", err)
			}
			out = append(out, answers...)
		}
		transit := q.flags() & (flagTransit | 3)
		if transit&flagTransit == 0 {
			transit = 0
		} else if next <= current || next == 2 {
			return nil, l.refuse(conn, q, loginInitiatorError, "stage %d after stage %d", next, current)
		}
		if err := l.reply(conn, q, out, transit); err != nil {
			return nil, err
		}
		if transit != 0 && next == stageFullFeature {
			return l, nil
		}
	}
	return nil, fmt.Errorf("log in: not done after %d requests", maxLoginRounds)
}

func (l *login) response(q *pdu, flags byte) pdu {
	p := response(opLoginResp, flags|q.flags()&(3<<2), q)
	p.copyFrom(q, 8) // ISID and TSIH
	if flags&3 == stageFullFeature && flags&flagTransit != 0 {
		p.h[15] = 1 // a session has begun: its handle must not be 0
	}
	p.setU32(24, l.statSN)
	p.setU32(28, l.cmdSN)
	p.setU32(32, l.cmdSN+window-1)
	l.statSN++
	return p
}

func (l *login) reply(conn net.Conn, q *pdu, keys []key, transit byte) error {
	p := l.response(q, transit)
	p.data = encodeKeys(keys)
	if _, err := conn.Write(p.appendTo(nil)); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// refuse tells the initiator why it may not come in, and gives the same
// reason as an error.
func (l *login) refuse(conn net.Conn, q *pdu, status uint16, format string, args ...any) error {
	p := l.response(q, 0)
	p.h[36], p.h[37] = byte(status>>8), byte(status)
	err := fmt.Errorf("log in from %s: "+format, append([]any{conn.RemoteAddr()}, args...)...)
	if _, werr := conn.Write(p.appendTo(nil)); werr != nil {
		return fmt.Errorf("%w (and the refusal did not arrive: %w)", err, werr)
	}
	return err
}
