package preload

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"ripstation/internal/simdrive"
)

const (
	sector = 2048
	page   = 4096
	// command is the largest read in one command.
	command = 1 << 20
)

// What CDROM_DRIVE_STATUS says.
const (
	noDisc   = 1
	trayOpen = 2
	notReady = 3
	discOK   = 4
)

// unit is the drive as the kernel's driver has it.
type unit struct{ n *simdrive.Nexus }

// sense is a CHECK CONDITION as an error.
type sense struct {
	key, asc, ascq byte
	lba            int64 // -1 when the drive did not say
}

func (s *sense) Error() string { return "check condition" }

// readSense takes sense data in fixed or descriptor format (SPC-4, 4.5).
func readSense(b []byte) *sense {
	s := &sense{lba: -1}
	if len(b) < 8 {
		return s
	}
	switch b[0] & 0x7F {
	case 0x70, 0x71:
		s.key = b[2] & 0x0F
		if b[0]&0x80 != 0 {
			s.lba = int64(binary.BigEndian.Uint32(b[3:]))
		}
		if len(b) >= 14 {
			s.asc, s.ascq = b[12], b[13]
		}
	case 0x72, 0x73:
		s.key, s.asc, s.ascq = b[1]&0x0F, b[2], b[3]
		for d := b[8:]; len(d) >= 2; d = d[min(len(d), 2+int(d[1])):] {
			if d[0] == 0 && len(d) >= 12 && d[2]&0x80 != 0 { // INFORMATION
				s.lba = int64(binary.BigEndian.Uint64(d[4:]))
			}
		}
	}
	return s
}

// do carries out a command, again after a unit attention, as the kernel does.
// Errors: *sense, or that there is no answer.
func (u *unit) do(ctx context.Context, cdb []byte, room int) ([]byte, error) {
	for try := 0; ; try++ {
		status, in, raw, err := u.n.Execute(ctx, cdb, nil, room)
		if err != nil {
			return nil, err
		}
		if status == 0 {
			return in, nil
		}
		if s := readSense(raw); s.key != 0x06 || try == 5 {
			return nil, s
		}
	}
}

// read reads whole sectors by READ(10).
func (u *unit) read(ctx context.Context, offset, length int64) ([]byte, error) {
	cdb := make([]byte, 10)
	cdb[0] = 0x28
	binary.BigEndian.PutUint32(cdb[2:], uint32(offset/sector))
	binary.BigEndian.PutUint16(cdb[7:], uint16(length/sector))
	data, err := u.do(ctx, cdb, int(length))
	if err == nil && int64(len(data)) != length {
		return nil, unix.EIO
	}
	return data, err
}

// capacity is the size in bytes.
func (u *unit) capacity(ctx context.Context) (int64, error) {
	b, err := u.do(ctx, []byte{0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, unix.EIO
	}
	be := binary.BigEndian
	return (int64(be.Uint32(b)) + 1) * int64(be.Uint32(b[4:])), nil
}

func (u *unit) status(ctx context.Context) (int64, error) {
	_, err := u.do(ctx, make([]byte, 6), 0) // TEST UNIT READY
	s, checked := err.(*sense)
	switch {
	case err == nil:
		return discOK, nil
	case !checked:
		return 0, err
	case s.key == 0x02 && s.asc == 0x3A && s.ascq == 0x02:
		return trayOpen, nil
	case s.key == 0x02 && s.asc == 0x3A:
		return noDisc, nil
	}
	return notReady, nil
}

// lock is PREVENT ALLOW MEDIUM REMOVAL.
func (u *unit) lock(ctx context.Context, prevent bool) error {
	cdb := make([]byte, 6)
	cdb[0] = 0x1E
	if prevent {
		cdb[4] = 1
	}
	_, err := u.do(ctx, cdb, 0)
	return err
}

// tray is START STOP UNIT. A drive that refuses makes the kernel's ioctl
// return 2, without an errno.
func (u *unit) tray(ctx context.Context, how byte) (int64, []byte, error) {
	_, err := u.do(ctx, []byte{0x1B, 0, 0, 0, how, 0}, 0)
	if _, refused := err.(*sense); refused {
		return 2, nil, nil
	}
	return 0, nil, err
}

// direct is the errno that O_DIRECT has for a failed read.
func direct(err error) error {
	s, ok := err.(*sense)
	switch {
	case ok && s.key == 0x03:
		return unix.ENODATA
	case ok && (s.key == 0x04 || s.key == 0x05):
		return unix.EREMOTEIO
	}
	return unix.EIO
}
