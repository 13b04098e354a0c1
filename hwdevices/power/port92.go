package power

import "vmrecord/vmm"

// A Port92 is system control port A: fast A20 gate and fast reset. Place: port
// base 0, one port. The processor has no A20M# pin, as none has since 2013: the
// A20 bit is set at power-on and kept, and masks nothing.
type Port92 struct {
	state struct{ Control uint8 }
	slot  *vmm.Slot
}

const fastReset, fastA20 = 1, 2

// State returns the register.
func (p *Port92) State() any { return &p.state }

// Reset sets A20.
func (p *Port92) Reset() { p.state.Control = fastA20 }

// Attach connects the port.
func (p *Port92) Attach(s *vmm.Slot) { s.Ports(0, 1, p); p.slot = s }

// In reads the register.
func (p *Port92) In(uint64, int) uint64 { return uint64(p.state.Control) }

// Out resets when bit 0 rises.
func (p *Port92) Out(_ uint64, _ int, v uint64) {
	rose := uint8(v) &^ p.state.Control & fastReset
	p.state.Control = uint8(v) & (fastReset | fastA20)
	if rose != 0 {
		p.slot.Stop(vmm.StopReset, 0)
	}
}
