package disc

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

type sampleJSON struct {
	LBA    LBA    `json:"lba"`
	SHA256 string `json:"sha256"`
}

// MarshalJSON writes the digest as hexadecimal, as sha256sum does.
func (s Sample) MarshalJSON() ([]byte, error) {
	return json.Marshal(sampleJSON{s.LBA, hex.EncodeToString(s.SHA256[:])})
}

// UnmarshalJSON takes what MarshalJSON wrote.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var j sampleJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	d, err := hex.DecodeString(j.SHA256)
	if err != nil || len(d) != len(s.SHA256) {
		return fmt.Errorf("sample of sector %d: %q is not a SHA-256 in hexadecimal", j.LBA, j.SHA256)
	}
	s.LBA = j.LBA
	copy(s.SHA256[:], d)
	return nil
}
