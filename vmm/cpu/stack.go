package cpu

// A stack is one that a transfer of control pushes to or pops from.
type stack struct {
	seg  Segment
	sp   uint64
	mask uint64 // the bits of the pointer that count
	flat bool   // 64-bit: no segment
	user bool   // accessed with ring 3's rights
	code uint32 // of the #SS that it raises
}

// current is the stack in use.
func (c *Core) current() stack {
	s := stack{seg: c.Seg[segSS], sp: c.R[4], mask: c.Seg[segSS].stackMask(), user: c.CPL() == 3}
	if c.Code64() {
		s.mask, s.flat = ^uint64(0), true
	}
	return s
}

// stackMask is all ones in the stack pointer that a stack segment has outside
// 64-bit mode.
func (s *Segment) stackMask() uint64 {
	if s.Attr&AttrD != 0 {
		return 0xffffffff
	}
	return 0xffff
}

// moved is the pointer at some distance.
func (s *stack) moved(distance uint64) uint64 {
	if s.mask == 0xffffffff {
		return (s.sp + distance) & s.mask
	}
	return s.sp&^s.mask | (s.sp+distance)&s.mask
}

// at is the linear address of n bytes at some distance from the pointer. It
// raises #SS.
func (c *Core) at(s *stack, distance uint64, n int, write bool) uint64 {
	off := (s.sp + distance) & s.mask
	if s.flat {
		if !Canonical(off) || !Canonical(off+uint64(n)-1) {
			c.Raise(SS, s.code)
		}
		return off
	}
	if !s.seg.Allows(off, uint64(n), write) {
		c.Raise(SS, s.code)
	}
	return (s.seg.Base + off) & 0xffffffff
}

// aligned raises #AC where ring 3 wants n bytes at la aligned. EXT alone is the
// error code (SDM vol. 2A, INT n).
func (c *Core) aligned(s *stack, la uint64, n int) {
	if s.user && c.RFLAGS&FlagAC != 0 && c.CR0&CR0AM != 0 && la&uint64(n-1) != 0 {
		c.Raise(AC, s.code)
	}
}

// below is how many of n bytes at la stand below 4 GiB, where linear addresses
// wrap outside 64-bit mode.
func (s *stack) below(la uint64, n int) int {
	if s.flat || la+uint64(n) <= 1<<32 {
		return n
	}
	return int(1<<32 - la)
}

// peek reads n bytes at some distance above the pointer.
func (c *Core) peek(s *stack, distance uint64, n int) uint64 {
	la := c.at(s, distance, n, false)
	c.aligned(s, la, n)
	k := s.below(la, n)
	v := c.read(la, k, s.user)
	if k < n {
		v |= c.read(0, n-k, s.user) << (8 * k)
	}
	return v
}

// room raises #SS unless count values of n bytes can be pushed.
func (c *Core) room(s *stack, count, n int) {
	for i := range count {
		c.at(s, -uint64((i+1)*n), n, true)
	}
}

// push stores values of n bytes, the first one highest, all of them or none,
// and moves the pointer.
func (c *Core) push(s *stack, n int, vals []uint64) {
	for i := range vals {
		la := c.at(s, -uint64((i+1)*n), n, true)
		c.aligned(s, la, n)
		k := s.below(la, n)
		c.Walk(la, Write, s.user)
		switch {
		case k < n:
			c.Walk(0, Write, s.user)
		case la&pageMask+uint64(n) > pageMask+1:
			c.Walk(la+uint64(n)-1, Write, s.user)
		}
	}
	for i, v := range vals {
		la := c.at(s, -uint64((i+1)*n), n, true)
		k := s.below(la, n)
		c.WriteSys(la, k, v, s.user)
		if k < n {
			c.WriteSys(0, n-k, v>>(8*k), s.user)
		}
	}
	s.sp = s.moved(-uint64(len(vals) * n))
}

// innerStack is the stack that the task state segment names for an inner ring
// (SDM vol. 3A, 6.12.1, 7.2.1). la is where its descriptor stands, for
// setAccessed; 0 in long mode, where SS becomes null (6.14.4). ext is the EXT
// bit of error codes.
func (c *Core) innerStack(cpl uint8, ext uint32) (s stack, la uint64) {
	if c.Long() {
		null := Segment{Sel: uint16(cpl), Attr: uint16(cpl) << 5}
		return stack{seg: null, sp: c.stack64(4+8*uint32(cpl), ext), mask: ^uint64(0), flat: true, code: ext}, 0
	}
	off, width := 4+8*uint32(cpl), uint32(4)
	if c.TR.Attr&AttrType&^2 == typeTSS16 {
		off, width = 2+4*uint32(cpl), 2
	}
	if off+width+1 > c.TR.Limit {
		c.Raise(TS, uint32(c.TR.Sel&^3)|ext)
	}
	s.sp = c.ReadSys(c.TR.Base+uint64(off), int(width))
	sel := uint16(c.ReadSys(c.TR.Base+uint64(off+width), 2))
	if sel&^3 == 0 {
		c.Raise(TS, ext)
	}
	d, la := c.descriptor(sel, TS, ext)
	s.seg, s.code = decode(sel, d), uint32(sel&^3)|ext
	if uint8(sel&3) != cpl || s.seg.DPL() != cpl || !s.seg.writable() {
		c.Raise(TS, s.code)
	}
	if !s.seg.present() {
		c.Raise(SS, s.code)
	}
	s.mask = s.seg.stackMask()
	return s, la
}

// stack64 reads a stack pointer from long mode's task state segment.
func (c *Core) stack64(off, ext uint32) uint64 {
	if off+7 > c.TR.Limit {
		c.Raise(TS, uint32(c.TR.Sel&^3)|ext)
	}
	sp := c.ReadSys(c.TR.Base+uint64(off), 8)
	if !Canonical(sp) {
		c.Raise(SS, ext)
	}
	return sp
}
