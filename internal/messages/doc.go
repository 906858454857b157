// Package messages reads the program's own code and gathers every message that
// a person can meet: what it says, when, and what to do. docs/messages.md is made
// of that, so that it cannot say anything else than the code does.
//
// What a screen says is followed from each station.Notice back to where its
// word, text and hint are written (flow.go, pattern.go). All other texts of the rooms that
// section.go names are taken as they stand (sentence.go) and sorted into chapters by
// their file; doctor's lines and the audit's findings are read from their tables
// (words.go). Nothing is run, and no type of another package is needed.
//
// A message says what to do itself, or comes with a hint; else it has a line in
// told*.go, or its word or chapter has one answer for all. One that has none of
// these is in Book.Amiss, and so is a line of told*.go that fits nothing any more.
package messages
