package power

import "vmrecord/vmm"

// A DebugExit stops the machine with the value written, 8, 16 or 32 bits wide.
// Place: port base 0, 4 ports; writes but to the first do nothing. It is no
// chip that a PC ever had, and belongs on a board only where asked for.
type DebugExit struct {
	state struct{}
	slot  *vmm.Slot
}

// State is empty.
func (d *DebugExit) State() any { return &d.state }

// Reset does nothing.
func (d *DebugExit) Reset() {}

// Attach connects the port.
func (d *DebugExit) Attach(s *vmm.Slot) { s.Ports(0, 4, d).Width(4); d.slot = s }

// In reads all ones: there is no register.
func (d *DebugExit) In(_ uint64, size int) uint64 { return 1<<(8*size) - 1 }

// Out stops the machine.
func (d *DebugExit) Out(off uint64, _ int, v uint64) {
	if off == 0 {
		d.slot.Stop(vmm.StopDebugExit, uint32(v))
	}
}
