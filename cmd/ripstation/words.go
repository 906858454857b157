package main

import (
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// imageWords says what an image holds of its disc, and no more.
func imageWords(state catalog.ImageState, c disc.Counts) string {
	missing := c.Untried + c.Skipped + c.Unreadable + c.Contested + c.Protected
	switch state {
	case catalog.Complete:
		if c.Suspect > 0 {
			return "READ, " + sectors(c.Suspect) + " SUSPECT"
		}
		return "READ WITHOUT ERRORS"
	case catalog.Incomplete:
		return "INCOMPLETE: " + sectors(missing)
	case catalog.Protected:
		return "PROTECTED: " + sectors(missing)
	}
	return strings.ToUpper(one(string(state)))
}

// summaryWords is imageWords for a line of `list`: a carrier without an image
// has the outcome of its last reading instead.
func summaryWords(s catalog.Summary) string {
	if s.Image != nil {
		return imageWords(s.Image.State, s.Image.Sectors)
	}
	switch s.Outcome {
	case catalog.Refused:
		return "NOT IMAGED"
	case catalog.Failed:
		return "READING FAILED"
	case catalog.Interrupted:
		return "READING INTERRUPTED"
	}
	return "NO IMAGE"
}

// copyWords says where the copies stand; the worst one leads.
func copyWords(copies []catalog.Copy) string {
	if len(copies) == 0 {
		return "-"
	}
	var bad []string
	stored, readBack := 0, 0
	var oldest *time.Time
	for _, c := range copies {
		switch c.State {
		case catalog.ReadBack:
			readBack++
			if c.ReadBackAt != nil && (oldest == nil || c.ReadBackAt.Before(*oldest)) {
				oldest = c.ReadBackAt
			}
			stored++
		case catalog.Stored:
			stored++
		case catalog.Missing, catalog.Damaged, catalog.Unknown:
			bad = append(bad, strings.ToUpper(string(c.State))+" IN "+one(c.Store))
		}
	}
	words := fmt.Sprintf("STORED IN %d OF %d", stored, len(copies))
	if readBack == len(copies) {
		words += ", READ BACK " + day(oldest)
	}
	return strings.Join(append(bad, words), ", ")
}

// needsWords says why somebody has to look.
func needsWords(d catalog.Disposition, needs []string) string {
	switch {
	case len(needs) > 0 && d != catalog.None:
		return strings.ToUpper(one(string(d)))
	case d == catalog.None:
		return "-"
	}
	return strings.ToUpper(one(string(d)))
}
