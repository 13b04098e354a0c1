package timer

import "vmrecord/vmm"

// PMHz is the rate of the ACPI power management timer.
const PMHz = 3_579_545

// An ACPIPM is the power management timer: 24 bits, free running, read-only
// (ACPI 6.5, 4.8.3.3). Place: port base 0 is its 4 ports. Its carry is a status
// bit of the PM1 event block, which is power.PIIX4PM's. It has no state: what
// it shows follows from the time.
type ACPIPM struct {
	state struct{}
	clock vmm.Clock
}

// State is empty.
func (a *ACPIPM) State() any { return &a.state }

// Reset does nothing: the timer counts from the machine's first instant.
func (a *ACPIPM) Reset() {}

// Attach connects the timer.
func (a *ACPIPM) Attach(s *vmm.Slot) {
	s.Ports(0, 4, a).Width(4)
	a.clock = s.Clock()
}

// In reads the count. Smaller reads see their bytes of it.
func (a *ACPIPM) In(off uint64, _ int) uint64 {
	return a.clock.Ticks(PMHz) & 0xffffff >> (8 * off)
}

// Out does nothing.
func (a *ACPIPM) Out(uint64, int, uint64) {}
