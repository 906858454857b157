package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ripstation/web"
)

type auditor interface {
	Audit(ctx context.Context, full bool, progress func(web.AuditProgress)) (any, error)
}

var errNoAudit = errors.New("this build has no audit")

func (l *local) Audit(context.Context, bool, func(web.AuditProgress)) (any, error) {
	return nil, errNoAudit
}

func (r remote) Audit(context.Context, bool, func(web.AuditProgress)) (any, error) {
	return nil, errNoAudit
}

func (a *app) auditVerb() *cobra.Command {
	return &cobra.Command{Use: "audit", RunE: verb(func(context.Context, []string) error { return errNoAudit })}
}
