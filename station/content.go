package station

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/minio/crc64nvme"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/tree"
	"ripstation/internal/atomicfile"
	"ripstation/internal/crashpoint"
)

// listFile is the file list in the spool, and listPath its place in the bag.
const (
	listFile = "files.json"
	listPath = "metadata/" + listFile
)

// sealedList is what was sealed of the file list.
type sealedList struct {
	Size      int64  `json:"size"`
	SHA512    string `json:"sha512"`
	SHA256    string `json:"sha256"`
	CRC64NVME string `json:"crc64nvme"`
}

// list writes the file list into the spool, and gives what the record says of
// the image's content. Both are nil when the look went wrong.
func (c *contents) list(j *job, f jobFile, sm *disc.SectorMap) (content *catalog.Content, sealed *sealedList, err error) {
	var head catalog.FileList
	var entries []catalog.FileEntry
	c.guard(func() error {
		content = &catalog.Content{Filesystems: append([]string{}, c.m.Systems...)}
		head, entries = fileList(c.m, c.digests, sm, content)
		damage(content, c.m.Damage(sm))
		c.places = c.placesOf(entries)
		return nil
	})
	if c.broken != nil {
		return nil, nil, nil
	}
	head.Carrier, head.ImageVersion = f.ID, f.ImageVersion
	h512, h256, crc := sha512.New(), sha256.New(), crc64nvme.New()
	var size counter
	path := filepath.Join(j.dir, listFile)
	err = atomicfile.Write(path, 0o640, func(w io.Writer) error {
		l, err := catalog.NewFileListWriter(io.MultiWriter(w, h512, h256, crc, &size), head)
		for i := 0; err == nil && i < len(entries); i++ {
			err = add(l, entries[i])
		}
		if err == nil {
			err = l.Close()
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	crashpoint.Here("listed")
	sum := func(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
	sealed = &sealedList{Size: int64(size), SHA512: sum(h512), SHA256: sum(h256), CRC64NVME: base64.StdEncoding.EncodeToString(crc.Sum(nil))}
	content.ListSHA256 = sealed.SHA256
	return content, sealed, nil
}

// add puts an entry into the list. One whose numbers no list can hold keeps its
// name, and says so: a hostile disc must not keep its image from being sealed.
func add(l *catalog.FileListWriter, e catalog.FileEntry) error {
	err := l.Add(e)
	if !errors.Is(err, catalog.ErrInvalid) {
		return err
	}
	e.Reason = "what the disc says of it cannot be: " + tree.CleanText(err.Error(), 1000)
	e.Size, e.Extents, e.Damaged, e.SHA256, e.Link, e.Raw = 0, nil, nil, "", "", nil
	return l.Add(e)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// fileList turns what discfs found into the list of the bag.
func fileList(m *discfs.Image, d *discfs.Digests, sm *disc.SectorMap, content *catalog.Content) (head catalog.FileList, entries []catalog.FileEntry) {
	volumes, list := m.Listed(d, sm)
	for _, v := range volumes {
		head.Volumes = append(head.Volumes, catalog.FileVolume{System: v.System, View: v.View, Label: v.Label})
	}
	var digest catalog.TreeDigest
	whole := len(volumes) > 0
	for _, e := range list {
		n := e.Node
		entry := catalog.FileEntry{Volume: e.Volume, Path: e.Path, Raw: n.Raw, Type: catalog.TypeOther, Mode: fmt.Sprintf("%04o", tree.UnixMode(n.Mode)),
			Size: n.Size, Modified: n.Modified, Created: n.Created, Link: tree.CleanText(n.Link, 4096), SHA256: e.SHA256, Reason: e.Reason}
		switch {
		case n.IsDir():
			entry.Type, entry.Size = catalog.TypeDirectory, 0
			content.Directories++
			whole = whole && (n.Err == nil || e.Volume > 0)
		case n.Mode.IsRegular():
			entry.Type = catalog.TypeFile
			content.Files++
			content.Bytes += n.Size
			if e.Volume == 0 && digest.Add(e.Path, e.SHA256) != nil {
				whole = false
			}
		case n.Link != "":
			entry.Type = catalog.TypeLink
		}
		extents := n.Extents
		if n.IsDir() {
			extents = n.Meta
		}
		for _, x := range extents {
			entry.Extents = append(entry.Extents, catalog.FileExtent(x))
		}
		for _, x := range e.Lost {
			entry.Damaged = append(entry.Damaged, catalog.FileExtent(x))
		}
		entries = append(entries, entry)
	}
	if whole && volumes[0].Root.Err == nil {
		head.TreeSHA256 = digest.Sum()
	}
	if head.TreeSHA256 != "" {
		content.TreeSHA256 = &head.TreeSHA256
	}
	return head, entries
}

// tooManyPlaces stands among what is not known of a disc whose files name the
// same scratches over and over.
const tooManyPlaces = "(more damaged places than could be gone through)"

// damage puts what is damaged into the words of the record.
func damage(c *catalog.Content, d discfs.Damage) {
	words := func(hits []discfs.Hit) (list []catalog.DamagedFile, total int64) {
		list = []catalog.DamagedFile{}
		for _, h := range hits[:min(len(hits), catalog.MaxDamaged)] {
			list = append(list, catalog.DamagedFile{Path: h.Path, Also: h.Also, View: h.View, What: h.What, Sectors: h.Sectors, Bytes: h.Bytes})
		}
		return list, int64(len(hits))
	}
	c.Listed, c.Whole, c.Unused = int64(d.Listed), int64(d.Whole), d.Unused
	c.Damaged, c.DamagedTotal = words(d.Files)
	c.SuspectTotal = 0
	for _, h := range d.Files {
		if h.Bytes == 0 {
			c.SuspectTotal++
		}
	}
	c.Structures, c.StructuresTotal = words(d.Structures)
	c.Unknown = append([]string{}, d.Unknown[:min(len(d.Unknown), catalog.MaxDamaged)]...)
	c.UnknownTotal = int64(len(d.Unknown))
	if d.Cut {
		c.Unknown = append(c.Unknown[:min(len(c.Unknown), catalog.MaxDamaged-1)], tooManyPlaces)
		c.UnknownTotal++
	}
}

// listInBag is the file list as a file of the bag; nil when the job has none.
func (j *job) listInBag(f jobFile) (*archive.File, *os.File, error) {
	if f.List == nil {
		return nil, nil, nil
	}
	crc, err := archive.ParseCRC64NVME(f.List.CRC64NVME)
	if err != nil {
		return nil, nil, fmt.Errorf("job %s: %w", f.ID, err)
	}
	src, err := os.Open(filepath.Join(j.dir, listFile))
	if err != nil {
		return nil, nil, err
	}
	return &archive.File{Path: listPath, Source: src, Size: f.List.Size, SHA512: f.List.SHA512, SHA256: f.List.SHA256, CRC64NVME: crc}, src, nil
}

// openList opens it for the catalog.
func (j *job) openList(f jobFile) func() (io.ReadCloser, error) {
	if f.List == nil {
		return nil
	}
	return func() (io.ReadCloser, error) { return os.Open(filepath.Join(j.dir, listFile)) }
}
