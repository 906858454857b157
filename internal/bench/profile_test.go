package main

import (
	"bytes"
	"testing"

	"github.com/google/pprof/profile"
)

// What is counted is all but what reads a disc; reading in order to send is counted.
func TestApart(t *testing.T) {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	sample := func(seconds int64, stack ...string) {
		s := &profile.Sample{Value: []int64{1, seconds * 1e9}}
		for _, name := range stack {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			s.Location = append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	sample(1, "runtime.schedule")
	sample(2, "syscall.pread", "ripstation/ripper.(*Bytes).ReadAt", "ripstation/archive.(*section).Read", "net/http.(*persistConn).writeLoop")
	sample(4, "crypto/sha512.block", "ripstation/ripper.(*Follower).Run")
	sample(8, "ripstation/discfs/digest.(*Pass).Block")
	sample(16, "ripstation/internal/simdrive/preload.Serve")
	sample(32, "ripstation/ripperish.Run")
	var text bytes.Buffer
	must(t, p.Write(&text))
	if got, err := apart(text.Bytes()); err != nil || got != 1+2+32 {
		t.Errorf("apart = %v, %v, want 35", got, err)
	}
	if _, err := apart([]byte("no profile")); err == nil {
		t.Error("what is no profile has a sum")
	}
}
