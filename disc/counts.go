package disc

// Counts is how many sectors of an image have each status. Total is the sum
// of all others.
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
