package audit

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ripstation/archive"
	"ripstation/catalog"
)

// The files that every bag of this layout has beside its payload (see
// docs/decisions/0001-store-layout.md), and those that it may have.
const recordPath = "metadata/record.json"

var (
	tagFiles = []string{"bagit.txt", "bag-info.txt", "manifest-sha512.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt",
		archive.TagManifest, recordPath, "metadata/sectors.map", "metadata/ddrescue.map"}
	laterFiles = []string{"metadata/reads.log", "metadata/files.json"}
)

// expected is what the catalog knows of a bag: the files that it has digests
// of, by path.
type expected map[string]catalog.Object

// expect asks the catalog what must lie in the bag. The record leads, since
// its bytes are what was sealed; the rows of its objects may be damaged.
func expect(ctx context.Context, cat *catalog.Catalog, id string, version int) (expected, error) {
	want := expected{}
	objs, objErr := cat.Objects(ctx, id, version)
	if objErr != nil && !errors.Is(objErr, catalog.ErrDamaged) {
		return nil, objErr
	}
	for _, o := range objs {
		want[o.Path] = o
	}
	record, err := cat.Record(ctx, id, version)
	if errors.Is(err, catalog.ErrDamaged) {
		return want, objErr
	}
	if err != nil {
		return nil, err
	}
	rec, err := catalog.ParseRecord(record)
	if err != nil {
		return nil, err
	}
	for _, o := range rec.Objects {
		want[o.Path] = o
	}
	want[recordPath] = catalog.Object{Role: catalog.RoleTag, Path: recordPath, Size: int64(len(record)), SHA512: fmt.Sprintf("%x", sha512.Sum512(record))}
	return want, nil
}

// bag is what a reader of the bag holds it against.
func (want expected) bag(prefix string) archive.Expected {
	e := archive.Expected{Prefix: prefix}
	for p, o := range want {
		if o.SHA512 == "" {
			continue
		}
		if p == archive.TagManifest {
			e.TagManifest = o.SHA512
		}
		e.Payload = append(e.Payload, archive.Payload{Path: p, Size: o.Size, SHA512: o.SHA512})
	}
	return e
}

// Sealed is what the catalog knows that a bag has to hold. With an error that
// wraps catalog.ErrDamaged it is not all.
func Sealed(ctx context.Context, cat *catalog.Catalog, id string, version int) (archive.Expected, error) {
	want, err := expect(ctx, cat, id, version)
	return want.bag(""), err
}

// look holds one copy against the store.
func (s *shelf) look(ctx context.Context, h *held) error {
	switch {
	case h.blind, h.State == catalog.Queued, h.State == catalog.Sending: // told as A007; not there yet
		return s.conclude(ctx, h, verdict{})
	}
	want, err := expect(ctx, s.cfg.Catalog, h.CarrierID, h.Version)
	if errors.Is(err, catalog.ErrDamaged) || errors.Is(err, catalog.ErrInvalid) || errors.Is(err, catalog.ErrNotFound) {
		f := s.finding(h, CatalogDamaged, "", fmt.Sprintf("what this copy should hold is not known: %v", err))
		s.find(f)
		s.report.Copies.LookedAt++
		s.report.Copies.Unknown++
		s.each(h, verdict{state: catalog.Unknown, why: f.Message, findings: []Finding{f}})
		return nil
	}
	if err != nil {
		return err
	}
	v := verdict{state: catalog.Stored, tier: Present}
	v.findings = s.listed(h, want)
	if s.withdrawn[h.CarrierID] && slices.ContainsFunc(v.findings, func(f Finding) bool { return oneOf(f.Code, ObjectMissing, TagFileMissing) }) {
		return s.gone(ctx, h)
	}
	if err := s.strangers(ctx, h, &v); err != nil {
		return err
	}
	if err := s.recordedChecksums(ctx, h, want, &v); err != nil {
		return err
	}
	if s.cfg.Full && len(h.objects) > 0 {
		if err := s.readAll(ctx, h, want, &v); err != nil {
			return err
		}
	}
	v.settle(h)
	return s.conclude(ctx, h, v)
}

func (s *shelf) finding(h *held, code Code, inside, message string) Finding {
	return Finding{Code: code, Store: s.name, Key: h.key(inside), CarrierID: h.CarrierID, Version: h.Version, Message: message}
}

// listed holds the names and sizes in the store's list against what must be
// there.
func (s *shelf) listed(h *held, want expected) (fs []Finding) {
	if len(h.objects) == 0 {
		return []Finding{s.finding(h, ObjectMissing, "", "nothing of this bag is in the store's list")}
	}
	for p, o := range want {
		size, there := h.objects[p]
		switch {
		case !there && strings.HasPrefix(p, "data/"):
			fs = append(fs, s.finding(h, ObjectMissing, p, "it is not in the store's list"))
		case there && size != o.Size:
			fs = append(fs, s.finding(h, SizeDiffers, p, fmt.Sprintf("%d bytes, recorded were %d", size, o.Size)))
		}
	}
	must := slices.Clone(tagFiles)
	for p := range want {
		if !strings.HasPrefix(p, "data/") && !slices.Contains(must, p) {
			must = append(must, p)
		}
	}
	for _, p := range must {
		if _, there := h.objects[p]; !there {
			fs = append(fs, s.finding(h, TagFileMissing, p, "it is not in the store's list"))
		}
	}
	_, all := want[archive.TagManifest] // the catalog knows every file of the bag
	for p := range h.objects {
		if _, ok := want[p]; !ok && !slices.Contains(tagFiles, p) && (all || !slices.Contains(laterFiles, p)) {
			fs = append(fs, s.finding(h, Untracked, p, "it lies in the bag and is not of it"))
		}
	}
	return fs
}

// recordedChecksums asks the store which checksums it recorded for the payload
// when it was stored. That is the store's word and says nothing of today's
// bytes.
func (s *shelf) recordedChecksums(ctx context.Context, h *held, want expected, v *verdict) error {
	asked, unchanged := 0, 0
	for p, o := range want {
		if _, there := h.objects[p]; !there || !strings.HasPrefix(p, "data/") {
			continue
		}
		asked++
		info, err := s.store.Stat(ctx, h.key(p))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, archive.ErrNotFound):
			v.findings = append(v.findings, s.finding(h, ObjectMissing, p, "it was in the store's list and is gone"))
		case err != nil:
			v.unknown = err.Error()
		case info.CRC64NVME == "" || o.CRC64NVME == "":
		case info.CRC64NVME != o.CRC64NVME:
			v.findings = append(v.findings, s.finding(h, StoreChecksum, p, fmt.Sprintf("CRC64NVME %s, recorded was %s", info.CRC64NVME, o.CRC64NVME)))
		default:
			unchanged++
		}
	}
	if asked > 0 && unchanged == asked {
		v.tier = Unchanged
	}
	return nil
}

// readAll reads and hashes every byte of the bag.
func (s *shelf) readAll(ctx context.Context, h *held, want expected, v *verdict) error {
	res, err := archive.ReadBack(ctx, s.store, want.bag(strings.TrimSuffix(h.Key, "/")))
	s.report.BytesRead += res.Bytes
	v.bytes, v.files = res.Bytes, res.Files
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.findings = append(v.findings, s.flaws(h, want, res, v.findings)...)
	if err != nil {
		v.unknown = err.Error()
		return nil
	}
	if p := s.unhashed(h, want, res.Held, v.findings); p != "" {
		v.unknown = fmt.Sprintf("not every byte of %s was held against a digest, so it is not called read back; run `ripstation verify %.8s` again", h.key(p), h.CarrierID)
		return nil
	}
	v.tier = ReadBack
	return nil
}

// unhashed is a file that the bag has to hold, was not hashed and found right in
// this very look, and is not told of by a finding either; empty when there is
// none. Only then may a copy be called read back.
func (s *shelf) unhashed(h *held, want expected, hashed map[string]bool, findings []Finding) string {
	for _, p := range slices.Sorted(maps.Keys(want)) {
		if !hashed[p] && !toldOf(findings, h.key(p)) {
			return p
		}
	}
	for _, p := range tagFiles {
		if !hashed[p] && !toldOf(findings, h.key(p)) {
			return p
		}
	}
	return ""
}

// toldOf: a finding says that something is wrong with the bytes under the key.
func toldOf(findings []Finding, key string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Key == key && !oneOf(f.Code, StoreChecksum, Untracked) })
}

// flaws makes findings of what a full read saw, without those that only follow
// from what is told already.
func (s *shelf) flaws(h *held, want expected, res archive.ReadBackResult, before []Finding) (fs []Finding) {
	told, strangers, payload := map[string]bool{}, map[string]bool{}, false
	for _, f := range before {
		switch f.Code {
		case StoreChecksum:
			continue
		case Untracked:
			strangers[f.Key] = true
		default:
			told[f.Key] = true
		}
		payload = payload || strings.HasPrefix(f.Key, h.key("data")+"/")
	}
	for _, flaw := range res.Flaws {
		key := h.key(flaw.Path)
		_, known := want[flaw.Path]
		switch {
		case told[key], flaw.Fault == archive.Extra && strangers[key]:
		case flaw.Fault == archive.Extra && res.Held[flaw.Path]:
			// It is what was sealed; the manifest that should list it is what is
			// damaged.
		case flaw.Fault == archive.Extra && (known || slices.Contains(tagFiles, flaw.Path)):
			fs = append(fs, s.finding(h, BagMalformed, flaw.Path, "no manifest lists it, so that nothing says what it has to hold"))
		case flaw.Fault == archive.Malformed && payload && flaw.Path == "bag-info.txt" && strings.Contains(flaw.Detail, "Payload-Oxum"):
			// The payload is not what it was, so its sum is another. That this file
			// is the one that was sealed, its digest says.
		default:
			fs = append(fs, s.finding(h, codeOf(flaw), flaw.Path, flaw.Detail))
			told[key] = told[key] || flaw.Fault != archive.Extra
		}
	}
	return fs
}

func codeOf(f archive.Flaw) Code {
	switch {
	case f.Fault == archive.Missing && strings.HasPrefix(f.Path, "data/"):
		return ObjectMissing
	case f.Fault == archive.Missing:
		return TagFileMissing
	case f.Fault == archive.Extra:
		return Untracked
	case f.Fault == archive.Malformed:
		return BagMalformed
	case f.Path == recordPath:
		return RecordDiffers
	}
	return DigestDiffers
}
