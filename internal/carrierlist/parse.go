package carrierlist

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a list.
const (
	MaxBytes = 1 << 20
	MaxRows  = 10_000
	maxField = 500 // bytes, as for what a person says of a disc
	maxParts = 9999
)

// Mistake is what is wrong with a list, and where.
type Mistake struct {
	Line int // from 1; 0 when it is the whole file
	What string
}

func (m *Mistake) Error() string {
	if m.Line == 0 {
		return m.What
	}
	return fmt.Sprintf("line %d: %s", m.Line, m.What)
}

func mistake(line int, format string, args ...any) error {
	return &Mistake{line, fmt.Sprintf(format, args...)}
}

// Parse reads a whole list: a header line with item and any of part (n or n/m),
// side, title, two-sided (yes, no), in any order; comma or semicolon; UTF-8 with
// or without a byte order mark. Empty lines are passed over. Any error is a
// *Mistake, and then no row is given.
func Parse(b []byte) ([]Row, error) {
	if len(b) > MaxBytes {
		return nil, mistake(0, "it is larger than %d bytes; no list of a batch is", MaxBytes)
	}
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return nil, mistake(0, "it is UTF-16; save it as UTF-8")
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if err := text(b); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	if head, _, _ := bytes.Cut(bytes.TrimLeft(b, "\r\n"), []byte("\n")); bytes.ContainsRune(head, ';') {
		r.Comma = ';'
	}
	head, err := r.Read()
	if err == io.EOF {
		return nil, mistake(0, "it is empty; its first line names the columns: item, and any of part, side, title, two-sided")
	}
	if err != nil {
		return nil, syntax(err)
	}
	cols, err := columns(r, head)
	if err != nil {
		return nil, err
	}
	l := list{lines: map[Slot]int{}, bare: map[string]int{}, parted: map[string]int{}, sided: map[Slot]int{}}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, syntax(err)
		}
		line, _ := r.FieldPos(0)
		if strings.TrimSpace(strings.Join(fields, "")) == "" {
			continue
		}
		if err := l.add(line, cols, fields); err != nil {
			return nil, err
		}
	}
	if len(l.rows) == 0 {
		return nil, mistake(0, "it has no row below its first line")
	}
	return l.rows, nil
}

// text refuses what is no plain UTF-8 text, and names its line.
func text(b []byte) error {
	for i, line := range bytes.Split(b, []byte("\n")) {
		if !utf8.Valid(line) {
			return mistake(i+1, "it is not UTF-8; save the file as UTF-8")
		}
		if bytes.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' }) {
			return mistake(i+1, "it holds a control character")
		}
	}
	return nil
}

func syntax(err error) error {
	if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
		return mistake(pe.StartLine, "%v", pe.Err)
	}
	return mistake(0, "%v", err)
}

// columns says where in a line each column stands.
func columns(r *csv.Reader, head []string) (map[string]int, error) {
	line, _ := r.FieldPos(0)
	cols := map[string]int{}
	for i, h := range head {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(h)), "_", "-")
		switch name {
		case "item", "part", "side", "title", "two-sided":
		case "":
			continue // a spreadsheet's empty column
		default:
			return nil, mistake(line, "column %q is none of item, part, side, title, two-sided", cut(h))
		}
		if _, twice := cols[name]; twice {
			return nil, mistake(line, "column %q stands there twice", name)
		}
		cols[name] = i
	}
	if _, there := cols["item"]; !there {
		return nil, mistake(line, "there is no column item; the first line names the columns")
	}
	return cols, nil
}

// list is what was read so far, with the lines by which a mistake is named.
type list struct {
	rows   []Row
	lines  map[Slot]int
	bare   map[string]int // items that stand in a row without a part
	parted map[string]int // and in one with a part
	sided  map[Slot]int   // discs, without their side, that stand in a row with one
}

func (l *list) add(line int, cols map[string]int, fields []string) error {
	if len(l.rows) == MaxRows {
		return mistake(line, "it is row %d; %d are the most", MaxRows+1, MaxRows)
	}
	get := func(name string) string {
		i, there := cols[name]
		if !there || i >= len(fields) {
			return ""
		}
		return strings.TrimSpace(fields[i])
	}
	for i, f := range fields {
		if len(f) > maxField {
			return mistake(line, "field %d is %d bytes long; %d is the most", i+1, len(f), maxField)
		}
		if strings.ContainsFunc(strings.TrimSpace(f), unicode.IsControl) {
			return mistake(line, "field %d holds a line break or another control character", i+1)
		}
	}
	known := 0
	for _, i := range cols {
		known = max(known, i+1)
	}
	for _, f := range fields[min(known, len(fields)):] {
		if strings.TrimSpace(f) != "" {
			return mistake(line, "it has %d fields, and the first line names %d; a field that holds a comma or semicolon stands in quotes", len(fields), known)
		}
	}
	row := Row{Item: get("item"), Side: get("side"), Title: get("title")}
	if row.Item == "" {
		return mistake(line, "it has no item")
	}
	var err error
	if row.Part, row.Parts, err = part(get("part")); err != nil {
		return mistake(line, "%v", err)
	}
	switch strings.ToLower(get("two-sided")) {
	case "", "no":
	case "yes":
		row.TwoSided = true
	default:
		return mistake(line, "two-sided is %q; it can be yes or no", cut(get("two-sided")))
	}
	if row.TwoSided && row.Side != "" {
		return mistake(line, "it is two-sided and side %q: a two-sided row is both its sides, A and B", cut(row.Side))
	}
	return l.put(line, row)
}

// put adds a row that no other one is like: two rows that one disc would fit
// cannot be told apart.
func (l *list) put(line int, row Row) error {
	if row.Part == 0 {
		if other := l.parted[row.Item]; other > 0 {
			return mistake(line, "item %s has no part here, and one in line %d", cut(row.Item), other)
		}
		l.bare[row.Item] = line
	} else {
		if other := l.bare[row.Item]; other > 0 {
			return mistake(line, "item %s has a part here, and none in line %d", cut(row.Item), other)
		}
		l.parted[row.Item] = line
	}
	disc := Slot{Item: row.Item, Part: row.Part}
	for _, s := range row.Slots() {
		if other := l.lines[s]; other > 0 {
			return mistake(line, "%s stands in line %d already", cut(row.Name()), other)
		}
		if other := l.lines[disc]; s.Side != "" && other > 0 {
			return mistake(line, "item %s has a side here, and none in line %d", cut(row.Item), other)
		}
		if other := l.sided[disc]; s.Side == "" && other > 0 {
			return mistake(line, "item %s has no side here, and one in line %d", cut(row.Item), other)
		}
	}
	for _, s := range row.Slots() {
		l.lines[s] = line
		if s.Side != "" {
			l.sided[disc] = line
		}
	}
	l.rows = append(l.rows, row)
	return nil
}

// part reads n or n/m.
func part(s string) (n, m int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	first, last, of := strings.Cut(s, "/")
	n, err1 := strconv.Atoi(strings.TrimSpace(first))
	m, err2 := 0, error(nil)
	if of {
		m, err2 = strconv.Atoi(strings.TrimSpace(last))
	}
	if err1 != nil || err2 != nil || n < 1 || n > maxParts || m > maxParts || of && m < n {
		return 0, 0, fmt.Errorf("part %q: it is n or n/m, as 2 or 2/3", cut(s))
	}
	return n, m, nil
}

// cut keeps a mistake's text short.
func cut(s string) string {
	if len(s) <= 60 {
		return s
	}
	end := 60
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
