package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// querier is a transaction or a pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// table is one table whose rows carry a digest: its columns in the order they
// are hashed, the key first. The digest column comes after them.
type table struct {
	name string
	keys int
	cols []string
}

func newTable(name string, keys int, cols string) *table {
	return &table{name, keys, strings.Fields(cols)}
}

var (
	items         = newTable("items", 1, "id title created")
	carriers      = newTable("carriers", 1, "id item title part parts side condition access kind medium sessions label decision events created")
	needs         = newTable("needs", 3, "carrier kind reason since settled")
	drives        = newTable("drives", 1, "id key by_place node vendor model firmware serial")
	captures      = newTable("captures", 1, "n id carrier started ended outcome reason operator drive insertion program program_version program_commit clock settings disc identity")
	images        = newTable("images", 2, "carrier version state size sector_size total read suspect contested unreadable protected unrecorded skipped untried fill sealed_at")
	imageCaptures = newTable("image_captures", 3, "carrier version place capture")
	objects       = newTable("objects", 3, "carrier version path role size sha512 sha256 sha1 md5 crc64nvme")
	copies        = newTable("copies", 3, "carrier version store key state stored_at read_back_at detail")
	checks        = newTable("checks", 2, "capture place code name outcome message")
	identities    = newTable("identities", 2, "carrier version medium sectors body")
	records       = newTable("records", 2, "carrier version sha256 body")
	mail          = newTable("mail", 2, "carrier store sent")
	fileLists     = newTable("file_lists", 1, "n carrier version sha256 tree_sha256 volumes listed files directories bytes damaged rows")
	batches       = newTable("batches", 1, "name opened opened_by closed closed_by next expected told")
	places        = newTable("places", 3, "batch place carrier since")
	expected      = newTable("expected", 2, "batch n item part parts side title two_sided")
	lists         = newTable("lists", 2, "batch n at operator entries")
	retries       = newTable("retries", 1, "carrier id drive operator since")
	added         = newTable("added", 2, "carrier sha256 seq size media_type role note operator at")
	files         = newTable("files", 1, "n volume path type size modified sha256 damaged reason")

	// Not files: its rows are held against their lists (walkFiles).
	hashedTables = []*table{items, carriers, needs, drives, captures, images, imageCaptures, objects, copies, checks, identities, records, fileLists, mail, batches, places, expected, lists, retries, added}
)

// row is one row of a table: nil, int64, string or []byte a column.
type row struct {
	t *table
	v []any
}

func (r row) at(col string) *any { return &r.v[slices.Index(r.t.cols, col)] }

// str is "" and num is 0 for NULL.
func (r row) str(col string) string { s, _ := (*r.at(col)).(string); return s }
func (r row) num(col string) int64  { n, _ := (*r.at(col)).(int64); return n }
func (r row) blob(col string) []byte {
	b, _ := (*r.at(col)).([]byte)
	return b
}
func (r row) set(col string, v any) { *r.at(col) = plain(v) }

// key names the row in a message.
func (r row) key() string {
	parts := make([]string, r.t.keys)
	for i := range parts {
		parts[i] = fmt.Sprint(r.v[i])
	}
	return strings.Join(parts, " ")
}

// digest is the SHA-256 of the table's name and the row's values, each with
// its type and length, so that no two rows share the bytes that are hashed.
func (r row) digest() []byte {
	h := sha256.New()
	part := func(kind byte, b []byte) {
		var head [9]byte
		head[0] = kind
		binary.BigEndian.PutUint64(head[1:], uint64(len(b)))
		h.Write(head[:])
		h.Write(b)
	}
	part('t', []byte(r.t.name))
	for _, v := range r.v {
		switch v := v.(type) {
		case nil:
			part('n', nil)
		case int64:
			part('i', binary.BigEndian.AppendUint64(nil, uint64(v)))
		case string:
			part('s', []byte(v))
		case []byte:
			part('b', v)
		default:
			part('?', fmt.Append(nil, v)) // no value of ours: a digest that fits nothing
		}
	}
	return h.Sum(nil)
}

// plain turns a Go value into one of those a row holds. An empty string stays
// one: who wants NULL says nil or orNull.
func plain(v any) any {
	switch v := v.(type) {
	case nil, int64, string, []byte:
		return v
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return nil
		}
		return plain(rv.Elem().Interface())
	case reflect.Bool:
		if rv.Bool() {
			return int64(1)
		}
		return int64(0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		return rv.Int()
	case reflect.String:
		return rv.String()
	}
	return fmt.Sprint(v)
}

func (t *table) row(vals ...any) row {
	r := row{t, make([]any, len(t.cols))}
	for i, v := range vals {
		r.v[i] = plain(v)
	}
	return r
}

// insert adds a row.
func (t *table) insert(ctx context.Context, tx *sql.Tx, vals ...any) error {
	r := t.row(vals...)
	_, err := tx.ExecContext(ctx, t.insertSQL(), append(slices.Clone(r.v), r.digest())...)
	return err
}

func (t *table) insertSQL() string {
	return fmt.Sprintf("INSERT INTO %s (%s, digest) VALUES (%s?)", t.name, t.list(), strings.Repeat("?, ", len(t.cols)))
}

// list are the columns but the digest, as SQL has them.
func (t *table) list() string { return strings.Join(t.cols, ", ") }

// scan reads a row whose digest column comes last. A digest that is no blob is
// nil.
func (t *table) scan(rs *sql.Rows) (r row, digest []byte, err error) {
	r = row{t, make([]any, len(t.cols))}
	var d any
	into := make([]any, 0, len(t.cols)+1)
	for i := range r.v {
		into = append(into, &r.v[i])
	}
	err = rs.Scan(append(into, &d)...)
	digest, _ = d.([]byte)
	return r, digest, err
}

// update writes a changed row back under its key.
func (r row) update(ctx context.Context, tx *sql.Tx) error {
	t := r.t
	stmt := fmt.Sprintf("UPDATE %s SET %s = ?, digest = ? WHERE %s = ?", t.name,
		strings.Join(t.cols[t.keys:], " = ?, "), strings.Join(t.cols[:t.keys], " = ? AND "))
	args := append(slices.Clone(r.v[t.keys:]), r.digest())
	_, err := tx.ExecContext(ctx, stmt, append(args, r.v[:t.keys]...)...)
	return err
}

// damage is a row that does not match its digest.
type damage struct{ table, key string }

func (d *damage) Error() string {
	return fmt.Sprintf("%v: the row %s of table %s does not match its own checksum; keep the file as it is and compare it with a backup", ErrDamaged, d.key, d.table)
}
func (d *damage) Unwrap() error { return ErrDamaged }

// rows gives the rows that tail (WHERE ..., ORDER BY ...) lets through. Damaged
// ones are left out and told in the error, which joins a *damage for each.
func (t *table) rows(ctx context.Context, q querier, tail string, args ...any) ([]row, error) {
	rs, err := q.QueryContext(ctx, fmt.Sprintf("SELECT %s, digest FROM %s %s", t.list(), t.name, tail), args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []row
	var bad []error
	for rs.Next() {
		r, digest, err := t.scan(rs)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(digest, r.digest()) {
			bad = append(bad, &damage{t.name, r.key()})
			continue
		}
		out = append(out, r)
	}
	return out, errors.Join(append(bad, rs.Err())...)
}

// one gives the row that tail lets through, and whether there is one.
func (t *table) one(ctx context.Context, q querier, tail string, args ...any) (row, bool, error) {
	rs, err := t.rows(ctx, q, tail, args...)
	if err != nil || len(rs) == 0 {
		return row{}, false, err
	}
	return rs[0], true, nil
}

// write runs f in the one transaction that may change anything. When it
// returns nil, what f did is on disk.
func (c *Catalog) write(ctx context.Context, op string, f func(tx *sql.Tx) error) error {
	if c.w == nil {
		return fmt.Errorf("%s: %w", op, ErrReadOnly)
	}
	tx, err := c.w.BeginTx(ctx, nil)
	if err != nil {
		return explain(op, err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return explain(op, err)
	}
	if err := tx.Commit(); err != nil {
		return explain(op, err)
	}
	c.bell.ring()
	return nil
}
