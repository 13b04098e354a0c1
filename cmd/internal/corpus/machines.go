package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"vmrecord/configs/bare/corpus"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

// A machine runs a program and returns what it wrote to COM1; why tells how the
// machine ended where the program did not come to its end.
type machine func(p *corpus.Program) (out, why string, err error)

// machines by name.
var machines = map[string]machine{"vmrecord": ours, "qemu": qemu, "bochs": bochs}

// runAll runs cases on m. A case that ends the machine is told as that, and the
// next ones go on in a new machine.
func runAll(m machine, cases []corpus.Case) (results []string, err error) {
	for len(results) < len(cases) {
		rest := cases[len(results):]
		n := 1
		for n < len(rest) && rest[n].Bochs == rest[0].Bochs {
			n++
		}
		p, err := corpus.Build(rest[:n])
		if err != nil {
			return nil, err
		}
		out, why, err := m(p)
		if err != nil {
			return nil, err
		}
		r, end, err := p.Decode(out)
		if err != nil {
			return nil, err
		}
		results = append(results, r...)
		if !end {
			results = append(results, why)
		}
	}
	return results, nil
}

const (
	ramBytes = 16 << 20
	budget   = 50_000_000 // instants: some thousand cases
)

// ours is this project's reference engine.
func ours(p *corpus.Program) (string, string, error) {
	b := pc.New(mem.New(make([]byte, ramBytes)), pc.Options{Hz: 20_000_000, DebugExit: true})
	m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: interp.New(), Door: new(vmm.Scripted)}
	var tx bytes.Buffer
	b.OnOutput("com1/tx", func(p []byte) { tx.Write(p) })
	m.CPU.Cold(1)
	_, ranges, err := pc.Firmware(b)
	if err != nil {
		return "", "", err
	}
	l := &firmware.Multiboot{Kernel: p.Multiboot(), Map: ranges}
	if err := l.Load(b.Mem, m.CPU); err != nil {
		return "", "", err
	}
	for {
		switch e := m.Run(budget); e {
		case vmm.Control:
			m.TakeControl()
		case vmm.Stopped:
			kind, _ := m.Stopped()
			if kind != vmm.StopReset {
				return tx.String(), "", nil
			}
			return tx.String(), "shutdown", nil
		default:
			if err := m.Err(); err != nil {
				return tx.String(), err.Error(), nil
			}
			return tx.String(), "hangs", nil
		}
	}
}

// qemu is QEMU's TCG.
func qemu(p *corpus.Program) (string, string, error) {
	return outside(p.Multiboot(), func(dir, image, log string) []string {
		return []string{"qemu-system-x86_64", "-accel", "tcg", "-cpu", "EPYC-Rome", "-m", "32", "-kernel", image,
			"-display", "none", "-monitor", "none", "-serial", "file:" + log, "-no-reboot", "-net", "none",
			"-device", "isa-debug-exit,iobase=0xf4,iosize=4"}
	})
}

// bochs is Bochs, with the program in place of its BIOS.
func bochs(p *corpus.Program) (string, string, error) {
	rom, err := p.ROM()
	if err != nil {
		return "", "", err
	}
	return outside(rom, func(dir, image, log string) []string {
		rc := filepath.Join(dir, "bochsrc")
		text := fmt.Sprintf(`megs: 32
cpu: model=%s, ips=50000000, ignore_bad_msrs=0, reset_on_triple_fault=0
romimage: file=%s
vgaromimage: file=%s
vga: extension=none
com1: enabled=1, mode=file, dev=%s
display_library: term
boot: disk
log: %s/log
panic: action=fatal
error: action=ignore
info: action=ignore
`, cmp.Or(p.Cases[0].Bochs, "ryzen"), image, filepath.Join(dir, "vga"), log, dir)
		vga := make([]byte, 512) // an empty option ROM, since there must be one
		copy(vga, "\x55\xaa\x01\xcb")
		for _, v := range vga[:511] {
			vga[511] -= v
		}
		files := map[string]string{"bochsrc": text, "vga": string(vga), "debug": "c\nq\n"} // Debian's has a debugger: continue, quit
		for name, text := range files {
			if os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644) != nil {
				return nil
			}
		}
		return []string{"script", "-qc", "bochs -q -f " + rc + " -rc " + filepath.Join(dir, "debug"), "/dev/null"}
	})
}

// outside runs an emulator that writes COM1 to a file.
func outside(image []byte, command func(dir, image, log string) []string) (string, string, error) {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	file, log := filepath.Join(dir, "image"), filepath.Join(dir, "com1")
	if err := os.WriteFile(file, image, 0o644); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	args := command(dir, file, log)
	said, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	out, readErr := os.ReadFile(log)
	if readErr != nil {
		return "", "", fmt.Errorf("%s wrote nothing to COM1 (%v): %s", args[0], err, said)
	}
	if ctx.Err() != nil {
		return string(out), "hangs", nil
	}
	return string(out), "shutdown", nil
}
