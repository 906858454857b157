package main

import (
	"errors"
	"io/fs"
	"os"
)

// given opens a file that a person names to be taken in. what is a word for
// what the file should be. What is no file is opened only if it may be a pipe:
// one would be waited for.
func given(name, what string, pipe bool) (*os.File, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, cannotRead(name, err)
	case info.IsDir():
		return nil, usage("%s is a folder; name %s in it", one(name), what)
	case !pipe && !info.Mode().IsRegular():
		return nil, usage("%s is no file; name %s", one(name), what)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return f, nil
}

// cannotRead says why a file could not be looked at, and what to do.
func cannotRead(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage("%s: there is no such file; look at its name, and at the folder that you are in", one(name))
	case errors.Is(err, fs.ErrPermission):
		return &failure{exitFailed, errors.New(one(name) + ": you may not read it; ask its owner, or copy it")}
	}
	return err
}
