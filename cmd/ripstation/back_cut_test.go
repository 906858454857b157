package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/internal/versitygw"
)

// valve is a way to a server that gives so many bytes of answers, and then
// nothing more, or breaks.
type valve struct {
	addr string
	shut chan struct{} // closed when no more bytes come

	mu   sync.Mutex
	left int64
	cut  bool // break the connection instead of falling silent; it then opens again
	once sync.Once
}

func newValve(t *testing.T, server *versitygw.Server) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{addr: l.Addr().String(), shut: make(chan struct{}), left: 1 << 60}
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
			wg.Go(func() { io.Copy(out, in); out.Close(); in.Close() })
			wg.Go(func() { v.pass(in, out) })
		}
	})
	return v
}

func (v *valve) pass(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		v.mu.Lock()
		stop := v.left < int64(n)
		v.left -= int64(n)
		cut := v.cut
		if stop && cut {
			v.left = 1 << 60
		}
		v.mu.Unlock()
		switch {
		case stop && cut:
			to.Close()
			from.Close()
			v.once.Do(func() { close(v.shut) })
			return
		case stop:
			v.once.Do(func() { close(v.shut) })
			return // what the other side sends from now on is read by nobody
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

func (v *valve) set(left int64, cut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left, v.cut = left, cut
}

// A restore whose process is killed goes on where it was; one whose network
// breaks goes on by itself, with the next copy or the same one.
func TestRestoreIsCutOff(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	plain := fileText(t, config)
	withCloud(t, config, server, "discs", server.Endpoint)
	direct := fileText(t, config)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 10_000, 1), "--item", "X")
	bag := treeOf(t, filepath.Join(dir, "store", id, "v1"))

	v := newValve(t, server)
	put(t, plain, config)
	withCloud(t, config, server, "discs", "http://"+v.addr)
	v.set(12<<20, false)
	out := t.TempDir()
	cmd := command(t, "restore", id, out, "--from", "cloud", "--config", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-v.shut
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for came := int64(0); came < 1<<20; <-tick.C {
		files, _ := filepath.Glob(filepath.Join(out, "*.incomplete", "data", "image.iso"))
		if len(files) == 1 {
			info, err := os.Stat(files[0])
			if err != nil {
				t.Fatal(err)
			}
			came = info.Size()
		}
		if time.Now().After(deadline) {
			t.Fatal("no byte of the image came")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	put(t, direct, config)
	var res restored
	a := ripstation(t, "restore", id, out, "--from", "cloud", "--json", "--config", config)
	decode(t, a.out, &res)
	if a.code != exitDone || res.Kept < 1<<20 || res.Kept+res.Copies[0].Bytes != res.Bytes {
		t.Errorf("exit %d, %+v\n%s", a.code, res, a.talk)
	}
	sameTree(t, "after the kill", treeOf(t, res.Folder), bag)
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}

	// The line breaks in mid-file: the folder makes up for it.
	v = newValve(t, server)
	put(t, plain, config)
	withCloud(t, config, server, "discs", "http://"+v.addr)
	put(t, strings.Replace(fileText(t, config), "type = \"directory\"\n", "type = \"directory\"\nrequired = false\n", 1), config) // so that the bucket comes first
	v.set(10<<20, true)
	out = t.TempDir()
	a = ripstation(t, "restore", id, out, "--json", "--config", config)
	decode(t, a.out, &res)
	gave := map[string]int64{}
	for _, c := range res.Copies {
		gave[c.Store] = c.Bytes
	}
	if a.code != exitDone || gave["cloud"] == 0 || gave["local"] == 0 || gave["cloud"]+gave["local"] != res.Bytes || !strings.Contains(a.talk, "the copy in cloud cannot be read") {
		t.Errorf("exit %d, %+v\n%s", a.code, res, a.talk)
	}
	sameTree(t, "out of two", treeOf(t, res.Folder), bag)
}

// A store that never had a copy gets one; one that cannot be asked is neither
// good nor missing; an upload that breaks goes on.
func TestRepairIntoANewStore(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 10_000, 1), "--item", "X")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	if a := run("repair", id); a.code != exitDone || !strings.Contains(a.out, "nothing to repair") {
		t.Errorf("nothing to do: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	withCloud(t, config, server, "discs", server.Endpoint)
	a := run("repair", id, "--to", "cloud", "--json")
	var rep audit.RepairReport
	decode(t, a.out, &rep)
	if a.code != exitDone || len(rep.Copies) != 1 || !rep.Copies[0].Whole() || len(rep.Copies[0].Sent) < 8 || rep.Copies[0].Sent[0] != "data/image.iso" {
		t.Fatalf("exit %d, %+v\n%s", a.code, rep, a.talk)
	}
	for p, want := range treeOf(t, filepath.Join(dir, "store", id, "v1")) {
		same(t, p, fileText(t, server.File("discs", id+"/v1/"+p)), want)
	}
	var v catalog.View
	decode(t, run("show", id, "--json").out, &v)
	if len(v.Copies) != 2 || v.Copies[0].State != catalog.ReadBack || v.Copies[1].State != catalog.ReadBack {
		t.Errorf("%+v", v.Copies)
	}
	if a := run("audit", "--full"); a.code != exitDone {
		t.Errorf("an audit: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	// The only good copy cannot be asked.
	if err := os.Remove(filepath.Join(dir, "store", id, "v1", "bagit.txt")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	a = run("repair", id)
	if a.code != exitBlind && a.code != exitFindings || !strings.Contains(a.out, "UNKNOWN: could not be read") || !strings.Contains(a.out, "NOT REPAIRED") || exists(filepath.Join(dir, "store", id, "v1", "bagit.txt")) {
		t.Errorf("the good copy is away: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	decode(t, run("show", id, "--json").out, &v)
	if !slices.ContainsFunc(v.Copies, func(c catalog.Copy) bool { return c.Store == "cloud" && c.State == catalog.Unknown }) {
		t.Errorf("%+v", v.Copies)
	}
}
