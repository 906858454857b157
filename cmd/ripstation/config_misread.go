package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// tomlError is how the decoder says where something cannot be read, and what.
var tomlError = regexp.MustCompile(`(?s)^toml: line (\d+)(?: \(last key "(.*?)"\))?: (.*)$`)

// misread says in words of a person what the decoder could not read in a
// configuration: the line, the key, and how it is written.
func misread(err error) error {
	m := tomlError.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%w%s", err, howToWrite(err.Error()))
	}
	line, key, what := m[1], m[2], m[3]
	if how := mistake(what, key); how != "" {
		return fmt.Errorf("line %s: %s", line, how)
	}
	if key != "" {
		key += ": "
	}
	return fmt.Errorf("line %s: %s%s%s", line, key, what, howToWrite(what))
}

// twice finds the key that stands there for the second time.
var twice = regexp.MustCompile(`(?i)key '(.*?)' has already|duplicate key`)

// mistake says what is wrong with a line that cannot be read at all; empty for
// what says so itself.
func mistake(what, key string) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(what, part) })
	}
	if m := twice.FindStringSubmatch(what); m != nil {
		return fmt.Sprintf("%s stands there for the second time; take one of them away", cmp.Or(m[1], key, "this key"))
	}
	switch {
	case has("invalid UTF-8", "NULL", "null byte", "control characters"):
		return "it is not plain text in UTF-8; is it the right file?"
	case has("strings cannot contain newlines", `unexpected EOF; expected '"'`):
		return fmt.Sprintf("the text of %s does not end; close it with \" on the same line", key)
	case has("expected table but found"):
		return fmt.Sprintf("%s is a section; write it as [%s], and its keys on the lines below it", key, key)
	case has("expected value"):
		return fmt.Sprintf("%s has no value that can be read; write a text in quotes: \"...\", numbers and true or false without", key)
	case has("end table name", "end of table array name", "end of table name"):
		return "the name of a section does not end; write it as [section], or [[store]]"
	case has("expected '.' or '='", "key name appears blank", "bare keys cannot contain", "expected a top-level item"):
		return "this is neither a section nor a key with its value; write [section], [[store]], or key = value"
	}
	return ""
}

// howToWrite says what a value of another kind than was found looks like.
func howToWrite(what string) string {
	if strings.HasSuffix(what, "has type map[string]any; destination has type slice") {
		return "; write it as [[store]], in two pairs of brackets"
	}
	for kind, how := range map[string]string{
		"slice":                   `a list of texts: ["...", "..."]`,
		"string":                  `a text in quotes: "..."`,
		"primitive (string-like)": `a text in quotes: "..."`,
		"boolean":                 "true or false, without quotes",
		"integer":                 "a whole number, without quotes",
	} {
		if strings.HasSuffix(what, "destination has type "+kind) {
			return "; write it as " + how
		}
	}
	return ""
}
