package intc

import "vmrecord/vmm"

// An IOAPIC82093 is an I/O APIC of 24 pins. Place: memory base 0 is its
// registers, pins 0 to 23 its inputs.
//
// Its messages go to the local APIC as message-signalled interrupts, which
// take no time: delivery status reads as idle. The polarity bit is kept and
// changes nothing, since wires carry "asserted". A pin in ExtINT mode sends
// nothing: the 8259s' acknowledge does not pass through here. Software ends a
// level-triggered interrupt by the local APIC's EOI broadcast; the version
// modelled has no EOI register.
type IOAPIC82093 struct {
	state struct {
		Select uint8
		ID     uint32
		Entry  [ioPins]uint64
		Lines  uint32 // levels of the pins
	}
	msi *vmm.Slot
}

const (
	ioPins = 24

	ioRegSel, ioWin               = 0x00, 0x10 // in the window
	ioID, ioVersion, ioArb, ioRed = 0, 1, 2, 0x10

	redLogical, redIRR, redLevel, redMask = 1 << 11, 1 << 14, 1 << 15, 1 << 16
	redWritable                           = 0xff00_0000_0001_afff
)

// State returns the registers.
func (a *IOAPIC82093) State() any { return &a.state }

// Reset masks every pin.
func (a *IOAPIC82093) Reset() {
	s := &a.state
	s.Select, s.ID = 0, 0
	for i := range s.Entry {
		s.Entry[i] = redMask
	}
}

// Attach connects the chip.
func (a *IOAPIC82093) Attach(s *vmm.Slot) {
	s.Memory(0, 0x20, a)
	a.msi = s
	for i := range ioPins {
		s.Pin(i, func(level bool) { a.input(i, level) })
	}
	s.OnEOI(a.eoi)
}

func (a *IOAPIC82093) input(i int, level bool) {
	s := &a.state
	if !level {
		s.Lines &^= 1 << i
		return
	}
	rose := s.Lines>>i&1 == 0
	s.Lines |= 1 << i
	// An edge on a masked pin is lost (82093AA, 3.2.4).
	if e := s.Entry[i]; rose && e&(redLevel|redMask) == 0 {
		a.send(e)
		return
	}
	a.serve(i)
}

// serve sends the message of a level-triggered pin that is asserted and not in service.
func (a *IOAPIC82093) serve(i int) {
	s := &a.state
	if e := &s.Entry[i]; *e&(redLevel|redMask|redIRR) == redLevel && s.Lines>>i&1 != 0 && *e>>8&7 != modeExtINT {
		*e |= redIRR
		a.send(*e)
	}
}

func (a *IOAPIC82093) send(e uint64) {
	if e>>8&7 == modeExtINT {
		return
	}
	addr := 0xfee00000 | e>>56<<12
	if e&redLogical != 0 {
		addr |= 4
	}
	a.msi.MSI(addr, e&(0x7ff|redLevel)|1<<14)
}

// eoi ends the service of every pin with that vector.
func (a *IOAPIC82093) eoi(vector uint8) {
	for i := range a.state.Entry {
		if e := &a.state.Entry[i]; uint8(*e) == vector && *e&(redIRR|redLevel) == redIRR|redLevel {
			*e &^= redIRR
			a.serve(i)
		}
	}
}

// In reads the select register or the register it selects.
func (a *IOAPIC82093) In(off uint64, size int) uint64 {
	switch {
	case off == ioRegSel:
		return uint64(a.state.Select)
	case off == ioWin && size == 4:
		return a.get(a.state.Select)
	}
	return 1<<(8*size) - 1
}

func (a *IOAPIC82093) get(r uint8) uint64 {
	switch {
	case r == ioID, r == ioArb:
		return uint64(a.state.ID)
	case r == ioVersion:
		return (ioPins-1)<<16 | 0x11
	case r >= ioRed && r < ioRed+2*ioPins:
		return a.state.Entry[(r-ioRed)/2] >> (32 * (r & 1)) & 0xffffffff
	}
	return 0xffffffff
}

// Out writes them.
func (a *IOAPIC82093) Out(off uint64, size int, v uint64) {
	switch r := a.state.Select; {
	case off == ioRegSel:
		a.state.Select = uint8(v)
	case off != ioWin || size != 4:
	case r == ioID:
		a.state.ID = uint32(v) & 0x0f000000
	case r >= ioRed && r < ioRed+2*ioPins:
		a.setEntry(int(r-ioRed)/2, r&1 != 0, v)
	}
}

// setEntry writes half a redirection entry. Remote IRR can only be read, and
// an edge-triggered pin has none.
func (a *IOAPIC82093) setEntry(i int, high bool, v uint64) {
	e := &a.state.Entry[i]
	if high {
		*e = *e&0xffffffff | v<<32&redWritable
		return
	}
	*e = *e&^(redWritable&0xffffffff) | v&redWritable&0xffffffff
	if *e&redLevel == 0 {
		*e &^= redIRR
	}
	a.serve(i)
}
