package disc

// Outcome is what a check found. A check that could not run is neither good
// nor bad.
type Outcome string

const (
	Pass    Outcome = "pass"
	Warning Outcome = "warning"
	Failure Outcome = "failure"
	NotRun  Outcome = "not run"
	// NotApplicable: there is nothing on the disc that the check looks at.
	NotApplicable Outcome = "not applicable"
)

// Check is one thing that was looked at on an image, and what was found.
type Check struct {
	Code    string  `json:"code"` // stable and short: "capacity-unchanged"
	Name    string  `json:"name"` // what was checked, in words
	Outcome Outcome `json:"outcome"`
	Message string  `json:"message"` // what was found, or why it could not run
}
