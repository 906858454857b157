package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FileQuery asks for files by name or by digest; exactly one of them is given.
type FileQuery struct {
	// Name is a part of a file's name, in any case. With a slash in it, it is a
	// part of the path. It is plain text: nothing in it has a meaning.
	Name string
	// SHA256 is a digest in hex, or the first 8 digits of one or more.
	SHA256 string
	// Limit is how many files at most; 0 means DefaultFound, MaxFound is the most.
	Limit int
}

// How many files a search gives, and how many a search without an index looks
// at.
const (
	DefaultFound = 100
	MaxFound     = 10_000

	scanned     = 1_000_000
	minDigits   = 8
	maxNeedle   = 4096 // bytes of a name to look for
	maxTrigrams = 64   // of a name that the index is asked for; the rest is compared
)

// FoundFile is a file, and where it is.
type FoundFile struct {
	CarrierID string  `json:"id"`
	Item      *string `json:"item"`
	Title     *string `json:"title"`
	Label     string  `json:"label"`
	Version   int     `json:"image_version"`
	ListedFile
	// Discs is how many carriers hold a file with the same digest, this one
	// counted, MaxDiscs at most; 0 when it has no digest.
	Discs int `json:"discs"`
}

// MaxDiscs is how far the carriers that hold a file are counted.
const MaxDiscs = 1000

// Found is what a search has found: of names the disc recorded last first.
type Found struct {
	Files []FoundFile `json:"files"`
	// More: there are more than Limit.
	More bool `json:"more"`
	// Unsearched says what was not looked at, and why; empty when all was.
	Unsearched string `json:"unsearched"`
}

// FindFiles looks for files in all lists of all images. Where rows are damaged
// it gives the others, and an error that wraps ErrDamaged.
func (c *Catalog) FindFiles(ctx context.Context, q FileQuery) (Found, error) {
	const op = "look for files"
	found := Found{Files: []FoundFile{}}
	if (q.Name == "") == (q.SHA256 == "") {
		return found, fmt.Errorf("%s: %w", op, invalid("either a name or a digest is needed"))
	}
	if q.Limit < 0 || q.Limit > MaxFound {
		return found, fmt.Errorf("%s: %w", op, invalid("a limit of %d; it lies between 1 and %d", q.Limit, MaxFound))
	}
	if q.Limit == 0 {
		q.Limit = DefaultFound
	}
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return found, explain(op, err)
	}
	defer tx.Rollback()
	s := &fileSearch{q: tx, limit: q.Limit, found: &found, lists: map[int64]*searchedList{}, discs: map[string]int{}}
	if q.SHA256 != "" {
		err = s.digest(ctx, q.SHA256)
	} else {
		err = s.name(ctx, q.Name)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, explain(op, errors.Join(append(s.bad, err)...))
}

// errEnough ends a search that has found more than it may give.
var errEnough = errors.New("enough")

type fileSearch struct {
	q     querier
	limit int
	found *Found
	bad   []error
	lists map[int64]*searchedList
	discs map[string]int // by digest
}

// searchedList is what is told of a file's disc; nil in the map when it cannot
// be believed.
type searchedList struct {
	view  ListView
	title string
	disc  row
}

func (s *fileSearch) digest(ctx context.Context, text string) error {
	low := strings.ToLower(strings.TrimSpace(text))
	if len(low) < minDigits || len(low) > 64 || strings.Trim(low, "0123456789abcdef") != "" {
		return invalid("%q is no SHA-256: 64 hexadecimal digits, or the first %d of them or more", clamp(text, 80), minDigits)
	}
	from, err := hex.DecodeString(low + strings.Repeat("0", 64-len(low)))
	to, err2 := hex.DecodeString(low + strings.Repeat("f", 64-len(low)))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	return s.each(ctx, fileDigestQuery, []any{from, to}, func(row) bool { return true })
}

const fileDigestQuery = "SELECT %s, digest FROM files WHERE sha256 >= ? AND sha256 <= ? ORDER BY sha256, n"

// name looks for a part of a name. The index knows the last element of every
// path by its pieces of three characters; what it proposes is compared. An
// edited row is told where the index proposes it; the other ways see only the
// rows whose paths fit.
func (s *fileSearch) name(ctx context.Context, text string) error {
	if len(text) > maxNeedle {
		return invalid("a name of %d bytes; %d are the most", len(text), maxNeedle)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return nil // no path of a list has any
	}
	needle := strings.ToLower(text)
	last := text[strings.LastIndex(text, "/")+1:]
	fits := func(r row) bool { return strings.Contains(strings.ToLower(path.Base(r.str("path"))), needle) }
	if last != text {
		fits = func(r row) bool { return strings.Contains(strings.ToLower(r.str("path")), needle) }
	}
	// SQLite sorts out most rows far sooner; its lower() knows ASCII only.
	first := ""
	if strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		first = needle
	}
	match := trigrams(last)
	switch {
	case match != "" && last == text:
		return s.each(ctx, fileNameQuery, []any{match}, fits)
	case match != "":
		return s.each(ctx, filePathQuery, []any{match, first}, fits)
	}
	// Without the index only so many rows are looked at, the latest first.
	from := int64(0)
	err := s.q.QueryRowContext(ctx, "SELECT n FROM files ORDER BY n DESC LIMIT 1 OFFSET ?", scanned).Scan(&from)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil {
		s.found.Unsearched = fmt.Sprintf("a part of a name with fewer than 3 characters was looked for among the latest %d files only; give more of it", scanned)
	}
	return s.each(ctx, fileScanQuery, []any{from, first}, fits)
}

const (
	// CROSS JOIN keeps the index on the outside. It gives its rows in order.
	fileNameQuery = "SELECT %s, digest FROM file_names CROSS JOIN files ON files.n = file_names.rowid WHERE file_names MATCH ? ORDER BY file_names.rowid DESC"
	filePathQuery = "SELECT %s, digest FROM file_names CROSS JOIN files ON files.n = file_names.rowid WHERE file_names MATCH ? AND instr(lower(path), ?) > 0 ORDER BY file_names.rowid DESC"
	fileScanQuery = "SELECT %s, digest FROM files WHERE n > ? AND instr(lower(path), ?) > 0 ORDER BY n DESC"
)

// trigrams is an FTS5 query for the pieces of three characters of a text, ""
// when it has none. Within quotes, which are doubled, FTS5 knows no syntax.
func trigrams(s string) string {
	runes := []rune(s)
	var out []string
	for i := 0; i+3 <= len(runes) && len(out) < maxTrigrams; i++ {
		piece := `"` + strings.ReplaceAll(string(runes[i:i+3]), `"`, `""`) + `"`
		if !slices.Contains(out, piece) {
			out = append(out, piece)
		}
	}
	return strings.Join(out, " AND ")
}

// each puts the rows that fit into what is found, until there are enough.
func (s *fileSearch) each(ctx context.Context, query string, args []any, fits func(row) bool) error {
	cols := "files." + strings.Join(files.cols, ", files.")
	return each(ctx, s.q, fmt.Sprintf(query, cols), args, func(rs *sql.Rows) error {
		r, digest, err := files.scan(rs)
		if err != nil {
			return err
		}
		if !bytes.Equal(digest, r.digest()) { // its path may be what was changed
			s.note(&damage{files.name, r.key()})
			return nil
		}
		if !fits(r) {
			return nil
		}
		if len(s.found.Files) == s.limit {
			s.found.More = true
			return errEnough
		}
		return s.add(ctx, r)
	})
}

func (s *fileSearch) note(err error) {
	if len(s.bad) < maxDamages {
		s.bad = append(s.bad, err)
	}
}

func (s *fileSearch) add(ctx context.Context, r row) error {
	l, err := s.list(ctx, r.num("n")>>placeBits)
	if err != nil || l == nil {
		return err
	}
	f := FoundFile{CarrierID: l.view.CarrierID, Version: l.view.Version, ListedFile: listedFileOf(r),
		Item: orNull(l.disc.str("item")), Title: orNull(l.title), Label: l.disc.str("label")}
	if sum := r.blob("sha256"); sum != nil {
		if f.Discs, err = s.count(ctx, sum); err != nil {
			return err
		}
	}
	s.found.Files = append(s.found.Files, f)
	return nil
}

// list gives what is told of a list's disc. One that is damaged is told once.
func (s *fileSearch) list(ctx context.Context, n int64) (*searchedList, error) {
	if l, known := s.lists[n]; known {
		return l, nil
	}
	l, err := s.readList(ctx, n)
	if errors.Is(err, ErrDamaged) {
		s.note(err)
		l, err = nil, nil
	}
	s.lists[n] = l
	return l, err
}

func (s *fileSearch) readList(ctx context.Context, n int64) (*searchedList, error) {
	r, ok, err := fileLists.one(ctx, s.q, "WHERE n = ?", n)
	if err == nil && !ok {
		err = fmt.Errorf("%w: file list %d is gone", ErrDamaged, n)
	}
	if err != nil {
		return nil, err
	}
	l := &searchedList{}
	if l.view, err = listViewOf(r); err != nil {
		return nil, err
	}
	if l.disc, err = mustCarrier(ctx, s.q, l.view.CarrierID); err != nil {
		return nil, err
	}
	l.title, err = titleOf(ctx, s.q, l.disc)
	return l, err
}

// count says how many carriers hold a file with this digest. It steps from
// list to list, so that a disc with a million equal files costs no more than
// one.
func (s *fileSearch) count(ctx context.Context, sum []byte) (int, error) {
	if n, known := s.discs[string(sum)]; known {
		return n, nil
	}
	carriers := map[string]bool{}
	for next := int64(0); len(carriers) < MaxDiscs; {
		var n int64
		var carrier string
		err := s.q.QueryRowContext(ctx, fileNextQuery, sum, next).Scan(&n, &carrier)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return 0, err
		}
		carriers[carrier] = true
		next = (n>>placeBits + 1) << placeBits
	}
	s.discs[string(sum)] = len(carriers)
	return len(carriers), nil
}

var fileNextQuery = fmt.Sprintf(`SELECT f.n, coalesce((SELECT carrier FROM file_lists l WHERE l.n = f.n >> %d), '')
	FROM files f WHERE f.sha256 = ? AND f.n >= ? ORDER BY f.n LIMIT 1`, placeBits)
