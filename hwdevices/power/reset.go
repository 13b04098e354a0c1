package power

import "vmrecord/vmm"

// A ResetControl is the reset control register. Place: port base 0, one port.
type ResetControl struct {
	state struct{ RCR uint8 }
	slot  *vmm.Slot
}

const systemReset, resetCPU = 2, 4

// State returns the register.
func (r *ResetControl) State() any { return &r.state }

// Reset clears the register.
func (r *ResetControl) Reset() { r.state.RCR = 0 }

// Attach connects the register.
func (r *ResetControl) Attach(s *vmm.Slot) { s.Ports(0, 1, r); r.slot = s }

// In reads the kind of reset; bit 2 reads as written, as a reset would clear it.
func (r *ResetControl) In(uint64, int) uint64 { return uint64(r.state.RCR) }

// Out resets when bit 2 rises. Hard and soft reset stop the machine alike.
func (r *ResetControl) Out(_ uint64, _ int, v uint64) {
	rose := uint8(v) &^ r.state.RCR & resetCPU
	r.state.RCR = uint8(v) & (systemReset | resetCPU)
	if rose != 0 {
		r.slot.Stop(vmm.StopReset, 0)
	}
}
