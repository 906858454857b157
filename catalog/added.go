package catalog

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxAdded is the most bytes that a file added by a person may have.
const MaxAdded = 64 << 20

// Added is a file that a person adds to a carrier. It lies under AddedKey in
// every store, and the event that names it has it in its changes.
type Added struct {
	SHA256    string `json:"sha256"` // of its bytes, hexadecimal
	Size      int64  `json:"size"`
	MediaType string `json:"media_type"` // by its content
	Role      string `json:"role"`       // what it shows: one of AddedRoles, or what a later program knows
	Note      string `json:"note"`
}

// AddedRoles are what a photo can show.
func AddedRoles() []string { return []string{"disc", "case", "insert"} }

// AddedFile is a file that a carrier has.
type AddedFile struct {
	CarrierID string `json:"id"`
	Added
	Seq      int64     `json:"event"` // of the event that names it
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
}

// AddedKey is where a file lies in a store: "<id>/added/<sha256>".
func AddedKey(carrier, sha256 string) string { return carrier + "/added/" + sha256 }

// ValidSHA256 reports whether s is a SHA-256 as it stands in a key. Nothing else
// may become a part of one, or of a path.
func ValidSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

// believable takes what this program or a later one may have written.
func (a Added) believable() bool {
	return ValidSHA256(a.SHA256) && a.Size > 0 && a.Size <= 1<<40 && a.MediaType != "" && len(a.MediaType) <= 128 && a.Role != "" && len(a.Role) <= 128
}

// Check says what of it cannot be recorded.
func (a Added) Check() error {
	switch {
	case !ValidSHA256(a.SHA256) || a.MediaType == "" || len(a.MediaType) > 128:
		return invalid("file %q of type %q", clamp(a.SHA256, 80), clamp(a.MediaType, 64))
	case a.Size < 1 || a.Size > MaxAdded:
		return invalid("the file has %d bytes; it can have 1 to %d", a.Size, MaxAdded)
	case !oneOf(a.Role, AddedRoles()...):
		return invalid("role %q is none of %s", clamp(a.Role, 64), strings.Join(AddedRoles(), ", "))
	case len(a.Note) > maxSaid || !utf8.ValidString(a.Note) || strings.ContainsFunc(a.Note, unicode.IsControl):
		return invalid("the note is longer than %d bytes, holds a control character, or is not UTF-8", maxSaid)
	}
	return nil
}

// AddFile records a file that a person adds to a carrier, with its event. Its
// bytes must be safe before. fresh is false when the carrier has the same file
// already: then it is only sent again, since a store may have lost it.
func (c *Catalog) AddFile(ctx context.Context, carrierID string, a Added, by ...Agent) (fresh bool, err error) {
	op := "record a file of " + clamp(carrierID, 64)
	a.Note = strings.TrimSpace(a.Note)
	if err := a.Check(); err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	by = orUnattended(by)
	err = c.write(ctx, op, func(tx *sql.Tx) error {
		fresh = false
		if _, err := mustCarrier(ctx, tx, carrierID); err != nil {
			return err
		}
		r, there, err := added.one(ctx, tx, "WHERE carrier = ? AND sha256 = ?", carrierID, a.SHA256)
		if err != nil {
			return err
		}
		if there {
			return sendAgain(ctx, tx, carrierID, r.num("seq"))
		}
		fresh = true
		detail := fmt.Sprintf("photo of the %s added: %s, %d bytes, SHA-256 %s", a.Role, a.MediaType, a.Size, a.SHA256)
		if a.Note != "" {
			detail += "; note: " + a.Note
		}
		e := tidy(Event{ID: NewID(), Type: EventModify, Time: time.Now(), Outcome: EventSuccess, Detail: detail, Agents: by,
			Objects: []string{carrierID, AddedKey(carrierID, a.SHA256)}, Changes: &Changes{Added: &a}})
		if err := addEvent(ctx, tx, carrierID, e); err != nil {
			return err
		}
		return putAdded(ctx, tx, carrierID, a, e)
	})
	return fresh, err
}

// putAdded adds the row of a file whose event was added last. One that is there
// already, named by an earlier event, stays.
func putAdded(ctx context.Context, tx *sql.Tx, carrierID string, a Added, e Event) error {
	_, there, err := added.one(ctx, tx, "WHERE carrier = ? AND sha256 = ?", carrierID, a.SHA256)
	if err != nil || there {
		return err
	}
	r, err := mustCarrier(ctx, tx, carrierID)
	if err != nil {
		return err
	}
	return added.insert(ctx, tx, carrierID, a.SHA256, r.num("events"), a.Size, a.MediaType, a.Role, a.Note, operatorOf(e.Agents), formatTime(e.Time))
}

func addedOf(ctx context.Context, q querier, carrierID string) ([]AddedFile, error) {
	rs, err := added.rows(ctx, q, "WHERE carrier = ? ORDER BY seq", carrierID)
	return addedFiles(rs), err
}

func addedFiles(rs []row) []AddedFile {
	all := make([]AddedFile, 0, len(rs))
	for _, r := range rs {
		all = append(all, AddedFile{r.str("carrier"), Added{r.str("sha256"), r.num("size"), r.str("media_type"), r.str("role"), r.str("note")},
			r.num("seq"), parseTime(r.str("at")), r.str("operator")})
	}
	return all
}

// Added gives the files that a carrier has, in the order in which they came.
// Damaged rows are left out and told in an error that wraps ErrDamaged.
func (c *Catalog) Added(ctx context.Context, carrierID string) ([]AddedFile, error) {
	all, err := addedOf(ctx, c.r, carrierID)
	return all, explain("look up the files added to "+clamp(carrierID, 64), err)
}

// AllAdded gives the files of all carriers, by carrier. Damaged rows are left out
// and told in an error that wraps ErrDamaged.
func (c *Catalog) AllAdded(ctx context.Context) ([]AddedFile, error) {
	rs, err := added.rows(ctx, c.r, "ORDER BY carrier, seq")
	return addedFiles(rs), explain("look up the files that were added", err)
}

// SentSeqs gives, by carrier, up to which seq a store holds the events. What is
// not known of a carrier is not there.
func (c *Catalog) SentSeqs(ctx context.Context, store string) (map[string]int64, error) {
	rs, err := mail.rows(ctx, c.r, "WHERE store = ?", store)
	if errors.Is(err, ErrDamaged) { // it is sent again, which changes nothing
		err = nil
	}
	seqs := map[string]int64{}
	for _, r := range rs {
		seqs[r.str("carrier")] = r.num("sent")
	}
	return seqs, explain("look up which events store "+store+" has", err)
}

// SentSeq is SentSeqs for one carrier; 0 when it is not known.
func (c *Catalog) SentSeq(ctx context.Context, carrierID, store string) (int64, error) {
	r, ok, err := mail.one(ctx, c.r, "WHERE carrier = ? AND store = ?", carrierID, store)
	if errors.Is(err, ErrDamaged) || err == nil && !ok {
		return 0, nil
	}
	if err != nil {
		return 0, explain("look up which events of "+clamp(carrierID, 64)+" store "+store+" has", err)
	}
	return r.num("sent"), nil
}
