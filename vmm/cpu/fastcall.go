package cpu

// Syscall is SYSCALL in protected and long mode (AMD APM vol. 3). next is the
// address behind it.
func (c *Core) Syscall(next uint64) {
	if c.EFER&EFERSCE == 0 {
		c.UD()
	}
	c.protectedOnly("SYSCALL")
	long := c.Long()
	c.R[1] = next
	switch {
	case !long:
		c.RFLAGS &^= FlagVM | FlagIF | FlagRF
		c.RIP = c.STAR & 0xffffffff
	case c.Code64():
		c.RIP = c.LSTAR
	default:
		c.RIP = c.CSTAR
	}
	if long {
		c.R[11] = c.RFLAGS &^ FlagRF
		c.RFLAGS = c.RFLAGS&^(c.SFMASK|FlagRF) | 2
	}
	c.SyscallSegments(long)
	c.Recode = true
}

// SyscallSegments gives CS and SS what SYSCALL does; long: in long mode.
func (s *State) SyscallSegments(long bool) {
	sel := uint16(s.STAR>>32) &^ 3
	s.Seg[segCS], s.Seg[segSS] = flatCode(sel, long, 0), flatData(sel+8, 0)
}

// SysretSegments gives CS and SS what SYSRET does; long: to 64-bit code.
func (s *State) SysretSegments(long bool) {
	cs := uint16(s.STAR>>48) | 3
	s.Seg[segSS] = flatData(cs+8, 3)
	if long {
		cs += 16
	}
	s.Seg[segCS] = flatCode(cs, long, 3)
}

// Sysret is SYSRET; opSize 8 returns to 64-bit code. Outside 64-bit mode it
// takes no flags from R11 and sets IF. SS gets a whole flat descriptor as Intel
// documents; AMD's keeps the hidden part it had, which a guest that switches
// stacks by the book cannot tell apart.
func (c *Core) Sysret(opSize uint8) {
	if c.EFER&EFERSCE == 0 {
		c.UD()
	}
	c.protectedOnly("SYSRET")
	if c.CPL() != 0 {
		c.GP(0)
	}
	ip := c.R[1]
	if c.Code64() {
		c.RFLAGS = c.R[11]&(FlagsAll&^(FlagRF|FlagVM)) | 2
	} else {
		c.RFLAGS |= FlagIF
		opSize = 4
	}
	if opSize != 8 {
		ip &= 0xffffffff
	}
	c.SysretSegments(opSize == 8)
	c.RIP, c.Recode = ip, true
}

// Sysenter is SYSENTER, which AMD's processors have in legacy mode only (AMD
// APM vol. 3).
func (c *Core) Sysenter() {
	sel := c.sysenterCS()
	c.RFLAGS &^= FlagVM | FlagIF | FlagRF
	c.SetCS(flatCode(sel, false, 0))
	c.Seg[segSS] = flatData(sel+8, 0)
	c.R[4], c.RIP = c.SysenterESP&0xffffffff, c.SysenterEIP&0xffffffff
}

// Sysexit is SYSEXIT from ring 0.
func (c *Core) Sysexit() {
	sel := c.sysenterCS() | 3
	c.SetCS(flatCode(sel+16, false, 3))
	c.Seg[segSS] = flatData(sel+24, 3)
	c.R[4], c.RIP = c.R[1]&0xffffffff, c.R[2]&0xffffffff
}

// sysenterCS is the selector that SYSENTER and SYSEXIT count from: #UD in long
// mode, #GP(0) in real mode and where it is null.
func (c *Core) sysenterCS() uint16 {
	if c.Long() {
		c.UD()
	}
	sel := uint16(c.SysenterCS) &^ 3
	if c.CR0&CR0PE == 0 || sel == 0 {
		c.GP(0)
	}
	return sel
}

func flatCode(sel uint16, long bool, dpl uint16) Segment {
	s := Segment{Sel: sel, Limit: 0xffffffff, Attr: AttrG | AttrP | AttrS | typeCode | typeReadable | typeAccessed | dpl<<5}
	if long {
		s.Attr |= AttrL
	} else {
		s.Attr |= AttrD
	}
	return s
}

func flatData(sel, dpl uint16) Segment {
	return Segment{Sel: sel, Limit: 0xffffffff, Attr: AttrG | AttrD | AttrP | AttrS | typeWritable | typeAccessed | dpl<<5}
}
