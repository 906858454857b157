package catalog

import "time"

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
