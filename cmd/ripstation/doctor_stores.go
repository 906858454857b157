package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ripstation/archive"
)

var _ = examine(10, examineStores)

func examineStores(ctx context.Context, e *examiner) {
	for _, s := range e.cfg.Stores {
		if e.only != "" && s.Name != e.only || ctx.Err() != nil {
			continue
		}
		if s.Type == "directory" {
			e.directory(ctx, s)
		} else {
			e.s3(ctx, s)
		}
	}
}

// failed tells of a question that a store answered with an error: a problem when
// somebody has to mend it, else nothing is known.
func (e *examiner) failed(about, what string, err error) {
	s := unseen
	if errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrChecksum) || errors.Is(err, archive.ErrExists) {
		s = problem
	}
	text, do := archive.Advice(err)
	e.line(about, what, s, text, do)
}

func (e *examiner) directory(ctx context.Context, s StoreConfig) {
	about := "store " + s.Name
	ctx, cancel := bounded(ctx)
	defer cancel()
	d, err := archive.NewDir(archive.DirConfig{Name: s.Name, Root: s.Path, Marker: s.Marker})
	if err != nil {
		e.line(about, "marker", problem, err.Error(), "mend the configuration")
		return
	}
	id, err := d.Marker(ctx)
	if err != nil {
		if _, at := os.Stat(e.cfg.Station.Catalog); errors.Is(err, archive.ErrAway) && s.Marker == "" && errors.Is(at, os.ErrNotExist) {
			e.line(about, "marker", unseen, "no store is there yet; the station makes it when it first needs it", "")
			return
		}
		e.failed(about, "marker", err)
		return
	}
	switch {
	case s.Marker != "":
		e.line(about, "marker", fine, "this is the drive that is wanted, "+id, "")
	case id != "":
		e.line(about, "marker", fine, "any store at this path is taken; on a removable drive set marker = \""+id+"\"", "")
	default:
		e.line(about, "marker", fine, "of an earlier day, without an id; `ripstation store init "+s.Name+"` gives it one", "")
	}
	e.lies(about, s.Path, 10<<30)
	if err := archive.TryWrite(ctx, d); err != nil {
		e.failed(about, "write and read", err)
		return
	}
	e.line(about, "write and read", fine, "", "")
}

func (e *examiner) s3(ctx context.Context, s StoreConfig) {
	about := "store " + s.Name
	ctx, cancel := bounded(ctx)
	defer cancel()
	st, err := openS3(ctx, s)
	if err != nil {
		e.line(about, "open", problem, err.Error(), "mend the configuration, or what it names")
		return
	}
	defer st.Close()
	found, err := st.Probe(ctx)
	if err == nil {
		err = archive.TryWrite(ctx, st)
	}
	if err != nil {
		e.failed(about, "write and read", err)
	} else {
		e.line(about, "write and read", fine, "", "")
		e.capabilities(about, s, st, found)
		e.proof(about, s, st)
	}
	e.skew(ctx, about, st)
	if err == nil && e.tryDelete {
		e.deletion(ctx, about, st)
	}
}

// The clocks may be so far apart. S3 refuses signatures at 15 minutes.
const (
	skewTold = 5 * time.Minute
	skewMost = 15 * time.Minute
)

func (e *examiner) skew(ctx context.Context, about string, st *archive.S3) {
	skew, err := st.Skew(ctx)
	if err != nil {
		e.failed(about, "clock", err)
		return
	}
	text := "it agrees with the server's to 2 seconds"
	if skew.Abs() > 2*time.Second {
		text = fmt.Sprintf("the server's is %v ahead of this machine's", skew)
		if skew < 0 {
			text = fmt.Sprintf("the server's is %v behind this machine's", -skew)
		}
	}
	if skew.Abs() > skewTold {
		e.line(about, "clock", problem, text+fmt.Sprintf("; at %v every request is refused", skewMost), "see with `timedatectl` whether this machine's is set by a time server")
		return
	}
	e.line(about, "clock", fine, text, "")
}

func (e *examiner) deletion(ctx context.Context, about string, st *archive.S3) {
	refused, err := st.TryDelete(ctx)
	switch {
	case err != nil:
		e.failed(about, "deletion", err)
	case refused:
		e.line(about, "deletion", fine, "refused: this access key cannot delete", "")
	default:
		e.line(about, "deletion", problem, "this access key deleted a probe object", "give the station a key with the policy in packaging/s3, which cannot delete")
	}
}
