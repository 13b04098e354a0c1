package pc_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vmrecord/backdoor"
	"vmrecord/backdoor/wire"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

const (
	guestBytes = 2 << 20
	slowHz     = 8_000_000 // a timer interrupt every 8000 instants
	longest    = 1 << 40   // no guest here runs for so long
)

// A guest is a machine with what it said.
type guest struct {
	*vmm.Machine
	tx     bytes.Buffer
	events bytes.Buffer // of the backdoor
}

// machine is a PC over ram, with nothing in it yet, and a backdoor, which may be
// closed to ring 3.
func machine(ram []byte, hz uint64, d vmm.Door, closed bool) *guest {
	b := pc.New(mem.New(ram), pc.Options{Hz: hz, Epoch: 1_790_000_000, DebugExit: true})
	g := &guest{Machine: &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: interp.New(), Door: d}}
	if f, _ := b.CallAt(wire.Port); f == nil {
		b.Plug(vmm.Place{Name: "backdoor"}, backdoor.New(backdoor.Config{Control: true, MaxRecordings: 1000, Ring0Only: closed}))
	}
	b.OnOutput("com1/tx", func(p []byte) { g.tx.Write(p) })
	b.OnOutput("backdoor/control", func(p []byte) {
		fmt.Fprintf(&g.events, "%s: %s\n", g.Position(), p)
	})
	return g
}

// boot is a PC about to run the guest.
func boot(t testing.TB, o bare.Options, hz uint64, in ...vmm.Input) *guest {
	t.Helper()
	g := machine(make([]byte, guestBytes), hz, &vmm.Scripted{Left: in}, false)
	g.load(t, o)
	return g
}

// load does what firmware and boot loader do.
func (g *guest) load(t testing.TB, o bare.Options) {
	t.Helper()
	g.CPU.Cold(1)
	if err := pc.BootLinux(g.Machine, firmware.Linux{Kernel: bare.Image(o)}); err != nil {
		t.Fatal(err)
	}
}

// to runs the guest to an instant; the host has nothing to do when it asks.
func (g *guest) to(until vmm.Instant) vmm.Exit {
	for {
		e := g.Run(until)
		if e != vmm.Control {
			return e
		}
		g.TakeControl()
	}
}

// finish runs the guest to its end.
func (g *guest) finish(t testing.TB) {
	t.Helper()
	if e := g.to(longest); e != vmm.Stopped {
		t.Fatalf("exit %d at %s: %v; RIP %#x\n%s", e, g.Position(), g.Err(), g.CPU.RIP, g.tx.Bytes())
	}
}

// end is everything about a machine's state, in lines.
func (g *guest) end() string {
	secs, total := g.Digests()
	s := fmt.Sprintf("position %s, retired %d, exit %s\n", g.Position(), g.Retired(), g.stop())
	for i, n := range g.SectionNames() {
		s += fmt.Sprintf("%016x %s\n", secs[i], n)
	}
	r := g.Mem.Root()
	s += fmt.Sprintf("%016x total\n%x memory\n", total, r[:8])
	return s + strings.ReplaceAll(g.tx.String(), "\r", "") + g.events.String()
}

func (g *guest) stop() string {
	kind, code := g.Stopped()
	return fmt.Sprintf("%d/%#x", kind, code)
}
