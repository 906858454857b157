package station

import (
	"encoding/json"
	"testing"
)

func FuzzParseBays(f *testing.F) {
	for _, s := range []string{"", "{}", `{"format":"ripstation bays","version":1,"bays":null}`, `{"format":"ripstation bays","version":1,"bays":{"K":{"node":"/dev/sr0","failures":[{"id":"x"}],"kept":{"policy":"done"}}}}`,
		`{"format":"ripstation bays","version":1,"bays":{"":{}}}`, `{"format":"ripstation bays","version":9}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parseBays(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(baysJSON{baysFormat, baysVersion, rows})
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parseBays(again); err != nil || len(same) != len(rows) {
			t.Fatalf("%s reads back as %d bays of %d: %v", again, len(same), len(rows), err)
		}
		for _, r := range rows {
			_ = r.Kept.outcome()
			_ = (&Station{cfg: Config{Failures: 1}}).onHold(r)
		}
	})
}
