package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"path"
	"time"
)

// FilesPath is where a bag keeps its file list.
const FilesPath = "metadata/files.json"

// placeBits are the bits of files.n that count the rows of one list; above
// them stands the list.
const placeBits = 24

// fileListOf is what the bag says of its file list: whether it has one, and
// the digest of it.
func fileListOf(in Commit) (Object, bool, error) {
	for _, o := range in.Files {
		if o.Path != FilesPath {
			continue
		}
		if in.FileList == nil {
			return o, true, invalid("the bag has a %s and it was not given", FilesPath)
		}
		if o.SHA256 == "" {
			return o, true, invalid("there is no SHA-256 of %s", FilesPath)
		}
		return o, true, nil
	}
	if in.FileList != nil {
		return Object{}, false, invalid("a file list was given and the bag has no %s", FilesPath)
	}
	return Object{}, false, nil
}

// putFiles fills the tables of files from the list's bytes. Nothing of it
// stays when they are not those that the bag has.
func putFiles(ctx context.Context, tx *sql.Tx, rec Record, in Commit) (err error) {
	bag, ok, err := fileListOf(in)
	if err != nil || !ok {
		return err
	}
	r, err := in.FileList()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	count := &countingReader{r: io.TeeReader(r, h)}
	list, err := NewFileListReader(count)
	if err != nil {
		return err
	}
	if list.Head.Carrier != rec.Carrier.ID || list.Head.ImageVersion != rec.Image.Version {
		return invalid("the file list is that of image %d of %s", list.Head.ImageVersion, list.Head.Carrier)
	}
	p, err := newFilePutter(ctx, tx)
	if err != nil {
		return err
	}
	defer p.close()
	for {
		e, err := list.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = p.put(ctx, &e)
		}
		if err != nil {
			return err
		}
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != bag.SHA256 || count.n != bag.Size {
		return invalid("the file list has %d bytes and SHA-256 %s, the bag's has %d and %s", count.n, sum, bag.Size, bag.SHA256)
	}
	volumes, err := encodeJSON(list.Head.Volumes, "")
	if err != nil {
		return err
	}
	return fileLists.insert(ctx, tx, p.list, rec.Carrier.ID, rec.Image.Version, bag.SHA256, orNull(list.Head.TreeSHA256), string(bytes.TrimSpace(volumes)),
		p.listed, p.files, p.directories, p.bytes, p.damaged, p.rows.Sum(nil))
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// filePutter adds the rows of one list.
type filePutter struct {
	row, name *sql.Stmt
	rows      hash.Hash

	list, listed, files, directories, bytes, damaged int64
}

func newFilePutter(ctx context.Context, tx *sql.Tx) (*filePutter, error) {
	p := &filePutter{rows: sha256.New()}
	err := tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT 1 + max(coalesce((SELECT max(n) FROM file_lists), 0), coalesce((SELECT max(n) >> %d FROM files), 0))`, placeBits)).Scan(&p.list)
	if err != nil {
		return nil, err
	}
	if p.row, err = tx.PrepareContext(ctx, files.insertSQL()); err != nil {
		return nil, err
	}
	if p.name, err = tx.PrepareContext(ctx, "INSERT INTO file_names (rowid, name) VALUES (?, ?)"); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *filePutter) close() {
	p.row.Close()
	if p.name != nil {
		p.name.Close()
	}
}

func (p *filePutter) put(ctx context.Context, e *FileEntry) error {
	n := p.list<<placeBits | p.listed
	var damaged int64
	for _, d := range e.Damaged {
		damaged = sumOf(damaged, d.Length)
	}
	r := files.row(n, e.Volume, e.Path, e.Type, e.Size, fileTime(e.Modified), nil, damaged, orNull(e.Reason))
	if e.SHA256 != "" {
		sum, err := hex.DecodeString(e.SHA256)
		if err != nil {
			return err
		}
		r.set("sha256", sum)
	}
	digest := r.digest()
	p.rows.Write(digest)
	if _, err := p.row.ExecContext(ctx, append(r.v, digest)...); err != nil {
		return err
	}
	if _, err := p.name.ExecContext(ctx, n, path.Base(e.Path)); err != nil {
		return err
	}
	p.listed++
	switch e.Type {
	case TypeFile:
		p.files++
		p.bytes = sumOf(p.bytes, e.Size)
	case TypeDirectory:
		p.directories++
	}
	if damaged > 0 {
		p.damaged++
	}
	return nil
}

// sumOf stays at the most there is: sizes come from a disc.
func sumOf(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// ListedFile is a file as the catalog knows it.
type ListedFile struct {
	Volume   int        `json:"volume"`
	Path     string     `json:"path"`
	Type     FileType   `json:"type"`
	Size     int64      `json:"size"`
	Modified *time.Time `json:"modified"`
	SHA256   *string    `json:"sha256"`
	Damaged  int64      `json:"damaged_bytes"` // bytes that were not read
	Reason   *string    `json:"reason"`        // why there is no digest, or what else is wrong
}

func listedFileOf(r row) ListedFile {
	f := ListedFile{Volume: int(r.num("volume")), Path: r.str("path"), Type: FileType(r.str("type")), Size: r.num("size"), Damaged: r.num("damaged"), Reason: orNull(r.str("reason"))}
	if t, err := time.Parse(time.RFC3339Nano, r.str("modified")); err == nil {
		f.Modified = &t
	}
	if b := r.blob("sha256"); b != nil {
		f.SHA256 = orNull(hex.EncodeToString(b))
	}
	return f
}

// ListView is what the catalog says of an image's file list.
type ListView struct {
	CarrierID   string       `json:"id"`
	Version     int          `json:"image_version"`
	SHA256      string       `json:"sha256"` // of metadata/files.json
	TreeSHA256  *string      `json:"tree_sha256"`
	Volumes     []FileVolume `json:"volumes"`
	Listed      int64        `json:"listed"`
	Files       int64        `json:"file_count"` // without directories, links and other
	Directories int64        `json:"directory_count"`
	Bytes       int64        `json:"bytes"`         // of the files
	Damaged     int64        `json:"damaged_files"` // with bytes that were not read
	n           int64
	rows        []byte
}

func listViewOf(r row) (ListView, error) {
	v := ListView{CarrierID: r.str("carrier"), Version: int(r.num("version")), SHA256: r.str("sha256"), TreeSHA256: orNull(r.str("tree_sha256")), Volumes: []FileVolume{},
		Listed: r.num("listed"), Files: r.num("files"), Directories: r.num("directories"), Bytes: r.num("bytes"), Damaged: r.num("damaged"),
		n: r.num("n"), rows: r.blob("rows")}
	return v, decodeJSON([]byte(r.str("volumes")), &v.Volumes)
}

// FileList gives what is known of the file list of a carrier's latest image;
// ErrNotFound when that image has none.
func (c *Catalog) FileList(ctx context.Context, carrierID string) (ListView, error) {
	v, err := latestList(ctx, c.r, carrierID)
	return v, explain("read the file list of "+carrierID, err)
}

func latestList(ctx context.Context, q querier, carrierID string) (ListView, error) {
	r, ok, err := fileLists.one(ctx, q, "WHERE carrier = ?1 AND version = (SELECT max(version) FROM images WHERE carrier = ?1)", carrierID)
	if err == nil && !ok {
		err = fmt.Errorf("its files are %w", ErrNotFound)
	}
	if err != nil {
		return ListView{}, err
	}
	return listViewOf(r)
}

// maxDamages is how many damaged rows one error names.
const maxDamages = 8

// Files gives the files of a list one after the other, in its order, as of one
// moment. Damaged rows are left out; they, and rows that are gone, are told
// afterwards in an error that wraps ErrDamaged.
func (c *Catalog) Files(ctx context.Context, v ListView, yield func(ListedFile) error) error {
	op := fmt.Sprintf("read the files of image %d of %s", v.Version, v.CarrierID)
	var stopped error
	bad, err := walkFiles(ctx, c.r, v, func(r row) error {
		stopped = yield(listedFileOf(r))
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	return explain(op, errors.Join(append(bad, err)...))
}

// walkFiles holds the rows of a list against their digests, and all of them
// against the list's. bad are the faults; the error says that it could not look.
func walkFiles(ctx context.Context, q querier, v ListView, yield func(r row) error) (bad []error, err error) {
	h, n, broken := sha256.New(), int64(0), 0
	err = each(ctx, q, fmt.Sprintf("SELECT %s, digest FROM files WHERE n >= ? AND n < ? ORDER BY n", files.list()), []any{v.n << placeBits, (v.n + 1) << placeBits}, func(rs *sql.Rows) error {
		r, digest, err := files.scan(rs)
		if err != nil {
			return err
		}
		d := r.digest()
		h.Write(d)
		n++
		if !bytes.Equal(d, digest) {
			if broken++; broken <= maxDamages {
				bad = append(bad, &damage{files.name, r.key()})
			}
			return nil
		}
		return yield(r)
	})
	if err != nil {
		return bad, err
	}
	if broken > maxDamages {
		bad = append(bad, fmt.Errorf("%w: %d more rows of table files do not match their own checksums", ErrDamaged, broken-maxDamages))
	}
	if broken == 0 && (n != v.Listed || !bytes.Equal(h.Sum(nil), v.rows)) {
		bad = append(bad, fmt.Errorf("%w: there are %d rows of the %d of its file list, or others; keep the file as it is and compare it with a backup, or with %s in a store", ErrDamaged, n, v.Listed, FilesPath))
	}
	return bad, nil
}
