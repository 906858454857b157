package simdrive_test

import (
	"context"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
)

func probe(t *testing.T, m *simdrive.Disc) {
	d := simdrive.New(simdrive.Options{Serial: "SIM0001", Clock: simdrive.NewVirtualClock(time.Unix(0, 0))})
	x := mmc.New(d.Transport())
	if err := d.Insert(m); err != nil {
		t.Fatal(err)
	}
	id, err := x.Identify(context.Background())
	if err != nil {
		t.Error(m.Name, err)
	}
	id.Blobs = nil
	t.Logf("%s: %+v", m.Name, id)
}

func TestProbe(t *testing.T) {
	p := simdrive.Pattern(1, 2000)
	for _, m := range []*simdrive.Disc{
		simdrive.PressedCD(p, 2000), simdrive.CDR(p, 2000), simdrive.MultiSessionCDR(simdrive.Part{p, 2000}, simdrive.Part{p, 1000}, simdrive.Part{p, 1000}),
		simdrive.AudioCD(1, 1000, 2000), simdrive.MixedMode(p, 2000, 1, 500, 500), simdrive.CDExtra(p, 2000, 1, 500, 600),
		simdrive.VideoCD(p, 2000, 1, 500), simdrive.BlankCDR(), simdrive.UnreadableTOC(), simdrive.DVDROM(p, 2000), simdrive.DVDROM(p, 4000000),
		simdrive.CSSDVD(p, 2000, disc.Extent{1000, 100}), simdrive.DVDR(p, 2000), simdrive.DVDPlusR(p, 2000), simdrive.BDROM(p, 2000), simdrive.BDR(p, 12219392),
	} {
		probe(t, m)
	}
}
