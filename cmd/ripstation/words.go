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

// checkWords leads what is said of an image: that its sectors were all read
// does not make it whole.
func checkWords(failed int) string {
	switch failed {
	case 0:
		return ""
	case 1:
		return "CHECK FAILED, "
	}
	return fmt.Sprintf("%d CHECKS FAILED, ", failed)
}

func failedChecks(checks []disc.Check) (n int) {
	for _, c := range checks {
		if c.Outcome == disc.Failure {
			n++
		}
	}
	return n
}

// eventNames are the names that PREMIS gives its codes for events.
var eventNames = map[catalog.EventType]string{
	catalog.EventCapture: "capture", catalog.EventImaging: "disk imaging", catalog.EventRecovery: "recovery",
	catalog.EventDigest: "message digest calculation", catalog.EventMetadata: "metadata extraction", catalog.EventFormat: "format identification",
	catalog.EventValidation: "validation", catalog.EventPackage: "information package creation", catalog.EventTransfer: "transfer",
	catalog.EventReplication: "replication", catalog.EventFixity: "fixity check", catalog.EventIngestion: "ingestion",
	catalog.EventModify: "metadata modification", catalog.EventQuarantine: "quarantine", catalog.EventVirusCheck: "virus check",
	catalog.EventDeletion: "deletion", catalog.EventDeaccession: "deaccession",
	catalog.EventDissemination: "dissemination",
}

func eventWords(t catalog.EventType) string {
	if name := eventNames[t]; name != "" {
		return name
	}
	return one(string(t))
}

// byWhom is the person behind an event, when there was one.
func byWhom(agents []catalog.Agent) string {
	for _, a := range agents {
		if a.Role == catalog.RoleOperator && a.Name != "" && a.Name != catalog.Unattended {
			return ", by " + one(a.Name)
		}
	}
	return ""
}

// summaryWords is imageWords for a line of `list`: a carrier without an image
// has the outcome of its last reading instead.
func summaryWords(s catalog.Summary) string {
	if s.Image != nil {
		return checkWords(s.FailedChecks) + imageWords(s.Image.State, s.Image.Sectors)
	}
	switch s.Outcome {
	case catalog.Refused:
		return "NOT IMAGED"
	case catalog.NotRead:
		return "NOT READ"
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
	case d == catalog.NeedsIdentity && len(needs) > 1:
		return "NEEDS REVIEW, NEEDS IDENTITY" // the one reason that is no review is its identity
	case len(needs) > 0 && d != catalog.None:
		return strings.ToUpper(one(string(d)))
	case d == catalog.None:
		return "-"
	}
	return strings.ToUpper(one(string(d)))
}
