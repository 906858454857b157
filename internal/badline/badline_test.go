package badline

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"
)

// echo sends everything back.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// through sends body and reads until the end or an error.
func through(t *testing.T, addr string, body []byte) ([]byte, error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(body)
		wrote <- errors.Join(err, c.(*net.TCPConn).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err == nil {
		err = <-wrote // a reset is told once, to whoever asks first
	}
	return got, err
}

func TestLine(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
	server := echo(t)
	for name, c := range map[string]struct {
		f     Faults
		least time.Duration
	}{
		"clean":   {Faults{}, 0},
		"latency": {Faults{Latency: 50 * time.Millisecond}, 100 * time.Millisecond},
		"slow":    {Faults{BytesPerSecond: 4 << 20}, 240 * time.Millisecond},
	} {
		l := Open(t, server, c.f)
		start := time.Now()
		got, err := through(t, l.Addr, body)
		if err != nil || !bytes.Equal(got, body) || l.Resets() != 0 {
			t.Errorf("%s: %d bytes, %v, %d resets", name, len(got), err, l.Resets())
		}
		if d := time.Since(start); d < c.least || d > 20*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	l := Open(t, server, Faults{ResetAfter: func(n int) int64 { return []int64{300_000, 1 << 40}[n] }})
	if got, err := through(t, l.Addr, body); !errors.Is(err, syscall.ECONNRESET) || len(got) >= 300_000 || !bytes.HasPrefix(body, got) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := through(t, l.Addr, body); err != nil || !bytes.Equal(got, body) || l.Resets() != 1 {
		t.Errorf("%d bytes, %v, %d resets", len(got), err, l.Resets())
	}
	l = Open(t, server, Faults{CutEvery: 3 << 20, Refuse: 2}) // a call carries 2 MiB
	failed := []bool{}
	for range 5 {
		got, err := through(t, l.Addr, body)
		if err == nil && !bytes.Equal(got, body) {
			t.Error("wrong bytes")
		}
		failed = append(failed, err != nil)
	}
	if want := []bool{false, true, true, true, false}; !slices.Equal(failed, want) || l.Resets() != 3 {
		t.Errorf("failed %v, %d resets", failed, l.Resets())
	}
}

func TestLog2(t *testing.T) {
	f := Log2(1, 10, 20)
	low := 0
	for n := range 1000 {
		v := f(n)
		if v < 1<<10 || v > 1<<20 || v != f(n) {
			t.Fatalf("%d: %d", n, v)
		}
		if v < 1<<15 {
			low++
		}
	}
	if low < 400 || low > 600 {
		t.Errorf("%d of 1000 are small", low)
	}
}
