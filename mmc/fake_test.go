package mmc

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/disc"
)

// fake is a drive made of answers by operation code. A code without an answer
// is refused with 05/20/00, as a drive does.
type fake struct {
	mu      sync.Mutex
	answers map[opcode]func(cmd *Command) (Result, error)
	log     []string // CDBs in hexadecimal, in order
	closed  bool
	clock   time.Time
}

func newFake() *fake {
	return &fake{answers: map[opcode]func(*Command) (Result, error){}, clock: time.Unix(0, 0)}
}

func (f *fake) Do(ctx context.Context, cmd *Command) (Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	f.log = append(f.log, hex.EncodeToString(cmd.CDB))
	if cmd.Timeout < MinTimeout {
		panic("a command without a deadline")
	}
	if answer, ok := f.answers[opcode(cmd.CDB[0])]; ok {
		return answer(cmd)
	}
	return check(0x05, 0x20, 0x00), nil
}

func (f *fake) Close() error { f.closed = true; return nil }

// drive is a Drive on the fake, whose clock stands still but for sleeps and
// what answers add to it.
func (f *fake) drive() *Drive {
	d := New(f)
	d.now = func() time.Time { return f.clock }
	d.sleep = func(ctx context.Context, wait time.Duration) error {
		f.clock = f.clock.Add(wait)
		return ctx.Err()
	}
	return d
}

// on sets the answer to an operation code.
func (f *fake) on(op opcode, answer func(cmd *Command) (Result, error)) { f.answers[op] = answer }

// gives answers an operation code with data, cut to the room there is.
func (f *fake) gives(op opcode, data string) {
	f.on(op, func(cmd *Command) (Result, error) { return moved(cmd, unhex(data)), nil })
}

// fails answers an operation code with sense data.
func (f *fake) fails(op opcode, key, asc, ascq byte) {
	f.on(op, func(*Command) (Result, error) { return check(key, asc, ascq), nil })
}

// good answers an operation code with GOOD and no data.
func (f *fake) good(op opcode) {
	f.on(op, func(*Command) (Result, error) { return Result{}, nil })
}

// after makes an answer take its time.
func (f *fake) after(wait time.Duration, answer func(*Command) (Result, error)) func(*Command) (Result, error) {
	return func(cmd *Command) (Result, error) {
		f.clock = f.clock.Add(wait)
		return answer(cmd)
	}
}

// count is how often an operation code was sent.
func (f *fake) count(op opcode) int {
	n := 0
	for _, c := range f.log {
		if strings.HasPrefix(c, hex.EncodeToString([]byte{byte(op)})) {
			n++
		}
	}
	return n
}

func moved(cmd *Command, data []byte) Result { return Result{Transferred: copy(cmd.Data, data)} }

// check is a CHECK CONDITION with fixed-format sense data.
func check(key, asc, ascq byte) Result {
	return Result{Status: statusCheck, Sense: fixedSense(0x70, key, asc, ascq)}
}

func fixedSense(code, key, asc, ascq byte) []byte {
	b := make([]byte, 18)
	b[0], b[2], b[7], b[12], b[13] = code, key, 10, asc, ascq
	return b
}

// at sets the information field.
func at(sense []byte, lba uint32) []byte {
	sense[0] |= 0x80
	sense[3], sense[4], sense[5], sense[6] = byte(lba>>24), byte(lba>>16), byte(lba>>8), byte(lba)
	return sense
}

// unhex takes hexadecimal with spaces, and ASCII in quotes.
func unhex(s string) []byte {
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	return out
}

func wantClass(t *testing.T, err error, class disc.Class) *disc.ReadError {
	t.Helper()
	if got := disc.ClassOf(err); got != class {
		t.Fatalf("class %v, want %v; error: %v", got, class, err)
	}
	re := &disc.ReadError{}
	if class != 0 {
		re = asReadError(t, err)
	}
	return re
}
