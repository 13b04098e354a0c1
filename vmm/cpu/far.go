package cpu

// A Target is where a far JMP or CALL leads.
type Target struct {
	CS   Segment
	IP   uint64
	Gate bool // through a call gate: CallGate does the rest of a CALL

	la     uint64 // of the code segment's descriptor
	size   int    // of what a CALL through the gate pushes
	params int    // copied from an outer ring's stack
}

// FarTarget proves a far JMP or CALL to sel:ip (SDM vol. 2A, JMP, CALL; vol.
// 3A, 5.8).
func (c *Core) FarTarget(sel uint16, ip uint64, call bool) Target {
	c.protectedOnly("far transfer")
	if sel&^3 == 0 {
		c.GP(0)
	}
	d, la := c.descriptor(sel, GP, 0)
	s := decode(sel, d)
	if s.Attr&AttrS == 0 {
		return c.throughGate(sel, d, call)
	}
	cpl := c.CPL()
	if !s.code() || c.bothSizes(&s) || s.conforming() && s.DPL() > cpl ||
		!s.conforming() && (uint8(sel&3) > cpl || s.DPL() != cpl) {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		c.Raise(NP, uint32(sel&^3))
	}
	c.checkTarget(&s, ip)
	c.setAccessed(&s, la)
	s.Sel = sel&^3 | uint16(cpl)
	return Target{CS: s, IP: ip}
}

// bothSizes tells of a code segment that would be both 64-bit and 32-bit.
func (c *Core) bothSizes(s *Segment) bool {
	return c.Long() && s.Attr&(AttrL|AttrD) == AttrL|AttrD
}

// checkTarget raises #GP(0) where ip is no place to go on in segment s.
func (c *Core) checkTarget(s *Segment, ip uint64) {
	if c.Long() && s.Attr&AttrL != 0 {
		if !Canonical(ip) {
			c.GP(0)
		}
		return
	}
	if ip > uint64(s.Limit) {
		c.GP(0)
	}
}

// throughGate follows the system descriptor d at sel. Long mode has 64-bit call
// gates only, of 16 bytes (SDM vol. 3A, 5.8.3.1).
func (c *Core) throughGate(sel uint16, d uint64, call bool) Target {
	code, long := uint32(sel&^3), c.Long()
	switch typ := d >> 40 & 0xf; {
	case typ == typeCall, !long && (typ == typeCall16 || typ == typeTaskGate || typ == typeTSS || typ == typeTSS16):
	default:
		c.GP(code)
	}
	if uint8(d>>45&3) < max(c.CPL(), uint8(sel&3)) {
		c.GP(code)
	}
	if d>>47&1 == 0 {
		c.Raise(NP, code)
	}
	t := Target{Gate: true, IP: d&0xffff | d>>32&0xffff0000, size: 4, params: int(d >> 32 & 31)}
	switch d >> 40 & 0xf {
	case typeCall:
	case typeCall16:
		t.IP, t.size = t.IP&0xffff, 2
	default:
		c.Unbuilt("a task switch by a far transfer")
	}
	if long {
		t.IP |= c.upperHalf(sel) << 32
		t.size, t.params = 8, 0
	}
	t.CS, t.la = c.handlerSegment(uint16(d>>16), 0)
	cpl := c.CPL()
	if !call {
		if cs := t.CS.Sel; !t.CS.conforming() && t.CS.DPL() != cpl {
			c.GP(uint32(cs &^ 3))
		}
		c.checkTarget(&t.CS, t.IP)
		c.setAccessed(&t.CS, t.la)
	}
	t.CS.Sel = t.CS.Sel&^3 | uint16(t.CS.handlerRing(cpl))
	return t
}

// upperHalf is bits 63:32 of a 64-bit call gate's offset; the type there must be 0.
func (c *Core) upperHalf(sel uint16) uint64 {
	base, limit, _ := c.table(sel)
	code := uint32(sel &^ 3)
	if uint32(sel|7)+8 > limit {
		c.GP(code)
	}
	hi := c.ReadSys(base+uint64(sel&^7)+8, 8)
	if hi>>40&0x1f != 0 {
		c.GP(code)
	}
	return hi & 0xffffffff
}

// CallGate is a CALL through a gate, to the same ring or an inner one, whose
// stack gets the outer stack's pointer and parameters too.
func (c *Core) CallGate(t *Target, next uint64) {
	var vals [4 + 31]uint64
	v := vals[:0]
	cpl, s, ssLA := t.CS.handlerRing(c.CPL()), c.current(), uint64(0)
	if cpl != c.CPL() {
		outer := s
		s, ssLA = c.innerStack(cpl, 0)
		v = append(v, uint64(c.Seg[segSS].Sel), c.R[4])
		for i := t.params - 1; i >= 0; i-- {
			v = append(v, c.peek(&outer, uint64(i*t.size), t.size))
		}
	} else if t.size == 8 {
		s.flat, s.mask = true, ^uint64(0)
	}
	v = append(v, uint64(c.Seg[segCS].Sel), next)
	c.room(&s, len(v), t.size)
	c.checkTarget(&t.CS, t.IP)
	c.setAccessed(&t.CS, t.la)
	c.setAccessed(&s.seg, ssLA)
	c.push(&s, t.size, v)
	c.Seg[segSS], c.R[4] = s.seg, s.sp
	c.SetCS(t.CS)
	c.RIP = t.IP
}
