package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/station"
)

// Client speaks to a running station. It may be used from several goroutines.
type Client struct {
	http *http.Client
	path string
}

// answersWithin is how long a station may take to say which program it is.
var answersWithin = 20 * time.Second

// Dial looks whether a station answers on the socket. ErrNotRunning when none
// does: no file, or a file that nobody listens on. A process that was killed
// while a drive holds it in the kernel still listens, and answers nobody: that
// is ErrNoAnswer.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return d.DialContext(ctx, "unix", path)
	}
	c, err := dial(ctx, "", "")
	pid := 0
	switch {
	case err == nil:
		pid = listener(c)
		if err := c.Close(); err != nil {
			return nil, err
		}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("socket %s: %w", path, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("a station may be running, but you may not use its socket %s: join its group (see station.socket_group), then log in anew: %w", path, err)
	default:
		return nil, fmt.Errorf("speak to the station: %w", err)
	}
	client := &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
	asked, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if _, err := client.Version(asked); err != nil && ctx.Err() == nil && asked.Err() != nil {
		client.Close()
		return nil, fmt.Errorf("socket %s: process %d has it open: %w in %s; it is ending, or hangs with a drive in the kernel: switch that drive off and on, or wait, and say it again", path, pid, ErrNoAnswer, answersWithin)
	}
	return client, nil
}

// listener is the process that listens at the other end, 0 when that is not known.
func listener(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	if err := raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	}); err != nil {
		return 0
	}
	return pid
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if b, whole := in.(raw); whole {
		body = bytes.NewReader(b)
	} else if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://ripstation"+prefix+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("speak to the station on %s: %w", c.path, bareURL(err))
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(b, e)
	}
	if err != nil || e.Message == "" {
		return nil, fmt.Errorf("%s %s: the station answered %s and nothing more", method, path, resp.Status)
	}
	return nil, e
}

// raw is a body that is sent as it is.
type raw []byte

func bareURL(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// call sends in (nil for a GET) and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: the station's answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// Version says which program answers.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.call(ctx, http.MethodGet, "version", nil, &v)
}

// Status is what the station does now.
func (c *Client) Status(ctx context.Context) (s station.Status, err error) {
	return s, c.call(ctx, http.MethodGet, "status", nil, &s)
}

// List decodes the list into out.
func (c *Client) List(ctx context.Context, q Query, out any) error {
	v := url.Values{}
	for k, s := range map[string]string{"image": q.Image, "copy": q.Copy, "item": q.Item} {
		if s != "" {
			v.Set(k, s)
		}
	}
	if q.NeedsYou {
		v.Set("needs_you", "true")
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return c.call(ctx, http.MethodGet, "list?"+v.Encode(), nil, out)
}

// Show decodes one carrier's view into out.
func (c *Client) Show(ctx context.Context, id string, out any) error {
	return c.call(ctx, http.MethodGet, "show/"+url.PathEscape(id), nil, out)
}

// Annotate sends what a person says of a carrier and decodes its view into out.
func (c *Client) Annotate(ctx context.Context, id string, a Annotation, out any) error {
	return c.call(ctx, http.MethodPost, "annotate/"+url.PathEscape(id), a, out)
}

// Rip asks the station to read a drive's disc or an image file. Listen first,
// to miss nothing.
func (c *Client) Rip(ctx context.Context, r station.Request) (out Ripping, err error) {
	return out, c.call(ctx, http.MethodPost, "rip", r, &out)
}

// Eject opens a drive's tray.
func (c *Client) Eject(ctx context.Context, drive string) error {
	return c.call(ctx, http.MethodPost, "eject", EjectRequest{Drive: drive}, &struct{}{})
}

// Release sets a drive free that is on hold.
func (c *Client) Release(ctx context.Context, drive string) (out Released, err error) {
	return out, c.call(ctx, http.MethodPost, "release", ReleaseRequest{Drive: drive}, &out)
}

// Notices gives what happens from now on: when it returns, the station
// listens. The channel is closed when the station ends or ctx does.
func (c *Client) Notices(ctx context.Context) (<-chan station.Notice, error) {
	resp, err := c.do(ctx, http.MethodGet, "notices", nil)
	if err != nil {
		return nil, err
	}
	out := make(chan station.Notice)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		dec := json.NewDecoder(resp.Body)
		for {
			var n station.Notice
			if dec.Decode(&n) != nil {
				return
			}
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// HandedOut tells the station that a copy of a disc left the archive.
func (c *Client) HandedOut(ctx context.Context, id string, h HandedOut) error {
	return c.call(ctx, http.MethodPost, "handed-out/"+url.PathEscape(id), h, &struct{}{})
}

// Audit has the station hold its catalog against its stores, and decodes the
// report into out.
func (c *Client) Audit(ctx context.Context, in AuditRequest, progress func(AuditProgress), out any) error {
	return c.report(ctx, "audit", in, progress, out)
}

// Repair has the station make a disc's copies good, and decodes the report into
// out.
func (c *Client) Repair(ctx context.Context, in RepairRequest, progress func(AuditProgress), out any) error {
	return c.report(ctx, "repair", in, progress, out)
}

func (c *Client) report(ctx context.Context, what string, in any, progress func(AuditProgress), out any) error {
	resp, err := c.do(ctx, http.MethodPost, what, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var line AuditLine
		if err := dec.Decode(&line); err != nil {
			return fmt.Errorf("%s: the station broke off before the report: %w", what, err)
		}
		switch {
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		case line.Error != nil:
			return line.Error
		case line.Report != nil:
			return json.Unmarshal(line.Report, out)
		}
	}
}
