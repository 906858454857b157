package pairing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// told as text: "1s:S1=A" is a scan 1 of code A at second 1, "A2" arrival 2,
// "W2" its withdrawal, "?2" a doubt about it, "C" a cancel, "S1=A@d" a scan for
// a drive, "A2@d" an arrival in it, "C@d" a cancel for it.
func run(t *testing.T, history string) (fates string) {
	t.Helper()
	r := &Rounds{Rules: rules}
	var out []string
	fetch := func(sec int) {
		for _, o := range r.Advance(at(sec)) {
			what := "S"
			if o.Arrival {
				what = "A"
			}
			s := fmt.Sprintf("%s%d %s", what, o.ID, o.Fate)
			if o.Arrival && o.Code != "" {
				s += " " + o.Code
			}
			if o.Cause != "" {
				s += fmt.Sprintf(" (%s: %s)", o.Cause, strings.Join(o.Codes, ","))
			}
			out = append(out, s)
		}
	}
	sec := 0
	for _, w := range strings.Fields(history) {
		when, what, _ := strings.Cut(w, ":")
		if _, err := fmt.Sscanf(when, "%ds", &sec); err != nil {
			t.Fatal(w, err)
		}
		fetch(sec)
		what, drive, _ := strings.Cut(what, "@")
		num, code, _ := strings.Cut(what[1:], "=")
		var id ID
		fmt.Sscan(num, &id)
		switch {
		case what[0] == 'S' && drive != "":
			r.ScanFor(at(sec), id, code, drive)
		case what[0] == 'S':
			r.Scan(at(sec), id, code)
		case what[0] == 'A':
			r.Arrive(at(sec), id, drive)
		case what[0] == 'W':
			r.Withdraw(id)
		case what[0] == '?':
			r.Doubt(id)
		case what[0] == 'N':
			r.Name(at(sec), id, func(c string) bool { return c == code })
		case drive != "":
			r.CancelFor(drive)
		default:
			r.Cancel(at(sec))
		}
		fetch(sec)
	}
	fetch(sec + 1000)
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func TestRounds(t *testing.T) {
	for _, c := range []struct{ what, history, want string }{
		{"one scan, one disc", "0s:S1=A 5s:A2", "A2 bound A; S1 bound"},
		{"one after another", "0s:S1=A 5s:A2 8s:S3=B 12s:A4", "A2 bound A; A4 bound B; S1 bound; S3 bound"},
		{"nothing scanned", "0s:A1 3s:A2", "A1 alone; A2 alone"},
		{"a forgotten scan", "0s:S1=A 5s:A2 9s:A3", "A2 spoiled (no scan: A); A3 spoiled (no scan: A); S1 spoiled (no scan: A)"},
		{"forgotten, but the round was over", "0s:S1=A 5s:A2 15s:A3", "A2 bound A; A3 alone; S1 bound"},
		{"two scans at once", "0s:S1=A 1s:S2=B 5s:A3 7s:A4", "A3 spoiled (many scans: A,B); A4 spoiled (many scans: A,B); S1 spoiled (many scans: A,B); S2 spoiled (many scans: A,B)"},
		{"one scan told twice", "0s:S1=A 1s:S2=A 5s:A3", "A3 bound A; S1 bound; S2 bound"},
		{"told again, its time begins anew", "0s:S1=A 39s:S2=A 78s:A3", "A3 bound A; S1 bound; S2 bound"},
		{"the disc is late", "0s:S1=A 40s:A2", "A2 alone; S1 expired"},
		{"just in time", "0s:S1=A 39s:A2", "A2 bound A; S1 bound"},
		{"a scan without its disc spoils the one before", "0s:S1=A 5s:A2 9s:S3=B", "A2 spoiled (no arrival: A,B); S1 spoiled (no arrival: A,B); S3 expired"},
		{"taken back", "0s:S1=A 5s:C", "S1 cancelled"},
		{"taken back behind a match", "0s:S1=A 5s:A2 9s:S3=B 12s:C", "A2 bound A; S1 bound; S3 cancelled"},
		{"a disc after what was taken back", "0s:S1=A 5s:C 6s:A2", "A2 alone; S1 cancelled"},
		{"a round goes on after it was spoiled", "0s:A1 1s:S2=A 2s:A3 3s:A4 4s:S5=B 5s:A6", "A1 alone; A3 spoiled (no scan: A,B); A4 spoiled (no scan: A,B); A6 spoiled (no scan: A,B); S2 spoiled (no scan: A,B); S5 spoiled (no scan: A,B)"},
		{"after a quiet time all is well again", "0s:S1=A 1s:A2 2s:A3 12s:S4=B 13s:A5", "A2 spoiled (no scan: A); A3 spoiled (no scan: A); A5 bound B; S1 spoiled (no scan: A); S4 bound"},
		{"a spurious change is no arrival", "0s:S1=A 2s:A2 4s:W2 9s:A3", "A3 bound A; S1 bound"},
		{"nor does it spoil", "0s:S1=A 2s:A2 3s:A3 4s:W3", "A2 bound A; S1 bound"},
		{"withdrawn when all is decided", "0s:S1=A 2s:A2 20s:W2 21s:A3", "A2 bound A; A3 alone; S1 bound"},
		{"withdrawn when its scan is too old", "0s:S1=A 39s:A2 45s:W2 46s:A3", "A3 alone; S1 expired"},
		{"nobody knows whether it was meant", "0s:S1=A 2s:A2 4s:?2", "A2 spoiled (doubtful: A); S1 spoiled (doubtful: A)"},
		{"named by a person, it takes the scan of the same code along", "0s:S1=A 2s:A2 3s:N2=A", ""},
		{"named otherwise, the scan goes on waiting", "0s:S1=A 2s:A2 3s:N2=B 9s:A3", "A3 bound A; S1 bound"},
		{"for a drive", "0s:S1=A@d 5s:A2@d 6s:A3@e", "A2 bound A; A3 alone; S1 bound"},
		{"beside a round", "0s:S1=A 1s:S2=B@d 5s:A3@d 6s:A4@e", "A3 bound B; A4 bound A; S1 bound; S2 bound"},
		{"two for one drive", "0s:S1=A@d 1s:S2=B@d 5s:A3@d", "A3 spoiled (many scans: A,B); S1 spoiled (many scans: A,B); S2 spoiled (many scans: A,B)"},
		{"two for one drive, one too old", "0s:S1=A@d 30s:S2=B@d 41s:A3@d", "A3 spoiled (many scans: A,B); S1 expired; S2 spoiled (many scans: A,B)"},
		{"told twice for one drive", "0s:S1=A@d 30s:S2=A@d 41s:A3@d", "A3 bound A; S1 bound; S2 bound"},
		{"for a drive, late", "0s:S1=A@d 40s:A2@d", "A2 alone; S1 expired"},
		{"for a drive, taken back", "0s:S1=A@d 1s:S2=B 2s:C@d 3s:A3@d", "A3 bound B; S1 cancelled; S2 bound"},
		{"all is taken back", "0s:S1=A@d 1s:S2=B 2s:C 3s:A3@d", "A3 alone; S1 cancelled; S2 cancelled"},
	} {
		if got := run(t, c.history); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}

// What is open says how it stands and until when.
func TestOpen(t *testing.T) {
	r := &Rounds{Rules: rules}
	r.Scan(at(0), 1, "A")
	r.Arrive(at(3), 2, "d")
	r.Scan(at(5), 3, "B")
	r.ScanFor(at(6), 4, "C", "e")
	r.Advance(at(7))
	var got []string
	for _, o := range r.Open(at(7)) {
		got = append(got, fmt.Sprintf("%d %s %s %v", o.ID, o.Fate, o.Code, o.Until.Sub(epoch)))
	}
	want := []string{"1 matched A 45s", "2 matched A 45s", "3 waits B 45s", "4 waits C 46s"}
	if !slices.Equal(got, want) {
		t.Errorf("open: %q, want %q", got, want)
	}
	if next, any := r.Next(at(7)); !any || !next.Equal(at(45)) {
		t.Errorf("next %v %v", next, any)
	}
	if n := r.Waiting(at(7)); n != 2 {
		t.Errorf("%d wait", n)
	}
}

// A scan that was said to be taken back is no disc's, though the disc came
// before that and is told late, into a round that is still open.
func TestTakenBackBeforeALateArrival(t *testing.T) {
	r := &Rounds{Rules: rules}
	fates := map[ID]Fate{}
	tell := func(sec int) {
		for _, o := range r.Advance(at(sec)) {
			fates[o.ID] = o.Fate
		}
	}
	r.Scan(at(0), 1, "A")
	r.Arrive(at(1), 2, "d")
	tell(1)
	r.Scan(at(5), 3, "B")
	tell(5)
	r.Cancel(at(7))
	tell(7)
	r.Arrive(at(6), 4, "e")
	tell(8)
	tell(100)
	if fates[3] != Cancelled || fates[4] != Spoiled {
		t.Errorf("the scan that was taken back is %q, the disc %q", fates[3], fates[4])
	}
}
