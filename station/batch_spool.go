package station

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ripstation/catalog"
)

// underway is what a job is for a batch: a disc whose image is not recorded yet.
// nil when it is.
func underway(f jobFile) *catalog.Underway {
	if f.Step.atLeast(StepRecorded) {
		return nil
	}
	what := map[Step]string{StepIdentified: "its reading has not begun", StepReading: "it is being read, or waits for its disc to be read on", StepSealed: "it is read, and being sent",
		StepStored: "it is stored, and being recorded"}[f.Step]
	info := f.Carrier
	info.ID = f.ID
	u := &catalog.Underway{CarrierInfo: info, Label: f.Identity.Label, What: what, Batch: f.Batch}
	if f.Compare.needless() {
		u.Batch = "" // its place is the known carrier's by now
	}
	return u
}

// Underway reads from a spool's folder, changing nothing, which discs are not
// recorded yet: for a report while no station runs. A job that cannot be read is
// named as one of which no more is known.
func Underway(spoolDir string) ([]catalog.Underway, error) {
	entries, err := os.ReadDir(spoolDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var out []catalog.Underway
	for _, e := range entries {
		if !e.IsDir() || !catalog.ValidID(e.Name()) {
			continue
		}
		j, err := loadJob(filepath.Join(spoolDir, e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			out = append(out, catalog.Underway{CarrierInfo: catalog.CarrierInfo{ID: e.Name()}, What: "its job in the spool cannot be read: " + err.Error()})
		default:
			if u := underway(j.file()); u != nil {
				out = append(out, *u)
			}
		}
	}
	return out, nil
}
