package input

import "vmrecord/vmm"

// An I8042 is the controller. Place: port base 0 is the data port (60h), base
// 1 the command and status port (64h); line 0 is the keyboard's interrupt (1),
// line 1 the auxiliary device's (12). Pulsing output bit 0 resets the machine.
// The A20 output is kept and masks nothing, like Port92's.
type I8042 struct {
	state struct {
		RAM     [32]uint8 // RAM[0] is the command byte
		Output  uint8     // output port
		Data    uint8     // output buffer
		Full    bool      // it holds a byte
		Aux     bool      // of the auxiliary device
		Timeout bool      // which is the answer of an absent device
		Command bool      // the last write was to port 64h
		Pending uint8     // command that waits for a byte on port 60h; 0: none
	}
	irq1, irq12 vmm.Line
	slot        *vmm.Slot
}

const (
	stOBF, stSystem, stCommand, stUnlocked, stAux, stTimeout = 0x01, 0x04, 0x08, 0x10, 0x20, 0x40

	cbIRQ1, cbIRQ12, cbSystem, cbNoKeyboard, cbNoAux = 0x01, 0x02, 0x04, 0x10, 0x20

	outReset, outA20, outIRQ1, outIRQ12 = 0x01, 0x02, 0x10, 0x20

	timedOut = 0xfe // what an absent device is reported to answer
)

// State returns the controller's memory and buffers.
func (k *I8042) State() any { return &k.state }

// Reset leaves both ports disabled, A20 on.
func (k *I8042) Reset() {
	k.state.RAM = [32]uint8{cbNoKeyboard | cbNoAux}
	k.state.Output = outReset | outA20
	k.state.Data, k.state.Full, k.state.Aux, k.state.Timeout = 0, false, false, false
	k.state.Command, k.state.Pending = false, 0
	k.update()
}

// Attach connects the controller.
func (k *I8042) Attach(s *vmm.Slot) {
	s.Ports(0, 1, i8042Data{k})
	s.Ports(1, 1, i8042Command{k})
	k.irq1, k.irq12, k.slot = s.Line(0), s.Line(1), s
}

// put fills the output buffer.
func (k *I8042) put(v uint8, aux, timeout bool) {
	s := &k.state
	s.Data, s.Full, s.Aux, s.Timeout = v, true, aux, timeout
	k.update()
}

func (k *I8042) update() {
	s := &k.state
	k.irq1.Set(s.Full && !s.Aux && s.RAM[0]&cbIRQ1 != 0)
	k.irq12.Set(s.Full && s.Aux && s.RAM[0]&cbIRQ12 != 0)
}

type i8042Data struct{ k *I8042 }

// In takes the byte from the output buffer.
func (h i8042Data) In(uint64, int) uint64 {
	s := &h.k.state
	s.Full, s.Timeout = false, false
	h.k.update()
	return uint64(s.Data)
}

// Out is a command's operand, or a byte for the keyboard; the latter enables its clock.
func (h i8042Data) Out(_ uint64, _ int, v uint64) {
	k, b := h.k, uint8(v)
	s := &k.state
	cmd := s.Pending
	s.Command, s.Pending = false, 0
	switch {
	case cmd >= 0x60 && cmd < 0x80:
		s.RAM[cmd&31] = b
		k.update()
	case cmd == 0xd1:
		k.output(b)
	case cmd == 0xd2:
		k.put(b, false, false)
	case cmd == 0xd3:
		k.put(b, true, false)
	case cmd == 0xd4:
		s.RAM[0] &^= cbNoAux
		k.put(timedOut, true, true)
	default:
		s.RAM[0] &^= cbNoKeyboard
		k.put(timedOut, false, true)
	}
}

// output writes the output port; reset is active low.
func (k *I8042) output(b uint8) {
	k.state.Output = b
	if b&outReset == 0 {
		k.slot.Stop(vmm.StopReset, 0)
	}
}

type i8042Command struct{ k *I8042 }

// In reads the status. The input buffer is always empty: commands take no time.
func (h i8042Command) In(uint64, int) uint64 {
	s, v := &h.k.state, uint64(stUnlocked)
	for _, f := range [...]struct {
		on  bool
		bit uint64
	}{{s.Full, stOBF}, {s.RAM[0]&cbSystem != 0, stSystem}, {s.Command, stCommand}, {s.Aux && s.Full, stAux}, {s.Timeout, stTimeout}} {
		if f.on {
			v |= f.bit
		}
	}
	return v
}

// Out carries out a controller command.
func (h i8042Command) Out(_ uint64, _ int, v uint64) {
	k, b := h.k, uint8(v)
	s := &k.state
	s.Command, s.Pending = true, 0
	switch {
	case b >= 0x20 && b < 0x40:
		k.put(s.RAM[b&31], false, false)
	case b >= 0x60 && b < 0x80, b >= 0xd1 && b <= 0xd4:
		s.Pending = b
	case b >= 0xf0: // pulse the low bits that are zero
		if b&outReset == 0 {
			k.slot.Stop(vmm.StopReset, 0)
		}
	}
	switch b {
	case 0xa7:
		s.RAM[0] |= cbNoAux
	case 0xa8:
		s.RAM[0] &^= cbNoAux
	case 0xad:
		s.RAM[0] |= cbNoKeyboard
	case 0xae:
		s.RAM[0] &^= cbNoKeyboard
	case 0xaa: // self test passed
		s.RAM[0] |= cbSystem
		k.put(0x55, false, false)
	case 0xa9, 0xab: // interface tests: clock and data lines are good
		k.put(0, false, false)
	case 0xc0: // input port: keyboard not locked
		k.put(0x80, false, false)
	case 0xd0:
		k.put(k.outputPort(), false, false)
	}
}

// outputPort is the output port with its interrupt outputs.
func (k *I8042) outputPort() uint8 {
	s := &k.state
	v := s.Output &^ (outIRQ1 | outIRQ12)
	switch {
	case s.Full && s.Aux:
		v |= outIRQ12
	case s.Full:
		v |= outIRQ1
	}
	return v
}
