package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ripstation/web"
)

// maxLine is the longest line that is looked at; the rest of a longer one is
// read and thrown away.
const maxLine = 1 << 10

// scanLines takes codes from a barcode scanner that types. Each line is answered
// on a line; a bad one is told and passed over.
func (a *app) scanLines(ctx context.Context, by string) error {
	c, cfg, err := a.bench(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	by = operator(by, cfg)
	lines := make(chan scanLine)
	ended := make(chan error, 1)
	go func() { // a read of a terminal cannot be broken off
		ended <- eachLine(a.in, func(l scanLine) bool {
			select {
			case lines <- l:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	bad, drive := 0, ""
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("read codes: %w", err)
			}
			if drive != "" {
				a.say("drive:%s: no code came after it", drive)
				bad++
			}
			if bad > 0 {
				return &failure{code: exitFailed}
			}
			return nil
		case line := <-lines:
			next, err := a.scanLine(ctx, c, line, drive, by)
			if err != nil {
				bad++
				a.say("%s: %v", one(line.text[:min(len(line.text), 100)]), err)
				if e := (*web.Error)(nil); errors.As(err, &e) && e.Hint != "" {
					a.say("  -> %s", e.Hint)
				}
			}
			drive = next
		}
	}
}

// scanLine does what one line says. It gives the drive that the next code is
// for. Whatever goes wrong, a drive that was named counts for one line only:
// the next code must not land in it by mistake.
func (a *app) scanLine(ctx context.Context, c *web.Client, l scanLine, drive, by string) (next string, err error) {
	switch {
	case l.empty:
		return drive, nil
	case l.err != nil:
		return "", l.err
	case l.cancel:
		list, err := c.CancelScans(ctx, drive)
		if err != nil {
			return "", err
		}
		return "", a.scanAnswer(map[string]any{"line": l.text, "cancelled": list}, "cancel: %d taken back", len(list))
	case l.drive != "":
		return l.drive, a.scanAnswer(map[string]any{"line": l.text, "drive": l.drive}, "drive:%s: the next code is for it", one(l.drive))
	}
	in := web.ScanRequest{}
	in.Code, in.Drive, in.Operator = l.code, drive, by
	sc, err := c.Scan(ctx, in)
	if err != nil {
		return "", err
	}
	if err := a.scanAnswer(map[string]any{"line": l.text, "scan": sc}, "%s", scanWords(sc)); err != nil {
		return "", err
	}
	if !scanGoesWell(sc) {
		return "", errors.New(sc.Hint)
	}
	return "", nil
}

// scanAnswer answers one line on one line.
func (a *app) scanAnswer(v any, format string, args ...any) error {
	if a.json {
		b, err := safeJSON(v, "")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", strings.ReplaceAll(string(b), "\n", ""))
		return err
	}
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// scanLine is what a line of a barcode scanner means.
type scanLine struct {
	text          string
	code, drive   string
	cancel, empty bool
	err           error
}

// parseScanLine reads "CODE", "drive:NAME" or "cancel:". Blanks around it, as
// scanners add them, are taken off.
func parseScanLine(s string) scanLine {
	s = strings.TrimSpace(s)
	l := scanLine{text: s}
	name, isDrive := strings.CutPrefix(s, "drive:")
	name = strings.TrimSpace(name)
	switch l.err = checkCode(s); {
	case l.err != nil:
	case s == "":
		l.empty = true
	case s == "cancel:":
		l.cancel = true
	case isDrive && name == "":
		l.err = errors.New("it names no drive; it is written as drive:2")
	case isDrive:
		l.drive = name
	default:
		l.code = s
	}
	return l
}

// eachLine gives every line of a text, the last one without its end, too. One
// that is longer than maxLine is a mistake as a whole.
func eachLine(in io.Reader, give func(scanLine) bool) error {
	r := bufio.NewReaderSize(in, maxLine)
	for {
		line, more, err := r.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l := parseScanLine(string(line))
		for more && err == nil {
			l = scanLine{text: l.text, err: fmt.Errorf("the line is longer than %d bytes", maxLine)}
			_, more, err = r.ReadLine()
		}
		if !give(l) {
			return nil
		}
	}
}
