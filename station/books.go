package station

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/internal/crashpoint"
)

// bays.json in the spool is what is kept of the bays over a restart:
// version 1.
const (
	baysFile    = "bays.json"
	baysFormat  = "ripstation bays"
	baysVersion = 1
	maxBaysFile = 4 << 20
	maxBays     = 1000
)

// bayRow is what is kept of one bay.
type bayRow struct {
	Node string `json:"node"` // where its drive was last
	// Failures are the discs in a row that failed or came out incomplete, the
	// oldest first.
	Failures []bayFailure `json:"failures"`
	// Kept is the disc that is held in the drive after its story.
	Kept *kept `json:"kept"`
}

// bayFailure is one disc that came to no good end in a drive.
type bayFailure struct {
	ID        string         `json:"id"` // the carrier; empty when it has none
	Insertion disc.Insertion `json:"insertion"`
	Outcome   Outcome        `json:"outcome"`
	Time      time.Time      `json:"time"`
}

type baysJSON struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Bays    map[string]bayRow `json:"bays"` // by drive key
}

// books is bays.json. What cannot be written is kept in memory, and told.
type books struct {
	path  string
	wrong func(error)

	mu   sync.Mutex
	rows map[string]bayRow
}

// load reads what is kept. What cannot be read is told and begun anew: it
// holds nothing that a disc depends on.
func (k *books) load() {
	rows, err := readBays(k.path)
	if err != nil {
		k.wrong(fmt.Errorf("%w; the discs that failed in a row are counted anew", err))
		rows = map[string]bayRow{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows = rows
}

func readBays(path string) (map[string]bayRow, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]bayRow{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBaysFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	rows, err := parseBays(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

func parseBays(data []byte) (map[string]bayRow, error) {
	if len(data) > maxBaysFile {
		return nil, fmt.Errorf("longer than %d bytes", maxBaysFile)
	}
	var b baysJSON
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, err
	}
	switch {
	case b.Format != baysFormat:
		return nil, fmt.Errorf("not a list of bays: format is %q", b.Format)
	case b.Version != baysVersion:
		return nil, fmt.Errorf("version %d; this program knows version %d", b.Version, baysVersion)
	case len(b.Bays) > maxBays:
		return nil, fmt.Errorf("%d bays; %d are the most", len(b.Bays), maxBays)
	}
	if b.Bays == nil {
		b.Bays = map[string]bayRow{}
	}
	for key, r := range b.Bays {
		if key == "" {
			return nil, errors.New("a bay without a drive's key")
		}
		if len(r.Failures) > maxFailures {
			return nil, fmt.Errorf("drive %q: %d discs in a row; %d are the most", key, len(r.Failures), maxFailures)
		}
	}
	return b.Bays, nil
}

// row is what is kept of one bay now.
func (k *books) row(key string) bayRow {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rows[key]
}

// keyOf is the key of the drive that was called so when it was last here.
func (k *books) keyOf(name string) (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.rows[name]; there && name != "" {
		return name, true
	}
	for _, key := range slices.Sorted(maps.Keys(k.rows)) {
		if n := k.rows[key].Node; n != "" && (n == name || strings.TrimPrefix(n, "/dev/") == name) {
			return key, true
		}
	}
	return "", false
}

// change changes what is kept of one bay, on disk first.
func (k *books) change(d disc.Drive, f func(*bayRow)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.rows[d.Key]
	next.Failures = slices.Clone(next.Failures)
	if d.Node != "" {
		next.Node = d.Node
	}
	f(&next)
	rows := maps.Clone(k.rows)
	if rows[d.Key] = next; len(next.Failures) == 0 && next.Kept == nil {
		delete(rows, d.Key)
		if _, there := k.rows[d.Key]; !there {
			return
		}
	}
	k.rows = rows
	data, err := json.MarshalIndent(baysJSON{baysFormat, baysVersion, rows}, "", " ")
	if err == nil {
		err = atomicfile.WriteFile(k.path, append(data, '\n'), 0o640)
	}
	if err != nil {
		k.wrong(fmt.Errorf("%w; it counts until the station ends", err))
		return
	}
	crashpoint.Here("bays-written")
}

func newBooks(s *Station) *books {
	return &books{path: filepath.Join(s.cfg.Spool, baysFile), rows: map[string]bayRow{}, wrong: func(err error) {
		s.say(Notice{Word: WordNeedsYou, Text: "what is kept of the drives: " + err.Error(), Hint: "look at the spool's disk"})
	}}
}
