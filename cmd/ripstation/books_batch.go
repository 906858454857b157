package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"ripstation/catalog"
	"ripstation/internal/atomicfile"
	"ripstation/internal/carrierlist"
	"ripstation/station"
	"ripstation/web"
)

// batchBooks is what the verbs ask of batches.
type batchBooks interface {
	Batches(ctx context.Context) ([]catalog.Batch, error)
	BatchReport(ctx context.Context, name string) (catalog.BatchReport, error)
	BatchOpen(ctx context.Context, in web.BatchOpen) (catalog.Batch, error)
	BatchClose(ctx context.Context, in web.BatchClose) (catalog.BatchReport, error)
	BatchImport(ctx context.Context, in web.BatchImport) (catalog.Imported, error)
	BatchShift(ctx context.Context, in web.BatchShift) ([]catalog.Moved, error)
	BatchSwap(ctx context.Context, in web.BatchSwap) ([]catalog.Moved, error)
}

func (r remote) Batches(ctx context.Context) (out []catalog.Batch, err error) {
	return out, r.c.Batches(ctx, &out)
}
func (r remote) BatchReport(ctx context.Context, name string) (out catalog.BatchReport, err error) {
	return out, r.c.BatchReport(ctx, name, &out)
}
func (r remote) BatchOpen(ctx context.Context, in web.BatchOpen) (out catalog.Batch, err error) {
	return out, r.c.BatchOpen(ctx, in, &out)
}
func (r remote) BatchClose(ctx context.Context, in web.BatchClose) (out catalog.BatchReport, err error) {
	return out, r.c.BatchClose(ctx, in, &out)
}
func (r remote) BatchImport(ctx context.Context, in web.BatchImport) (out catalog.Imported, err error) {
	return out, r.c.BatchImport(ctx, in, &out)
}
func (r remote) BatchShift(ctx context.Context, in web.BatchShift) (out []catalog.Moved, err error) {
	return out, r.c.BatchShift(ctx, in, &out)
}
func (r remote) BatchSwap(ctx context.Context, in web.BatchSwap) (out []catalog.Moved, err error) {
	return out, r.c.BatchSwap(ctx, in, &out)
}

// errNoBatch says what to do where there is no catalog.
var errNoBatch = &web.Error{Code: web.CodeNotFound, Message: "there is no batch: nothing has been recorded yet", Hint: "open one: ripstation batch open NAME"}

// errNoneOpen says what to do when there was nothing to close.
var errNoneOpen = &web.Error{Code: web.CodeNotFound, Message: "no batch is open that could be closed", Hint: "`ripstation batch list` shows those that are closed; open one: ripstation batch open NAME"}

// batchFault is fault, and a mistake of a list is the caller's.
func batchFault(err error) error {
	if m := (*carrierlist.Mistake)(nil); errors.As(err, &m) {
		return &web.Error{Code: web.CodeUsage, Message: "the list: " + m.Error(), Hint: "nothing was imported; mend the line and import the file again", Err: err}
	}
	return fault(err)
}

func (l *local) Batches(ctx context.Context) ([]catalog.Batch, error) {
	if l.cat == nil {
		return []catalog.Batch{}, nil
	}
	out, err := l.cat.Batches(ctx)
	return out, fault(err)
}

// look is what is known of a batch beside the catalog: by the station, else by
// its spool and the configuration.
func (l *local) look(ctx context.Context, batch string) (catalog.BatchSight, error) {
	if l.sight != nil {
		return l.sight(batch), nil
	}
	under, err := station.Underway(l.cfg.Station.Spool)
	if err != nil {
		return catalog.BatchSight{}, err
	}
	sight := catalog.BatchSight{Underway: under}
	stores, err := openStores(ctx, l.cfg, l.cat)
	if err == nil {
		sight.Required = station.BatchStores(stores)
		return sight, nil
	}
	// Without the stores' keys it is not known whether one's word counts; to have
	// been read back always does.
	for _, s := range l.cfg.Stores {
		if *s.Required {
			sight.Required = append(sight.Required, catalog.BatchStore{Name: s.Name})
		}
	}
	return sight, nil
}

// named is the batch that is meant, and what is known of it.
func (l *local) named(ctx context.Context, name string) (string, catalog.BatchSight, error) {
	if l.cat == nil {
		return "", catalog.BatchSight{}, errNoBatch
	}
	name, err := l.cat.BatchNamed(ctx, name)
	if err != nil {
		return "", catalog.BatchSight{}, err
	}
	sight, err := l.look(ctx, name)
	return name, sight, err
}

func (l *local) BatchReport(ctx context.Context, name string) (catalog.BatchReport, error) {
	name, sight, err := l.named(ctx, name)
	if err != nil {
		return catalog.BatchReport{}, fault(err)
	}
	r, err := l.cat.BatchReport(ctx, name, sight)
	return r, fault(err)
}

func (l *local) BatchOpen(ctx context.Context, in web.BatchOpen) (catalog.Batch, error) {
	if err := catalog.CheckBatchName(in.Name); err != nil {
		return catalog.Batch{}, fault(err)
	}
	if l.cat == nil { // a batch may be opened before the first disc comes
		if err := atomicfile.MkdirAll(filepath.Dir(l.cfg.Station.Catalog), 0o750); err != nil {
			return catalog.Batch{}, err
		}
		cat, err := catalog.Open(ctx, l.cfg.Station.Catalog)
		if err != nil {
			return catalog.Batch{}, err
		}
		l.cat = cat
	}
	b, err := l.cat.OpenBatch(ctx, in.Name, in.Operator, in.Again)
	return b, fault(err)
}

func (l *local) BatchClose(ctx context.Context, in web.BatchClose) (catalog.BatchReport, error) {
	if l.cat == nil {
		return catalog.BatchReport{}, errNoBatch
	}
	b, err := l.cat.CloseBatch(ctx, in.Operator)
	if errors.Is(err, catalog.ErrNotFound) {
		return catalog.BatchReport{}, errNoneOpen
	}
	if err != nil {
		return catalog.BatchReport{}, fault(err)
	}
	return l.BatchReport(ctx, b.Name)
}

func (l *local) BatchImport(ctx context.Context, in web.BatchImport) (catalog.Imported, error) {
	rows, err := carrierlist.Parse([]byte(in.List))
	if err != nil {
		return catalog.Imported{}, batchFault(err)
	}
	if in.Batch == "" && l.cat != nil {
		if in.Batch, err = l.cat.OpenedBatch(ctx); err != nil {
			return catalog.Imported{}, fault(err)
		}
	}
	if in.Batch == "" {
		return catalog.Imported{}, &web.Error{Code: web.CodeConflict, Message: "no batch is open", Hint: "open one (ripstation batch open NAME), or name one that was closed (--batch NAME)"}
	}
	name, sight, err := l.named(ctx, in.Batch)
	if err != nil {
		return catalog.Imported{}, fault(err)
	}
	out, err := l.cat.ImportList(ctx, name, rows, sight, cmp.Or(in.Operator, catalog.Unattended))
	return out, fault(err)
}

// correction is a batch that is to be corrected, and who does it.
func (l *local) correction(ctx context.Context, batch, operator string) (catalog.Correction, []catalog.Agent, error) {
	name, sight, err := l.named(ctx, batch)
	if operator == "" {
		operator = catalog.Unattended
	}
	p := program()
	return catalog.Correction{Batch: name, Underway: sight.Underway},
		[]catalog.Agent{{Role: catalog.RoleOperator, Name: operator}, {Role: catalog.RoleProgram, Name: p.Name + " " + p.Version}}, err
}

func (l *local) BatchShift(ctx context.Context, in web.BatchShift) ([]catalog.Moved, error) {
	c, by, err := l.correction(ctx, in.Batch, in.Operator)
	if err != nil {
		return nil, fault(err)
	}
	out, err := l.cat.Shift(ctx, c, in.From, in.To, in.By, by...)
	return out, fault(err)
}

func (l *local) BatchSwap(ctx context.Context, in web.BatchSwap) ([]catalog.Moved, error) {
	c, by, err := l.correction(ctx, in.Batch, in.Operator)
	if err != nil {
		return nil, fault(err)
	}
	out, err := l.cat.Swap(ctx, c, in.A, in.B, by...)
	return out, fault(err)
}

func (s served) Batches(ctx context.Context) (any, error) { return s.local.Batches(ctx) }
func (s served) BatchReport(ctx context.Context, name string) (any, error) {
	return s.local.BatchReport(ctx, name)
}
func (s served) BatchOpen(ctx context.Context, in web.BatchOpen) (any, error) {
	return s.local.BatchOpen(ctx, in)
}
func (s served) BatchClose(ctx context.Context, in web.BatchClose) (any, error) {
	return s.local.BatchClose(ctx, in)
}
func (s served) BatchImport(ctx context.Context, in web.BatchImport) (any, error) {
	return s.local.BatchImport(ctx, in)
}
func (s served) BatchShift(ctx context.Context, in web.BatchShift) (any, error) {
	return s.local.BatchShift(ctx, in)
}
func (s served) BatchSwap(ctx context.Context, in web.BatchSwap) (any, error) {
	return s.local.BatchSwap(ctx, in)
}
