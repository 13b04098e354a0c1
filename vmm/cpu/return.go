package cpu

// IRET returns from a handler; opSize is 2, 4 or 8 (SDM vol. 2A, IRET). RIP and
// the rest are written here.
func (c *Core) IRET(opSize int) {
	c.protectedOnly("IRET")
	if c.RFLAGS&FlagNT != 0 {
		if !c.Long() {
			c.Unbuilt("a return to the previous task")
		}
		c.GP(0)
	}
	n := uint64(opSize)
	s := c.current()
	fl := c.peek(&s, 2*n, opSize) // first, on a Zen 4
	sel := uint16(c.peek(&s, n, opSize))
	ip := c.peek(&s, 0, opSize)
	cpl := c.CPL()
	if !c.Long() && fl&FlagVM != 0 && cpl == 0 {
		c.Unbuilt("virtual-8086 mode")
	}
	cs, csLA := c.returnSegment(sel)
	r := frameAbove{stack: s, at: 3 * n, size: opSize}
	r.pops = sel&3 != uint16(cpl) || c.Code64()
	c.returnTo(cs, csLA, ip, r)

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
}

// FarReturn is RETF to sel:ip, read from the top of the stack as opSize bytes
// each; drop bytes above them go too, on an outer ring's stack as well (SDM
// vol. 2B, RET).
func (c *Core) FarReturn(sel uint16, ip uint64, opSize int, drop uint64) {
	c.protectedOnly("RETF")
	cs, csLA := c.returnSegment(sel)
	r := frameAbove{stack: c.current(), at: 2*uint64(opSize) + drop, size: opSize, drop: drop}
	r.pops = sel&3 != uint16(c.CPL())
	c.returnTo(cs, csLA, ip, r)
}

// A frameAbove is what a return finds on the stack above CS and flags: the
// outer stack's pointer and segment, if it pops them.
type frameAbove struct {
	stack
	at   uint64 // distance
	size int
	pops bool
	drop uint64 // added to the popped pointer
}

// returnTo leaves for cs:ip and a stack: the one in use, or the popped one.
func (c *Core) returnTo(cs Segment, csLA, ip uint64, r frameAbove) {
	rpl, cpl := uint8(cs.Sel&3), c.CPL()
	to64 := c.Long() && cs.Attr&AttrL != 0
	sp, ss, ssLA := r.moved(r.at), r.seg, uint64(0)
	if r.pops {
		sel := uint16(c.peek(&r.stack, r.at+uint64(r.size), r.size)) // first, on a Zen 4
		v := c.peek(&r.stack, r.at, r.size)
		ss, ssLA = c.returnStack(sel, rpl, to64)
		sp = c.returnPointer(&ss, v+r.drop, to64)
	}
	c.checkTarget(&cs, ip)
	c.setAccessed(&cs, csLA)
	c.setAccessed(&ss, ssLA)
	c.R[4], c.RIP, c.Seg[segSS] = sp, ip, ss
	c.SetCS(cs)
	if rpl != cpl {
		c.dropInner(rpl)
	}
}

// returnSegment checks the code segment of a return.
func (c *Core) returnSegment(sel uint16) (s Segment, la uint64) {
	if sel&^3 == 0 {
		c.GP(0)
	}
	d, la := c.descriptor(sel, GP, 0)
	s = decode(sel, d)
	rpl := uint8(sel & 3)
	if !s.code() || c.bothSizes(&s) || rpl < c.CPL() || s.conforming() && s.DPL() > rpl || !s.conforming() && s.DPL() != rpl {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		c.Raise(NP, uint32(sel&^3))
	}
	return s, la
}

// returnStack checks the stack segment of a return to ring rpl.
func (c *Core) returnStack(sel uint16, rpl uint8, to64 bool) (s Segment, la uint64) {
	if sel&^3 == 0 {
		if !to64 || rpl == 3 || uint8(sel&3) != rpl {
			c.GP(0)
		}
		return Segment{Sel: sel, Attr: uint16(rpl) << 5}, 0
	}
	d, la := c.descriptor(sel, GP, 0)
	s = decode(sel, d)
	if uint8(sel&3) != rpl || s.DPL() != rpl || !s.writable() {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		c.Raise(SS, uint32(sel&^3))
	}
	return s, la
}

// returnPointer is the stack pointer after sp was popped with segment ss. A
// 16-bit stack takes 16 bits: those above keep what ring 0 had there.
func (c *Core) returnPointer(ss *Segment, sp uint64, to64 bool) uint64 {
	switch {
	case to64:
		return sp
	case ss.Attr&AttrD != 0:
		return sp & 0xffffffff
	}
	return c.R[4]&0xffff0000 | sp&0xffff
}

// dropInner nulls data segments that the outer ring may not use (SDM vol. 3A,
// 5.8.6). In long mode FS and GS keep their bases.
func (c *Core) dropInner(cpl uint8) {
	for _, r := range [...]int{segES, segDS, segFS, segGS} {
		if s := &c.Seg[r]; s.innerTo(cpl) {
			base := s.Base
			*s = Segment{}
			if r >= segFS && c.Long() {
				s.Base = base
			}
		}
	}
}

// innerTo tells that ring cpl may not use a data segment.
func (s *Segment) innerTo(cpl uint8) bool {
	return s.Attr&AttrS != 0 && !s.conforming() && s.DPL() < cpl
}

// Keeps tells that a return to ring cpl nulls no data segment.
func (s *State) Keeps(cpl uint8) bool {
	return !s.Seg[segES].innerTo(cpl) && !s.Seg[segDS].innerTo(cpl) && !s.Seg[segFS].innerTo(cpl) && !s.Seg[segGS].innerTo(cpl)
}

// FlatDescriptors are the descriptors of 64-bit code and of data that give ring
// dpl what FlatSegments does: accessed, with all addresses.
func FlatDescriptors(dpl uint64) (code, data uint64) {
	return 0x00af9b000000ffff | dpl<<45, 0x00cf93000000ffff | dpl<<45
}

// FlatSegments gives CS and SS what a return loads from FlatDescriptors: the ring
// is cs's. A null ss is one of ring 0's 64-bit code.
func (s *State) FlatSegments(cs, ss uint16) {
	dpl := cs & 3
	s.Seg[segCS], s.Seg[segSS] = flatCode(cs, true, dpl), flatData(ss, dpl)
	if ss == 0 {
		s.Seg[segSS] = Segment{}
	}
}
