package power

import "vmrecord/vmm"

// SleepTypeOff is the SLP_TYP with which PIIX4PM switches off; the firmware's
// \_S5 object names it.
const SleepTypeOff = 5

// A PIIX4PM is the PM1 register block. Place: port base 0 has 6 ports: status,
// enable and control, 16 bits each; line 0 is the SCI.
type PIIX4PM struct {
	state struct {
		Status  uint16 // but TMR_STS
		Enable  uint16
		Control uint16
		Carries uint64 // of the timer, up to the last clearing of TMR_STS
	}
	clock vmm.Clock
	sci   vmm.Line
	carry vmm.Timer
	slot  *vmm.Slot // Stop
}

const (
	tmrStatus, gblStatus, buttonStatus, rtcStatus, wakeStatus = 1 << 0, 1 << 5, 1 << 8, 1 << 10, 1 << 15

	statusBits  = gblStatus | buttonStatus | rtcStatus | wakeStatus
	enableBits  = tmrStatus | gblStatus | buttonStatus | rtcStatus
	controlBits = 0x1c02 // BM_RLD and SLP_TYP are kept
	sciEnabled  = 1
	sleepEnable = 1 << 13

	pmHz      = 3_579_545
	halfRange = 1 << 23 // TMR_STS is set whenever bit 23 of the timer changes
)

// State returns the registers.
func (p *PIIX4PM) State() any { return &p.state }

// Reset clears the registers.
func (p *PIIX4PM) Reset() {
	p.state.Status, p.state.Enable, p.state.Control = 0, 0, 0
	p.state.Carries = p.carries()
	p.update()
}

// Attach connects the block.
func (p *PIIX4PM) Attach(s *vmm.Slot) {
	s.Ports(0, 6, p).Width(2)
	p.slot, p.clock, p.sci, p.carry = s, s.Clock(), s.Line(0), s.Timer(p.update)
	s.Inlet("button", func([]byte) {
		p.state.Status |= buttonStatus
		p.update()
	})
}

func (p *PIIX4PM) carries() uint64 { return p.clock.Ticks(pmHz) / halfRange }

func (p *PIIX4PM) status() uint16 {
	if p.carries() != p.state.Carries {
		return p.state.Status | tmrStatus
	}
	return p.state.Status
}

// update drives the SCI and waits for the timer's carry where it would raise it.
func (p *PIIX4PM) update() {
	on := p.status()&p.state.Enable != 0
	p.sci.Set(on)
	if on || p.state.Enable&tmrStatus == 0 {
		p.carry.Stop()
		return
	}
	p.carry.At(p.clock.At((p.carries()+1)*halfRange, pmHz))
}

// In reads a register; bytes see their half.
func (p *PIIX4PM) In(off uint64, _ int) uint64 {
	v := [3]uint16{p.status(), p.state.Enable, p.state.Control | sciEnabled}[off/2]
	if off%2 == 0 {
		return uint64(v)
	}
	return uint64(v >> 8)
}

// Out writes a register: status bits are cleared by ones. A byte writes its
// half, the other is as if written back (enable, control) or zero (status).
func (p *PIIX4PM) Out(off uint64, size int, v uint64) {
	w, keep := uint16(v)<<(8*(off%2)), uint16(0)
	if size == 1 {
		keep = 0xff00 >> (8 * (off % 2))
	}
	s := &p.state
	switch off / 2 {
	case 0:
		s.Status &^= w & statusBits
		if w&tmrStatus != 0 {
			s.Carries = p.carries()
		}
	case 1:
		s.Enable = (s.Enable&keep | w) & enableBits
	case 2:
		p.control(s.Control&keep | w)
	}
	p.update()
}

// control sleeps if asked to. Types but soft-off are not declared to the
// guest; asking for one does nothing.
func (p *PIIX4PM) control(v uint16) {
	p.state.Control = v & controlBits
	if v&sleepEnable != 0 && v>>10&7 == SleepTypeOff {
		p.slot.Stop(vmm.StopPowerOff, 0)
	}
}
