package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// MaxRecord is the most bytes a record.json may have.
const MaxRecord = 64 << 20

// EncodeRecord writes the bytes of record.json: bounded, valid UTF-8, the same
// bytes for the same record. ErrInvalid names what cannot be so.
func EncodeRecord(r Record) ([]byte, error) {
	r = tidy(r)
	r.Format, r.Version = RecordFormat, RecordVersion
	settle(&r)
	if err := checkRecord(&r); err != nil {
		return nil, fmt.Errorf("write record of %s: %w", r.Carrier.ID, err)
	}
	// The record is to name its events as the catalog does.
	for i, e := range r.Events {
		var err error
		if r.Events[i], err = identified(r.Carrier.ID, e); err != nil {
			return nil, fmt.Errorf("write record of %s: %w", r.Carrier.ID, err)
		}
	}
	b, err := encodeJSON(r, "  ")
	if err != nil {
		return nil, fmt.Errorf("write record of %s: %w", r.Carrier.ID, err)
	}
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("write record of %s: %w", r.Carrier.ID, invalid("%d bytes are more than a record may have", len(b)))
	}
	return b, nil
}

// ParseRecord reads a record.json of at most MaxRecord bytes, of RecordFormat
// and RecordVersion. Fields that it does not know are passed over: they were
// added without changing what the others mean.
func ParseRecord(b []byte) (Record, error) {
	const op = "read record"
	if len(b) > MaxRecord {
		return Record{}, fmt.Errorf("%s: %w", op, invalid("%d bytes are more than a record may have", len(b)))
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := decodeJSON(b, &head); err != nil {
		return Record{}, fmt.Errorf("%s: %w: %w", op, ErrInvalid, err)
	}
	if head.Format != RecordFormat {
		return Record{}, fmt.Errorf("%s: %w", op, invalid("its format is %q, not %q", clamp(head.Format, 64), RecordFormat))
	}
	if head.Version != RecordVersion {
		return Record{}, fmt.Errorf("%s: %w", op, invalid("its version is %d; this program reads version %d", head.Version, RecordVersion))
	}
	var r Record
	if err := decodeJSON(b, &r); err != nil {
		return Record{}, fmt.Errorf("%s: %w: %w", op, ErrInvalid, err)
	}
	r = tidy(r)
	settle(&r)
	if err := checkRecord(&r); err != nil {
		return Record{}, fmt.Errorf("%s: %w", op, err)
	}
	return r, nil
}

func encodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeJSON takes one value and nothing behind it.
func decodeJSON(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}
