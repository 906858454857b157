package mmc

import (
	"bytes"
	"errors"
	"testing"

	"ripstation/disc"
)

func asReadError(t *testing.T, err error) *disc.ReadError {
	t.Helper()
	var re *disc.ReadError
	if !errors.As(err, &re) {
		t.Fatalf("%v is no *disc.ReadError", err)
	}
	return re
}

// Every command descriptor block, byte by byte, as the standards draw it.
func TestCommandBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"TEST UNIT READY", cdbTestUnitReady(), "00 00 00 00 00 00"},
		{"REQUEST SENSE", cdbRequestSense(18), "03 00 00 00 12 00"},
		{"INQUIRY", cdbInquiry(36), "12 00 00 00 24 00"},
		{"INQUIRY serial page", cdbInquiryPage(0x80, 252), "12 01 80 00 fc 00"},
		{"INQUIRY designators", cdbInquiryPage(0x83, 252), "12 01 83 00 fc 00"},
		{"START STOP UNIT eject", cdbStartStop(true), "1b 00 00 00 02 00"},
		{"START STOP UNIT start", cdbStartStop(false), "1b 00 00 00 01 00"},
		{"ALLOW MEDIUM REMOVAL", cdbAllowRemoval(false), "1e 00 00 00 00 00"},
		{"ALLOW MEDIUM REMOVAL persistent", cdbAllowRemoval(true), "1e 00 00 00 02 00"},
		{"READ CAPACITY", cdbReadCapacity(), "25 00 00 00 00 00 00 00 00 00"},
		{"READ(10)", cdbRead10(0x01020304, 0x0506), "28 00 01 02 03 04 00 05 06 00"},
		{"READ(12)", cdbRead12(0x01020304, 0x05060708), "a8 00 01 02 03 04 05 06 07 08 00 00"},
		{"READ of 65535", cdbRead(16, 65535), "28 00 00 00 00 10 00 ff ff 00"},
		{"READ of 65536", cdbRead(16, 65536), "a8 00 00 00 00 10 00 01 00 00 00 00"},
		{"READ TOC tracks", cdbReadTOC(tocTracks, 0x2000), "43 00 00 00 00 00 00 20 00 00"},
		{"READ TOC sessions", cdbReadTOC(tocSessions, 0x2000), "43 00 01 00 00 00 00 20 00 00"},
		{"READ TOC raw", cdbReadTOC(tocRaw, 0x2000), "43 02 02 00 00 00 00 20 00 00"},
		{"READ ATIP", cdbReadTOC(tocATIP, 0x2000), "43 02 04 00 00 00 00 20 00 00"},
		{"GET CONFIGURATION all", cdbGetConfiguration(allFeatures, 0, 4096), "46 00 00 00 00 00 00 10 00 00"},
		{"GET CONFIGURATION serial", cdbGetConfiguration(oneFeature, 0x0108, 4096), "46 02 01 08 00 00 00 10 00 00"},
		{"GET EVENT STATUS NOTIFICATION", cdbGetEventStatus(classMedia, 8), "4a 01 00 00 10 00 00 00 08 00"},
		{"READ DISC INFORMATION", cdbReadDiscInfo(2048), "51 00 00 00 00 00 00 08 00 00"},
		{"READ TRACK INFORMATION", cdbReadTrackInfo(3, 48), "52 01 00 00 00 03 00 00 30 00"},
		{"MODE SENSE(10) 01h", cdbModeSense(0x01, 252), "5a 08 01 00 00 00 00 00 fc 00"},
		{"MODE SENSE(10) 2Ah", cdbModeSense(0x2A, 252), "5a 08 2a 00 00 00 00 00 fc 00"},
		{"READ DISC STRUCTURE DVD", cdbReadDiscStructure(mediaDVD, 1, 0, 2056), "ad 00 00 00 00 00 01 00 08 08 00 00"},
		{"READ DISC STRUCTURE BD", cdbReadDiscStructure(mediaBD, 0, 3, 2056), "ad 01 00 00 00 00 00 03 08 08 00 00"},
		{"SET CD SPEED", cdbSetCDSpeed(706), "bb 00 02 c2 ff ff 00 00 00 00 00 00"},
		{"MECHANISM STATUS", cdbMechanismStatus(8), "bd 00 00 00 00 00 00 00 00 08 00 00"},
		{"READ CD", cdbReadCD(0x00010203), "be 00 00 01 02 03 00 00 01 f8 00 00"},
	} {
		if want := unhex(c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s: % x, want % x", c.name, c.got, want)
		}
		if _, err := permit(&Command{CDB: c.got}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestInquiryAnswer(t *testing.T) {
	b := unhex("05 80 05 32 1f 00 00 00 'HL-DT-ST' 'BD-RE  BU40N    ' '1.03'")
	got, err := parseInquiry(b)
	if want := (Inquiry{Type: 5, Removable: true, Vendor: "HL-DT-ST", Model: "BD-RE BU40N", Revision: "1.03"}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	copy(b[8:], "\x1b[31m\x00\xff ")
	if got, _ := parseInquiry(b); got.Vendor != "[31m" {
		t.Errorf("control bytes stay in the vendor: %q", got.Vendor)
	}
	_, err = parseInquiry(b[:35])
	wantClass(t, err, disc.ClassRefused)
}

func TestVitalProductData(t *testing.T) {
	p, err := parseVPD(0x80, unhex("05 80 00 08 '  K9X17 ' 'stale bytes'"))
	if err != nil || clean(p) != "K9X17" {
		t.Errorf("%q %v", p, err)
	}
	if p, err := parseVPD(0x80, unhex("05 80 00 ff 'K9'")); err != nil || string(p) != "K9" {
		t.Errorf("a length beyond the answer: %q %v", p, err)
	}
	if _, err := parseVPD(0x80, unhex("05 00 00 02 41 42")); err == nil {
		t.Error("page 00h is taken for page 80h")
	}
	ds := parseDesignators(unhex("02 01 00 04 'ABCD'  01 03 00 08 50 01 02 03 04 05 06 07  01 13 00 ff 01"))
	if len(ds) != 2 || string(ds[0].Data) != "ABCD" || ds[0].CodeSet != 2 || ds[0].Type != 1 || ds[1].Type != 3 || len(ds[1].Data) != 8 {
		t.Errorf("%+v", ds)
	}
}

func TestConfigurationAnswer(t *testing.T) {
	c, err := parseConfiguration(unhex("00 00 00 20 00 00 00 10" + "00 00 03 04 00 10 01 00" + "01 08 03 08 'K9X17Q  '" + "01 0d 09 04 01 00 00 01" + "ee ee"))
	if err != nil || c.Profile != 0x0010 || len(c.Features) != 3 {
		t.Fatalf("%+v %v", c, err)
	}
	if f, ok := c.Feature(featureSerial); !ok || clean(f.Data) != "K9X17Q" || !f.Current || !f.Persistent {
		t.Errorf("%+v", f)
	}
	if f, ok := c.Feature(featureAACS); !ok || !f.Current || f.Persistent || f.Version != 2 {
		t.Errorf("%+v", f)
	}
	// A feature that claims to be longer than the answer ends the list.
	if c, err := parseConfiguration(unhex("00 00 00 0c 00 00 00 08 01 08 03 ff 41 42")); err != nil || len(c.Features) != 0 || c.Profile != 8 {
		t.Errorf("%+v %v", c, err)
	}
}

func TestEventAndMechanismAnswers(t *testing.T) {
	e, err := parseMediaEvent(unhex("00 06 04 10 01 02 00 00"))
	if err != nil || e != (MediaEvent{Code: MediaEjectRequest, Present: true}) {
		t.Errorf("%+v %v", e, err)
	}
	e, err = parseMediaEvent(unhex("00 06 04 10 03 01 00 00"))
	if err != nil || e != (MediaEvent{Code: MediaRemoval, TrayOpen: true}) {
		t.Errorf("%+v %v", e, err)
	}
	for _, none := range []string{"00 02 80 10", "00 06 80 10 00 00 00 00", "00 06 01 10 00 03 00 00"} {
		if e, err := parseMediaEvent(unhex(none)); err == nil {
			t.Errorf("%s: %+v out of no media event", none, e)
		}
	}
	m, err := parseMechanism(unhex("00 10 00 00 00 00 00 00"))
	if err != nil || !m.DoorOpen || m.Fault {
		t.Errorf("%+v %v", m, err)
	}
	m, err = parseMechanism(unhex("80 00 00 00 00 05 00 14"))
	if err != nil || m.DoorOpen || !m.Fault || m.Slots != 5 {
		t.Errorf("%+v %v", m, err)
	}
}

func TestCapacityAnswer(t *testing.T) {
	if n, err := parseCapacity(unhex("00 05 0a 4f 00 00 08 00")); err != nil || n != 0x50a50 {
		t.Errorf("%d %v", n, err)
	}
	for name, b := range map[string]string{
		"raw sectors": "00 05 0a 4f 00 00 09 30", "512-byte sectors": "00 05 0a 4f 00 00 02 00",
		"beyond any disc": "ff ff ff ff 00 00 08 00", "too short": "00 05 0a 4f",
	} {
		if n, err := parseCapacity(unhex(b)); disc.ClassOf(err) != disc.ClassRefused {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
}

func TestModePages(t *testing.T) {
	// Header of 8 bytes with a block descriptor of 8 that was not asked for.
	head := "00 1e 70 00 00 00 00 08" + "00 00 00 00 00 00 08 00"
	p, err := parseModePage(0x01, unhex(head+"01 0a c0 14 00 00 00 00 05 00 00 00"))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := parseErrorRecovery(p); err != nil || e != (ErrorRecovery{Parameters: 0xC0, ReadRetries: 20}) {
		t.Errorf("%+v %v", e, err)
	}
	p, err = parseModePage(0x2A, unhex("00 1a 70 00 00 00 00 00"+"2a 12 3f 37 f1 77 2b 23 10 8a 01 00 08 00 10 8a 00 00 00 00"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := parseCapabilities(p); err != nil || c != (Capabilities{Loading: 1, CanEject: true, Locked: true, MaxRead: 4234, CurrentRead: 4234, BufferKBytes: 2048}) {
		t.Errorf("%+v %v", c, err)
	}
	for name, b := range map[string]string{
		"another page": "00 0a 70 00 00 00 00 00 0e 02 00 00", "descriptors beyond the answer": "00 12 00 00 00 00 ff ff 2a 02 00 00",
		"no page": "00 06 70 00 00 00 00 00", "no header": "00 06", "length of zero": "00 00 70 00 00 00 00 00 2a 02",
	} {
		if p, err := parseModePage(0x2A, unhex(b)); err == nil {
			t.Errorf("%s: % x", name, p)
		}
	}
}
