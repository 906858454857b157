package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/station"
	"ripstation/web"
)

// books is what the verbs ask of catalog and stores: a running station
// answers it, else the program itself.
type books interface {
	List(ctx context.Context, q web.Query) ([]catalog.Summary, error)
	Show(ctx context.Context, id string) (catalog.View, error)
	Find(ctx context.Context, q web.FileQuery) (foundFiles, error)
	Files(ctx context.Context, id string, list func(catalog.ListView) error, file func(catalog.ListedFile) error) error
	Annotate(ctx context.Context, id string, a web.Annotation) (catalog.View, error)
	Audit(ctx context.Context, in web.AuditRequest, progress func(web.AuditProgress)) (audit.Report, error)
	Repair(ctx context.Context, in web.RepairRequest, progress func(web.AuditProgress)) (audit.RepairReport, error)
	HandedOut(ctx context.Context, id string, h web.HandedOut) error
	batchBooks
	Review(ctx context.Context) (station.Review, error)
	Decide(ctx context.Context, accept bool, in web.Deciding) ([]web.Settled, error)
	Retry(ctx context.Context, in web.RetryRequest) ([]web.Settled, error)
	Note(ctx context.Context, id string, in web.Noting) (catalog.View, error)
	Add(ctx context.Context, id string, in web.AddRequest, body []byte) (addedTo, error)
	Fetch(ctx context.Context, id, sha256 string) ([]byte, error)
	Close() error
}

// remote is a running station's books.
type remote struct{ c *web.Client }

func (r remote) List(ctx context.Context, q web.Query) (out []catalog.Summary, err error) {
	return out, r.c.List(ctx, q, &out)
}

func (r remote) Show(ctx context.Context, id string) (out catalog.View, err error) {
	return out, r.c.Show(ctx, id, &out)
}

func (r remote) Annotate(ctx context.Context, id string, a web.Annotation) (out catalog.View, err error) {
	return out, r.c.Annotate(ctx, id, a, &out)
}

func (r remote) Close() error {
	r.c.Close()
	return nil
}

// local is the catalog in this process. cat is nil when there is none yet.
type local struct {
	cfg *Config
	cat *catalog.Catalog
	// sight is what the running station knows of a batch; nil without one.
	sight func(batch string) catalog.BatchSight
}

// openLocal opens the catalog: to read beside whoever writes it, or to write.
func openLocal(ctx context.Context, cfg *Config, write bool) (*local, error) {
	open := catalog.OpenReadOnly
	if write && exists(cfg.Station.Catalog) { // a catalog is made by the first disc, not by a question
		open = catalog.Open
	}
	cat, err := open(ctx, cfg.Station.Catalog)
	if errors.Is(err, catalog.ErrAbsent) {
		return &local{cfg: cfg}, nil
	}
	if err != nil {
		return nil, err
	}
	return &local{cfg: cfg, cat: cat}, nil
}

func (l *local) Close() error {
	if l.cat == nil {
		return nil
	}
	return l.cat.Close()
}

func (l *local) List(ctx context.Context, q web.Query) ([]catalog.Summary, error) {
	f := catalog.Filter{Image: catalog.ImageState(q.Image), Copy: catalog.CopyState(q.Copy), Item: q.Item, NeedsYou: q.NeedsYou, Limit: q.Limit}
	if err := checkQuery(f); err != nil {
		return nil, err
	}
	if l.cat == nil {
		return []catalog.Summary{}, nil
	}
	out, err := l.cat.List(ctx, f)
	if out == nil {
		out = []catalog.Summary{}
	}
	return out, fault(err)
}

func checkQuery(f catalog.Filter) error {
	switch f.Image {
	case "", catalog.Complete, catalog.Incomplete, catalog.Protected:
	default:
		return &web.Error{Code: web.CodeUsage, Message: fmt.Sprintf("image state %q is none of complete, incomplete, protected", f.Image)}
	}
	switch f.Copy {
	case "", catalog.Queued, catalog.Sending, catalog.Stored, catalog.ReadBack, catalog.Missing, catalog.Damaged, catalog.Unknown:
	default:
		return &web.Error{Code: web.CodeUsage, Message: fmt.Sprintf("copy state %q is none of queued, sending, stored, read back, missing, damaged, unknown", f.Copy)}
	}
	return nil
}

// resolve finds the one carrier that a person means.
func (l *local) resolve(ctx context.Context, id string) (string, error) {
	if l.cat == nil {
		return "", &web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("disc %s: nothing has been recorded yet; there is no catalog at %s", one(id), l.cfg.Station.Catalog),
			Err: catalog.ErrNotFound}
	}
	full, err := l.cat.Resolve(ctx, id)
	return full, fault(err)
}

func (l *local) Show(ctx context.Context, id string) (catalog.View, error) {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return catalog.View{}, err
	}
	v, err := l.cat.Show(ctx, full)
	return v, fault(err)
}

func (l *local) Annotate(ctx context.Context, id string, a web.Annotation) (catalog.View, error) {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return catalog.View{}, err
	}
	in := catalog.Annotation{Item: a.Item, Title: a.Title, Side: a.Side, Condition: a.Condition, Part: a.Part, Parts: a.Parts, Note: a.Note, Authority: a.Authority,
		Access: as[catalog.Access](a.Access), Disposition: as[catalog.Disposition](a.Disposition)}
	operator := a.Operator
	if operator == "" {
		operator = catalog.Unattended
	}
	p := program()
	err = l.cat.Annotate(ctx, full, in, catalog.Agent{Role: catalog.RoleOperator, Name: operator},
		catalog.Agent{Role: catalog.RoleProgram, Name: p.Name + " " + p.Version})
	if err != nil {
		return catalog.View{}, fault(err)
	}
	return l.Show(ctx, full)
}

func as[T ~string](s *string) *T {
	if s == nil {
		return nil
	}
	t := T(*s)
	return &t
}

// fault tells the API and the verbs which of the catalog's errors are the
// caller's.
func fault(err error) error {
	for is, code := range map[error]web.Code{catalog.ErrNotFound: web.CodeNotFound, catalog.ErrAmbiguous: web.CodeAmbiguous,
		catalog.ErrInvalid: web.CodeUsage, catalog.ErrConflict: web.CodeConflict} {
		if errors.Is(err, is) {
			return &web.Error{Code: code, Message: err.Error(), Err: err}
		}
	}
	return err
}

// served are local books behind the API.
type served struct{ *local }

func (s served) List(ctx context.Context, q web.Query) (any, error) { return s.local.List(ctx, q) }
func (s served) Show(ctx context.Context, id string) (any, error)   { return s.local.Show(ctx, id) }
func (s served) Annotate(ctx context.Context, id string, a web.Annotation) (any, error) {
	return s.local.Annotate(ctx, id, a)
}
func (s served) Audit(ctx context.Context, in web.AuditRequest, progress func(web.AuditProgress)) (any, error) {
	return s.local.Audit(ctx, in, progress)
}

// books opens what answers: the station when it runs, else the catalog.
func (a *app) books(ctx context.Context, cfg *Config, write bool) (books, error) {
	c, err := web.Dial(ctx, cfg.Station.Socket)
	if err == nil {
		return remote{c}, nil
	}
	if !errors.Is(err, web.ErrNotRunning) {
		return nil, err
	}
	return openLocal(ctx, cfg, write)
}

// operator is who acts: as said, as configured, else whoever is logged in.
func operator(flag string, cfg *Config) string {
	if flag != "" {
		return flag
	}
	if cfg.Station.Operator != "" {
		return cfg.Station.Operator
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// sourcePath makes a source mean the same thing in another folder, for the
// station that is asked to read it.
func sourcePath(s string) (string, error) {
	if filepath.Base(s) == s && !exists(s) {
		return s, nil // a drive's short name or key
	}
	return filepath.Abs(s)
}
