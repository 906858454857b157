package catalog

import "testing"

// TestAiling holds which copies make an image one that a disc need not be read
// for again.
func TestAiling(t *testing.T) {
	for _, c := range []struct {
		what     string
		shelf    CopyState
		usb      CopyState
		required []string
		ill      bool
	}{
		{"all well", ReadBack, ReadBack, []string{"shelf"}, false},
		{"accepted", Stored, ReadBack, []string{"shelf"}, false},
		{"on its way", Sending, ReadBack, []string{"shelf"}, true},
		{"damaged", Damaged, ReadBack, []string{"shelf"}, true},
		{"missing", Missing, ReadBack, []string{"shelf"}, true},
		{"not to be found out", Unknown, ReadBack, []string{"shelf"}, true},
		{"one that is not required lacks it", ReadBack, Missing, []string{"shelf"}, false},
		{"one that is not required is damaged", Stored, Damaged, []string{"shelf"}, false},
		{"another required one lacks it", ReadBack, Missing, []string{"shelf", "usb"}, true},
		{"a required one is new", ReadBack, ReadBack, []string{"shelf", "tape"}, true},
		{"none required, one good", Missing, ReadBack, nil, false},
		{"none required, none good", Missing, Damaged, nil, true},
		{"none required, all on their way", Queued, Sending, nil, false},
	} {
		why := Ailing([]Copy{{Store: "shelf", State: c.shelf}, {Store: "usb", State: c.usb}}, c.required)
		if (why != "") != c.ill {
			t.Errorf("%s: %q", c.what, why)
		}
	}
}
