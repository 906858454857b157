package disc

// Counts says how many sectors have each status. Its JSON is part of the
// record and of what `show` prints.
type Counts struct {
	Total      int64 `json:"total"`
	Read       int64 `json:"read"`
	Suspect    int64 `json:"suspect"`
	Contested  int64 `json:"contested"`
	Unreadable int64 `json:"unreadable"`
	Protected  int64 `json:"protected"`
	Unrecorded int64 `json:"unrecorded"`
	Skipped    int64 `json:"skipped"`
	Untried    int64 `json:"untried"`
}

// ImageState is how whole an image is.
type ImageState string

const (
	// ImageComplete: every sector is read, suspect or unrecorded.
	ImageComplete ImageState = "complete"
	// ImageIncomplete: at least one is untried, skipped, unreadable or contested.
	ImageIncomplete ImageState = "incomplete"
	// ImageProtected: all that is missing is protected.
	ImageProtected ImageState = "protected"
)

// State is the state of an image with these counts. One of no sectors is
// incomplete: nothing was imaged.
func (c Counts) State() ImageState {
	switch {
	case c.Total == 0 || c.Untried+c.Skipped+c.Unreadable+c.Contested > 0:
		return ImageIncomplete
	case c.Protected > 0:
		return ImageProtected
	}
	return ImageComplete
}

// Missing is the number of sectors of which the image holds no bytes though
// the disc should have some: untried, skipped, unreadable and protected ones.
func (c Counts) Missing() int64 { return c.Untried + c.Skipped + c.Unreadable + c.Protected }

// of is the counter of a status.
func (c *Counts) of(s Status) *int64 {
	switch s {
	case StatusSkipped:
		return &c.Skipped
	case StatusUnreadable:
		return &c.Unreadable
	case StatusProtected:
		return &c.Protected
	case StatusUnrecorded:
		return &c.Unrecorded
	case StatusSuspect:
		return &c.Suspect
	case StatusContested:
		return &c.Contested
	case StatusRead:
		return &c.Read
	}
	return &c.Untried
}

// Add counts n sectors more of a status.
func (c *Counts) Add(s Status, n int64) {
	*c.of(s) += n
	c.Total += n
}
