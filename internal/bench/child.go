package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// children are what this program does when it is started by itself: a
// measurement in a process of its own, whose use of time and memory is
// nobody else's. The order comes on stdin, the answer goes to stdout, in JSON.
var children = map[string]func(ctx context.Context, in io.Reader, out io.Writer) error{
	"child-station": child(ripByStation),
	"child-drive":   child(readByDrive),
	"child-archive": child(archiveByStation),
	"child-bays":    child(workBays),
}

// child makes a process's work of a function. When stdin ends, whoever wanted
// the answer is gone, and the work ends too.
func child[Q, A any](work func(context.Context, Q) (A, error)) func(context.Context, io.Reader, io.Writer) error {
	return func(ctx context.Context, in io.Reader, out io.Writer) error {
		dec := json.NewDecoder(in)
		var q Q
		if err := dec.Decode(&q); err != nil {
			return fmt.Errorf("read what to measure: %w", err)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			_, _ = io.Copy(io.Discard, in) // its end is the message
			cancel()
		}()
		a, err := work(ctx, q)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(a)
	}
}

// inChild has another process of this program carry out an order.
func inChild[A any](ctx context.Context, name string, order any) (a A, err error) {
	self, err := os.Executable()
	if err != nil {
		return a, err
	}
	q, err := json.Marshal(order)
	if err != nil {
		return a, err
	}
	cmd := exec.CommandContext(ctx, self, name)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return a, err
	}
	cmd.Cancel, cmd.WaitDelay = in.Close, 30*time.Second
	if err := cmd.Start(); err != nil {
		return a, err
	}
	_, werr := in.Write(q)
	if err := cmd.Wait(); err != nil {
		return a, fmt.Errorf("%s: %w", name, err)
	}
	if werr != nil {
		return a, fmt.Errorf("%s: %w", name, werr)
	}
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return a, fmt.Errorf("%s: read its answer: %w", name, err)
	}
	return a, nil
}
