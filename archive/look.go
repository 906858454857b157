package archive

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// source is where a bag is read: a store or a folder.
type source interface {
	// list gives every file inside the bag with its size.
	list(ctx context.Context) (map[string]int64, error)
	// read fails with ErrNotFound when the file is not there, with ErrChecksum
	// when the source itself knows the bytes to be wrong.
	read(ctx context.Context, path string) (io.ReadCloser, error)
}

type storeSource struct {
	store  Store
	prefix string
}

func (s storeSource) list(ctx context.Context) (map[string]int64, error) {
	files := map[string]int64{}
	for info, err := range s.store.List(ctx, s.prefix+"/") {
		if err != nil {
			return nil, err
		}
		if len(files) >= maxLines {
			return nil, fmt.Errorf("store %s: more than %d objects under %s", s.store.Name(), maxLines, s.prefix)
		}
		files[strings.TrimPrefix(info.Key, s.prefix+"/")] = info.Size
	}
	return files, nil
}

func (s storeSource) read(ctx context.Context, path string) (io.ReadCloser, error) {
	return s.store.Read(ctx, s.prefix+"/"+path, 0, -1)
}

// folderSource is a bag that lies plainly in a file system.
type folderSource struct{ fsys fs.FS }

// ValidateFolder is Validate for a bag in a folder, wherever it came from.
func ValidateFolder(ctx context.Context, fsys fs.FS) (ReadBackResult, error) {
	l := look{src: folderSource{fsys}, algorithms: []string{"sha512", "sha256", "sha1", "md5"}}
	return l.run(ctx)
}

func (s folderSource) list(ctx context.Context) (map[string]int64, error) {
	files := map[string]int64{}
	err := fs.WalkDir(s.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(files) >= maxLines {
			return fmt.Errorf("more than %d files", maxLines)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[path.Clean(name)] = info.Size()
		return nil
	})
	return files, err
}

func (s folderSource) read(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := s.fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return readCloser{ctxReader{ctx, f}, f}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// ctxReader ends a long read when nobody waits for it any more.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// look is one reading of a bag.
type look struct {
	src        source
	algorithms []string // whose manifests the files are held against
	expected   Expected // zero for a bag of which nothing is known
	any        *letter  // what a stranger's bag declares; nil for one of ours, which has to be as strict as we write

	files    map[string]int64
	manifest map[string]map[string]string // algorithm -> path -> digest, payload and tag files alike
	covered  map[string]bool              // listed in a manifest of any algorithm
	strange  map[string]bool              // reported already
	judged   map[string]bool              // reported as missing or damaged: its bytes need not be asked any more
	res      ReadBackResult
}

// begin makes a look ready to note what it sees.
func (l *look) begin() {
	l.manifest, l.covered, l.strange, l.judged = map[string]map[string]string{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	l.res.Held = map[string]bool{}
}

func (l *look) flaw(path string, fault Fault, format string, args ...any) {
	l.res.Flaws = append(l.res.Flaws, Flaw{path, fault, fmt.Sprintf(format, args...)})
	l.strange[path] = true
	l.judged[path] = l.judged[path] || fault == Missing || fault == Damaged
}

var manifestName = regexp.MustCompile(`^(tag)?manifest-([a-z0-9]+)\.txt$`)

func (l *look) run(ctx context.Context) (ReadBackResult, error) {
	l.begin()
	var err error
	if l.files, err = l.src.list(ctx); err != nil {
		return l.res, err
	}
	if err := l.readOwnFiles(ctx); err != nil {
		return l.res, err
	}
	for _, p := range l.expected.Payload {
		if size, ok := l.files[p.Path]; !ok {
			l.flaw(p.Path, Missing, "recorded, not in the store")
		} else if size != p.Size {
			l.flaw(p.Path, Damaged, "%d bytes instead of %d", size, p.Size)
		}
	}
	for _, name := range l.all() {
		if err := l.readFile(ctx, name); err != nil {
			return l.res, err
		}
	}
	return l.res, l.settled()
}

// settled makes sure that nothing is said of a bag one of whose files was passed
// over: each that is listed or expected was hashed and is as it should be, or a
// flaw says that it is missing or damaged.
func (l *look) settled() error {
	for _, name := range l.all() {
		switch {
		case isTagManifest(name) && !l.strange[name]: // what it lists was held against it, line by line
			l.res.Held[name] = true
		case isTagManifest(name), l.res.Held[name], l.judged[name]:
		case l.covered[name] || l.sealed(name) != "":
			return fmt.Errorf("%s: its bytes were not hashed, so nothing is said of this copy; please report it, this should never be", name)
		}
	}
	return nil
}

// sealed is the SHA-512 that a file was sealed with, empty when that is not known.
func (l *look) sealed(name string) string {
	for _, p := range l.expected.Payload {
		if p.Path == name {
			return p.SHA512
		}
	}
	return ""
}

// digests are those that the manifests have of a file. The payload, which may be
// large, is held against the manifests of l.algorithms, if one of them lists it.
// All else is held against every one: nothing but what it lists vouches for a
// second tag manifest.
func (l *look) digests(name string) map[string]string {
	want, all := map[string]string{}, map[string]string{}
	for a, listed := range l.manifest {
		if d, ok := listed[name]; ok {
			all[a] = d
			if slices.Contains(l.algorithms, a) {
				want[a] = d
			}
		}
	}
	if isPayload(name) && len(want) > 0 {
		return want
	}
	return all
}

func isTagManifest(name string) bool {
	return manifestName.MatchString(name) && strings.HasPrefix(name, "tag")
}

// all is every file listed or there, each once, sorted.
func (l *look) all() []string {
	set := map[string]bool{}
	for name := range l.files {
		set[name] = true
	}
	for _, listed := range l.manifest {
		for name := range listed {
			set[name] = true
		}
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// readFile holds one file against all that is known of it.
func (l *look) readFile(ctx context.Context, name string) error {
	if _, there := l.files[name]; !there {
		if !l.strange[name] {
			l.flaw(name, Missing, "listed in a manifest, not in the store")
		}
		return nil
	}
	if isTagManifest(name) {
		return nil // read with the bag's own files
	}
	want, sealed := l.digests(name), l.sealed(name)
	// Of a stranger's bag only the payload has to be listed, and its manifests
	// need no tag manifest.
	extra := !l.covered[name] && (l.any == nil || isPayload(name))
	if extra {
		l.flaw(name, Extra, "in no manifest")
	}
	// Whatever else was said of a file, it is hashed if there is a digest to hold
	// it against.
	if l.judged[name] || extra && sealed == "" {
		return nil
	}
	detail, err := l.hashFile(ctx, name, want, sealed)
	if err == nil && detail != "" {
		// A bit can flip on the way here. Only what is wrong twice is damaged.
		detail, err = l.hashFile(ctx, name, want, sealed)
	}
	if errors.Is(err, ErrNotFound) {
		l.flaw(name, Missing, "gone while it was to be read")
		return nil
	}
	if err != nil {
		return err
	}
	if detail != "" {
		l.flaw(name, Damaged, "%s", detail)
	} else {
		l.res.Held[name] = len(want) > 0 || sealed != ""
	}
	l.res.Files++
	return nil
}

// hashFile reads a file once; detail says how it differs, empty if it does not.
func (l *look) hashFile(ctx context.Context, name string, want map[string]string, sealed string) (detail string, err error) {
	r, err := l.src.read(ctx, name)
	if errors.Is(err, ErrChecksum) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	hashes := map[string]hash.Hash{}
	var to []io.Writer
	for a := range want {
		hashes[a] = algorithms[a]()
		to = append(to, hashes[a])
	}
	if sealed != "" && hashes["sha512"] == nil {
		hashes["sha512"] = algorithms["sha512"]()
		to = append(to, hashes["sha512"])
	}
	n, err := io.CopyBuffer(io.MultiWriter(to...), r, make([]byte, 1<<20))
	l.res.Bytes += n
	if errors.Is(err, ErrChecksum) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	for a, h := range hashes {
		got := fmt.Sprintf("%x", h.Sum(nil))
		if d, ok := want[a]; ok && got != d {
			return fmt.Sprintf("its %s is %s, the manifest has %s", strings.ToUpper(a), got, d), nil
		}
		if a == "sha512" && sealed != "" && got != sealed {
			return fmt.Sprintf("its SHA512 is %s, sealed was %s", got, sealed), nil
		}
	}
	return "", nil
}
