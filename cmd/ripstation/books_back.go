package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/web"
)

// Repair makes a disc's copies good.
func (l *local) Repair(ctx context.Context, in web.RepairRequest, progress func(web.AuditProgress)) (audit.RepairReport, error) {
	full, err := l.resolve(ctx, in.Disc)
	if err != nil {
		return audit.RepairReport{}, err
	}
	stores, err := openStores(ctx, l.cfg, l.cat)
	if err != nil {
		return audit.RepairReport{}, err
	}
	var plain []archive.Store
	for _, s := range stores {
		plain = append(plain, archive.NewLimited(s.Store, s.Limit))
		if c, ok := s.Store.(io.Closer); ok {
			defer c.Close() // only idle connections
		}
	}
	return audit.Repair(ctx, audit.RepairConfig{Catalog: l.cat, Stores: plain, CarrierID: full, To: in.To, Agents: agents(in.Operator),
		Progress: func(p audit.Progress) { progress(web.AuditProgress(p)) }})
}

// HandedOut writes down that a copy of a disc left the archive.
func (l *local) HandedOut(ctx context.Context, id string, h web.HandedOut) error {
	full, err := l.resolve(ctx, id)
	if err != nil {
		return err
	}
	if len(h.How) > 4096 || h.How == "" || h.Version < 1 {
		return &web.Error{Code: web.CodeUsage, Message: fmt.Sprintf("what was done with image %d cannot be written down: %d bytes of text", h.Version, len(h.How))}
	}
	e := catalog.Event{Type: catalog.EventDissemination, Time: time.Now().UTC(), Outcome: catalog.EventSuccess, Agents: agents(h.Operator),
		Detail: h.How + "; every byte checked", Objects: []string{fmt.Sprintf("%s/v%d", full, h.Version)}}
	if len(h.From) > 0 {
		e.Detail += ", read from " + strings.Join(h.From, ", ")
	}
	for _, s := range h.From {
		e.Agents = append(e.Agents, catalog.Agent{Role: catalog.RoleStore, Name: s})
		e.Objects = append(e.Objects, "store:"+s)
	}
	if h.Faults != "" {
		e.Outcome = catalog.EventWarning
		e.Detail += "; seen on the way: " + strings.ToValidUTF8(h.Faults, "\uFFFD")
	}
	return fault(l.cat.AddEvent(ctx, full, e))
}

func (r remote) Repair(ctx context.Context, in web.RepairRequest, progress func(web.AuditProgress)) (out audit.RepairReport, err error) {
	return out, r.c.Repair(ctx, in, progress, &out)
}

func (r remote) HandedOut(ctx context.Context, id string, h web.HandedOut) error {
	return r.c.HandedOut(ctx, id, h)
}

func (s served) Repair(ctx context.Context, in web.RepairRequest, progress func(web.AuditProgress)) (any, error) {
	return s.local.Repair(ctx, in, progress)
}
