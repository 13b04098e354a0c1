package timer

// port61 is system control port B of the 82371AB: what a PC does with counter
// 2. There is no parity or channel check, so bits 7 and 6 read 0.
type port61 struct{ p *I8254 }

const (
	gate2      = 0x01
	refreshBit = 0x10
	out2       = 0x20

	refresh = 18 // CLK periods between two changes of the refresh bit: 15.1 us
)

// In reads the gate, the speaker's enable, the refresh toggle and OUT2.
func (h port61) In(uint64, int) uint64 {
	t, c := h.p.now(), &h.p.state.Counter[2]
	c.sync(t)
	v := uint64(h.p.state.Port61)
	if t/refresh&1 != 0 {
		v |= refreshBit
	}
	if c.out(t) {
		v |= out2
	}
	return v
}

// Out sets GATE2 and the enables; no speaker is attached.
func (h port61) Out(_ uint64, _ int, v uint64) {
	h.p.state.Port61 = uint8(v) & 0xf
	h.p.state.Counter[2].setGate(v&gate2 != 0, h.p.now())
}
