package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/configs/cpio"
	"vmrecord/configs/guestkernel"
	"vmrecord/configs/size"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
)

const maxKernelBytes = 256 << 20

// A guest is what a machine boots.
type guest struct {
	spec   machine.Spec
	engine machine.EngineFlags
	kernel []byte
	initrd []byte
	append string
	booted string // see digest
}

// machineFlags are the flags that stand for keys of [machine], and win over them.
type machineFlags struct {
	kernel, initrd, append string
	memory                 size.Bytes
	cpus                   uint
	debugExit              bool
	engine                 machine.EngineFlags
}

// guest puts configuration and flags together and reads the files.
func (f *machineFlags) guest(a *configs.Appliance) (*guest, error) {
	if f.cpus != 1 {
		return nil, exit.Errorf(exit.Usage, "--cpus %d: a guest has one processor; leave the flag out, or say --cpus 1", f.cpus)
	}
	m := configs.Machine{Memory: 256 << 20}
	if a != nil {
		m = a.Machine
	}
	if f.memory != 0 {
		m.Memory = f.memory
	}
	for _, o := range []struct{ flag, key *string }{{&f.kernel, &m.Kernel}, {&f.initrd, &m.Initrd}, {&f.append, &m.Append}} {
		if *o.flag != "" {
			*o.key = *o.flag
		}
	}
	g := &guest{spec: machine.Spec{Memory: uint64(m.Memory), Hz: vmm.DefaultHz, DebugExit: f.debugExit, PVPanic: m.PVPanic}, engine: f.engine, append: m.Append}
	if m.Kernel == "" {
		return nil, exit.Errorf(exit.Usage, "no guest: name a configuration, or --kernel FILE; to write one: vmappliance init")
	}
	var err error
	if g.kernel, err = readKernel(m.Kernel); err == nil {
		err = ours("kernel", m.Kernel, g.kernel, m.KernelSHA256, askVendor)
	}
	if err != nil || m.Initrd == "" {
		return g, err
	}
	if firmware.IsMultiboot(g.kernel) { // a module may be anything
		g.initrd, err = readGuestFile("module", m.Initrd, int64(m.Memory), "name a file that fits the guest's memory")
	} else {
		g.initrd, err = readInitrd(m.Initrd, int64(m.Memory))
	}
	if err == nil {
		err = ours("initrd", m.Initrd, g.initrd, m.InitrdSHA256, askVendor)
	}
	return g, err
}

const askVendor = "nothing was run; ask the vendor for the appliance's own file"

// ours checks that a file is the one that the configuration means; sum is "" where that
// does not say.
func ours(what, name string, raw []byte, sum, fix string) error {
	if sum == "" {
		return nil
	}
	if got := hexSum(raw); got != sum {
		return exit.Errorf(exit.Integrity, "%s %s: its SHA-256 is %s, the configuration has %s; %s", what, name, got, sum, fix)
	}
	return nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// digest stands for all that the guest boots.
func (g *guest) digest() string {
	if g.booted == "" {
		h := sha256.New()
		for _, part := range [...][]byte{g.kernel, g.initrd, []byte(g.append)} {
			fmt.Fprintf(h, "%d\n", len(part))
			h.Write(part)
		}
		g.booted = hex.EncodeToString(h.Sum(nil))
	}
	return g.booted
}

func readKernel(name string) ([]byte, error) {
	if name == configs.KernelDebian {
		cache, err := cli.CacheDir()
		if err != nil {
			return nil, err
		}
		k, err := guestkernel.Cached(cache, guestkernel.Cloud)
		if err != nil {
			return nil, exit.With(exit.NotFound, err)
		}
		name = k.Path
	}
	return readGuestFile("kernel", name, maxKernelBytes, "fetch Debian's: vmappliance build --kernel debian")
}

func readInitrd(name string, memory int64) ([]byte, error) {
	b, err := readGuestFile("initrd", name, memory, "make one: vmappliance build --initramfs "+name+" --file init=./vmagent")
	if err != nil {
		return nil, err
	}
	if err := cpio.Check(b); err != nil {
		return nil, exit.Errorf(exit.Integrity, "initrd %s: %w; make it again: vmappliance build --initramfs %s --force --file init=./vmagent", name, err, name)
	}
	return b, nil
}

func readGuestFile(what, name string, most int64, fix string) ([]byte, error) {
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, exit.Errorf(exit.NotFound, "%s %s: there is no such file; %s", what, name, fix)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", what, err)
	case !st.Mode().IsRegular() || st.Size() > most:
		return nil, exit.Errorf(exit.Usage, "%s %s: want a plain file of at most %s; %s", what, name, cli.Bytes(most), fix)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return b, nil
}

// boot builds the machine and leaves it where a boot loader would.
func (g *guest) boot(epoch, seed uint64) (m *vmm.Machine, free func(), err error) {
	m, free, err = g.spec.BuildOn(g.engine, epoch, seed)
	if err != nil {
		return nil, nil, exit.With(exit.Usage, err)
	}
	rsdp, ranges, err := pc.Firmware(m.Board)
	if err == nil {
		err = g.load(m, rsdp, ranges)
	}
	if err != nil {
		free()
		c := exit.Usage
		if errors.Is(err, firmware.ErrNotLinux) || errors.Is(err, firmware.ErrNotMultiboot) {
			c = exit.Integrity
		}
		return nil, nil, exit.Errorf(c, "boot: %w", err)
	}
	return m, free, nil
}

// load is the boot loader's work, for the kind of kernel that the file is.
func (g *guest) load(m *vmm.Machine, rsdp uint64, ranges []firmware.Range) error {
	if firmware.IsMultiboot(g.kernel) {
		b := firmware.Multiboot{Kernel: g.kernel, Initrd: g.initrd, Append: g.append, Map: ranges}
		return b.Load(m.Mem, m.CPU)
	}
	l := firmware.Linux{Kernel: g.kernel, Initrd: g.initrd, Append: g.append, Map: ranges, RSDP: rsdp}
	return l.Load(m.Mem, m.CPU)
}
