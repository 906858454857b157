package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/web"
)

func (a *app) retryVerb() *cobra.Command {
	var in web.RetryRequest
	cmd := &cobra.Command{
		Use:   "retry ID...",
		Short: "Have discs read anew, whatever is held of them",
		Long: `Retry marks discs: the next time such a disc is in a drive (or in the one that
--drive names) it is read anew, and the reading becomes the disc's next version,
whatever is held of it. If it is in a drive now, and nothing is done with it there,
it begins at once. The mark stands until that reading is recorded, also over
restarts and power cuts; --cancel takes it back. review and show tell of it.

Which disc it is, the samples of its image say. Where most of them cannot be read
any more, or no image was ever made, the drive must be named.`,
		Example: "  ripstation retry k3v7x2ma\n  ripstation retry k3v7x2ma --drive sr1\n  ripstation retry k3v7x2ma --cancel",
		Args:    someIDs,
		RunE: verb(func(ctx context.Context, args []string) error {
			in.IDs = args
			if in.Cancel && in.Drive != "" {
				return usage("--cancel takes the mark back for every drive; leave --drive out")
			}
			if err := said(map[string]string{"operator": in.Operator, "drive": in.Drive}); err != nil {
				return err
			}
			return a.word(ctx, in.Operator, func(b books, who string) ([]web.Settled, error) {
				in.Operator = who
				if l, here := b.(*local); here && in.Drive != "" && !l.cfg.Drives.knows(ctx, in.Drive) {
					return nil, &web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("%q: no such drive is connected, and drives.names has none of that name", in.Drive),
						Hint: "`ripstation drives` lists the drives; leave --drive out to have the disc read in any"}
				}
				return b.Retry(ctx, in)
			})
		}),
	}
	cmd.Flags().StringVar(&in.Drive, "drive", "", "only in this drive: its key, node, short name, or its name in drives.names")
	cmd.Flags().BoolVar(&in.Cancel, "cancel", false, "take it back")
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who says so (default: station.operator, else your user name)")
	return cmd
}
