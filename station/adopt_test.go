package station_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"ripstation/disc"
	"ripstation/station"
)

// A device that the watcher has not told of yet gets no bay by a request: when
// the watcher tells of it, it would have two owners.
func TestRequestMakesNoSecondOwner(t *testing.T) {
	r := newRig(t)
	r.cfg.Open = func(context.Context, disc.Drive) (station.Drive, error) {
		t.Error("the drive was opened")
		return nil, station.ErrNoDrive
	}
	r.start()
	if _, err := r.station.Rip(t.Context(), station.Request{Source: os.DevNull}); !errors.Is(err, station.ErrNoDrive) {
		t.Errorf("a device that nobody has told of: %v", err)
	}
	if bays := r.station.Status().Bays; len(bays) != 0 {
		t.Errorf("it has a bay: %+v", bays)
	}
}
