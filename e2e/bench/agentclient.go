package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"ripstation/e2e/control"
)

// Result is what a program run in the guest left.
type Result struct {
	Exit   int // exit status; 128 + signal when killed
	Stdout string
	Stderr string
}

// agentClient is the bench's end of the guest's serial port.
type agentClient struct {
	conn    net.Conn
	sending sync.Mutex
	onLine  func(name, line string)

	mu      sync.Mutex
	nextID  uint64
	waiting map[uint64]chan control.Message
	events  []control.Message // hellos, lines and exits, all of them
	changed chan struct{}
	dead    error
}

func newAgentClient(conn net.Conn, onLine func(name, line string)) *agentClient {
	a := &agentClient{conn: conn, onLine: onLine, waiting: map[uint64]chan control.Message{}, changed: make(chan struct{})}
	go a.read()
	return a
}

func (a *agentClient) read() {
	r := bufio.NewReaderSize(a.conn, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			a.end(fmt.Errorf("the guest's port is closed: %w", err))
			return
		}
		var m control.Message
		if json.Unmarshal(line, &m) != nil {
			continue // what a reset cut off
		}
		if m.Event == control.EventOutput && a.onLine != nil {
			a.onLine(m.Name, m.Line)
		}
		a.mu.Lock()
		if m.Event != "" {
			if m.Event == control.EventHello {
				a.failWaiting()
			}
			a.events = append(a.events, m)
			close(a.changed)
			a.changed = make(chan struct{})
		} else if c := a.waiting[m.ID]; c != nil {
			delete(a.waiting, m.ID)
			c <- m
		}
		a.mu.Unlock()
	}
}

// failWaiting ends the requests that a reboot has made void.
func (a *agentClient) failWaiting() {
	for id, c := range a.waiting {
		delete(a.waiting, id)
		close(c)
	}
}

func (a *agentClient) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dead = err
	a.failWaiting()
	close(a.changed)
	a.changed = make(chan struct{})
}

// errRebooted says that the guest restarted before it answered.
var errRebooted = errors.New("the guest restarted before it answered")

func (a *agentClient) call(ctx context.Context, q control.Request) (control.Message, error) {
	answer := make(chan control.Message, 1)
	a.mu.Lock()
	if a.dead != nil {
		a.mu.Unlock()
		return control.Message{}, a.dead
	}
	a.nextID++
	q.ID = a.nextID
	a.waiting[q.ID] = answer
	a.mu.Unlock()
	b, err := json.Marshal(q)
	if err != nil {
		return control.Message{}, err
	}
	a.sending.Lock()
	_, err = a.conn.Write(append(b, '\n'))
	a.sending.Unlock()
	if err != nil {
		return control.Message{}, fmt.Errorf("ask the guest to %s: %w", q.Op, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return m, fmt.Errorf("ask the guest to %s: %w", q.Op, errRebooted)
		case m.Err != "":
			return m, fmt.Errorf("guest: %s %s: %s", q.Op, strings.Join(q.Argv, " ")+q.Path+q.Name, m.Err)
		}
		return m, nil
	case <-ctx.Done():
		a.mu.Lock()
		delete(a.waiting, q.ID)
		a.mu.Unlock()
		return control.Message{}, fmt.Errorf("ask the guest to %s %s: %w", q.Op, strings.Join(q.Argv, " "), ctx.Err())
	}
}

// mark is the place in the events from which a later await looks.
func (a *agentClient) mark() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.events)
}

// await gives the first event from mark on that match accepts.
func (a *agentClient) await(ctx context.Context, mark int, match func(control.Message) bool) (control.Message, error) {
	for {
		a.mu.Lock()
		for _, m := range a.events[min(mark, len(a.events)):] {
			if match(m) {
				a.mu.Unlock()
				return m, nil
			}
		}
		mark = max(mark, len(a.events))
		changed, dead := a.changed, a.dead
		a.mu.Unlock()
		if dead != nil {
			return control.Message{}, dead
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Message{}, ctx.Err()
		}
	}
}
