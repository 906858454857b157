package catalog

import (
	"slices"
	"time"
)

// Agent is somebody or something that took part in an event: an operator, a
// program with its commit, a drive with its firmware, a store.
type Agent struct {
	Role string `json:"role"`
	Name string `json:"name"`
}

// Event is something that happened to a carrier, in the words of PREMIS 3.0.
// Events are only ever added.
type Event struct {
	// ID is 26 characters as NewID gives. When empty it is derived from the
	// carrier and the event's content, so that an event told twice is kept once.
	ID      string       `json:"id"`
	Type    EventType    `json:"type"`
	Time    time.Time    `json:"time"`
	Outcome EventOutcome `json:"outcome"`
	Detail  string       `json:"detail"`
	Agents  []Agent      `json:"agents"`
	// Objects name what it happened to: "<id>", "<id>/v1",
	// "<id>/v1/data/image.iso", "store:<name>".
	Objects []string `json:"objects"`
	// Changes are what it changed; nil when nothing. The catalog fills them in.
	Changes *Changes `json:"changes,omitempty"`
}

// Unnamed is why nobody knows which item a carrier belongs to, as the latest of
// its events of type mem with outcome warning says; empty when none does.
func Unnamed(events []Event) string {
	for _, e := range slices.Backward(events) {
		if e.Type == EventModify && e.Outcome == EventWarning {
			return e.Detail
		}
	}
	return ""
}
