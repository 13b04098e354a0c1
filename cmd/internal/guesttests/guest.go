package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"vmrecord/cmd/internal/machine"
	"vmrecord/cmd/internal/rig"
	"vmrecord/configs/guestkernel"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

const (
	epoch = 1_790_000_123 // the date at which the guest is switched on
	seed  = 7
	piece = 1 << 24 // instants that run at a time

	// cmdline keeps the kernel from writing into the runner's lines.
	cmdline = "console=ttyS0 panic=-1 loglevel=1 cryptomgr.notests"
)

// inside runs a packed tree in a guest, and tells of each job that ended. What
// the guest prints goes to w too.
func inside(initrd []byte, memory uint64, w io.Writer, ended func(*said)) error {
	kernel, _, err := rig.Kernel(guestkernel.Cloud)
	if err != nil {
		return err
	}
	spec := machine.Spec{Memory: memory, Hz: vmm.DefaultHz, UUID: strings.Repeat("5a", 16)}
	m, free, err := spec.Build(epoch, seed)
	if err != nil {
		return err
	}
	defer free()
	if err := pc.BootLinux(m, firmware.Linux{Kernel: kernel, Initrd: initrd, Append: cmdline}); err != nil {
		return err
	}
	m.Door = host.NewDoor(host.Config{Hz: spec.Hz, Pace: host.Virtual})
	c := console{m: m, w: w, ended: ended}
	m.OnOutput(machine.ConsoleOut, c.write)
	e := vmm.Reached
	for e == vmm.Reached {
		e = m.Run(m.Now() + piece)
	}
	if e != vmm.Stopped {
		return fmt.Errorf("exit %d at %s: %v; the console ends\n%s", e, m.Position(), m.Err(), tail(c.text.String()))
	}
	_, err = parse(c.text.String())
	return err
}

// A console keeps what the guest prints, and counts what each job takes.
type console struct {
	m     *vmm.Machine
	w     io.Writer
	ended func(*said)
	text  bytes.Buffer
	line  int    // where the last line begins
	job   int    // where the last job began
	from  uint64 // when, in instructions
}

func (c *console) write(p []byte) {
	for _, b := range p {
		c.text.WriteByte(b)
		if b != '\n' {
			continue
		}
		line := c.text.Bytes()[c.line:]
		_, _ = c.w.Write(line)
		switch {
		case bytes.HasPrefix(line, []byte("@@ begin ")):
			c.job, c.from = c.line, c.m.Retired()
		case bytes.HasPrefix(line, []byte("@@ end ")):
			all, _ := parse(string(c.text.Bytes()[c.job:])) // it is not at its end, which is no news
			for _, s := range all {
				s.Instructions = c.m.Retired() - c.from
				c.ended(s)
			}
		}
		c.line = c.text.Len()
	}
}

// outside runs a tree here, in namespaces of its own: nothing is there but the
// tree, and the network is a loopback interface. Where no namespaces may be
// made it runs among all the rest.
func outside(dir string, logf func(string, ...any)) ([]*said, error) {
	a := syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if id := os.Getuid(); id != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: id, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	all, err := runner(dir, "-outside", &a)
	if err == nil {
		return all, nil
	}
	logf("run plainly, for %v", err)
	return runner(dir, "-plain", &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL})
}

func runner(dir, mode string, a *syscall.SysProcAttr) ([]*said, error) {
	c := exec.Command(filepath.Join(dir, "init"), mode, dir)
	c.Env, c.Stderr, c.SysProcAttr = []string{}, os.Stderr, a
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("runner %s: %w", mode, err)
	}
	return parse(string(out))
}
