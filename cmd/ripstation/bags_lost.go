package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/web"
)

// errWithdrawn says that nothing is left of a disc because it was withdrawn:
// that is as it should be.
var errWithdrawn = errors.New("the disc is withdrawn, and its copies are gone")

// withdrawnWords say since when a disc is withdrawn, and on whose word. They are
// empty when it is not.
func withdrawnWords(v catalog.View) string {
	if v.Disposition != catalog.Withdrawn {
		return ""
	}
	for _, e := range slices.Backward(v.Events) {
		if e.Changes == nil || e.Changes.Disposition == nil || *e.Changes.Disposition != catalog.Withdrawn {
			continue
		}
		words := "WITHDRAWN since " + e.Time.UTC().Format(time.DateOnly)
		for _, who := range e.Agents {
			if who.Role == catalog.RoleAuthority {
				words += ", on the word of " + who.Name
			}
		}
		return words
	}
	return "WITHDRAWN"
}

// withdrawn is the failure to read what an administrator took away.
func withdrawn(id, words, stores string) error {
	return &failure{exitFailed, &web.Error{Code: web.CodeNotFound, Err: errWithdrawn, Message: fmt.Sprintf("disc %s is %s; no whole copy of it is left in %s", id, words, stores),
		Hint: "nothing is to be done; `ripstation show ID` says why it was withdrawn"}}
}

// unreadable gives a failure to read a disc's bag its exit code: 4 when copies
// are known to be wrong, 5 when none could be read.
func (b *bags) unreadable(ctx context.Context, err error, g *bag) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f := (*failure)(nil); errors.As(err, &f) {
		return err
	}
	var uses []archive.CopyUse
	if g.Retrieval != nil {
		uses = g.Uses()
	}
	if g.withdrawn != "" && takenAway(uses) {
		var stores []string
		for _, u := range uses {
			stores = append(stores, u.Store)
		}
		return withdrawn(g.id, g.withdrawn, strings.Join(stores, ", "))
	}
	told := &web.Error{Code: web.CodeFailed, Err: err, Message: fmt.Sprintf("disc %s: %v", g.id, err),
		Hint: "`ripstation doctor` says what is the matter with the stores; give the command again when they answer"}
	code := exitBlind
	if len(faultsOf(uses)) > 0 || errors.Is(err, archive.ErrNotWhole) {
		code = exitFindings
		told.Hint = "`ripstation verify ID` says how each of its copies is, `ripstation repair ID` makes the bad ones good from one that is whole"
		if !g.catalogue {
			told.Hint = "try another store of the configuration (--from), or one that holds a further copy"
		}
	}
	return &failure{code, told}
}

// takenAway reports whether all that is wrong with copies is that they are not
// there any more.
func takenAway(uses []archive.CopyUse) bool {
	return len(uses) > 0 && !slices.ContainsFunc(uses, func(u archive.CopyUse) bool {
		return len(u.Flaws) == 0 || slices.ContainsFunc(u.Flaws, func(f archive.Flaw) bool { return f.Fault != archive.Missing })
	})
}
