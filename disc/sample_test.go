package disc

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSampleJSON(t *testing.T) {
	want := Sample{LBA: 16, SHA256: [32]byte{0: 0xab, 31: 0x01}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(b); s != `{"lba":16,"sha256":"ab`+strings.Repeat("00", 30)+`01"}` {
		t.Errorf("a sample is written as %s", s)
	}
	var got Sample
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("read back as %v, %v", got, err)
	}
	for _, bad := range []string{`{"sha256":"ab"}`, `{"sha256":"` + strings.Repeat("zz", 32) + `"}`, `{"lba":"x"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
