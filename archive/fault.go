package archive

import "errors"

// fault is one failed operation of a store: what was done to which object, why
// it did not work, and what to do next. kind is one of the named errors, or
// nil when trying again may help.
type fault struct {
	store, op, key string
	kind           error
	err            error
	hint           string
}

func (f *fault) Error() string {
	s := "store " + f.store + ": " + f.op
	if f.key != "" {
		s += " " + f.key
	}
	// That waiting does not help is for the program; a reader needs the cause.
	if f.kind != nil && (f.err == nil || f.kind != ErrPermanent) {
		s += ": " + f.kind.Error()
	}
	if f.err != nil {
		s += ": " + f.err.Error()
	}
	if f.hint != "" {
		s += " (" + f.hint + ")"
	}
	return s
}

func (f *fault) Unwrap() []error {
	var errs []error
	if f.kind != nil {
		errs = append(errs, f.kind)
	}
	if f.err != nil {
		errs = append(errs, f.err)
	}
	return errs
}

// final reports whether doing the same again cannot help.
func final(err error) bool {
	return errors.Is(err, ErrPermanent) || errors.Is(err, ErrExists) || errors.Is(err, ErrUploadGone) || errors.Is(err, ErrNotFound) ||
		errors.Is(err, ErrSourceChanged) || errors.Is(err, ErrSource) || errors.Is(err, ErrMarked)
}
