package intc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// redirect writes or reads a register through the select register.
func redirect(rng *rand.Rand, b *devtest.Rig) string {
	m := devtest.Mem(0)
	r := 0x10 + rng.Uint64N(48)
	if rng.IntN(8) == 0 {
		r = rng.Uint64N(4)
	}
	b.MemOut(m, 4, r)
	if rng.IntN(2) == 0 {
		b.MemOut(m+0x10, 4, rng.Uint64()&0xff01a7ff&^(rng.Uint64N(2)<<16))
		return ""
	}
	return fmt.Sprintf("%#x = %#x", r, b.MemIn(m+0x10, 4))
}

func TestIOAPIC82093(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(IOAPIC82093) }, redirect)
}

func TestIOAPICBehaviour(t *testing.T) {
	for name, script := range map[string]string{
		"reset state": `
			out 0.0/4 1
			in 0.10/4 170011
			out 0.0/4 10
			in 0.10/4 10000
			out 0.0/4 3f
			in 0.10/4 0
			out 0.0/4 40
			in 0.10/4 ffffffff
			in 0.10/1 ff`,
		"edge": `
			out 0.0/4 19        # pin 4, high half: APIC 3
			out 0.10/4 3000000
			out 0.0/4 18
			out 0.10/4 831      # logical, vector 31h
			in 0.10/4 831
			pin 4 1
			msi fee03004 4031
			pin 4 0
			msi
			out 0.10/4 10831    # an edge on a masked pin is lost
			pin 4 1
			out 0.10/4 831
			msi`,
		"level": `
			out 0.0/4 22        # pin 9
			out 0.10/4 18040
			pin 9 1
			msi
			out 0.10/4 8040     # held while masked
			msi fee00000 c040
			in 0.10/4 c040      # remote IRR
			pin 9 0
			pin 9 1
			msi`,
		"remote IRR goes with edge mode": `
			out 0.0/4 22
			out 0.10/4 8040
			pin 9 1
			msi fee00000 c040
			out 0.10/4 10040
			in 0.10/4 10040
			out 0.10/4 8040
			msi fee00000 c040`,
		"ExtINT sends nothing": `
			out 0.0/4 10
			out 0.10/4 700
			pin 0 1
			msi`,
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(IOAPIC82093), script) })
	}
}

// A level-triggered interrupt comes again after its end while its pin is high:
// I/O APIC to local APIC to processor, and the broadcast back.
func TestEndOfInterrupt(t *testing.T) {
	b := vmm.NewBoard(nil, vmm.Config{})
	var s *vmm.Slot
	b.Plug(vmm.Place{Name: "lapic", Mem: []uint64{base}, Pins: []uint16{40}, Reqs: []uint8{0, 1}}, new(LocalAPIC))
	pins := make([]uint16, ioPins)
	for i := range pins {
		pins[i] = uint16(i)
	}
	b.Plug(vmm.Place{Name: "ioapic", Mem: []uint64{0xfec00000}, Pins: pins}, new(IOAPIC82093))
	b.Plug(vmm.Place{Name: "dev", Lines: []uint16{9}}, sender{&s})
	line := s.Line(0)
	b.MemOut(base+0xf0, 4, 0x1ff)
	b.MemOut(0xfec00000, 4, 0x22)
	b.MemOut(0xfec00010, 4, 0x8040)
	line.Set(true)
	for i := range 3 {
		if !b.INTR() || b.Acknowledge() != 0x40 || b.INTR() {
			t.Fatalf("round %d: no interrupt, or two", i)
		}
		if got := b.MemIn(base+0x1a0, 4); got != 1 {
			t.Errorf("TMR %#x", got)
		}
		if i == 2 {
			line.Set(false)
		}
		b.MemOut(base+0xb0, 4, 0)
	}
	if b.INTR() {
		t.Error("interrupt without a request")
	}
}
