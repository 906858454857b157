package preload

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed shim/shim.c
var source []byte

// Build compiles the shim into dir with gcc (Debian: gcc, libc6-dev) and
// returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	in, out := filepath.Join(dir, "shim.c"), filepath.Join(dir, "shim.so")
	if err := os.WriteFile(in, source, 0o644); err != nil {
		return "", err
	}
	words, err := exec.CommandContext(ctx, "gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
		"-o", out, in, "-ldl", "-lpthread").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compile the shim of the preload face: %w\n%s", err, words)
	}
	return out, nil
}

// Env is what a program's environment has to hold for it to find the drive at
// node, an absolute path at which nothing need be.
func Env(shim, node, socket string) []string {
	return []string{"LD_PRELOAD=" + shim, "SIMDRIVE_NODE=" + node, "SIMDRIVE_SOCKET=" + socket}
}
