package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
)

// qmp speaks QEMU's machine protocol: commands one at a time, events to
// whoever waits for them.
type qmp struct {
	conn    net.Conn
	calling sync.Mutex
	answers chan qmpMessage
	onReset func()

	mu      sync.Mutex
	seen    []qmpMessage // events, all of them
	changed chan struct{}
	dead    error
}

type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string         `json:"event"`
	Data  map[string]any `json:"data"`
}

func newQMP(ctx context.Context, conn net.Conn, onReset func()) (*qmp, error) {
	q := &qmp{conn: conn, onReset: onReset, answers: make(chan qmpMessage, 1), changed: make(chan struct{})}
	go q.read()
	if err := q.call(ctx, "qmp_capabilities", nil); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *qmp) read() {
	dec := json.NewDecoder(bufio.NewReader(q.conn))
	for {
		var m qmpMessage
		err := dec.Decode(&m)
		switch {
		case err != nil:
			q.mu.Lock()
			q.dead = fmt.Errorf("qemu is gone: %w", err)
			close(q.changed)
			q.changed = make(chan struct{})
			q.mu.Unlock()
			close(q.answers)
			return
		case m.Event != "":
			if m.Event == "RESET" {
				q.onReset()
			}
			q.mu.Lock()
			q.seen = append(q.seen, m)
			close(q.changed)
			q.changed = make(chan struct{})
			q.mu.Unlock()
		case m.Return != nil || m.Error != nil:
			q.answers <- m
		}
	}
}

// call carries out one command. A caller that gives up leaves the connection
// unusable, as its answer may still come.
func (q *qmp) call(ctx context.Context, command string, args map[string]any) error {
	q.calling.Lock()
	defer q.calling.Unlock()
	msg := map[string]any{"execute": command}
	if args != nil {
		msg["arguments"] = args
	}
	b, err := json.Marshal(msg)
	if err != nil {
		return err
	}
	if _, err := q.conn.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("qemu %s: %w", command, err)
	}
	select {
	case m, ok := <-q.answers:
		switch {
		case !ok:
			return fmt.Errorf("qemu %s: qemu is gone", command)
		case m.Error != nil:
			return fmt.Errorf("qemu %s: %s", command, m.Error.Desc)
		}
		return nil
	case <-ctx.Done():
		q.conn.Close()
		return fmt.Errorf("qemu %s: %w", command, ctx.Err())
	}
}

// await waits for an event that match accepts, among those from mark on.
func (q *qmp) await(ctx context.Context, mark int, match func(qmpMessage) bool) error {
	for {
		q.mu.Lock()
		for _, m := range q.seen[min(mark, len(q.seen)):] {
			if match(m) {
				q.mu.Unlock()
				return nil
			}
		}
		mark = max(mark, len(q.seen))
		changed, dead := q.changed, q.dead
		q.mu.Unlock()
		if dead != nil {
			return dead
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mark is the place in the events from which a later await looks.
func (q *qmp) mark() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.seen)
}
