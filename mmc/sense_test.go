package mmc

import (
	"context"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

func TestParseSense(t *testing.T) {
	for name, c := range map[string]struct {
		b    string
		want Sense
		bad  bool
	}{
		"fixed, with LBA":                {b: "f0 00 03 00 01 02 03 0a 00 00 00 00 11 05 00 00 00 00", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5, Information: 0x10203, Valid: true}},
		"fixed, LBA not valid":           {b: "70 00 03 00 01 02 03 0a 00 00 00 00 11 05 00 00 00 00", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5}},
		"fixed, deferred":                {b: "f1 00 03 00 01 02 03 0a 00 00 00 00 11 05 00 00 00 00", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5, Information: 0x10203, Valid: true, Deferred: true}},
		"fixed, flags beside the key":    {b: "70 00 e5 00 00 00 00 0a 00 00 00 00 64 00", want: Sense{Key: 5, ASC: 0x64}},
		"fixed, ends before the ASC":     {b: "70 00 02 00 00 00 00 04 ff ff ff ff 3a 01", want: Sense{Key: 2}},
		"fixed, cut":                     {b: "70 00 02", want: Sense{Key: 2}},
		"descriptor, with LBA":           {b: "72 03 11 05 00 00 00 0c 00 0a 80 00 00 00 00 00 00 01 02 03", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5, Information: 0x10203, Valid: true}},
		"descriptor, LBA behind another": {b: "72 03 11 05 00 00 00 14 02 06 00 00 80 00 00 00 00 0a 80 00 00 00 00 00 00 01 02 03", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5, Information: 0x10203, Valid: true}},
		"descriptor, LBA not valid":      {b: "72 03 11 05 00 00 00 0c 00 0a 00 00 00 00 00 00 00 01 02 03", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5}},
		"descriptor, deferred":           {b: "73 04 44 00 00 00 00 00", want: Sense{Key: 4, ASC: 0x44, Deferred: true}},
		"descriptor, cut in the LBA":     {b: "72 03 11 05 00 00 00 0c 00 0a 80 00 00 00", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5}},
		"descriptor, LBA a byte short":   {b: "72 03 11 05 00 00 00 0b 00 09 80 00 00 00 00 00 00 01 02", want: Sense{Key: 3, ASC: 0x11, ASCQ: 5}},
		"descriptor, head alone":         {b: "72 02 3a 01", want: Sense{Key: 2, ASC: 0x3A, ASCQ: 1}},
		"vendor format":                  {b: "7f 00 03 00 00 00 00 0a 00 00 00 00 11 05", bad: true},
		"zeroes":                         {b: "00 00 00 00 00 00 00 00", bad: true},
		"nothing":                        {b: "", bad: true},
		"one byte":                       {b: "70", bad: true},
		"two bytes":                      {b: "70 00", bad: true},
	} {
		got, ok := ParseSense(unhex(c.b))
		if ok == c.bad || got != c.want {
			t.Errorf("%s: %+v %v, want %+v", name, got, ok, c.want)
		}
	}
}

func TestClassify(t *testing.T) {
	fast, slow := 10*time.Millisecond, 4*time.Second
	for _, c := range []struct {
		key, asc, ascq byte
		took           time.Duration
		want           disc.Class
	}{
		{1, 0x18, 0, slow, 0},
		{2, 0x3A, 0, fast, disc.ClassGone}, {2, 0x3A, 1, fast, disc.ClassGone}, {2, 0x3A, 2, fast, disc.ClassGone},
		{2, 0x04, 1, fast, disc.ClassNotReady}, {2, 0x04, 7, fast, disc.ClassNotReady}, {2, 0x06, 0, slow, disc.ClassNotReady},
		{2, 0x30, 1, slow, disc.ClassRefused},
		{3, 0x11, 5, slow, disc.ClassMedium}, {3, 0x11, 5, fast, disc.ClassMedium}, {3, 0x02, 0, slow, disc.ClassMedium}, {3, 0x57, 0, slow, disc.ClassMedium},
		{4, 0x44, 0, fast, disc.ClassWedged}, {4, 0x44, 0, slow, disc.ClassWedged},
		{4, 0x09, 1, fast, disc.ClassWedged}, {4, 0x09, 1, slow, disc.ClassMedium},
		{5, 0x6F, 3, fast, disc.ClassProtected}, {5, 0x6F, 1, fast, disc.ClassProtected},
		{5, 0x20, 0, fast, disc.ClassRefused}, {5, 0x21, 0, fast, disc.ClassRefused}, {5, 0x24, 0, fast, disc.ClassRefused}, {5, 0x26, 0, fast, disc.ClassRefused},
		{5, 0x30, 0, fast, disc.ClassRefused}, {5, 0x63, 0, fast, disc.ClassRefused}, {5, 0x64, 0, fast, disc.ClassRefused},
		{5, 0x3A, 0, fast, disc.ClassGone},
		{6, 0x28, 0, fast, disc.ClassChanged}, {6, 0x29, 0, fast, disc.ClassChanged}, {6, 0x5A, 1, fast, disc.ClassChanged},
		{7, 0x27, 0, fast, disc.ClassProtected},
		{8, 0x00, 0, fast, disc.ClassRefused},
		{0x0B, 0x00, 6, fast, disc.ClassTransport}, {9, 0x80, 0, fast, disc.ClassTransport}, {0, 0, 0, fast, disc.ClassTransport}, {0x0F, 0, 0, fast, disc.ClassTransport},
	} {
		s := Sense{Key: c.key, ASC: c.asc, ASCQ: c.ascq}
		if got := Classify(s, c.took); got != c.want {
			t.Errorf("%02x/%02x/%02x after %s: %v, want %v", c.key, c.asc, c.ascq, c.took, got, c.want)
		}
		// A deferred error never blames the sectors of this command.
		s.Deferred = true
		if got := Classify(s, c.took); got == disc.ClassMedium || got == disc.ClassWedged || got == 0 {
			t.Errorf("deferred %02x/%02x/%02x: %v", c.key, c.asc, c.ascq, got)
		}
	}
}

// What the drive answers besides GOOD and CHECK CONDITION, and answers that
// cannot be.
func TestStatusesThatAreNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		res  Result
		want disc.Class
	}{
		"busy":                 {Result{Status: 0x08}, disc.ClassNotReady},
		"task set full":        {Result{Status: 0x28}, disc.ClassNotReady},
		"reservation conflict": {Result{Status: 0x18}, disc.ClassTransport},
		"check without sense":  {Result{Status: 0x02}, disc.ClassTransport},
		"check, vendor sense":  {Result{Status: 0x02, Sense: []byte{0x7F, 0, 3}}, disc.ClassTransport},
		"more moved than room": {Result{Transferred: 9}, disc.ClassTransport},
		"less than nothing":    {Result{Transferred: -1}, disc.ClassTransport},
	} {
		f := newFake()
		f.on(opTestUnitReady, func(*Command) (Result, error) { return c.res, nil })
		err := f.drive().TestUnitReady(context.Background())
		re := wantClass(t, err, c.want)
		if re.LBA != -1 || re.Op != "TEST UNIT READY" {
			t.Errorf("%s: %+v", name, re)
		}
	}
}

func TestRequestSense(t *testing.T) {
	f := newFake()
	f.gives(opRequestSense, "70 00 02 00 00 00 00 0a 00 00 00 00 3a 02 00 00 00 00")
	s, err := f.drive().RequestSense(context.Background())
	if err != nil || s != (Sense{Key: 2, ASC: 0x3A, ASCQ: 2}) {
		t.Errorf("%+v %v", s, err)
	}
	f.gives(opRequestSense, "00")
	_, err = f.drive().RequestSense(context.Background())
	wantClass(t, err, disc.ClassRefused)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	f := newFake()
	f.fails(opTestUnitReady, 4, 0x44, 0)
	if err := f.drive().TestUnitReady(context.Background()); !strings.Contains(err.Error(), "switch the drive off and on") {
		t.Error(err)
	}
}
