package archive_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

func payload(path string, body []byte) archive.Payload {
	return archive.Payload{Path: path, Size: int64(len(body)), Source: bytes.NewReader(body), CRC64NVME: archive.CRC64NVME(body),
		SHA512: fmt.Sprintf("%x", sha512.Sum512(body)), SHA256: fmt.Sprintf("%x", sha256.Sum256(body))}
}

var (
	image    = archivetest.Bytes(42, 40*2048)
	bigImage = archivetest.Bytes(42, 2*archivetest.PartSize+2048)
)

func sampleBag() archive.Bag { return bagOf(image) }

func bagOf(image []byte) archive.Bag {
	return archive.Bag{
		Prefix: "mfzwizltorxgk/v1",
		Info: []archive.Tag{
			{Label: "External-Identifier", Value: "mfzwizltorxgk"},
			{Label: "Bagging-Date", Value: "2026-11-22"},
			{Label: "Bag-Software-Agent", Value: "ripstation 0.1"},
			{Label: "External-Description", Value: "DISC\nPayload-Oxum: 1.1\r\x1b[31m " + strings.Repeat("a long label ", 30)},
			{Label: "Internal-Sender-Description", Value: "  "},
		},
		Payload:  []archive.Payload{payload("data/image.iso", image), payload("data/disc.cue", []byte("FILE image.iso BINARY\n"))},
		Metadata: []archive.File{{Path: "metadata/record.json", Body: []byte("{}\n")}, {Path: "metadata/sectors.map", Body: []byte("map")}},
	}
}

func sentBag(t *testing.T) (root string, s *archive.Dir, res archive.SendResult) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "store")
	s = openDir(t, root)
	res, err := archive.Send(t.Context(), s, sampleBag(), archive.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return root, s, res
}

// The bag holds by coreutils alone.
func TestBagPassesCoreutils(t *testing.T) {
	root, _, _ := sentBag(t)
	dir := filepath.Join(root, "mfzwizltorxgk", "v1")
	for _, c := range []struct {
		program, manifest string
		lines             int
	}{{"sha512sum", "manifest-sha512.txt", 2}, {"sha256sum", "manifest-sha256.txt", 2}, {"sha512sum", "tagmanifest-sha512.txt", 6}, {"sha256sum", "tagmanifest-sha256.txt", 6}} {
		cmd := exec.Command(c.program, "--strict", "-c", c.manifest)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), ": OK\n") != c.lines {
			t.Errorf("%s -c %s: %v\n%s", c.program, c.manifest, err, out)
		}
	}
	info, err := os.ReadFile(filepath.Join(dir, "bag-info.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(info), "\n") {
		if len([]rune(line)) > 79 || strings.ContainsAny(line, "\r\x1b") {
			t.Errorf("line %q", line)
		}
	}
	if oxum := fmt.Sprintf("Payload-Oxum: %d.2\n", len(image)+22); strings.Count(string(info), "\nPayload-Oxum:") != 1 || !strings.HasSuffix(string(info), oxum) {
		t.Errorf("bag-info.txt:\n%s", info)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "bagit.txt")); err != nil || string(text) != "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n" {
		t.Errorf("bagit.txt: %q, %v", text, err)
	}
}

func TestBagRefusals(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	for name, change := range map[string]func(*archive.Bag){
		"prefix":        func(b *archive.Bag) { b.Prefix = "../v1" },
		"no payload":    func(b *archive.Bag) { b.Payload = nil },
		"payload path":  func(b *archive.Bag) { b.Payload[0].Path = "image.iso" },
		"climbing":      func(b *archive.Bag) { b.Payload[0].Path = "data/../bagit.txt" },
		"twice":         func(b *archive.Bag) { b.Payload[1].Path = "data/IMAGE.iso" },
		"digest":        func(b *archive.Bag) { b.Payload[0].SHA512 = strings.ToUpper(b.Payload[0].SHA512) },
		"no digest":     func(b *archive.Bag) { b.Payload[0].SHA256 = "" },
		"source":        func(b *archive.Bag) { b.Payload[0].Source = nil },
		"metadata path": func(b *archive.Bag) { b.Metadata[0].Path = "bagit.txt" },
		"label":         func(b *archive.Bag) { b.Info[0].Label = "External: Identifier" },
		"label line":    func(b *archive.Bag) { b.Info[0].Label = "A\nB" },
		"oxum":          func(b *archive.Bag) { b.Info[0].Label = "Payload-Oxum" },
	} {
		bag := sampleBag()
		change(&bag)
		if _, err := archive.Send(t.Context(), s, bag, archive.SendOptions{}); !errors.Is(err, archive.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
