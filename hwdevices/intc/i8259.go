package intc

import (
	"math/bits"

	"vmrecord/vmm"
)

// An I8259 is the PC's pair of 8259A: request 2 of the first is the second's
// INT. Place: ports of the master (2), of the slave (2) and of the edge/level
// control (2); pins IR0 to IR15 in interrupt order, of which pin 2 is not
// used; request wire 0 is INT.
//
// Requests are level- or edge-triggered by ELCR; ICW1's LTIM is ignored, as in
// PC chip sets. An edge-triggered request that drops before its acknowledge is
// answered with IR7 (data sheet, "Edge and Level Triggered Modes").
type I8259 struct {
	state struct{ Chip [2]i8259State }
	intr  vmm.Req
}

type i8259State struct {
	Lines uint8 // levels of the inputs
	Edge  uint8 // inputs that rose since their last acknowledge
	IMR   uint8
	ISR   uint8
	ELCR  uint8 // inputs that are level-triggered
	Base  uint8 // ICW2
	Next  uint8 // initialisation word expected by the odd port: 2, 3, 4, or 0 for OCW1
	ICW1  uint8
	Low   uint8 // the input of lowest priority
	Ready bool  // initialised since power-on

	AEOI, SFNM, SMM  bool
	Rotate           bool // in automatic EOI mode
	ReadISR, PollNow bool // OCW3
}

const (
	master, slave = 0, 1
	cascade       = 2 // the slave's input at the master
)

// State returns both chips' registers.
func (p *I8259) State() any { return &p.state }

// Reset is power-on: nothing is requested until both chips are initialised.
func (p *I8259) Reset() {
	for i := range p.state.Chip {
		c := &p.state.Chip[i]
		*c = i8259State{Lines: c.Lines, Low: 7}
	}
	p.update()
}

// Attach connects both chips.
func (p *I8259) Attach(s *vmm.Slot) {
	s.Ports(0, 2, i8259Port{p, master})
	s.Ports(1, 2, i8259Port{p, slave})
	s.Ports(2, 2, elcrPort{p})
	p.intr = s.Req(0, p.ack)
	for i := range 16 {
		if i != cascade {
			s.Pin(i, func(level bool) { p.input(i>>3, uint8(i&7), level) })
		}
	}
}

func (p *I8259) input(chip int, i uint8, level bool) {
	p.state.Chip[chip].input(i, level)
	p.update()
}

// input notes the level of input i. A falling edge takes the request back.
func (c *i8259State) input(i uint8, level bool) {
	b := uint8(1) << i
	switch {
	case !level:
		c.Lines &^= b
		c.Edge &^= b
	case c.Lines&b == 0:
		c.Lines |= b
		c.Edge |= b
	}
}

// irr is the interrupt request register.
func (c *i8259State) irr() uint8 { return c.Lines & (c.ELCR | c.Edge) }

// first is the input of highest priority among set, and its rank; 8: none.
func (c *i8259State) first(set uint8) (i, rank uint8) {
	first := (c.Low + 1) & 7
	rank = uint8(bits.TrailingZeros8(bits.RotateLeft8(set, -int(first))))
	return (first + rank) & 7, rank
}

// pending is the input that INT is raised for. In special fully nested mode a
// service of the slave does not block the master's cascade input.
func (c *i8259State) pending(isMaster bool) (i uint8, ok bool) {
	if !c.Ready || c.Next != 0 {
		return 0, false
	}
	inService := c.ISR
	if c.SMM { // in special mask mode, masked services block nobody
		inService &^= c.IMR
	}
	i, rank := c.first(c.irr() &^ c.IMR)
	if rank == 8 {
		return 0, false
	}
	j, limit := c.first(inService)
	if c.SMM { // and others only themselves
		return i, inService>>i&1 == 0
	}
	if isMaster && c.SFNM && j == cascade && i == cascade {
		return i, true
	}
	return i, rank < limit
}

// take acknowledges input i.
func (c *i8259State) take(i uint8) {
	c.Edge &^= 1 << i
	if !c.AEOI {
		c.ISR |= 1 << i
		return
	}
	if c.Rotate {
		c.Low = i
	}
}

// update carries the slave's INT to the master and the master's out.
func (p *I8259) update() {
	_, up := p.state.Chip[slave].pending(false)
	m := &p.state.Chip[master]
	m.input(cascade, up)
	_, up = m.pending(true)
	p.intr.Set(up)
}

// ack is the processor's INTA sequence; it returns the vector.
func (p *I8259) ack() uint8 {
	m, s := &p.state.Chip[master], &p.state.Chip[slave]
	i := m.ack(true)
	v := m.Base + i
	if i == cascade {
		v = s.Base + s.ack(false)
		m.input(cascade, false) // INTA drops the slave's INT; another request raises it anew
	}
	p.update()
	return v
}

// ack takes the pending request and returns its input. Without any, it answers
// IR7 and puts nothing in service.
func (c *i8259State) ack(isMaster bool) uint8 {
	i, ok := c.pending(isMaster)
	if !ok {
		return 7
	}
	c.take(i)
	return i
}

// i8259Port is the pair of ports of one chip.
type i8259Port struct {
	p    *I8259
	chip int
}

// In reads IRR, ISR or IMR, or polls.
func (h i8259Port) In(off uint64, _ int) uint64 {
	c := &h.p.state.Chip[h.chip]
	switch {
	case c.PollNow:
		c.PollNow = false
		i, ok := c.pending(h.chip == master)
		if !ok {
			return 0
		}
		c.take(i)
		if h.chip == slave {
			h.p.state.Chip[master].input(cascade, false)
		}
		h.p.update()
		return 0x80 | uint64(i)
	case off == 1:
		return uint64(c.IMR)
	case c.ReadISR:
		return uint64(c.ISR)
	}
	return uint64(c.irr())
}

// Out writes command words: bits 4 and 3 of the even port tell ICW1, OCW2 and OCW3.
func (h i8259Port) Out(off uint64, _ int, v uint64) {
	c, b := &h.p.state.Chip[h.chip], uint8(v)
	switch {
	case off == 1:
		c.odd(b)
	case b&0x10 != 0:
		// ICW1 clears the mask and the edge latches, IR7 becomes lowest.
		*c = i8259State{Lines: c.Lines, ELCR: c.ELCR, Base: c.Base, ICW1: b, Next: 2, Low: 7}
	case b&0x08 != 0:
		c.ocw3(b)
	default:
		c.ocw2(b)
	}
	h.p.update()
}

// odd writes the rest of the initialisation, or OCW1.
func (c *i8259State) odd(b uint8) {
	const ic4, single = 1, 2
	switch c.Next {
	case 0:
		c.IMR = b
		return
	case 2:
		c.Base, c.Next = b&0xf8, 3
		if c.ICW1&single != 0 {
			c.Next = 4
		}
	case 3:
		c.Next = 4 // the pair is wired as it is, whatever ICW3 says
	case 4:
		c.AEOI, c.SFNM, c.Next = b&2 != 0, b&0x10 != 0, 0
		c.Ready = true
	}
	if c.Next == 4 && c.ICW1&ic4 == 0 {
		c.Next, c.Ready = 0, true
	}
}

// ocw2 ends interrupts and rotates priorities.
func (c *i8259State) ocw2(b uint8) {
	i := b & 7
	switch b >> 5 {
	case 0, 4: // rotate in automatic EOI mode: clear, set
		c.Rotate = b>>5 == 4
	case 1, 5: // non-specific EOI: the service of highest priority
		set := c.ISR
		if c.SMM {
			set &^= c.IMR // masked services stay (data sheet, special mask mode)
		}
		j, rank := c.first(set)
		if rank == 8 {
			return
		}
		c.ISR &^= 1 << j
		if b>>5 == 5 {
			c.Low = j
		}
	case 3, 7: // specific EOI
		c.ISR &^= 1 << i
		if b>>5 == 7 {
			c.Low = i
		}
	case 6:
		c.Low = i
	}
}

// ocw3 selects what a read shows, the poll, and the special mask mode.
func (c *i8259State) ocw3(b uint8) {
	if b&2 != 0 {
		c.ReadISR = b&1 != 0
	}
	c.PollNow = b&4 != 0
	if b&0x40 != 0 {
		c.SMM = b&0x20 != 0
	}
}

// elcrPort is the pair's edge/level control. IR0, 1, 2, 8 and 13 are always edge-triggered.
type elcrPort struct{ p *I8259 }

// In reads ELCR1 or ELCR2.
func (h elcrPort) In(off uint64, _ int) uint64 { return uint64(h.p.state.Chip[off].ELCR) }

// Out writes ELCR1 or ELCR2.
func (h elcrPort) Out(off uint64, _ int, v uint64) {
	h.p.state.Chip[off].ELCR = uint8(v) & [2]uint8{0xf8, 0xde}[off]
	h.p.update()
}
