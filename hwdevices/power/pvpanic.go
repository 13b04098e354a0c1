package power

import "vmrecord/vmm"

// A PVPanic is the port at which a guest's kernel tells that it panics (QEMU,
// docs/specs/pvpanic.rst). Place: port base 0, 1 port. A PC never had it: it
// belongs on a board only where asked for.
type PVPanic struct {
	state struct{}
	slot  *vmm.Slot
	event vmm.Outlet
}

// The bits of the port that are recognised: the host is to deal with a panic, or
// the guest does so itself (it has loaded a crash kernel).
const (
	PVPanicked    = 1 << 0
	PVCrashLoaded = 1 << 1
)

// State is empty.
func (p *PVPanic) State() any { return &p.state }

// Reset does nothing.
func (p *PVPanic) Reset() {}

// Attach connects the port and outlet "event".
func (p *PVPanic) Attach(s *vmm.Slot) {
	s.Ports(0, 1, p)
	p.slot, p.event = s, s.Outlet("event")
}

// In reads the bits that are recognised.
func (p *PVPanic) In(uint64, int) uint64 { return PVPanicked | PVCrashLoaded }

// Out tells the host, which is asked to look at it at the next boundary.
func (p *PVPanic) Out(_ uint64, _ int, v uint64) {
	if v &= PVPanicked | PVCrashLoaded; v != 0 {
		p.event.Write([]byte{byte(v)})
		p.slot.Control()
	}
}
