package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// bagInMemory is a source that gives what it has.
type bagInMemory map[string]string

func (b bagInMemory) list(context.Context) (map[string]int64, error) {
	files := map[string]int64{}
	for name, body := range b {
		files[name] = int64(len(body))
	}
	return files, nil
}

func (b bagInMemory) read(_ context.Context, name string) (io.ReadCloser, error) {
	body, ok := b[name]
	if !ok {
		return nil, errors.Join(ErrNotFound, fmt.Errorf("read %s", name))
	}
	return io.NopCloser(strings.NewReader(body)), nil
}

// Whatever makes a reader pass over a file that is listed or expected, it comes to
// light as an error: no result without a flaw is given for such a bag.
func TestNothingIsPassedOver(t *testing.T) {
	bag := bagInMemory{"bagit.txt": "x", "data/image.iso": "y"}
	for _, name := range []string{"bagit.txt", "data/image.iso"} {
		for how, list := range map[string]func(l *look){
			"listed":   func(l *look) { l.covered[name] = true },
			"expected": func(l *look) { l.expected.Payload = []Payload{{Path: name, SHA512: strings.Repeat("0", 128)}} },
		} {
			l := look{src: bag}
			l.begin()
			l.files, _ = bag.list(t.Context())
			list(&l)
			if err := l.settled(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s, passed over: %v", name, how, err)
			}
			l.flaw(name, Malformed, "whatever it is, it was not hashed")
			if err := l.settled(); err == nil {
				t.Errorf("%s, %s, reported for another reason and passed over", name, how)
			}
			l.flaw(name, Damaged, "it is another one")
			if err := l.settled(); err != nil {
				t.Errorf("%s, %s, damaged: %v", name, how, err)
			}
			l.judged = map[string]bool{}
			l.res.Held[name] = true
			if err := l.settled(); err != nil {
				t.Errorf("%s, %s, hashed: %v", name, how, err)
			}
		}
	}
}
