package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/internal/isoimage"
)

// fileCase is one image with files.
type fileCase struct {
	Name  string
	Files int
	Bytes int64 // of all files
	Cold  bool
	// Trees: made by genisoimage from a real tree, with UDF, Rock Ridge and
	// Joliet. Otherwise the image is written straight from noise, with ISO 9660
	// and Joliet.
	Trees bool
	// Small is how many files of 4 KiB lie beside the large ones, as on a disc
	// with video.
	Small int
	// Listings and Hashings are how often each program runs.
	Listings, Hashings int
}

var fileCases = []fileCase{
	{"DVD of 50,000 small files, 4.4 GB", 50_000, 4_200 << 20, false, true, 0, 5, 3},
	{"BD of 25 large and 2,500 small files, 25 GB", 25, 25_000 << 20 / 2048 * 2048, true, false, 2_500, 9, 1},
}

var quickFileCases = []fileCase{
	{"500 small files, 20 MB", 500, 20 << 20, false, true, 0, 3, 3},
	{"4 large and 20 small files, 64 MB", 4, 64 << 20, true, false, 20, 3, 1},
}

func (c fileCase) make(ctx context.Context, dir string) (string, error) {
	image := filepath.Join(dir, "image.iso")
	if c.Trees {
		return image, c.makeTree(ctx, dir, image)
	}
	o := isoimage.Options{Label: "BENCH_BD", Joliet: true, Seed: 25}
	for i := range c.Files {
		o.Files = append(o.Files, isoimage.File{Path: fmt.Sprintf("STREAM/%05d.M2T", i), Size: c.Bytes / int64(c.Files)})
	}
	for i := range c.Small {
		o.Files = append(o.Files, isoimage.File{Path: fmt.Sprintf("CLIPINF/%05d.CPI", i), Size: 4096})
	}
	m, err := isoimage.New(o)
	if err != nil {
		return "", err
	}
	f, err := os.Create(image)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, io.NewSectionReader(m, 0, m.Size()), make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return image, f.Close()
}

// makeTree makes files of 0.25 to 1.75 times their mean size, a hundred in a
// folder, and an image of them.
func (c fileCase) makeTree(ctx context.Context, dir, image string) error {
	tree := filepath.Join(dir, "tree")
	defer os.RemoveAll(tree)
	r := rand.New(rand.NewPCG(5, 50))
	noise := rand.NewChaCha8([32]byte{5})
	mean := c.Bytes / int64(c.Files)
	for i := range c.Files {
		sub := filepath.Join(tree, fmt.Sprintf("folder %03d", i/100))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(sub, fmt.Sprintf("document number %05d.txt", i)))
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		_, err = io.CopyN(w, noise, mean/4+r.Int64N(mean*3/2))
		if err == nil {
			err = w.Flush()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(ctx, "genisoimage", "-quiet", "-R", "-J", "-joliet-long", "-udf", "-V", "BENCH", "-o", image, tree).CombinedOutput()
	if err != nil {
		return fmt.Errorf("genisoimage: %w\n%s", err, out)
	}
	return nil
}

// cache brings the image into the page cache, or throws it out.
func cache(image string, cold bool) error {
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	defer f.Close()
	if cold {
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, f, make([]byte, 1<<20))
	return err
}

// took is what one run used.
type took struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
	Peak    int64   `json:"peak_bytes"` // of the largest process
}

// runSteps runs an entry's commands one after the other. The time it takes to
// clear away what an earlier round has left (rm) is not counted.
func runSteps(ctx context.Context, steps []step) (t took, err error) {
	for _, s := range steps {
		out, err := os.CreateTemp("", "bench-output")
		if err != nil {
			return t, err
		}
		os.Remove(out.Name())
		cmd := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
		var words bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, out, &words
		begin := time.Now()
		err = cmd.Run()
		wall := time.Since(begin)
		out.Close()
		if err != nil {
			return t, fmt.Errorf("%s: %w\n%.2000s", s.argv[0], err, words.String())
		}
		if s.argv[0] == "rm" {
			continue
		}
		p := cmd.ProcessState
		t.Seconds += wall.Seconds()
		t.CPU += (p.UserTime() + p.SystemTime()).Seconds()
		if u, ok := p.SysUsage().(*syscall.Rusage); ok {
			t.Peak = max(t.Peak, u.Maxrss<<10)
		}
	}
	return t, nil
}
