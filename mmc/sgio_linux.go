package mmc

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From <scsi/sg.h>.
const (
	sgIO            = 0x2285
	sgGetVersionNum = 0x2282
	sgMinVersion    = 30000 // the sg_io_hdr form came with version 3

	sgDxferNone    = -1
	sgDxferFromDev = -3

	sgInfoOKMask = 0x1
	sgInfoOK     = 0x0
)

// sgIOHdr is struct sg_io_hdr: 88 bytes on 64-bit machines.
type sgIOHdr struct {
	interfaceID    int32 // 'S'
	dxferDirection int32
	cmdLen         uint8
	mxSbLen        uint8
	iovecCount     uint16
	dxferLen       uint32
	dxferp         unsafe.Pointer
	cmdp           unsafe.Pointer
	sbp            unsafe.Pointer
	timeout        uint32 // milliseconds
	flags          uint32
	packID         int32
	usrPtr         unsafe.Pointer
	status         uint8
	maskedStatus   uint8
	msgStatus      uint8
	sbLenWr        uint8
	hostStatus     uint16
	driverStatus   uint16
	resid          int32
	duration       uint32 // milliseconds
	info           uint32
}

// sgCall is one command on its way through the kernel: buffers that live as
// long as the kernel may write to them, and what came back.
type sgCall struct {
	cdb, sense, data []byte
	timeoutMS        uint32
	reply            sgReply
}

// sgReply is the part of sg_io_hdr that the kernel fills in.
type sgReply struct {
	status, maskedStatus, sbLenWr byte
	hostStatus, driverStatus      uint16
	resid                         int32
	info                          uint32
}

// submit hands the call to the kernel and blocks until it comes back. The
// buffers are pinned until then: the kernel holds their addresses.
func submit(fd int, c *sgCall) unix.Errno {
	var pins runtime.Pinner
	defer pins.Unpin()
	h := sgIOHdr{
		interfaceID:    'S',
		dxferDirection: sgDxferNone,
		cmdLen:         uint8(len(c.cdb)),
		mxSbLen:        uint8(len(c.sense)),
		cmdp:           pinned(&pins, c.cdb),
		sbp:            pinned(&pins, c.sense),
		timeout:        c.timeoutMS,
	}
	if len(c.data) > 0 {
		h.dxferDirection = sgDxferFromDev
		h.dxferLen = uint32(len(c.data))
		h.dxferp = pinned(&pins, c.data)
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), sgIO, uintptr(unsafe.Pointer(&h)))
	c.reply = sgReply{
		status: h.status, maskedStatus: h.maskedStatus, sbLenWr: h.sbLenWr,
		hostStatus: h.hostStatus, driverStatus: h.driverStatus,
		resid: h.resid, info: h.info,
	}
	return errno
}

func pinned(pins *runtime.Pinner, b []byte) unsafe.Pointer {
	p := unsafe.SliceData(b)
	pins.Pin(p)
	return unsafe.Pointer(p)
}
