package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/e2e/bench"
	"ripstation/internal/crashpoint"
	"ripstation/internal/versitygw"
	story "ripstation/station"
)

const (
	bucket  = "discs"
	daemon  = "ripstation" // its name among the guest's started programs
	service = "/var/lib/ripstation"
	config  = "/etc/ripstation/config.toml"
	creds   = "/run/credentials/ripstation.service"
)

// rig is the program under test in the guest, with an S3 server of its
// own. Its state disk is empty when a test begins.
type rig struct {
	t   *testing.T
	ctx context.Context
	*bench.Bench
	s3    *versitygw.Server
	proxy *bench.Proxy
	from  int // where the host's log begins for this test
	mark  int // where the guest's events begin for the daemon's present run
	pid   int // of that run
	conf  string
}

// newRig sets a station up; it does not start the daemon. more is added to
// its configuration, in front of the store.
func newRig(t *testing.T, more ...string) *rig {
	t.Helper()
	ctx, b := sharedBench(t)
	return newRigOn(t, ctx, b, more...)
}

// newRigOn is newRig in a guest that runs.
func newRigOn(t *testing.T, ctx context.Context, b *bench.Bench, more ...string) *rig {
	t.Helper()
	s := &rig{t: t, ctx: ctx, Bench: b, from: b.Log.Mark(), s3: versitygw.Start(t)}
	s.s3.Bucket(bucket)
	var err error
	if s.proxy, err = bench.NewProxy(s.s3.Endpoint, b.Log); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.proxy.Run(serving, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.conf = fmt.Sprintf(`[station]
spool = %q
catalog = %q
socket = "/run/ripstation/ripstation.sock"
reserve = "0B"
%s
[[store]]
name = "archive"
type = "s3"
required = true
endpoint = "http://10.0.2.2:%d"
region = %q
bucket = %q
path_style = true
access_key_file = "s3-access-key"
secret_key_file = "s3-secret-key"
`, service+"/spool", service+"/catalog.db", strings.Join(more, "\n"), l.Addr().(*net.TCPAddr).Port, versitygw.Region, bucket)
	s.must("sh", "-c", "rm -rf "+service+"/* /run/ripstation/* "+creds)
	s.install()
	t.Cleanup(s.clear)
	return s
}

// install lays the configuration, and the store's keys where systemd would. A
// restart of the guest loses both: only the state disk outlives it.
func (s *rig) install() {
	s.t.Helper()
	s.write(config, s.conf, 0o644)
	s.write(creds+"/s3-access-key", versitygw.AccessKey+"\n", 0o400)
	s.write(creds+"/s3-secret-key", versitygw.SecretKey+"\n", 0o400)
	s.must("chown", "-R", "ripstation:ripstation", creds)
}

func (s *rig) write(path, text string, mode uint32) {
	s.t.Helper()
	if err := s.Guest.WriteFile(s.ctx, path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *rig) must(argv ...string) string {
	s.t.Helper()
	return run(s.t, s.ctx, s.Bench, argv...)
}

// clear ends the daemon and shows what it said if the test failed.
func (s *rig) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.t.Failed() {
		s.t.Logf("the daemon said:\n%s", strings.Join(s.Guest.Lines(s.mark, daemon), "\n"))
	}
	mark := s.Guest.Mark()
	if s.Guest.Signal(ctx, daemon, syscall.SIGKILL) != nil {
		return // it is not running
	}
	if _, err := s.Guest.AwaitExit(ctx, mark, daemon); err != nil {
		s.t.Error(err)
	}
}

// start runs the daemon as its unit does. With a crash point's name
// ("eject-intended", "reading:5") it dies there.
func (s *rig) start(crash string) {
	s.t.Helper()
	env := []string{"CREDENTIALS_DIRECTORY=" + creds, "HOME=" + service}
	if crash != "" {
		if err := crashpoint.Check(crash); err != nil {
			s.t.Fatal(err)
		}
		env = append(env, crashpoint.Variable+"="+crash)
	}
	s.mark = s.Guest.Mark()
	s.Log.Note("the daemon starts %s", crash)
	var err error
	if s.pid, err = s.Guest.Start(s.ctx, daemon, env, bench.AsService("/usr/bin/ripstation", "run", "--config", config)...); err != nil {
		s.t.Fatal(err)
	}
}

// awaitCrash waits until the daemon has died at its crash point.
func (s *rig) awaitCrash() {
	s.t.Helper()
	status, err := s.Guest.AwaitExit(s.ctx, s.mark, daemon)
	if err != nil {
		s.t.Fatal(err)
	}
	if status != 128+int(syscall.SIGKILL) {
		s.t.Fatalf("the daemon ended with status %d, not at its crash point:\n%s", status, strings.Join(s.Guest.Lines(s.mark, daemon), "\n"))
	}
	s.Log.Note("the daemon died at its crash point")
}

// verb runs a command of ripstation in the guest as the service user and gives
// its answer decoded from JSON, and its exit status.
func (s *rig) verb(out any, argv ...string) int {
	s.t.Helper()
	r := s.run(append([]string{"--json"}, argv...)...)
	if out != nil {
		if err := json.Unmarshal([]byte(r.Stdout), out); err != nil {
			s.t.Fatalf("ripstation %s: %v\n%s%s", strings.Join(argv, " "), err, r.Stdout, r.Stderr)
		}
	}
	return r.Exit
}

// order holds the host's log of this test against the steps of a story.
func (s *rig) order(steps ...bench.Step) []bench.Event {
	s.t.Helper()
	found, err := s.Log.Order(s.from, steps...)
	if err != nil {
		s.t.Error(err)
	}
	return found
}

// list is what the guest's own command lists.
func (s *rig) list() (all []catalog.Summary) {
	s.t.Helper()
	if exit := s.verb(&all, "list"); exit != 0 {
		s.t.Fatalf("list: exit %d", exit)
	}
	return all
}

// status is what the running daemon says that it is doing.
func (s *rig) status() (st story.Status) {
	s.t.Helper()
	if exit := s.verb(&st, "status"); exit != 0 {
		s.t.Fatalf("status: exit %d", exit)
	}
	return st
}

// text is what a command says to people, on both its outputs.
func (s *rig) text(argv ...string) (string, int) {
	s.t.Helper()
	r := s.run(argv...)
	return r.Stdout + r.Stderr, r.Exit
}

func (s *rig) run(argv ...string) bench.Result {
	s.t.Helper()
	r, err := s.Guest.Run(s.ctx, bench.AsService(append([]string{"/usr/bin/env", "CREDENTIALS_DIRECTORY=" + creds, "/usr/bin/ripstation", "--config", config}, argv...)...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}
