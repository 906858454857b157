package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// readOwnFiles reads the files that make a bag a bag (RFC 8493, 2.1 and 2.2)
// and collects what the manifests list.
func (l *look) readOwnFiles(ctx context.Context) error {
	if err := l.declaration(ctx); err != nil {
		return err
	}
	if _, ok := l.files["fetch.txt"]; ok && l.any == nil {
		l.flaw("fetch.txt", Malformed, "parts of this bag lie elsewhere, which is not supported")
	}
	var payload, tag int
	perManifest := map[string]map[string]bool{}
	for _, name := range l.names() {
		m := manifestName.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		newHash, known := algorithms[m[2]]
		if !known {
			l.flaw(name, Malformed, "an algorithm that is not known here")
			continue
		}
		body, err := l.small(ctx, name)
		if err != nil {
			return err
		}
		if body == nil {
			continue
		}
		parse := parseManifest
		if l.any != nil {
			parse = l.any.parse
		}
		lines, err := parse(body, newHash().Size())
		if err != nil {
			l.flaw(name, Malformed, "%v", err)
			continue
		}
		if m[1] == "tag" {
			tag++
		} else {
			payload++
			perManifest[name] = map[string]bool{}
		}
		if m[1] == "tag" {
			got, want := sum("sha512", body), l.sealed(name)
			if name == TagManifest {
				l.res.TagManifest, want = got, cmp.Or(l.expected.TagManifest, want)
			}
			if want != "" && want != got {
				l.flaw(name, Damaged, "its SHA512 is %s, recorded was %s", got, want)
			}
		}
		if l.manifest[m[2]] == nil {
			l.manifest[m[2]] = map[string]string{}
		}
		for _, line := range lines {
			if strings.HasPrefix(line.path, payloadDir) == (m[1] == "tag") {
				l.flaw(name, Malformed, "it lists %.200q, which belongs in the other kind of manifest", line.path)
				continue
			}
			if m[1] == "tag" && strings.HasPrefix(line.path, "tagmanifest-") {
				l.flaw(name, Malformed, "it lists %.200q, a tag manifest", line.path)
				continue
			}
			l.manifest[m[2]][line.path], l.covered[line.path] = line.digest, true
			if m[1] != "tag" {
				perManifest[name][line.path] = true
			}
		}
	}
	for _, name := range []string{manifest512, tagManifest256, TagManifest} {
		if _, ok := l.files[name]; !ok && l.any == nil {
			l.flaw(name, Missing, "a bag without it is unfinished or has lost it")
		}
	}
	if payload == 0 {
		l.flaw(manifest512, Malformed, "there is no payload manifest to hold the bag against")
	}
	for name, listed := range perManifest {
		for _, file := range l.names() {
			if strings.HasPrefix(file, payloadDir) && !listed[file] && l.covered[file] && (l.any == nil || l.any.final()) {
				l.flaw(name, Malformed, "it does not list %s", file)
			}
		}
	}
	if l.any == nil {
		l.tagManifestsAgree()
	}
	if l.any != nil {
		l.tagManifestsList(perManifest)
		if err := l.fetched(ctx, perManifest); err != nil {
			return err
		}
	}
	return l.bagInfo(ctx)
}

// tagManifestsAgree holds each tag manifest of ours to listing what another one
// does: a line that is lost is not found by any digest.
func (l *look) tagManifestsAgree() {
	for _, name := range l.names() {
		m := manifestName.FindStringSubmatch(name)
		if m == nil || m[1] != "tag" || l.strange[name] {
			continue
		}
		for file := range l.covered {
			if !isPayload(file) && l.manifest[m[2]][file] == "" {
				l.flaw(name, Malformed, "it does not list %.200q", file)
			}
		}
	}
}

// tagManifestsList holds each tag manifest to what it must list: every payload
// manifest (RFC 8493, 2.2.1).
func (l *look) tagManifestsList(payload map[string]map[string]bool) {
	for _, name := range l.names() {
		m := manifestName.FindStringSubmatch(name)
		if m == nil || m[1] != "tag" || l.strange[name] || !l.any.final() {
			continue
		}
		for listed := range payload {
			if l.manifest[m[2]][listed] == "" {
				l.flaw(name, Malformed, "it does not list %s", listed)
			}
		}
	}
}

func (l *look) names() []string {
	names := make([]string, 0, len(l.files))
	for name := range l.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// small reads one of the bag's own files whole; nil, with the flaw noted, when
// it cannot be one.
func (l *look) small(ctx context.Context, name string) ([]byte, error) {
	if l.files[name] > maxTagFile {
		l.flaw(name, Malformed, "larger than %d bytes", maxTagFile)
		return nil, nil
	}
	var damage error
	for range 2 { // what is wrong once may have been so on the way here
		r, err := l.src.read(ctx, name)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(io.LimitReader(r, maxTagFile+1))
			r.Close()
			if err == nil && len(body) <= maxTagFile {
				l.res.Bytes += int64(len(body))
				if strings.HasPrefix(name, "tag") {
					l.res.Files++
				}
				return append([]byte{}, body...), nil
			}
		}
		switch {
		case errors.Is(err, ErrNotFound):
			l.flaw(name, Missing, "gone while it was to be read")
			return nil, nil
		case errors.Is(err, ErrChecksum):
			damage = err
		case err == nil:
			damage = fmt.Errorf("larger than %d bytes", maxTagFile)
		default:
			return nil, err
		}
	}
	l.flaw(name, Damaged, "%v", damage)
	return nil, nil
}

// declaration holds bagit.txt to the letter (RFC 8493, 2.1.1).
func (l *look) declaration(ctx context.Context) error {
	if _, ok := l.files[bagItFile]; !ok {
		l.flaw(bagItFile, Missing, "what has none is no bag")
		return nil
	}
	body, err := l.small(ctx, bagItFile)
	if err != nil || body == nil {
		return err
	}
	if l.any != nil {
		if err := l.declared(body); err != nil {
			l.flaw(bagItFile, Malformed, "%v", err)
		}
		return nil
	}
	tags, err := parseTags(body)
	switch {
	case err != nil:
		l.flaw(bagItFile, Malformed, "%v", err)
	case !slices.Equal(tags, []Tag{{"BagIt-Version", "1.0"}, {"Tag-File-Character-Encoding", "UTF-8"}}):
		l.flaw(bagItFile, Malformed, "it declares something else than version 1.0 in UTF-8")
	}
	return nil
}

// bagInfo reads bag-info.txt and counts the payload against its Payload-Oxum.
func (l *look) bagInfo(ctx context.Context) error {
	if _, ok := l.files[bagInfoFile]; !ok {
		return nil // optional; one that is listed and gone is found by its manifest
	}
	body, err := l.small(ctx, bagInfoFile)
	if err != nil || body == nil {
		return err
	}
	parse := parseTags
	if l.any != nil {
		parse = l.any.tags
	}
	tags, err := parse(body)
	if err != nil {
		l.flaw(bagInfoFile, Malformed, "%v", err)
		return nil
	}
	oxums := 0
	var octets, count int64
	for name, size := range l.files {
		if strings.HasPrefix(name, payloadDir) {
			octets, count = octets+size, count+1
		}
	}
	for _, t := range tags {
		if t.Label != "Payload-Oxum" {
			continue
		}
		if oxums++; oxums == 2 {
			l.flaw(bagInfoFile, Malformed, "it has more than one Payload-Oxum")
		}
		if have := fmt.Sprintf("%d.%d", octets, count); strings.TrimSpace(t.Value) != have {
			l.flaw(bagInfoFile, Malformed, "its Payload-Oxum is %.40s, the payload's is %s", t.Value, have)
		}
	}
	return nil
}
