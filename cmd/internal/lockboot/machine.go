package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"vmrecord/cmd/internal/machine"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/snap"
)

// A lockboot is one comparison.
type lockboot struct {
	guest  guest
	most   vmm.Instant
	step   vmm.Instant // between two looks
	whole  uint64      // looks from one at everything to the next
	newJIT func() (cpu.Translator, error)
	out    io.Writer
}

func (l *lockboot) say(format string, arg ...any) { fmt.Fprintf(l.out, format+"\n", arg...) }

// A guest is what both machines boot.
type guest struct {
	spec           machine.Spec
	kernel, initrd []byte
	append         string
	seed           uint64
}

// A side is one of the two machines.
type side struct {
	*vmm.Machine
	free    func()
	console hash.Hash
	exit    vmm.Exit // Reached as long as it goes on
}

// boot makes a machine about to boot, on the reference engine or, with a
// translator, on the translating one, which then owns that.
func (g *guest) boot(t cpu.Translator, tune interp.Tuning) (*side, error) {
	m, free, err := g.spec.BuildOn(machine.Interp, epoch, g.seed)
	if err != nil {
		return nil, err
	}
	if t != nil {
		m.Engine = interp.NewTranslating(t, tune) // free closes it; the reference has nothing to close
	}
	s := &side{Machine: m, free: free, console: sha256.New()}
	m.Door = new(vmm.Scripted)
	m.OnOutput(machine.ConsoleOut, func(p []byte) { s.console.Write(p) })
	if err := pc.BootLinux(m, firmware.Linux{Kernel: g.kernel, Initrd: g.initrd, Append: g.append}); err != nil {
		free()
		return nil, err
	}
	return s, nil
}

// to runs to an instant, or to where the machine ends.
func (s *side) to(at vmm.Instant) {
	for s.exit == vmm.Reached && s.Now() < at {
		if e := s.Run(at); e == vmm.Control {
			s.TakeControl()
		} else {
			s.exit = e
		}
	}
}

// reach is to, with stops at every multiple of step.
func (s *side) reach(at, step vmm.Instant) {
	for s.exit == vmm.Reached && s.Now() < at {
		s.to(min(at, (s.Now()/step+1)*step))
	}
}

// glance tells whether processor and position are equal.
func glance(x, y *side) bool {
	return x.exit == y.exit && *x.CPU == *y.CPU && x.Position() == y.Position()
}

// differences are all that is not equal, and the first bytes of RAM among that.
func differences(x, y *side) (d []string, ram []uint64) {
	if x.exit != y.exit {
		d = append(d, fmt.Sprintf("exit: %d (%v), want %d (%v)", y.exit, y.Err(), x.exit, x.Err()))
	}
	if a, b := x.Position(), y.Position(); a != b {
		d = append(d, fmt.Sprintf("position: %s, want %s", b, a))
	}
	for _, f := range snap.Diff(y.CPU, x.CPU) {
		d = append(d, "cpu."+f)
	}
	want := x.Save()
	for i, s := range y.Save() {
		if s.Name != "cpu" && !bytes.Equal(s.Data, want[i].Data) {
			d = append(d, fmt.Sprintf("%s: byte %d of its saved state", s.Name, first(s.Data, want[i].Data)))
		}
	}
	if x.Mem.Root() == y.Mem.Root() {
		return d, nil
	}
	for at := 0; at < len(x.Mem.B); at += mem.PageBytes {
		a, b := x.Mem.B[at:][:mem.PageBytes], y.Mem.B[at:][:mem.PageBytes]
		if !bytes.Equal(a, b) && len(ram) < 8 {
			k := first(a, b)
			ram = append(ram, uint64(at+k))
			d = append(d, fmt.Sprintf("RAM at %#x: %#x, want %#x", at+k, b[k], a[k]))
		}
	}
	return d, ram
}

// first is where two texts differ first.
func first(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
