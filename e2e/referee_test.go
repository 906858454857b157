package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/discfs"
	"ripstation/discfs/tree"
	"ripstation/e2e/bench"
)

// What the guest's kernel lists of a mounted tree, one line each: mode in hex,
// size, time of change in seconds, digest or link target, path. Sizes of
// directories and links are left out: they are the format's affair.
const listTree = `cd /mnt && find . -mindepth 1 | while IFS= read -r p; do
	if [ -L "$p" ]; then echo "l $(stat -c %Y "$p") $(readlink "$p") $p"
	elif [ -d "$p" ]; then echo "d $(stat -c '%f %Y' "$p") $p"
	else echo "f $(stat -c '%f %s %Y' "$p") $(sha256sum <"$p" | cut -c 1-64) $p"; fi
done`

// fillTree puts into /mnt what the layouts of a file can be: none, embedded,
// one extent, several with another file's between them, with a hole; names of
// 8 and of 16 bits, a directory of many blocks, links, modes, old and far times.
const fillTree = `set -e; cd /mnt
mkdir -p a/b/c/d many
: >empty; echo small >small; echo deep >a/b/c/d/deep
for i in $(seq 8); do head -c 70000 /dev/urandom >>one; head -c 50000 /dev/urandom >>two; sync; done
dd if=/dev/urandom of=sparse bs=2048 count=1 2>/dev/null
dd if=/dev/urandom of=sparse bs=2048 count=1 seek=300 conv=notrunc 2>/dev/null
for i in $(seq 150); do echo "$i" >"many/a name that fills the directory $i"; done
echo latin >'Grüße.txt'; echo wide >'日本語.txt'; echo long >$(printf '%0120d' 7)
ln -s a/b/c/d/deep link; ln -s ../small a/up; ln one hard
touch -d '1961-04-12 06:07:00' small; touch -d '2040-02-29 12:00:00' empty
chmod 0604 small; chmod 0751 a; chmod 4755 two; sync`

// chainTree adds a file of so many extents that the kernel describes most of
// them in allocation extent descriptors (ECMA-167 4/14.5).
const chainTree = `
for i in $(seq 260); do echo "$i" | dd of=chain bs=2048 seek=$((i * 2)) conv=notrunc 2>/dev/null; done; sync`

// guestImage mounts an image at /mnt in the guest, runs a script there,
// unmounts it and gives what the script wrote.
func guestImage(t *testing.T, ctx context.Context, b *bench.Bench, name, path, options, script string) string {
	t.Helper()
	node, unplug, err := b.PlugImage(ctx, name, path, strings.Contains(options, "-r"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := b.Guest.Run(ctx, "sh", "-c", "umount /mnt 2>/dev/null"); err != nil {
			t.Error(err)
		}
		if err := unplug(ctx); err != nil {
			t.Error(err)
		}
	}()
	run(t, ctx, b, "sh", "-c", "mount "+options+" "+node+" /mnt")
	out := run(t, ctx, b, "sh", "-c", script)
	run(t, ctx, b, "umount", "/mnt")
	return out
}

// listed is what discfs says of one of an image's trees, in listTree's words;
// the view "" is the main one.
func listed(t *testing.T, path, view string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m := discfs.Open(f, st.Size(), nil)
	v := m.Main()
	if i := slices.IndexFunc(m.Volumes, func(v *tree.Volume) bool { return v.View == view }); i >= 0 {
		v = m.Volumes[i]
	} else if view != "" {
		v = nil
	}
	if v == nil || v.Root == nil {
		t.Fatalf("discfs finds no tree of %q in %s", view, filepath.Base(path))
	}
	var out []string
	tree.Walk(v.Root, func(p string, n *tree.Node) bool {
		if n == v.Root {
			return true
		}
		p = "./" + strings.TrimPrefix(p, "/")
		switch {
		case n.Mode&fs.ModeSymlink != 0:
			out = append(out, fmt.Sprintf("l %d %s %s", n.Modified.Unix(), n.Link, p))
		case n.IsDir():
			out = append(out, fmt.Sprintf("d %x %d %s", tree.UnixMode(n.Mode)|0o040000, n.Modified.Unix(), p))
		default:
			h := sha256.New()
			if _, err := io.Copy(h, io.NewSectionReader(tree.NewContent(n, f, st.Size()), 0, n.Size)); err != nil {
				t.Errorf("%s: %v", p, err)
			}
			out = append(out, fmt.Sprintf("f %x %d %d %x %s", tree.UnixMode(n.Mode)|0o100000, n.Size, n.Modified.Unix(), h.Sum(nil), p))
		}
		return true
	})
	slices.Sort(out)
	return out
}

// sameList holds discfs's list against the kernel's.
func sameList(t *testing.T, kernel string, ours []string) {
	t.Helper()
	sameLines(t, strings.Split(strings.TrimSpace(kernel), "\n"), ours)
}

func sameLines(t *testing.T, theirs, ours []string) {
	t.Helper()
	for _, l := range theirs {
		if !slices.Contains(ours, l) {
			t.Errorf("only the kernel says: %s", l)
		}
	}
	for _, l := range ours {
		if !slices.Contains(theirs, l) {
			t.Errorf("only discfs says:     %s", l)
		}
	}
}

// The guest's kernel writes UDF, and lists it through a fresh mount; discfs
// reads the same names, sizes, times, modes, targets and bytes.
func TestKernelWrittenUDFReadsTheSame(t *testing.T) {
	ctx, b := sharedBench(t)
	mkudffs, err := exec.LookPath("mkudffs")
	if err != nil {
		mkudffs = "/usr/sbin/mkudffs"
	}
	for i, c := range []struct{ media, revision, blocks, more string }{
		{"hd", "0x0102", "20000", ""}, {"hd", "0x0150", "20000", ""}, {"hd", "0x0201", "20000", ""}, {"dvdram", "0x0200", "20000", ""}, {"cdrw", "0x0201", "20000", ""},
		{"mo", "0x0102", "3000", ""}, {"mo", "0x0201", "3000", ""}, {"hd", "0x0201", "20000", "--ad=long"}, {"hd", "0x0201", "20000", "--ad=short --noefe --strategy=4096"},
	} {
		t.Run(c.media+c.revision+c.more, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "udf.img")
			args := append(strings.Fields(c.more), "--new-file", "-b", "2048", "--media-type="+c.media, "--udfrev="+c.revision, path, c.blocks)
			out, err := exec.CommandContext(ctx, mkudffs, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("mkudffs (Debian package udftools): %v\n%s", err, out)
			}
			name := fmt.Sprint("w", i, c.media)
			script := fillTree
			if i == 0 || i == 2 {
				script += chainTree
			}
			guestImage(t, ctx, b, name, path, "-t udf -o iocharset=utf8", script)
			kernel := guestImage(t, ctx, b, name+"r", path, "-r -t udf -o iocharset=utf8", listTree)
			if n := strings.Count(kernel, "\n"); n < 165 {
				t.Fatalf("the kernel lists %d entries only", n)
			}
			sameList(t, kernel, listed(t, path, ""))
			if script != fillTree && described(t, path, "chain") < 3 {
				t.Error("the kernel describes the file of many extents in its entry alone")
			}
		})
	}
}

// described is how many stretches of an image describe a file of its main tree.
func described(t *testing.T, path, name string) (n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	tree.Walk(discfs.Open(f, st.Size(), nil).Main().Root, func(p string, node *tree.Node) bool {
		if p == name {
			n = len(node.Meta)
		}
		return true
	})
	return n
}
