package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/export"
	"ripstation/discfs/tree"
	"ripstation/internal/isoimage"
	"ripstation/internal/versitygw"
)

// wire passes connections on to a server and counts what comes back.
type wire struct {
	addr string
	got  atomic.Int64
}

func newWire(t *testing.T, server *versitygw.Server) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server.Addr)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { io.Copy(out, in); out.Close() })
			wg.Go(func() { io.Copy(io.MultiWriter(in, w), out); in.Close() })
		}
	})
	return w
}

func (w *wire) Write(p []byte) (int, error) { w.got.Add(int64(len(p))); return len(p), nil }

const dvdSectors = 2_295_104

// dvd is a DVD-size image whose files, but for their names, are holes: 4.7 GB
// that take no room.
func dvd(t *testing.T, path string) {
	t.Helper()
	var files []isoimage.File
	for i := range 4000 {
		files = append(files, isoimage.File{Path: fmt.Sprintf("Pictures/Roll %02d/Picture %04d of the year.jpg", i/100, i), Size: 900_000})
	}
	files = append(files, isoimage.File{Path: "README.TXT", Size: 11})
	m, err := isoimage.New(isoimage.Options{Label: "PICTURES", Files: files, Sectors: dvdSectors, Joliet: true})
	if err != nil {
		t.Fatal(err)
	}
	sparse(t, path, m, m.Files()[0].Sector*disc.SectorSize, m.Size())
}

// sparse writes the beginning of an image; the rest is a hole.
func sparse(t *testing.T, path string, r io.ReaderAt, head, size int64) {
	t.Helper()
	b := make([]byte, head)
	if _, err := r.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// mastered is a DVD-size image by genisoimage: Rock Ridge, Joliet and UDF over
// the same thousands of files, for each of which UDF has 2 KiB. What lies
// behind them is a hole.
func mastered(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	for i := range 4000 {
		p := filepath.Join(dir, "tree", fmt.Sprintf("Folder %02d", i/100), fmt.Sprintf("A document, number %04d.txt", i))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(p), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, dir, "genisoimage", "-quiet", "-R", "-J", "-udf", "-V", "DOCUMENTS", "-o", path, "tree")
	if err := os.Truncate(path, dvdSectors*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
}

// Listing a whole DVD over S3 moves less than 2 MB, everything counted: with
// all that is to be told of every file, or, where 2 KiB of each would have to be
// read for that, by name or directory by directory.
func TestListingADVDMovesLittle(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	for name, c := range map[string]struct {
		image func(*testing.T, string)
		view  string
		part  tree.Part
		files int
	}{
		"pictures":                    {dvd, "Joliet", tree.Part{Within: ".", Deep: true}, 4001},
		"documents-by-name":           {mastered, "UDF", tree.Part{Within: ".", Deep: true, Names: true}, 4000},
		"documents-of-one-folder":     {mastered, "UDF", tree.Part{Within: "Folder 07"}, 100},
		"documents-by-their-ISO-tree": {mastered, "Rock Ridge", tree.Part{Within: ".", Deep: true}, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			image := server.File("discs", name+"/v1/data/image.iso")
			if err := os.MkdirAll(filepath.Dir(image), 0o755); err != nil {
				t.Fatal(err)
			}
			c.image(t, image)
			m, err := disc.NewSectorMap(dvdSectors)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.AddDrive("a drive"); err != nil {
				t.Fatal(err)
			}
			if err := m.Mark(disc.Extent{Count: dvdSectors}, disc.StatusRead, disc.Evidence{Drive: 1, Pass: 1, Tries: 1}); err != nil {
				t.Fatal(err)
			}
			text, err := m.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			sectors := server.File("discs", name+"/v1/metadata/sectors.map")
			if err := os.MkdirAll(filepath.Dir(sectors), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(sectors, text, 0o644); err != nil {
				t.Fatal(err)
			}

			w := newWire(t, server)
			var talk bytes.Buffer
			yes := true
			cp := &copies{app: &app{talk: &talk}, ctx: t.Context(), size: dvdSectors * disc.SectorSize,
				image: catalog.Object{Role: catalog.RoleImage, Path: imageObject, Size: dvdSectors * disc.SectorSize},
				left: []candidate{{catalog.Copy{Store: "cloud", Key: name + "/v1/", State: catalog.ReadBack}, StoreConfig{Name: "cloud", Type: "s3", Required: &yes,
					Endpoint: "http://" + w.addr, Bucket: "discs", PathStyle: true, AccessKeyFile: server.AccessKeyFile, SecretKeyFile: server.SecretKeyFile}}}}
			defer cp.Close()
			if err := cp.next(nil); err != nil {
				t.Fatal(err)
			}
			ask := c.view
			if ask != "Rock Ridge" { // the others are the main tree
				ask = ""
			}
			img := discfs.OpenPart(cp, cp.size, discfs.Have(cp.sectors), ask, c.part)
			v, err := pickVolume(img, ask)
			if err != nil || v.View != c.view {
				t.Fatalf("%+v, %v", v, err)
			}
			files := 0
			tree.Walk(v.Root, func(_ string, n *tree.Node) bool {
				if n.Err != nil && !errors.Is(n.Err, tree.ErrUnseen) || n.Err == nil && n.Mode.IsRegular() && n.Size == 0 {
					t.Errorf("%s: %d bytes, %v", n.Name, n.Size, n.Err)
				}
				if n.Mode.IsRegular() {
					files++
				}
				return true
			})
			if files != c.files {
				t.Errorf("%s has %d files, want %d", v.View, files, c.files)
			}
			requests, moved := cp.now.Moved()
			got := w.got.Load()
			t.Logf("%d files of %s: %d requests, %d bytes of the image, %d bytes on the wire", c.files, v.View, requests, moved, got)
			if got >= 2_000_000 || got < moved {
				t.Errorf("%d bytes moved, %d on the wire\n%s", moved, got, talk.String())
			}

			// A large file comes in few, large requests.
			src := &export.Source{Image: cp, Size: cp.size, Map: cp.sectors}
			n := &tree.Node{Name: "large", Size: 100 << 20, Mode: 0o444, Extents: []tree.Extent{{Offset: 1 << 30, Length: 100 << 20}}}
			before, _ := cp.now.Moved()
			if res, err := src.Copy(t.Context(), io.Discard, n, false); err != nil || res.Bytes != n.Size {
				t.Fatalf("%+v, %v", res, err)
			}
			if after, moved2 := cp.now.Moved(); after-before > 45 || moved2-moved > n.Size+8<<20 {
				t.Errorf("100 MiB in %d requests of %d bytes in all", after-before, moved2-moved)
			}
		})
	}
}
