package cpu

// Deliver gives c.Fault to the guest. A fault on the way becomes a double
// fault or takes its place, and a fault while delivering a double fault shuts
// the processor down (SDM vol. 3A, 6.15, table 6-5).
func (c *Core) Deliver() {
	for {
		f := c.Fault
		if c.attempt(f) {
			return
		}
		switch n := c.Fault; {
		case f.Vector == DF:
			c.Dead = true
			c.Bus.TripleFault()
			return
		case contributory(f.Vector) && contributory(n.Vector),
			f.Vector == PF && (contributory(n.Vector) || n.Vector == PF):
			c.Fault = Fault{Vector: DF}
		}
	}
}

func contributory(v uint8) bool { return 1<<v&(1<<DE|1<<TS|1<<NP|1<<SS|1<<GP) != 0 }

// Interrupt delivers an external interrupt or NMI.
func (c *Core) Interrupt(vector uint8) {
	if !c.attemptExternal(vector) {
		c.Deliver()
	}
}

func (c *Core) attemptExternal(vector uint8) (ok bool) {
	defer c.catch(&ok)
	c.enter(vector, gate{external: true})
	return true
}

// attempt tries to deliver f; false leaves the fault met on the way in c.Fault.
func (c *Core) attempt(f Fault) (ok bool) {
	defer c.catch(&ok)
	if f.Vector == PF {
		c.CR2 = f.Addr
	}
	if f.Vector == DB {
		c.DR[6] |= c.PendDB
		c.PendDB = 0
	}
	c.enter(f.Vector, gate{code: f.Code, push: hasCode>>f.Vector&1 != 0, external: true, fault: f.Vector != DB})
	return true
}

// catch turns a guest fault's panic into ok = false.
func (c *Core) catch(ok *bool) {
	switch r := recover(); r {
	case nil:
	case &c.Fault:
		*ok = false
	default:
		panic(r)
	}
}

// SoftInterrupt is INT n, INT3, INTO and INT1: it may raise, and RIP must
// already stand behind the instruction.
func (c *Core) SoftInterrupt(vector uint8, privileged bool) {
	c.enter(vector, gate{soft: !privileged})
}

// A gate is how a vector is entered.
type gate struct {
	code     uint32
	push     bool // an error code is pushed
	soft     bool // INT n: the gate's DPL counts
	external bool // sets EXT in error codes met on the way
	fault    bool // RF is set in the pushed flags
}

// enter goes through the IDT in long mode (SDM vol. 3A, 6.14). Everything that
// can fault happens before the first register changes.
func (c *Core) enter(vector uint8, g gate) {
	if !c.Long() {
		c.Unbuilt("an interrupt or exception outside long mode")
	}
	ext := uint32(0)
	if g.external {
		ext = 1
	}
	idx := uint32(vector)<<3 | 2 | ext
	if uint32(vector)*16+15 > uint32(c.IDTR.Limit) {
		c.GP(idx)
	}
	la := c.IDTR.Base + uint64(vector)*16
	lo, hi := c.ReadSys(la, 8), c.ReadSys(la+8, 8)
	if t := lo >> 40 & 0x1f; t != 14 && t != 15 {
		c.GP(idx)
	}
	if g.soft && uint8(lo>>45&3) < c.CPL() {
		c.GP(idx)
	}
	if lo>>47&1 == 0 {
		c.Raise(NP, idx)
	}
	sel := uint16(lo >> 16)
	cs := c.handlerSegment(sel, ext)
	ip := lo&0xffff | lo>>32&0xffff0000 | hi<<32
	cpl := c.CPL()
	if !cs.conforming() {
		cpl = cs.DPL()
	}
	sp := c.handlerStack(uint8(lo>>32&7), cpl)
	if !Canonical(ip) {
		c.GP(ext)
	}
	c.frame(sp, g, ext)
	if cpl != c.CPL() {
		c.Seg[segSS] = Segment{Sel: uint16(cpl), Attr: uint16(cpl) << 5}
	}
	n := uint64(40)
	if g.push {
		n = 48
	}
	c.R[4] = sp - n
	cs.Sel = sel&^3 | uint16(cpl)
	c.SetCS(cs)
	c.RIP = ip
	c.RFLAGS &^= FlagTF | FlagNT | FlagRF | FlagVM
	if lo>>40&1 == 0 { // interrupt gate
		c.RFLAGS &^= FlagIF
	}
}

// handlerSegment checks the code segment that a gate names.
func (c *Core) handlerSegment(sel uint16, ext uint32) Segment {
	if sel&^3 == 0 {
		c.GP(ext)
	}
	code := uint32(sel&^3) | ext
	if sel&4 == 0 && uint32(sel|7) > uint32(c.GDTR.Limit) {
		c.GP(code)
	}
	d, la := c.descriptor(sel, GP)
	cs := decode(sel, d)
	if !cs.code() || cs.DPL() > c.CPL() || cs.Attr&(AttrL|AttrD) != AttrL {
		c.GP(code)
	}
	if !cs.present() {
		c.Raise(NP, code)
	}
	c.setAccessed(&cs, la)
	return cs
}

// handlerStack is the stack pointer that a handler starts with, aligned to 16
// bytes: from the interrupt stack table, for an inner ring from the task state
// segment, else the current one (SDM vol. 3A, 6.14.2, 6.14.5).
func (c *Core) handlerStack(ist, cpl uint8) uint64 {
	off := uint32(0)
	switch {
	case ist != 0:
		off = 28 + 8*uint32(ist)
	case cpl != c.CPL():
		off = 4 + 8*uint32(cpl)
	default:
		return c.R[4] &^ 15
	}
	if off+7 > c.TR.Limit {
		c.Raise(TS, uint32(c.TR.Sel&^3))
	}
	sp := c.ReadSys(c.TR.Base+uint64(off), 8)
	if !Canonical(sp) {
		c.Raise(SS, 0)
	}
	return sp &^ 15
}

// frame pushes SS, RSP, RFLAGS, CS, RIP and the error code below sp.
func (c *Core) frame(sp uint64, g gate, ext uint32) {
	fl := c.RFLAGS
	if g.fault {
		fl |= FlagRF
	}
	vals := [6]uint64{uint64(c.Seg[segSS].Sel), c.R[4], fl, uint64(c.Seg[segCS].Sel), c.RIP, uint64(g.code)}
	n := 5
	if g.push {
		n = 6
	}
	if !Canonical(sp - 8) {
		c.Raise(SS, ext)
	}
	c.Walk(sp-uint64(8*n), Write, false)
	for i, v := range vals[:n] {
		c.WriteSys(sp-uint64(8*(i+1)), 8, v, false)
	}
}

// IRET returns from a handler in long mode; opSize is 2, 4 or 8 (SDM vol. 2A,
// IRET/IRETQ in IA-32e mode). RIP and the rest are written here.
func (c *Core) IRET(opSize int) {
	if !c.Long() {
		c.Unbuilt("IRET outside long mode")
	}
	if c.RFLAGS&FlagNT != 0 {
		c.GP(0)
	}
	user := c.CPL() == 3
	n := uint64(opSize)
	sp := c.R[4]
	if !c.Code64() {
		sp = (c.Seg[segSS].Base + sp) & 0xffffffff
	}
	word := func(i uint64) uint64 {
		la := sp + i*n
		c.Walk(la, Read, user)
		return c.ReadSys(la, opSize)
	}
	ip, sel, fl := word(0), uint16(word(1)), word(2)
	cs, csLA := c.codeSegment(sel)
	cpl, rpl := c.CPL(), uint8(sel&3)
	if rpl < cpl || cs.conforming() && cs.DPL() > rpl || !cs.conforming() && cs.DPL() != rpl {
		c.GP(uint32(sel &^ 3))
	}
	if !cs.present() {
		c.Raise(NP, uint32(sel&^3))
	}
	to64 := cs.Attr&AttrL != 0
	newSP, ss := c.R[4]+3*n, c.Seg[segSS]
	outer := rpl != cpl
	if outer || c.Code64() {
		newSP = word(3)
		ss = c.returnStack(uint16(word(4)), rpl, to64)
	}
	c.checkTarget(&cs, ip)
	c.setAccessed(&cs, csLA)

	mask := uint64(FlagsAll &^ (FlagIF | FlagIOPL | FlagVM | FlagVIF | FlagVIP))
	if opSize == 2 {
		mask &= 0xffff
	}
	if cpl == 0 {
		mask |= FlagIOPL
		if opSize > 2 {
			mask |= FlagVIF | FlagVIP
		}
	}
	if uint64(cpl) <= c.RFLAGS>>12&3 {
		mask |= FlagIF
	}
	c.RFLAGS = c.RFLAGS&^mask | fl&mask | 2
	c.NMIBlock = false
	if opSize == 4 && !to64 {
		newSP &= 0xffffffff
	}
	c.R[4], c.RIP, c.Seg[segSS] = newSP, ip, ss
	c.SetCS(cs)
	if outer {
		c.dropInner(rpl)
	}
}

// returnStack checks the stack segment of a return to ring rpl.
func (c *Core) returnStack(sel uint16, rpl uint8, to64 bool) Segment {
	if sel&^3 == 0 {
		if !to64 || rpl == 3 || uint8(sel&3) != rpl {
			c.GP(0)
		}
		return Segment{Sel: sel, Attr: uint16(rpl) << 5}
	}
	d, la := c.descriptor(sel, GP)
	s := decode(sel, d)
	if uint8(sel&3) != rpl || s.DPL() != rpl || !s.writable() {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		c.Raise(SS, uint32(sel&^3))
	}
	c.setAccessed(&s, la)
	return s
}

// dropInner nulls data segments that the outer ring may not use (SDM vol. 3A, 5.8.6).
func (c *Core) dropInner(cpl uint8) {
	for _, r := range [...]int{segES, segDS, segFS, segGS} {
		s := &c.Seg[r]
		if s.Attr&AttrS != 0 && !s.conforming() && s.DPL() < cpl {
			base := s.Base
			*s = Segment{}
			if r >= segFS {
				s.Base = base
			}
		}
	}
}
