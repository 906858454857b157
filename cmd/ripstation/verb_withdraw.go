package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/web"
)

func (a *app) withdrawVerb() *cobra.Command {
	var authority, reason, who string
	cmd := &cobra.Command{
		Use:   "withdraw ID --authority TEXT --reason TEXT",
		Short: "Record that a disc is withdrawn, and print what an administrator must delete",
		Long: `Withdraw records that a disc is withdrawn from the archive, on whose word and why.
It deletes nothing, and ripstation has no right to: it prints what an
administrator has to delete in each store, by version where the store keeps
versions, and which retention or hold stands against it. The disc's events stay.
Audits know afterwards that its copies may be gone.

For a disc that is withdrawn already, withdraw ID alone prints the list again. The
exit code is 5 when a store could not be looked at.`,
		Example: "  ripstation withdraw k3v7x2ma --authority \"Head of Collections\" --reason \"deposit ended\"\n  ripstation withdraw k3v7x2ma --json",
		Args:    takes("the id of a disc, or its beginning"),
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"authority": authority, "reason": reason, "operator": who}); err != nil {
				return err
			}
			return a.withdraw(ctx, args[0], strings.TrimSpace(authority), strings.TrimSpace(reason), who)
		}),
	}
	cmd.Flags().StringVar(&authority, "authority", "", "on whose word: a person, a committee, a decree")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().StringVar(&who, "operator", "", "who says so (default: station.operator, else your user name)")
	return cmd
}

// withdrawal is what withdraw tells.
type withdrawal struct {
	ID     string           `json:"id"`
	Stores []withdrawnStore `json:"stores"`
}

type withdrawnStore struct {
	Store   string            `json:"store"`
	Where   string            `json:"where"`   // the bucket or the folder
	Prefix  string            `json:"prefix"`  // what everything to delete begins with
	Objects []withdrawnObject `json:"objects"` // null when they are not known
	Unknown string            `json:"unknown"` // why they are not; empty when they are
	// OnTheWay says that the station is still to send a copy there.
	OnTheWay bool `json:"on_the_way"`
}

type withdrawnObject struct {
	Key         string     `json:"key"`        // in the bucket, or the file
	VersionID   string     `json:"version_id"` // empty without versioning
	Size        int64      `json:"size"`
	Marker      bool       `json:"delete_marker"`
	Retention   string     `json:"retention"` // GOVERNANCE or COMPLIANCE; empty for none
	Until       *time.Time `json:"retained_until"`
	LegalHold   bool       `json:"legal_hold"`
	LockUnknown string     `json:"lock_unknown"` // why retention and hold are not known
}

func (a *app) withdraw(ctx context.Context, id, authority, reason, who string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	b, err := a.books(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer b.Close()
	v, err := b.Show(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case authority != "" && reason != "":
		d := string(catalog.Withdrawn)
		if v, err = b.Annotate(ctx, v.ID, web.Annotation{Disposition: &d, Authority: authority, Note: reason, Operator: operator(who, cfg)}); err != nil {
			return err
		}
	case authority != "" || reason != "" || v.Disposition != catalog.Withdrawn:
		return usage("say on whose word and why: --authority TEXT --reason TEXT")
	}
	out, blindly := withdrawal{ID: v.ID, Stores: []withdrawnStore{}}, false
	for _, s := range cfg.Stores {
		w := a.holdings(ctx, s, v.ID)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		blindly = blindly || w.Unknown != ""
		w.OnTheWay = slices.ContainsFunc(v.Copies, func(c catalog.Copy) bool {
			return c.Store == s.Name && (c.State == catalog.Queued || c.State == catalog.Sending)
		})
		out.Stores = append(out.Stores, w)
	}
	for _, name := range storesBeside(cfg, v) {
		blindly = true
		out.Stores = append(out.Stores, withdrawnStore{Store: name, Prefix: v.ID + "/", Unknown: "the configuration has no such store any more; the catalog says that a copy went there"})
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.printWithdrawal(out)
	}
	if err == nil && blindly {
		return &failure{code: exitBlind}
	}
	return err
}

// storesBeside names the stores that the disc went to, as far as its copies and
// events tell, and that the configuration has not got.
func storesBeside(cfg *Config, v catalog.View) (names []string) {
	add := func(name string) {
		if !slices.Contains(names, name) && !slices.ContainsFunc(cfg.Stores, func(s StoreConfig) bool { return s.Name == name }) {
			names = append(names, name)
		}
	}
	for _, c := range v.Copies {
		add(c.Store)
	}
	for _, e := range v.Events {
		for _, o := range e.Objects {
			if name, ok := strings.CutPrefix(o, "store:"); ok {
				add(name)
			}
		}
	}
	return names
}

// holdings is what one store has of a disc, without its events.
func (a *app) holdings(ctx context.Context, s StoreConfig, id string) withdrawnStore {
	w := withdrawnStore{Store: s.Name, Where: "folder " + s.Path}
	full := func(key string) string { return filepath.Join(s.Path, key) }
	if s.Type == "s3" {
		w.Where = strings.TrimSpace("bucket " + s.Bucket + " " + s.Endpoint)
		full = func(key string) string { return path.Join(s.Prefix, key) }
	}
	w.Prefix = full(id) + "/"
	st, err := openStore(ctx, s, true)
	if err != nil {
		w.Unknown = err.Error()
		return w
	}
	objects := []withdrawnObject{}
	for h, err := range archive.Holdings(ctx, st, id+"/") {
		if err != nil {
			w.Unknown = err.Error()
			return w
		}
		if strings.HasPrefix(h.Key, id+"/events/") {
			continue
		}
		o := withdrawnObject{Key: full(h.Key), VersionID: h.VersionID, Size: h.Size, Marker: h.Marker, Retention: h.Mode, LegalHold: h.LegalHold, LockUnknown: h.LockUnknown}
		if !h.Until.IsZero() {
			o.Until = &h.Until
		}
		objects = append(objects, o)
	}
	w.Objects = objects
	return w
}

func (a *app) printWithdrawal(w withdrawal) error {
	var out strings.Builder
	fmt.Fprintf(&out, "disc %s is WITHDRAWN. Nothing was deleted; an administrator has to do this:\n", w.ID)
	for _, s := range w.Stores {
		fmt.Fprintf(&out, "\n%s:\n", one(strings.TrimSuffix("store "+s.Store+", "+s.Where, ", ")))
		if s.OnTheWay {
			fmt.Fprintf(&out, "  A COPY IS STILL ON ITS WAY there: when it has arrived, see with `ripstation withdraw %s` what else is to be deleted\n", short(w.ID))
		}
		switch {
		case s.Unknown != "":
			fmt.Fprintf(&out, "  NOT KNOWN what is there: %s\n  delete all that begins with %s, but not %sevents/\n", one(s.Unknown), one(s.Prefix), one(s.Prefix))
			continue
		case len(s.Objects) == 0:
			out.WriteString("  nothing of it is there\n")
			continue
		}
		fmt.Fprintf(&out, "  delete these, and leave %sevents/ as it is:\n", one(s.Prefix))
		for _, o := range s.Objects {
			fmt.Fprintf(&out, "    %s", one(o.Key))
			if o.VersionID != "" {
				fmt.Fprintf(&out, "  version %s", one(o.VersionID))
			}
			if o.Marker {
				out.WriteString("  (a delete marker)")
			} else {
				fmt.Fprintf(&out, "  %d bytes", o.Size)
			}
			if o.Retention != "" {
				fmt.Fprintf(&out, "  RETAINED until %s (%s)", o.Until.Format(time.RFC3339), one(o.Retention))
			}
			if o.LegalHold {
				out.WriteString("  LEGAL HOLD")
			}
			if o.LockUnknown != "" {
				fmt.Fprintf(&out, "  locks not known: %s", one(o.LockUnknown))
			}
			out.WriteString("\n")
		}
		for _, o := range s.Objects {
			if o.LegalHold {
				out.WriteString("  first take the legal holds off\n")
				break
			}
		}
		for _, o := range s.Objects {
			if o.Retention == "COMPLIANCE" {
				out.WriteString("  what is retained in mode COMPLIANCE cannot be deleted by anybody before its date\n")
				break
			}
		}
		for _, o := range s.Objects {
			if o.Retention == "GOVERNANCE" {
				out.WriteString("  what is retained in mode GOVERNANCE can be deleted before its date with the right s3:BypassGovernanceRetention only\n")
				break
			}
		}
	}
	_, err := fmt.Fprint(a.out, out.String())
	return err
}
