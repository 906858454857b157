package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
	"ripstation/web"
)

// stuckConfig is set in the environment of a child process that is a service
// with one drive, which hangs.
const stuckConfig = "RIPSTATION_TEST_STUCK"

// stuckDrive is a drive whose reads never come back.
type stuckDrive struct{ station.Drive }

func (stuckDrive) ReadSectors(context.Context, disc.LBA, []byte) error {
	fmt.Println("stuck")
	select {}
}

// stuckService is what `run` runs, with that drive in the place of the
// machine's own.
func stuckService(config string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := func() error {
		cfg, err := loadConfig(config)
		if err != nil {
			return err
		}
		l, err := web.Listen(cfg.Station.Socket, cfg.Station.SocketGroup)
		if err != nil {
			return err
		}
		bays := newSimBays()
		bay := bays.add("sim0", simdrive.Options{})
		open := func(ctx context.Context, d disc.Drive) (station.Drive, error) {
			o, err := bays.open(ctx, d)
			return stuckDrive{o}, err
		}
		log := zerolog.New(os.Stderr)
		m, err := assemble(ctx, cfg, hands{open: open, events: bays.events}, log)
		if err != nil {
			return err
		}
		image := simdrive.PressedCD(nil, 2000)
		go bay.insert(ctx, image)
		watching := func(ctx context.Context) error { <-ctx.Done(); return nil }
		err = m.serve(ctx, web.New(web.Config{Station: m.Station, Books: served{m.local}, Program: "ripstation test", Log: log}), l, watching, log)
		return errors.Join(err, m.close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A service with a drive that hangs lives on for systemd and for those who
// ask it, and ends when it is told to.
func TestServiceWithADriveThatHangs(t *testing.T) {
	t.Parallel()
	_, config := stationFolder(t)
	notify, words := notified(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stuckConfig+"="+config, "NOTIFY_SOCKET="+notify, "WATCHDOG_USEC=300000")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()
	if line != "stuck\n" {
		t.Fatalf("%q %v", line, err)
	}
	for len(words) > 0 {
		<-words
	}
	for range 3 {
		wait(t, words, "WATCHDOG=1")
	}
	if a := ripstation(t, "status", "--config", config, "--json"); a.code != exitDone {
		t.Errorf("status: exit %d\n%s", a.code, a.talk)
	}
	if a := ripstation(t, "drives", "--config", config); a.code != exitDone {
		t.Errorf("drives: exit %d\n%s", a.code, a.talk)
	}
	told := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v\n%s", err, talk.String())
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("it has not ended %s after SIGTERM", time.Since(told))
	}
}
