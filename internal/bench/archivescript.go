package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/internal/simdrive/preload"
)

// scriptOrder is a disc and a place, and the store as the tools of a script
// find it.
type scriptOrder struct {
	Case   ripCase
	Dir    string // for the image; on a disk
	Shim   string
	Addr   string
	CA     string
	Rclone string // the program
	Prefix string // in the bucket
}

// scriptRun is one run of a script, from the insertion to the open tray.
type scriptRun struct {
	Seconds float64      `json:"seconds"`
	CPU     float64      `json:"cpu_seconds"` // of the tools, without the drive
	Peak    int64        `json:"peak_bytes"`  // of the largest of them
	Steps   []scriptStep `json:"steps"`
}

type scriptStep struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
}

// command is one line of a script.
type command struct {
	name string
	sh   string // for sh -eu, in the folder of the image
	face bool   // it sees the drive
}

// read and digest begin every script. ddrescue is called as its manual has it
// for a DVD, past the page cache: where nothing is wrong with the disc, that is
// one pass.
func readAndDigest() []command {
	return []command{
		{name: "ddrescue -d -b2048", sh: `ddrescue -d -b2048 "$SIMDRIVE_NODE" disc.iso disc.map`, face: true},
		{name: "sha512sum", sh: "sha512sum disc.iso > disc.iso.sha512"},
	}
}

// The node is no device that sysfs knows: hence -F.
var eject = command{name: "eject", sh: `eject -F "$SIMDRIVE_NODE"`, face: true}

func (o scriptOrder) rclone() []command {
	to := "archive:" + bucket + "/" + o.Prefix
	return append(readAndDigest(),
		command{name: "rclone copy", sh: fmt.Sprintf("%s copy . %s", o.Rclone, to)},
		command{name: "rclone check", sh: fmt.Sprintf("%s check . %s", o.Rclone, to)}, eject)
}

// debianAWS is Debian's aws-cli. Of 1.45, which sends a body's sum behind it,
// versitygw 1.8.0 refused a part over the slow link as a request that it could
// not parse.
const debianAWS = "/usr/bin/aws"

// aws sends by aws-cli. What it checks is what rclone check does: HEAD, and
// the sum that the store gives against one taken of the file; aws-cli sends in
// parts of 8 MiB, of which S3 makes the ETag.
func (o scriptOrder) aws() []command {
	s3 := debianAWS + " --endpoint-url https://" + o.Addr
	return append(readAndDigest(),
		command{name: "aws s3 cp", sh: fmt.Sprintf("%s s3 cp --no-progress --recursive . s3://%s/%s", s3, bucket, o.Prefix)},
		command{name: "ETag", sh: fmt.Sprintf(`size=$(stat -c %%s disc.iso)
sum=$(split -b 8M --filter=md5sum disc.iso | cut -c1-32 | tr a-f A-F | tr -d '\n' | basenc --base16 -d | md5sum | cut -c1-32)
head=$(%s s3api head-object --bucket %s --key %s/disc.iso --query '[ETag, ContentLength]' --output text | tr '\t' ' ')
want="\"$sum-$(((size + 8388607) / 8388608))\" $size"
test "$head" = "$want" || { echo "the store has $head, want $want"; exit 1; }`, s3, bucket, o.Prefix)}, eject)
}

// runScript puts the disc into a simulated drive that has the preload face, and
// runs the commands one after the other.
func runScript(ctx context.Context, o scriptOrder, commands []command) (r scriptRun, err error) {
	timing, err := o.Case.timing()
	if err != nil {
		return r, err
	}
	m, err := o.Case.disc()
	if err != nil {
		return r, err
	}
	drive := simdrive.New(simdrive.Options{Serial: "BENCH", Timing: timing})
	env, closed, err := showDrive(ctx, drive, o.Shim, filepath.Dir(o.Dir))
	if err != nil {
		return r, err
	}
	defer closed()
	began := time.Now()
	if err := drive.Insert(m); err != nil {
		return r, err
	}
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, "sh", "-euc", c.sh)
		cmd.Dir, cmd.Env = o.Dir, append(os.Environ(), o.env()...)
		if c.face {
			cmd.Env = append(cmd.Env, env...)
		}
		begin := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return r, fmt.Errorf("%s: %w\n%.4000s", c.name, err, out)
		}
		s := scriptStep{Name: c.name, Seconds: time.Since(begin).Seconds(), CPU: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.Peak = max(r.Peak, u.Maxrss<<10)
		}
		r.Steps, r.CPU = append(r.Steps, s), r.CPU+s.CPU
	}
	r.Seconds = time.Since(began).Seconds()
	if drive.Tray() != disc.TrayOpen {
		return r, fmt.Errorf("the script ended with the tray %v", drive.Tray())
	}
	return r, nil
}

// env is what the tools find the store by. They see no configuration of the
// person who runs the bench.
func (o scriptOrder) env() []string {
	none := filepath.Join(o.Dir, "..", "no-configuration")
	return []string{"LC_ALL=C",
		"RCLONE_CONFIG=" + none, "RCLONE_CA_CERT=" + o.CA, "RCLONE_CONFIG_ARCHIVE_TYPE=s3", "RCLONE_CONFIG_ARCHIVE_PROVIDER=Other", "RCLONE_CONFIG_ARCHIVE_ENDPOINT=https://" + o.Addr,
		"RCLONE_CONFIG_ARCHIVE_REGION=" + region, "RCLONE_CONFIG_ARCHIVE_ACCESS_KEY_ID=" + accessKey, "RCLONE_CONFIG_ARCHIVE_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none, "AWS_CA_BUNDLE=" + o.CA, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
	}
}

// showDrive gives the environment of programs that shall see a drive.
func showDrive(ctx context.Context, drive *simdrive.Drive, shim, dir string) (env []string, closed func(), err error) {
	// The path of a socket is short.
	at, err := os.MkdirTemp("", "face")
	if err != nil {
		return nil, nil, err
	}
	socket := filepath.Join(at, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		os.RemoveAll(at)
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = preload.New(drive).Run(ctx, l) // a program that is not answered says so
	}()
	return preload.Env(shim, filepath.Join(dir, "drive"), socket), func() { cancel(); <-ended; os.RemoveAll(at) }, nil
}

// faceCost is what the preload face itself costs: the same disc read by a
// program through it, and the drive's own time.
type faceCost struct {
	Program string  `json:"program"`
	Bytes   int64   `json:"bytes"`
	Own     float64 `json:"own_seconds"`
	Seconds float64 `json:"seconds"`
}

// over is how much longer it took through the face, in parts of one.
func (f faceCost) over() float64 { return f.Seconds/f.Own - 1 }

// faceCosts reads a disc of the case's kind through the face.
func faceCosts(ctx context.Context, c ripCase, shim, dir string) (all []faceCost, err error) {
	timing, err := c.timing()
	if err != nil {
		return nil, err
	}
	timing.SpinUp = 0
	own, err := c.pace(ctx, []disc.Extent{{Start: 0, Count: c.Sectors}}, nil)
	if err != nil {
		return nil, err
	}
	for _, program := range []string{`dd if="$SIMDRIVE_NODE" of=/dev/null bs=1M`, `dd if="$SIMDRIVE_NODE" of=/dev/null bs=1M iflag=direct`, `ddrescue -d -b2048 "$SIMDRIVE_NODE" face.iso`} {
		m, err := c.disc()
		if err != nil {
			return nil, err
		}
		drive := simdrive.New(simdrive.Options{Serial: "BENCH", Timing: timing})
		if err := drive.Insert(m); err != nil {
			return nil, err
		}
		env, closed, err := showDrive(ctx, drive, shim, dir)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "sh", "-euc", program)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		begin := time.Now()
		out, err := cmd.CombinedOutput()
		f := faceCost{Program: strings.NewReplacer(`"$SIMDRIVE_NODE"`, "NODE", " of=/dev/null", "", " face.iso", " FILE").Replace(program), Bytes: c.bytes(), Own: own, Seconds: time.Since(begin).Seconds()}
		closed()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", program, err, out)
		}
		all = append(all, f)
	}
	return all, os.Remove(filepath.Join(dir, "face.iso"))
}
