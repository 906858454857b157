package discfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// A hybrid of a real program proves its boot catalogue, MBR and GPT; without its
// last sectors the GPT's second copy is missed.
func TestBootStructuresOfXorriso(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tree"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tree/boot.img", "efi.img"} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{0x90}, 64<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4",
		"-append_partition", "2", "0xef", "efi.img", "-appended_part_as_gpt",
		"-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", "-o", "out", "tree")
	p, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	m := discfs.Open(bytes.NewReader(p), int64(len(p)), nil)
	for _, code := range []string{"F401", "F402", "F403", "F404"} {
		if got := outcome(m, code); got != disc.Pass {
			t.Errorf("%s is %s", code, got)
		}
	}
	p = p[:len(p)-disc.SectorSize]
	m = discfs.Open(bytes.NewReader(p), int64(len(p)), nil)
	if got := outcome(m, "F404"); got != disc.Warning {
		t.Errorf("without the last sector, F404 is %s", got)
	}
}
