package e2e

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// A second, empty station has the bucket and nothing else: it makes the catalog
// anew, which tells the same as the first one's, byte for byte, and gives the
// discs back.
func TestSecondStationFromTheBucketAlone(t *testing.T) {
	s := newRig(t)
	m, hurt := s.cd("FIRST", 721, 700), s.cd("SECOND", 722, 900)
	bad := disc.Extent{Start: 500, Count: 3}
	hurt.Damage().Bad(bad)
	d := s.drive("m0", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, m)
	id := s.told(station.WordReleased).ID
	s.toldOf(id, station.WordEjected)
	if out, exit := s.text("annotate", id, "--item", "31234000567890", "--title", "Ärger mit \"Anführung\"", "--note", "spine torn"); exit != 0 {
		t.Fatalf("annotate: exit %d\n%s", exit, out)
	}
	s.insert(d, hurt)
	hurtID := s.told(station.WordIncomplete).ID
	s.toldOf(hurtID, station.WordReleased)
	s.toldOf(hurtID, station.WordEjected)
	first := s.station(config)
	s.settled(id)
	s.settled(hurtID)
	want := first.must("catalog", "export", "--canonical")

	const away = "/etc/ripstation/second.toml"
	own := strings.NewReplacer(service+"/", service+"/second/", "ripstation.sock", "second.sock")
	s.write(away, own.Replace(s.conf), 0o644)
	s.must("sh", "-c", "mkdir "+service+"/second && chown ripstation:ripstation "+service+"/second")
	second := s.station(away)
	second.must("catalog", "rebuild", "--from", "archive")
	if got := second.must("catalog", "export", "--canonical"); got != want {
		t.Errorf("the catalog made anew tells other things.\nthe first:\n%s\nthe second:\n%s", want, got)
	}
	for _, of := range []struct {
		id   string
		want []byte
		exit int
	}{{id, onDisc(t, m), 0}, {hurtID, onDisc(t, hurt, bad), 3}} {
		out, exit := second.text("restore", of.id, service+"/second/restored")
		if exit != of.exit {
			t.Errorf("restore %s: exit %d, want %d\n%s", of.id, exit, of.exit, out)
		}
		sum := sha512.Sum512(of.want)
		if found := s.must("sh", "-c", "find "+service+"/second/restored -name image.iso -exec sha512sum {} +"); !strings.Contains(found, hex.EncodeToString(sum[:])) {
			t.Errorf("no image that was restored is the disc's:\n%s", found)
		}
	}
}

// other is a station of the guest by its configuration.
type other struct {
	s    *rig
	conf string
}

func (s *rig) station(conf string) other { return other{s, conf} }

func (o other) text(argv ...string) (string, int) {
	o.s.t.Helper()
	r, err := o.s.Guest.Run(o.s.ctx, bench.AsService(append([]string{"/usr/bin/env", "CREDENTIALS_DIRECTORY=" + creds, "/usr/bin/ripstation", "--config", o.conf}, argv...)...)...)
	if err != nil {
		o.s.t.Fatal(err)
	}
	return r.Stdout + r.Stderr, r.Exit
}

func (o other) must(argv ...string) string {
	o.s.t.Helper()
	out, exit := o.text(argv...)
	if exit != 0 {
		o.s.t.Fatalf("ripstation --config %s %s: exit %d\n%s", o.conf, strings.Join(argv, " "), exit, out)
	}
	return out
}

// settled waits until every event of a carrier that its record does not hold is
// in the store.
func (s *rig) settled(id string) {
	s.t.Helper()
	b, err := os.ReadFile(s.s3.File(bucket, id+"/v1/metadata/record.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var sealed catalog.Record
	if err := json.Unmarshal(b, &sealed); err != nil {
		s.t.Fatal(err)
	}
	for {
		there, err := filepath.Glob(s.s3.File(bucket, id+"/events/*.json"))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(there) == len(s.show(id).Events)-len(sealed.Events) {
			return
		}
		if err := s.ctx.Err(); err != nil {
			s.t.Fatalf("wait for the events of %s in the store: %v; it has %v", id, err, there)
		}
	}
}
