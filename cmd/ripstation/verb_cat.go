package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/discfs/export"
	"ripstation/discfs/tree"
)

func (a *app) catVerb() *cobra.Command {
	var w which
	var fill bool
	cmd := &cobra.Command{
		Use:   "cat ID PATH",
		Short: "Write one file of an archived disc to stdout",
		Long: `Cat writes one file of an archived disc to stdout, from the best copy there is,
and holds its SHA-256 against the one that was recorded when the disc was read.

Of a damaged file it writes what stands before the first missing byte, says which
bytes are missing and exits with 3; with --fill, zeroes stand in their place. When
the digest is not the one on record it says so, and exits with 4: then what was
written is not what was on the disc. It exits with 4, too, when every copy is missing
or damaged, and with 5 when none could be read.`,
		Example: "  ripstation cat k3v7x2ma README.TXT\n  ripstation cat k3v7x2ma VIDEO_TS/VTS_01_1.VOB > out.vob",
		Args:    between(2, 2, "the id of a disc, or its beginning", "a path on the disc"),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.cat(ctx, args[0], discPath(args[1]), w, fill)
		}),
	}
	cmd.Flags().BoolVar(&fill, "fill", false, "write zeroes for missing bytes and go on")
	w.flags(cmd)
	return cmd
}

func (a *app) cat(ctx context.Context, id, name string, w which, fill bool) error {
	w.part = tree.Part{Within: name}
	m, err := a.openArchived(ctx, id, w)
	if err != nil {
		return err
	}
	defer m.Close()
	n, err := m.node(ctx, name)
	if err != nil {
		return err
	}
	if !n.Mode.IsRegular() {
		return usage("%s is a %s; cat writes files", one(name), typeOf(n.Mode))
	}
	if err := m.loadDigests(ctx); err != nil {
		return err
	}
	res, err := m.src.Copy(ctx, a.raw, n, fill)
	switch lacking := (*export.MissingError)(nil); {
	case errors.As(err, &lacking) && fill:
		return &failure{exitMissing, fmt.Errorf("%s: %w; zeroes stand in their place, %d bytes were written", one(name), err, res.Bytes)}
	case errors.As(err, &lacking):
		return &failure{exitMissing, fmt.Errorf("%s: %w; %d bytes were written", one(name), err, res.Bytes)}
	case errors.Is(err, export.ErrDigest):
		return &failure{exitFindings, fmt.Errorf("%s from the copy in %s: %w; what was written is not what was on the disc", one(name), one(m.copies.from), err)}
	case err != nil:
		return fmt.Errorf("%s: %w", one(name), err)
	}
	if !res.Known && m.src.Digest != nil {
		a.say("  %s: digest not known: nothing was there to hold the bytes against", one(name))
	}
	return nil
}
