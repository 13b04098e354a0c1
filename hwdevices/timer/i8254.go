package timer

import "vmrecord/vmm"

// PITHz is the clock of the 8254's counters in a PC: 14.31818 MHz / 12.
const PITHz = 1_193_182

// An I8254 is the interval timer and port 61h. Place: port base 0 has the
// chip's 4 ports, base 1 is port 61h; line 0 is OUT0. The gates of counters 0
// and 1 are high; GATE2 and OUT2 are bits of port 61h. A square wave of an odd
// count is high for half a clock longer, rounded up, as the data sheet says.
// Counts of 1 in modes 2 and 3 are illegal; here OUT then stays as it begins.
type I8254 struct {
	state struct {
		Counter [3]counter
		Port61  uint8 // bits 3:0
	}
	clock vmm.Clock
	out0  vmm.Line
	edge  vmm.Timer // the next change of OUT0
}

// A counter's times are in CLK periods since instant 0.
type counter struct {
	Mode    uint8 // 0 to 5
	RW      uint8 // 1: least significant byte, 2: most, 3: both
	BCD     bool
	Gate    bool
	CR      uint16 // count register, as written
	Low     uint8  // first byte of two
	WroteLo bool
	ReadLo  bool   // the next byte read is the most significant
	Latches uint8  // count bytes latched and unread: bits 0 and 1
	Latch   uint16 // the latched count
	HasStat bool
	Status  uint8 // latched status

	Written bool   // a whole count was written since the control word
	Null    bool   // and is not loaded yet, or there was none
	N       uint32 // the count that was loaded; 0: the counter is stopped
	Start   uint64 // the CLK period at which it was loaded
	HasNext bool   // CR is loaded at Next, the end of a period or half-period
	Next    uint64
	Held    uint64 // periods counted when GATE stopped the counter; in mode 1, not 0: OUT was low at the trigger
}

// State returns the counters.
func (p *I8254) State() any { return &p.state }

// Reset stops the counters; the data sheet leaves them undefined.
func (p *I8254) Reset() {
	p.state.Port61 = 0
	for i := range p.state.Counter {
		p.state.Counter[i] = counter{RW: 3, Null: true, Gate: i != 2}
	}
	p.update()
}

// Attach connects the chip.
func (p *I8254) Attach(s *vmm.Slot) {
	s.Ports(0, 4, p)
	s.Ports(1, 1, port61{p})
	p.clock, p.out0, p.edge = s.Clock(), s.Line(0), s.Timer(p.update)
}

func (p *I8254) now() uint64 { return p.clock.Ticks(PITHz) }

// update drives OUT0 and waits for its next change.
func (p *I8254) update() {
	c, t := &p.state.Counter[0], p.now()
	c.sync(t)
	p.out0.Set(c.out(t))
	if n := c.next(t); n > t {
		p.edge.At(p.clock.At(n, PITHz))
	} else {
		p.edge.Stop()
	}
}

// In reads a counter's latched status, latched count or current count.
func (p *I8254) In(off uint64, _ int) uint64 {
	if off == 3 {
		return 0xff // the control word register cannot be read
	}
	c := &p.state.Counter[off]
	c.sync(p.now())
	if c.HasStat {
		c.HasStat = false
		return uint64(c.Status)
	}
	if c.Latches == 0 {
		return uint64(c.pick(c.value(p.now())))
	}
	return uint64(c.pick(c.Latch))
}

// pick is the byte of v that is read now.
func (c *counter) pick(v uint16) uint8 {
	high := c.RW == 2 || c.RW == 3 && c.ReadLo
	if c.RW == 3 {
		c.ReadLo = !c.ReadLo
	}
	if high {
		c.Latches &^= 2
		return uint8(v >> 8)
	}
	c.Latches &^= 1
	return uint8(v)
}

// Out writes a count, or a control word.
func (p *I8254) Out(off uint64, _ int, v uint64) {
	if off == 3 {
		p.control(uint8(v))
	} else {
		p.state.Counter[off].write(uint8(v), p.now())
	}
	p.update()
}

func (p *I8254) control(b uint8) {
	t := p.now()
	if b>>6 == 3 { // read-back, figure 10
		for i := range p.state.Counter {
			if c := &p.state.Counter[i]; b>>(i+1)&1 != 0 {
				c.sync(t)
				if b&0x20 == 0 {
					c.latch(t)
				}
				if b&0x10 == 0 {
					c.latchStatus(t)
				}
			}
		}
		return
	}
	c := &p.state.Counter[b>>6]
	c.sync(t)
	if b>>4&3 == 0 {
		c.latch(t)
		return
	}
	mode := b >> 1 & 7
	if mode > 5 {
		mode -= 4
	}
	*c = counter{Mode: mode, RW: b >> 4 & 3, BCD: b&1 != 0, Gate: c.Gate, Null: true}
}

// latch holds the count until it is read; a second latch changes nothing.
func (c *counter) latch(t uint64) {
	if c.Latches == 0 {
		c.Latch, c.Latches = c.value(t), c.RW
	}
}

func (c *counter) latchStatus(t uint64) {
	if c.HasStat {
		return
	}
	b := c.RW<<4 | c.Mode<<1
	if c.BCD {
		b |= 1
	}
	if c.out(t) {
		b |= 0x80
	}
	if c.Null || c.HasNext || c.N != 0 && int64(t-c.Start) < 0 {
		b |= 0x40
	}
	c.HasStat, c.Status = true, b
}

// write takes a byte of a count.
func (c *counter) write(b uint8, t uint64) {
	c.sync(t)
	switch {
	case c.RW == 1:
		c.CR = uint16(b)
	case c.RW == 2:
		c.CR = uint16(b) << 8
	case !c.WroteLo:
		c.Low, c.WroteLo = b, true
		if c.Mode == 0 { // the first byte stops the count and drops OUT
			c.N, c.HasNext, c.Held = 0, false, 0
		}
		return
	default:
		c.CR, c.WroteLo = uint16(b)<<8|uint16(c.Low), false
	}
	c.loaded(t)
}

// loaded acts on a complete new count, mode by mode (data sheet, "Mode Definitions").
func (c *counter) loaded(t uint64) {
	c.Null, c.Written = true, true
	counting := c.N != 0 && c.Gate && int64(t-c.Start) >= 0
	switch {
	case c.Mode == 1 || c.Mode == 5: // waits for a trigger
		return
	case c.Mode == 2 && counting:
		c.HasNext, c.Next = true, c.Start+(c.elapsed(t)/uint64(c.N)+1)*uint64(c.N)
		return
	case c.Mode == 3 && counting:
		e, n := c.elapsed(t), uint64(c.N)
		c.HasNext, c.Next = true, c.Start+e/n*n+n
		if half := (n + 1) / 2; e%n < half {
			c.Next += half - n
		}
		return
	}
	c.load(t + 1)
}

// load starts counting from CR at CLK period t.
func (c *counter) load(t uint64) {
	c.N, c.Start, c.HasNext = c.count(), t, false
	c.Null, c.Held = false, 0
}

// count is the number that CR stands for; 0 is the greatest.
func (c *counter) count() uint32 {
	n, top := uint32(c.CR), uint32(1<<16)
	if c.BCD {
		n = n&15 + n>>4&15*10 + n>>8&15*100 + n>>12*1000
		top = 10000
	}
	if n == 0 {
		return top
	}
	return n
}

// sync carries out the reload that was due by CLK period t.
func (c *counter) sync(t uint64) {
	if !c.HasNext || int64(t-c.Next) < 0 {
		return
	}
	at, low := c.Next, c.Mode == 3 && c.out(c.Next-1)
	c.load(at)
	if low { // the half that ended was the high one
		c.Start -= (uint64(c.N) + 1) / 2
	}
}

// elapsed is the number of CLK periods counted since the load.
func (c *counter) elapsed(t uint64) uint64 {
	switch {
	case !c.Gate && c.Mode != 1 && c.Mode != 5:
		return c.Held
	case int64(t-c.Start) < 0:
		return 0
	}
	return t - c.Start
}

// setGate changes the gate: figure 21 of the data sheet.
func (c *counter) setGate(level bool, t uint64) {
	c.sync(t)
	if level == c.Gate {
		return
	}
	held := c.elapsed(t)
	c.Gate = level
	switch c.Mode {
	case 0, 4: // counts while high
		c.Held = held
		if level {
			c.Start = t - held
		}
	case 1, 5: // a rise triggers
		if level && c.Written {
			low := c.Mode == 1 && c.N != 0 && !c.out(t)
			c.load(t + 1)
			if low {
				c.Held = 1
			}
		}
	case 2, 3: // low stops and sets OUT, a rise reloads
		c.Held, c.HasNext = held, false
		if level && c.Written {
			c.load(t + 1)
		}
	}
}

// out is OUT at CLK period t.
func (c *counter) out(t uint64) bool {
	if c.N == 0 {
		return c.Mode != 0
	}
	e, n := c.elapsed(t), uint64(c.N)
	before := int64(t-c.Start) < 0 // the load comes with the next CLK
	switch c.Mode {
	case 0:
		return e >= n
	case 1:
		return e >= n || before && c.Held == 0
	case 2:
		return !c.Gate || n == 1 || e%n != n-1
	case 3:
		return !c.Gate || e%n < (n+1)/2
	}
	return e != n
}

// next is the CLK period after t at which OUT changes or a new count is loaded; 0: none.
func (c *counter) next(t uint64) uint64 {
	if c.N == 0 {
		return 0
	}
	e, n := c.elapsed(t), uint64(c.N)
	first := c.Start + e - e%n // of this period
	switch c.Mode {
	case 0, 1:
		if e < n {
			return c.Start + n
		}
	case 2, 3:
		turn := n - 1
		if c.Mode == 3 {
			turn = (n + 1) / 2
		}
		switch {
		case n == 1 && !c.HasNext:
			return 0
		case e%n < turn:
			return first + turn
		}
		return first + n
	default:
		if e <= n {
			return c.Start + n + e/n
		}
	}
	return 0
}

// value is the counting element at CLK period t.
func (c *counter) value(t uint64) uint16 {
	e, n, top := c.elapsed(t), uint64(c.N), uint64(1<<16)
	if c.BCD {
		top = 10000
	}
	v := uint64(c.CR)
	switch {
	case c.N == 0:
		return c.CR
	case c.Mode == 2:
		v = n - e%n
	case c.Mode == 3: // down by two, twice a period
		v = n&^1 - e%n%((n+1)/2)*2
	default: // wraps around
		v = n + top - e%top
	}
	v %= top
	if c.BCD {
		v = v%10 | v/10%10<<4 | v/100%10<<8 | v/1000<<12
	}
	return uint16(v)
}
