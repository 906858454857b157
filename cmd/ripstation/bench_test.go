package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/web"
)

// binary is the program itself, built once: what is tested is what is shipped.
var binary string

func TestMain(m *testing.M) {
	if config := os.Getenv(stuckConfig); config != "" {
		os.Exit(stuckService(config))
	}
	dir, err := os.MkdirTemp("", "ripstation-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "ripstation")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err == nil {
		err = os.Chmod(dir, 0o755) // for those who run it as somebody else
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// answer is what a command line gave.
type answer struct {
	code      int
	out, talk string
}

// command is a run of the program that sees nothing of this machine's own
// configuration.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, args...)
	home := t.TempDir()
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "RIPSTATION_CONFIG=" + filepath.Join(home, "none.toml"), "TMPDIR=" + os.TempDir()}
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) answer {
	t.Helper()
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), talk.String()}
}

func ripstation(t *testing.T, args ...string) answer {
	t.Helper()
	return finish(t, command(t, args...))
}

// place is a station's folder with its configuration.
func stationFolder(t *testing.T) (dir, config string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rs") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	config = filepath.Join(dir, "config.toml")
	text := `[station]
operator = "ada"
spool = "spool"
catalog = "catalog.db"
socket = "sock"
socket_group = ""
[[store]]
name = "local"
type = "directory"
path = "store"
`
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, config
}

// simStation is a station in this process, with simulated drives and its API
// on the socket that the configuration names.
type simStation struct {
	dir, config string
	bays        *simBays
	m           *machine
}

func startSim(t *testing.T, drives ...string) *simStation {
	t.Helper()
	return startSimWith(t, "", drives...)
}

// startSimWith is startSim with more in the configuration.
func startSimWith(t *testing.T, more string, drives ...string) *simStation {
	t.Helper()
	s := &simStation{bays: newSimBays()}
	s.dir, s.config = stationFolder(t)
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(more); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range drives {
		s.bays.add(name, simdrive.Options{Serial: "T" + name})
	}
	cfg, err := loadConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if s.m, err = assemble(ctx, cfg, hands{open: s.bays.open, events: s.bays.events}, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	l, err := web.Listen(cfg.Station.Socket, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		idle := func(ctx context.Context) error { <-ctx.Done(); return nil }
		api := web.New(web.Config{Station: s.m.Station, Books: served{s.m.local}, Program: "test", Log: zerolog.Nop()})
		if err := s.m.serve(ctx, api, l, idle, zerolog.Nop()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
		if err := s.m.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run runs a command line on the station.
func (s *simStation) run(t *testing.T, args ...string) answer {
	t.Helper()
	return ripstation(t, append(args, "--config", s.config)...)
}

// load puts a disc into a drive in place of the one on its open tray. The
// station hears of the leaving only: what is to be read is said on the command
// line.
func (s *simStation) load(t *testing.T, drive string, d *simdrive.Disc) {
	t.Helper()
	b := s.bays.bays[drive]
	if b.Tray() == disc.TrayOpen {
		if err := b.takeOut(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Insert(d); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.seq++
	b.mu.Unlock()
}

func iso(t *testing.T, label string, sectors int64, seed uint64) *isoimage.Image {
	t.Helper()
	m, err := isoimage.New(isoimage.Options{Label: label, Sectors: sectors, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// isoFile writes an image into the folder.
func isoFile(t *testing.T, dir, name string, sectors int64, seed uint64) string {
	t.Helper()
	m := iso(t, "IMAGE_FILE", sectors, seed)
	p := filepath.Join(dir, name)
	b := make([]byte, m.Size())
	if _, err := m.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}
