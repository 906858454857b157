package proofs

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Images of xorriso: each change is held to what xorriso's own check of the
// medium says.
func TestTagsAgainstXorriso(t *testing.T) {
	dir := treeDir(t)
	tool(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-R", "--md5", "-o", "x.iso", "tree")
	whole := load(t, filepath.Join(dir, "x.iso"))
	want(t, whole.checks(t), libisofsMD5, disc.Pass, "3 MD5 tags")

	at := func(magic string) int { return bytes.Index(whole.image, []byte(magic)) }
	super, session := at(tags[0].magic), at(tags[2].magic)
	for what, c := range map[string]struct {
		do   func(p []byte) []byte
		want disc.Outcome
		say  string
	}{
		"system area":     {func(p []byte) []byte { p[100] ^= 1; return p }, disc.Failure, "superblock tag"},
		"a file":          {func(p []byte) []byte { p[session-disc.SectorSize] ^= 1; return p }, disc.Failure, "session tag"},
		"behind all":      {func(p []byte) []byte { p[session+disc.SectorSize] ^= 1; return p }, disc.Pass, "3 MD5 tags"},
		"the tag's text":  {func(p []byte) []byte { p[super+70] ^= 1; return p }, disc.Failure, "damaged"},
		"the session tag": {func(p []byte) []byte { p[session] ^= 1; return p }, disc.Failure, "has no tag"},
		"cut":             {func(p []byte) []byte { return p[:session-disc.SectorSize] }, disc.Failure, "behind the end"},
	} {
		d := *whole
		d.image = c.do(bytes.Clone(whole.image))
		t.Run(what, func(t *testing.T) { want(t, d.checks(t), libisofsMD5, c.want, c.say) })
	}
	d := *whole
	d.gone = []tree.Extent{{Offset: int64(session) - disc.SectorSize, Length: 1}}
	want(t, d.checks(t), libisofsMD5, disc.NotRun, "session tag")
	d.gone = []tree.Extent{{Offset: 17 * disc.SectorSize, Length: 1}}
	want(t, d.checks(t), libisofsMD5, disc.NotRun, "sector 17")

	// An image from the middle of another: its tags are not for it.
	d = *whole
	d.image = append(make([]byte, 32*disc.SectorSize), whole.image...)
	want(t, d.checks(t), libisofsMD5, disc.NotRun, "written for sector")
}

// An image grown by xorriso has tags of each session, and one of the descriptors
// that stand at its begin for the last.
func TestTagsOfSessions(t *testing.T) {
	dir := treeDir(t)
	for _, to := range []string{"/one", "/two", "/three"} {
		tool(t, dir, "xorriso", "-md5", "on", "-dev", "stdio:grown.iso", "-map", "tree", to, "-commit", "-end")
	}
	whole := load(t, filepath.Join(dir, "grown.iso"))
	tagged := len(regexp.MustCompile(`libisofs_\w+_tag_v1 pos=`).FindAll(whole.image, -1))
	if tagged != 10 {
		t.Fatalf("xorriso wrote %d tags, want 10", tagged)
	}
	want(t, whole.checks(t), libisofsMD5, disc.Pass, "10 MD5 tags")
	changed := *whole
	changed.image = bytes.Clone(whole.image)
	changed.image[40*disc.SectorSize] ^= 1 // system area of the first session
	want(t, changed.checks(t), libisofsMD5, disc.Failure, "superblock", "tree", "session")
}

// Tags that lead to each other, and ranges that would take forever.
func TestHostileTags(t *testing.T) {
	d := newDisc(nil)
	copy(d.image[firstDescriptor*disc.SectorSize:], "\x01CD001\x01")
	put := func(sector int, text string) {
		clear(d.image[sector*disc.SectorSize:][:disc.SectorSize])
		copy(d.image[sector*disc.SectorSize:], sealTag(text))
	}
	put(18, "libisofs_sb_checksum_tag_v1 pos=18 range_start=0 range_size=4294967295 next=20 md5="+strings.Repeat("0", 32))
	put(20, "libisofs_tree_checksum_tag_v1 pos=20 range_start=4294967295 range_size=4294967295 next=18 md5="+strings.Repeat("0", 32))
	want(t, d.checks(t), libisofsMD5, disc.NotRun, "many times more")
	for _, text := range []string{
		"libisofs_sb_checksum_tag_v1 pos=18 range_start=0 md5=" + strings.Repeat("0", 32),
		"libisofs_sb_checksum_tag_v1 pos=18 range_start=0 range_size=99999999999 md5=" + strings.Repeat("0", 32),
		"libisofs_sb_checksum_tag_v1 pos=-18 range_start=0 range_size=1 md5=" + strings.Repeat("0", 32),
		"libisofs_sb_checksum_tag_v1 pos=18 range_start=0 range_size=1 md5=zz",
		"libisofs_sb_checksum_tag_v1 ",
	} {
		put(18, text)
		want(t, d.checks(t), libisofsMD5, disc.Failure, "damaged")
	}
}

// A session far behind the first is found by the tag that names it. Tags that
// lead to each other are looked at once.
func TestTagNamesAFarSession(t *testing.T) {
	d := newDisc(nil)
	d.image = append(d.image, make([]byte, 2000*disc.SectorSize)...)
	sum := func(from, n int) string {
		return fmt.Sprintf("%x", md5.Sum(d.image[from*disc.SectorSize:][:n*disc.SectorSize]))
	}
	for _, start := range []int{0, 1600} {
		copy(d.image[(start+firstDescriptor)*disc.SectorSize:], "\x01CD001\x01")
	}
	put := func(sector int, text string) { copy(d.image[sector*disc.SectorSize:], sealTag(text)) }
	put(18, "libisofs_rlsb32_checksum_tag_v1 pos=18 range_start=0 range_size=18 session_start=1600 md5="+sum(0, 18))
	put(1618, "libisofs_sb_checksum_tag_v1 pos=1618 range_start=1600 range_size=18 next=1618 md5="+sum(1600, 18))
	want(t, d.checks(t), libisofsMD5, disc.Pass, "2 MD5 tags")
	d.image[1601*disc.SectorSize]++
	want(t, d.checks(t), libisofsMD5, disc.Failure, "sector 1618")
}
