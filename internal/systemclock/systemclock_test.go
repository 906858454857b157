package systemclock

import "testing"

// Every user may ask.
func TestSynchronised(t *testing.T) {
	yes, err := Synchronised()
	if err != nil {
		t.Error(err)
	}
	t.Log(yes)
}
