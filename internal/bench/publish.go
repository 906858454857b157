package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ripstation/internal/atomicfile"
)

const (
	document = "BENCHMARKS.md"
	results  = "results"
)

// preface begins a document that is not there yet.
const preface = `# Benchmarks

Each section is written by the command that it names and holds what that command measured on the machine that it names.
Nothing in here is a test: no figure makes a build fail.
`

// publish prints a part's table, and writes its results and its section.
func publish(name string, m machine, s settings, sec section) error {
	fmt.Println(sec.table)
	file := name
	if s.quick {
		file += "-quick"
	}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(struct {
		Name    string  `json:"name"`
		Quick   bool    `json:"quick"`
		Machine machine `json:"machine"`
		Result  any     `json:"result"`
	}{name, s.quick, m, sec.result}, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join(results, file+".json")
	if err := atomicfile.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return err
	}
	if s.quick {
		fmt.Fprintf(s.talk, "a quick try of the bench itself: %s has its numbers, %s stays as it was\n", path, document)
		return nil
	}
	old, err := os.ReadFile(document)
	if errors.Is(err, fs.ErrNotExist) {
		old = []byte(preface)
	} else if err != nil {
		return err
	}
	text := fmt.Sprintf("## make bench-%s\n\n%s\n\n%s\n%s\n", name, m, sec.table, sec.method)
	whole, err := place(old, name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	if err := atomicfile.WriteFile(document, whole, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(s.talk, "written: %s and the section %s of %s\n", path, name, document)
	return nil
}

// place puts text between the markers of a name, at the end of the document
// with new markers if it has none. Everything else stays as it is.
func place(doc []byte, name, text string) ([]byte, error) {
	begin, end := "<!-- bench "+name+" -->\n", "<!-- end of bench "+name+" -->\n"
	if strings.Contains(text, "<!-- ") {
		return nil, fmt.Errorf("the text for section %s holds a marker itself", name)
	}
	whole := begin + text + end
	from, to := bytes.Index(doc, []byte(begin)), bytes.Index(doc, []byte(end))
	switch {
	case bytes.Count(doc, []byte(begin)) > 1 || bytes.Count(doc, []byte(end)) > 1 || (from < 0) != (to < 0) || to < from:
		return nil, fmt.Errorf("the markers of section %s do not come once and in pairs; mend them by hand", name)
	case from < 0:
		return append(append(bytes.TrimRight(doc, "\n"), '\n', '\n'), whole...), nil
	}
	out := append([]byte{}, doc[:from]...)
	return append(append(out, whole...), doc[to+len(end):]...), nil
}
