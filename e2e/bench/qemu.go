package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// GuestOptions say what a guest is made of.
type GuestOptions struct {
	Repo      string // the repository's root
	Dir       string // for the disk, the console's text and the sockets; the caller removes it
	Program   string // the program under test, which becomes /usr/bin/ripstation; none if empty
	MemoryMiB int    // 0 means 512
	DiskMiB   int    // size of the state disk, sparse; 0 means 2048
	OnLine    func(name, line string)
}

// Guest is a machine of the bench: a Debian kernel with stock udev under
// QEMU's software emulation.
type Guest struct {
	opt    GuestOptions
	kernel string
	initrd string
	cache  string

	cmd    *exec.Cmd
	exited chan struct{}
	qmp    *qmp
	agent  *agentClient

	mu     sync.Mutex
	bootID string
}

// ErrNoQEMU says that this machine has no QEMU or no guest to run on it.
var ErrNoQEMU = errors.New("the bench is not set up: run scripts/e2e-bench.sh")

// NewGuest lays out a guest's files. It starts nothing.
func NewGuest(ctx context.Context, opt GuestOptions) (*Guest, error) {
	if opt.MemoryMiB == 0 {
		opt.MemoryMiB = 512
	}
	if opt.DiskMiB == 0 {
		opt.DiskMiB = 2048
	}
	g := &Guest{opt: opt, cache: filepath.Join(opt.Repo, ".cache/e2e")}
	g.kernel = filepath.Join(g.cache, "vmlinuz")
	g.initrd = filepath.Join(opt.Dir, "initrd")
	if _, err := os.Stat(filepath.Join(g.cache, "done")); err != nil {
		return nil, ErrNoQEMU
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return nil, ErrNoQEMU
	}
	agent := filepath.Join(opt.Dir, "agent")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", agent, "./e2e/guest")
	build.Dir = opt.Repo
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest's agent: %w\n%s", err, out)
	}
	image, err := buildImage(opt.Repo, g.cache, agent)
	if err != nil {
		return nil, fmt.Errorf("build the guest's image: %w", err)
	}
	if opt.Program != "" {
		second, err := programImage(g.cache, opt.Program)
		if err != nil {
			return nil, fmt.Errorf("build the program's image: %w", err)
		}
		image = append(image, second...)
	}
	if err := os.WriteFile(g.initrd, image, 0o644); err != nil {
		return nil, err
	}
	return g, g.NewDisk(ctx)
}

func (g *Guest) disk() string { return filepath.Join(g.opt.Dir, "disk") }

// NewDisk gives the guest an empty state disk. It must not be running.
func (g *Guest) NewDisk(ctx context.Context) error {
	if err := os.Remove(g.disk()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	mkfs := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", g.disk(), fmt.Sprintf("%dM", g.opt.DiskMiB))
	mkfs.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := mkfs.CombinedOutput(); err != nil {
		return fmt.Errorf("make the guest's disk: %w\n%s", err, out)
	}
	return nil
}

// cpu is a plain one: emulated vector instructions are slow. SHA-512 in Go runs
// at 37 MB/s on it and at 9 MB/s on QEMU's "max".
const cpu = "qemu64"

// PowerOn starts QEMU, plugs in what attach plugs in, lets the machine run and
// waits until it is up. onReset is called whenever the machine is reset.
func (g *Guest) PowerOn(ctx context.Context, attach func() error, onReset func()) (err error) {
	qmpPath, ctlPath := filepath.Join(g.opt.Dir, "qmp"), filepath.Join(g.opt.Dir, "ctl")
	for _, p := range []string{qmpPath, ctlPath} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	stderr, err := os.Create(filepath.Join(g.opt.Dir, "qemu.log"))
	if err != nil {
		return err
	}
	defer stderr.Close()
	g.cmd = exec.Command("qemu-system-x86_64",
		"-name", "ripstation-bench", "-no-user-config", "-nodefaults", "-display", "none",
		"-machine", "pc", "-accel", "tcg", "-cpu", cpu, "-smp", "1", "-m", fmt.Sprint(g.opt.MemoryMiB),
		"-kernel", g.kernel, "-initrd", g.initrd,
		"-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic random.trust_cpu=on mitigations=off nokaslr tsc=reliable",
		"-serial", "file:"+filepath.Join(g.opt.Dir, "console"),
		"-drive", "if=none,id=state,format=raw,cache=unsafe,discard=unmap,file="+g.disk(), "-device", "virtio-blk-pci,drive=state",
		"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
		"-device", "virtio-rng-pci", "-device", "virtio-scsi-pci,id=scsi0",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=ctl,server=on,wait=off,path="+ctlPath,
		"-device", "virtserialport,chardev=ctl,name=ripstation.control",
		"-qmp", "unix:"+qmpPath+",server=on,wait=off", "-S")
	g.cmd.Stdout, g.cmd.Stderr = stderr, stderr
	g.cmd.Env = append(os.Environ(), "QEMU_MODULE_DIR="+filepath.Join(g.cache, "qemu"), "LD_LIBRARY_PATH="+filepath.Join(g.cache, "qemu"))
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("start qemu: %w", err)
	}
	exited := make(chan struct{})
	g.exited = exited
	go func(cmd *exec.Cmd) {
		cmd.Wait()
		close(exited)
	}(g.cmd)
	defer func() {
		if err != nil {
			g.PowerOff()
		}
	}()
	ctl, err := g.dial(ctx, ctlPath)
	if err != nil {
		return err
	}
	g.agent = newAgentClient(ctl, g.opt.OnLine)
	mon, err := g.dial(ctx, qmpPath)
	if err != nil {
		return err
	}
	if g.qmp, err = newQMP(ctx, mon, onReset); err != nil {
		return err
	}
	if err := attach(); err != nil {
		return fmt.Errorf("%w\n%s", err, g.qemuLog())
	}
	if err := g.qmp.call(ctx, "cont", nil); err != nil {
		return err
	}
	return g.awaitHello(ctx, 0)
}

// dial waits for QEMU to open its socket.
func (g *Guest) dial(ctx context.Context, path string) (net.Conn, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return conn, nil
		}
		select {
		case <-tick.C:
		case <-g.exited:
			return nil, fmt.Errorf("qemu ended at once:\n%s", g.qemuLog())
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for qemu: %w: %w", ctx.Err(), err)
		}
	}
}

// PowerOff cuts the power: QEMU is killed, and with it goes all that the guest
// had not written to its disk.
func (g *Guest) PowerOff() {
	if g.cmd == nil || g.cmd.Process == nil {
		return
	}
	g.cmd.Process.Kill()
	<-g.exited
	if g.agent != nil {
		g.agent.conn.Close()
	}
	if g.qmp != nil {
		g.qmp.conn.Close()
	}
}

func (g *Guest) qemuLog() string {
	text, err := os.ReadFile(filepath.Join(g.opt.Dir, "qemu.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Console gives what the guest's kernel and first process have printed.
func (g *Guest) Console() string {
	text, err := os.ReadFile(filepath.Join(g.opt.Dir, "console"))
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), "\r", "")
}

func (g *Guest) consoleTail() string {
	lines := strings.Split(strings.TrimSpace(g.Console()), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
