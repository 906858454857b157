package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

func isPayload(path string) bool { return strings.HasPrefix(path, payloadDir) }

// files is the whole bag when every file of it is known, else nil.
func (want Expected) files() []BagFile {
	var out []BagFile
	have := map[string]bool{}
	for _, p := range want.Payload {
		if !isDigest(p.SHA512, 64) || p.Size < 0 || checkBagPath(p.Path) != nil || have[p.Path] {
			return nil
		}
		have[p.Path] = true
		out = append(out, BagFile{p.Path, p.Size, p.SHA512})
	}
	for _, must := range []string{bagItFile, manifest512, tagManifest256, TagManifest} {
		if !have[must] {
			return nil
		}
	}
	return out
}

// plan takes what the bag consists of from the first copy whose own manifests
// fit together, and fit what is expected.
func (r *Retrieval) plan(ctx context.Context) error {
	var why []error
	for _, c := range r.copies {
		files, flaws, err := planOf(ctx, c.Copy, r.want)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, f := range flaws {
			c.use.Flaws = append(c.use.Flaws, f)
			r.tell(CopyNews{Store: c.use.Store, Path: f.Path, Flaw: &f})
		}
		switch {
		case err != nil:
			c.use.Err = err
			r.tell(CopyNews{Store: c.use.Store, Path: TagManifest, Err: err})
			why = append(why, err)
		case files == nil:
			why = append(why, fmt.Errorf("store %s: %w: %s", c.use.Store, ErrNotWhole, flaws[0]))
			c.out = why[len(why)-1] // what its manifests say cannot be believed
		default:
			r.Files = files
			return nil
		}
	}
	return fmt.Errorf("what the bag consists of is not known: %w", Reasons(why))
}

// Reasons are errors that stand side by side, one for each copy, in one line.
type Reasons []error

func (r Reasons) Error() string {
	words := make([]string, 0, len(r))
	for _, err := range r {
		words = append(words, err.Error())
	}
	return strings.Join(words, "; ")
}

// Unwrap gives each of them to errors.Is.
func (r Reasons) Unwrap() []error { return r }

// planOf reads a bag's manifests. What it lists is given when it fits together,
// nil when it does not; flaws then say why, else what is there beside the bag.
func planOf(ctx context.Context, c Copy, want Expected) (files []BagFile, flaws []Flaw, err error) {
	want.Prefix = c.Prefix
	l := look{src: storeSource{c.Store, c.Prefix}, algorithms: []string{"sha512", "sha256"}, expected: want}
	l.begin()
	if l.files, err = l.src.list(ctx); err != nil {
		return nil, nil, err
	}
	if len(l.files) == 0 {
		return nil, []Flaw{{TagManifest, Missing, "nothing of the bag is in the store"}}, nil
	}
	if err := l.readOwnFiles(ctx); err != nil {
		return nil, nil, err
	}
	// The manifests themselves, and all but the long ones of the small files.
	for _, name := range l.names() {
		if !isPayload(name) && l.covered[name] && l.files[name] <= maxTagFile {
			if err := l.readFile(ctx, name); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, p := range want.Payload {
		if d := l.manifest["sha512"][p.Path]; p.SHA512 != "" && d != "" && d != p.SHA512 {
			l.flaw(p.Path, Damaged, "the bag's manifest has another SHA512 than was sealed")
		}
	}
	for name := range maps.Keys(l.manifest["sha512"]) {
		if _, ok := l.files[name]; !ok && !l.strange[name] {
			l.flaw(name, Missing, "listed in a manifest, not in the store")
		}
	}
	if len(l.res.Flaws) > 0 {
		return nil, l.res.Flaws, nil
	}
	tag256, err := l.digestOf(ctx, tagManifest256)
	if err != nil {
		return nil, nil, err
	}
	digests := maps.Clone(l.manifest["sha512"])
	digests[TagManifest], digests[tagManifest256] = l.res.TagManifest, tag256
	for name, size := range l.files {
		switch d := digests[name]; {
		case d != "":
			files = append(files, BagFile{name, size, d})
		case manifestName.MatchString(name) && l.manifest["sha512"][name] == "" && strings.HasPrefix(name, "tag"):
			if d, err = l.digestOf(ctx, name); err != nil {
				return nil, nil, err
			}
			files = append(files, BagFile{name, size, d})
		default:
			flaws = append(flaws, Flaw{name, Extra, "in no manifest; it was left where it is"})
		}
	}
	return files, flaws, nil
}

func (l *look) digestOf(ctx context.Context, name string) (string, error) {
	r, err := l.src.read(ctx, name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxTagFile+1))
	if err != nil || len(b) > maxTagFile {
		return "", errors.Join(err, fmt.Errorf("read %s: %d bytes", name, len(b)))
	}
	return sum("sha512", b), nil
}
