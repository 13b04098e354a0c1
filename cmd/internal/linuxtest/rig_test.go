package linuxtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/cmd/internal/rig"
	"vmrecord/configs/cpio"
	"vmrecord/configs/guestkernel"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/mem"
)

const (
	epoch   = 1_790_000_123 // the date at which the guest is switched on
	seed    = 7
	cmdline = "console=ttyS0 panic=-1"
	quick   = cmdline + " cryptomgr.notests"
	piece   = 1 << 22 // instants between two looks at the console
	longest = 1 << 38 // no guest here runs for so long
)

var spec = machine.Spec{Memory: 256 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("5a", 16), Control: true, MaxRecordings: 10}

// A bootable is what a boot loader loads.
type bootable struct {
	kernel, initrd []byte
	release        string // of the kernel
}

// files are the kernel and the initial ramdisk with the probe.
var files = sync.OnceValues(func() (bootable, error) { return bootFiles(guestkernel.Cloud, "amd64", "init=./testdata/probe") })

// bootFiles fetches a kernel and builds programs, each NAME=PACKAGE, into an
// initial ramdisk. NAME=/PATH is a file of this computer's.
func bootFiles(flavour guestkernel.Flavour, arch string, programs ...string) (f bootable, err error) {
	if f.kernel, f.release, err = rig.Kernel(flavour); err != nil {
		return f, err
	}
	in := []cpio.File{{Name: "dev/console", Mode: cpio.Char | 0o600, Major: 5, Minor: 1}}
	for _, p := range programs {
		name, pkg, _ := strings.Cut(p, "=")
		read := func() ([]byte, error) { return program(arch, pkg) }
		if filepath.IsAbs(pkg) {
			read = func() ([]byte, error) { return os.ReadFile(pkg) }
		}
		b, err := read()
		if err != nil {
			return f, err
		}
		in = append(in, cpio.File{Name: name, Mode: cpio.Regular | 0o755, Data: b})
	}
	f.initrd, err = cpio.BuildInitramfs(in)
	return f, err
}

// compilerOf are the compiler and its flags for our sources in C and C++: two
// wherever the kernel puts them, one without a library.
var compilerOf = map[string]string{
	"pie.c":   "gcc -static-pie -O2 -g -fno-omit-frame-pointer",
	"calls.c": "gcc -static -O1 -g -nostdlib -fno-stack-protector -fno-pie -no-pie",
	"count.c": "gcc -static -O1 -g -fno-pie -no-pie",
	"bank.cc": "g++ -pie -fPIE -O1 -g -pthread",
}

// programs are those that were built: each is built once.
var programs sync.Map

// program is a package, or a file of C or C++ with more flags behind it, built for
// the oldest processor there is.
func program(arch, pkg string) ([]byte, error) {
	once, _ := programs.LoadOrStore(arch+" "+pkg, sync.OnceValues(func() ([]byte, error) { return build(arch, pkg) }))
	return once.(func() ([]byte, error))()
}

func build(arch, pkg string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "linuxtest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "program")
	c := exec.Command("go", "build", "-trimpath", "-o", name, pkg)
	source, flags, _ := strings.Cut(pkg, " ")
	if compiler := strings.Fields(compilerOf[filepath.Base(source)]); len(compiler) > 0 {
		c = exec.Command(compiler[0], slices.Concat(compiler[1:], strings.Fields(flags), []string{"-o", name, source})...)
	}
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GO386=sse2", "GOFLAGS=")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("build %s: %w", pkg, err)
	}
	return os.ReadFile(name)
}

// A guest is a machine with what it printed.
type guest struct {
	*vmm.Machine
	tx bytes.Buffer
}

// power makes a machine with nothing in it.
func power(t testing.TB, e machine.Engine) *guest {
	t.Helper()
	m, free, err := spec.BuildOn(e, epoch, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	g := &guest{Machine: m}
	m.OnOutput(machine.ConsoleOut, func(p []byte) { g.tx.Write(p) })
	return g
}

// boot makes a machine about to run the probe.
func boot(t testing.TB, append string) *guest {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := files()
	if err != nil {
		t.Fatal(err)
	}
	return f.boot(t, append)
}

// boot makes a machine about to run the kernel.
func (f bootable) boot(t testing.TB, append string) *guest {
	t.Helper()
	return f.bootOn(t, machine.Auto, append)
}

func (f bootable) bootOn(t testing.TB, e machine.Engine, append string) *guest {
	t.Helper()
	g := power(t, e)
	if err := pc.BootLinux(g.Machine, firmware.Linux{Kernel: f.kernel, Initrd: f.initrd, Append: append}); err != nil {
		t.Fatal(err)
	}
	return g
}

// connect puts a live door in front of the guest and returns the keyboard.
func (g *guest) connect(p host.Pace) *host.Stream {
	d := host.NewDoor(host.Config{Hz: spec.Hz, Pace: p})
	s := d.Stream(machine.ConsoleIn)
	g.OnOutput(machine.ConsoleSpace, s.Announce)
	g.Door = d
	return s
}

// until runs the guest until it has printed text.
func (g *guest) until(t testing.TB, text string) {
	t.Helper()
	for from := 0; !bytes.Contains(g.tx.Bytes()[from:], []byte(text)); {
		from = max(0, g.tx.Len()-len(text))
		e := g.Run(g.Now() + piece)
		if e != vmm.Reached || g.Now() > longest {
			t.Fatalf("exit %d at %s waiting for %q: %v; the console ends\n%s", e, g.Position(), text, g.Err(), tail(g.tx.Bytes()))
		}
	}
}

// asks runs the guest, at virtual pace, until it is off, and tells what it asked of the
// machine: nothing is recorded.
func (g *guest) asks(t testing.TB) (asked []string) {
	t.Helper()
	g.connect(host.Virtual)
	g.OnOutput(machine.Control, func(p []byte) { asked = append(asked, string(p)) })
	for {
		switch e := g.Run(g.Now() + piece); {
		case e == vmm.Control:
			g.TakeControl()
		case e == vmm.Stopped:
			return asked
		case e != vmm.Reached || g.Now() > longest:
			t.Fatalf("exit %d at %s: %v\n%s", e, g.Position(), g.Err(), tail(g.tx.Bytes()))
		}
	}
}

// fork makes a second machine in g's state.
func (g *guest) fork(t testing.TB) *guest {
	t.Helper()
	return g.forkOn(t, machine.Auto)
}

func (g *guest) forkOn(t testing.TB, e machine.Engine) *guest {
	t.Helper()
	h := power(t, e)
	zero := make([]byte, mem.PageBytes)
	for at := 0; at < len(g.Mem.B); at += mem.PageBytes {
		if page := g.Mem.B[at:][:mem.PageBytes]; !bytes.Equal(page, zero) {
			h.Mem.Write(uint64(at), page)
		}
	}
	if err := h.Load(g.Save()); err != nil {
		t.Fatal(err)
	}
	return h
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
