package mmc

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

// sectors makes READ give each sector its own number.
func (f *fake) sectors() {
	f.on(opRead10, func(cmd *Command) (Result, error) {
		lba, n := be32(cmd.CDB[2:]), be16(cmd.CDB[7:])
		if n*disc.SectorSize != len(cmd.Data) {
			panic("blocks asked for and room differ")
		}
		for i := range n {
			binary.BigEndian.PutUint32(cmd.Data[i*disc.SectorSize:], lba+uint32(i))
		}
		return Result{Transferred: len(cmd.Data)}, nil
	})
}

func TestReadSectorsSplitsWhatIsTooLong(t *testing.T) {
	f := newFake()
	f.sectors()
	d := f.drive()
	p := make([]byte, 70*disc.SectorSize)
	if err := d.ReadSectors(t.Context(), 1000, p); err != nil {
		t.Fatal(err)
	}
	for i := range 70 {
		if got := be32(p[i*disc.SectorSize:]); got != uint32(1000+i) {
			t.Fatalf("sector %d holds %d", 1000+i, got)
		}
	}
	want := []string{"2800000003e80000" + "2000", "28000000040800002000", "28000000042800000600"}
	if strings.Join(f.log, " ") != strings.Join(want, " ") {
		t.Errorf("commands %v, want %v", f.log, want)
	}
}

func TestReadSectorsNamesTheSector(t *testing.T) {
	for name, c := range map[string]struct {
		sense []byte
		want  disc.LBA
		class disc.Class
	}{
		"named":                       {at(fixedSense(0x70, 3, 0x11, 5), 117), 117, disc.ClassMedium},
		"named, the last one":         {at(fixedSense(0x70, 3, 0x11, 5), 131), 131, disc.ClassMedium},
		"one behind those asked for":  {at(fixedSense(0x70, 3, 0x11, 5), 132), 100, disc.ClassMedium},
		"one before those asked for":  {at(fixedSense(0x70, 3, 0x11, 5), 99), 100, disc.ClassMedium},
		"absurd":                      {at(fixedSense(0x70, 3, 0x11, 5), 0xFFFFFFFF), 100, disc.ClassMedium},
		"none":                        {fixedSense(0x70, 3, 0x11, 5), 100, disc.ClassMedium},
		"descriptor":                  {unhex("72 03 11 05 00 00 00 0c 00 0a 80 00 00 00 00 00 00 00 00 6e"), 110, disc.ClassMedium},
		"descriptor, beyond 32 bits":  {unhex("72 03 11 05 00 00 00 0c 00 0a 80 00 00 00 00 01 00 00 00 6e"), 100, disc.ClassMedium},
		"copy protection":             {at(fixedSense(0x70, 5, 0x6F, 3), 101), 101, disc.ClassProtected},
		"deferred, and named":         {at(fixedSense(0x71, 3, 0x11, 5), 117), -1, disc.ClassTransport},
		"deferred hardware error":     {fixedSense(0x71, 4, 0x44, 0), -1, disc.ClassTransport},
		"deferred, descriptor format": {unhex("73 03 11 05 00 00 00 0c 00 0a 80 00 00 00 00 00 00 00 00 6e"), -1, disc.ClassTransport},
	} {
		f := newFake()
		f.on(opRead10, func(*Command) (Result, error) { return Result{Status: statusCheck, Sense: c.sense}, nil })
		err := f.drive().ReadSectors(t.Context(), 100, make([]byte, 32*disc.SectorSize))
		if re := wantClass(t, err, c.class); re.LBA != c.want || re.Op != "READ(10)" {
			t.Errorf("%s: %+v, want sector %d", name, re, c.want)
		}
	}
}

func TestDeferredErrorIsReadAgainOnce(t *testing.T) {
	f := newFake()
	f.sectors()
	whole := f.answers[opRead10]
	first := true
	f.on(opRead10, func(cmd *Command) (Result, error) {
		if first {
			first = false
			return Result{Status: statusCheck, Sense: fixedSense(0x71, 3, 0x11, 5)}, nil
		}
		return whole(cmd)
	})
	if err := f.drive().ReadSectors(t.Context(), 100, make([]byte, 2048)); err != nil || len(f.log) != 2 {
		t.Errorf("%v after %d commands", err, len(f.log))
	}
}

// A read that moved fewer bytes than asked for is never success.
func TestShortReads(t *testing.T) {
	short := func(res Result) error {
		f := newFake()
		f.on(opRead10, func(cmd *Command) (Result, error) {
			res.Transferred += len(cmd.Data)
			return res, nil
		})
		return f.drive().ReadSectors(context.Background(), 100, make([]byte, 4*disc.SectorSize))
	}
	re := wantClass(t, short(Result{Transferred: -1}), disc.ClassTransport)
	if re.LBA != 100 || !strings.Contains(re.Error(), "8191 bytes came of 8192") {
		t.Error(re)
	}
	recovered := at(fixedSense(0x70, 1, 0x18, 2), 102)
	if err := short(Result{Status: statusCheck, Sense: recovered}); err != nil {
		t.Errorf("a recovered error with all the data: %v", err)
	}
	if re := wantClass(t, short(Result{Status: statusCheck, Sense: recovered, Transferred: -2048}), disc.ClassMedium); re.LBA != 102 {
		t.Errorf("a recovered error with data lost: %+v", re)
	}
}

// A wedged drive fails fast; a servo that fails slowly is what scratches do.
func TestFastFailures(t *testing.T) {
	for name, c := range map[string]struct {
		key, asc byte
		took     time.Duration
		hasRead  bool
		want     disc.Class
	}{
		"hardware error":                             {4, 0x44, 20 * time.Millisecond, true, disc.ClassWedged},
		"tracking servo, at once":                    {4, 0x09, 499 * time.Millisecond, true, disc.ClassWedged},
		"tracking servo, tried":                      {4, 0x09, 501 * time.Millisecond, true, disc.ClassMedium},
		"READ refused that worked before":            {5, 0x24, 20 * time.Millisecond, true, disc.ClassWedged},
		"READ not known any more":                    {5, 0x20, 20 * time.Millisecond, true, disc.ClassWedged},
		"READ refused slowly":                        {5, 0x24, 800 * time.Millisecond, true, disc.ClassRefused},
		"READ refused that never worked":             {5, 0x24, 20 * time.Millisecond, false, disc.ClassRefused},
		"address refused":                            {5, 0x21, 20 * time.Millisecond, true, disc.ClassRefused},
		"sector of another kind":                     {5, 0x64, 20 * time.Millisecond, true, disc.ClassRefused},
		"copy protection is fast too and no failure": {5, 0x6F, 20 * time.Millisecond, true, disc.ClassProtected},
	} {
		f := newFake()
		d := f.drive()
		f.sectors()
		if c.hasRead {
			if err := d.ReadSectors(t.Context(), 0, make([]byte, 2048)); err != nil {
				t.Fatal(err)
			}
		}
		f.on(opRead10, f.after(c.took, func(*Command) (Result, error) { return check(c.key, c.asc, 0), nil }))
		err := d.ReadSectors(t.Context(), 50, make([]byte, 2048))
		if got := disc.ClassOf(err); got != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestReadSectorsRefusesNonsense(t *testing.T) {
	f := newFake()
	f.sectors()
	d := f.drive()
	wantClass(t, d.ReadSectors(t.Context(), -1, make([]byte, 2048)), disc.ClassRefused)
	wantClass(t, d.ReadSectors(t.Context(), 0, make([]byte, 2047)), disc.ClassRefused)
	wantClass(t, d.ReadSectors(t.Context(), 1<<31-1, make([]byte, 2048)), disc.ClassRefused)
	if err := d.ReadSectors(t.Context(), 0, nil); err != nil || len(f.log) > 0 {
		t.Errorf("no sectors: %v, %v", err, f.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.ReadSectors(ctx, 0, make([]byte, 2048)); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// The transport cannot know the sector; the drive adds it.
func TestTransportErrorsNameTheSector(t *testing.T) {
	f := newFake()
	f.on(opRead10, func(*Command) (Result, error) {
		return Result{}, &disc.ReadError{Op: "READ(10)", Class: disc.ClassGone, LBA: -1}
	})
	if re := wantClass(t, f.drive().ReadSectors(t.Context(), 77, make([]byte, 2048)), disc.ClassGone); re.LBA != 77 {
		t.Errorf("%+v", re)
	}
}

func TestInfo(t *testing.T) {
	standard := "05 80 05 32 1f 00 00 00 'PLEXTOR ' 'DVDR   PX-760A  ' '1.07'"
	page80 := "05 80 00 06 ' 80-1 '"
	feature := "00 00 00 10 00 00 00 00 01 08 03 08 'F108    '"
	for name, c := range map[string]struct{ config, page, want string }{
		"feature and page": {feature, page80, "F108"},
		"page alone":       {"", page80, "80-1"},
		"blank feature":    {"00 00 00 10 00 00 00 00 01 08 03 08 '        '", page80, "80-1"},
		"none":             {"", "", ""},
	} {
		f := newFake()
		f.on(opInquiry, func(cmd *Command) (Result, error) {
			switch {
			case cmd.CDB[1] == 0:
				return moved(cmd, unhex(standard)), nil
			case cmd.CDB[2] == 0x80 && c.page != "":
				return moved(cmd, unhex(c.page)), nil
			}
			return check(5, 0x24, 0), nil
		})
		if c.config != "" {
			f.gives(opGetConfiguration, c.config)
		}
		got, err := f.drive().Info(t.Context())
		if want := (disc.Drive{Vendor: "PLEXTOR", Model: "DVDR PX-760A", Firmware: "1.07", Serial: c.want}); err != nil || got != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	f := newFake()
	f.gives(opInquiry, "00 00 05 32 1f 00 00 00 'ATA     ' 'Some hard disk  ' '0001'")
	_, err := f.drive().Info(t.Context())
	if wantClass(t, err, disc.ClassRefused); !strings.Contains(err.Error(), "not an optical drive") {
		t.Error(err)
	}
	f.fails(opInquiry, 4, 0x44, 0)
	_, err = f.drive().Info(t.Context())
	wantClass(t, err, disc.ClassWedged)
}

func TestSetSpeed(t *testing.T) {
	f := newFake()
	f.good(opSetCDSpeed)
	d := f.drive()
	for _, kBps := range []int{0, 706} {
		if err := d.SetSpeed(t.Context(), kBps); err != nil {
			t.Error(err)
		}
	}
	wantClass(t, d.SetSpeed(t.Context(), 70000), disc.ClassRefused)
	wantClass(t, d.SetSpeed(t.Context(), -1), disc.ClassRefused)
	if got := strings.Join(f.log, " "); got != "bb00ffffffff000000000000 bb0002c2ffff000000000000" {
		t.Error(got)
	}
}

func TestTransferFitsEveryBridge(t *testing.T) {
	if n := newFake().drive().MaxSectors() * disc.SectorSize; n != 65536 || n%(int(disc.MediumBD.ECCSectors())*disc.SectorSize) != 0 {
		t.Errorf("%d bytes a command", n)
	}
	if !bytes.Equal(cdbRead(0, MaxTransfer)[:1], []byte{0x28}) {
		t.Error("the usual read is not READ(10)")
	}
}
