package interp

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// stateRows: the x87 and SSE control words and their save areas.
var stateRows = []row{
	{x86.SemFninit, one(fninit)},
	{x86.SemFnclex, one(func(c *CPU, o *Op) { c.FSW &= 0x7f00 })},
	{x86.SemFnstcw, one(func(c *CPU, o *Op) { set(c, o, 0, c.FCW) })},
	{x86.SemFldcw, one(fldcw)},
	{x86.SemFnstsw, one(func(c *CPU, o *Op) { set(c, o, 0, c.FSW) })},
	{x86.SemFwait, one(func(c *CPU, o *Op) { c.pendingMF() })},
	{x86.SemFxsave, one(fxsave)},
	{x86.SemFxrstor, one(fxrstor)},
	{x86.SemLdmxcsr, one(ldmxcsr)},
	{x86.SemStmxcsr, one(func(c *CPU, o *Op) { set(c, o, 0, c.MXCSR) })},
}

// mxcsrMask are the bits of MXCSR that exist.
const mxcsrMask = 0xffff

// fninit is FNINIT (SDM vol. 2A; vol. 1, 8.1.11). AMD's leaves the registers alone.
func fninit(c *CPU, _ *Op) {
	c.FCW, c.FSW, c.FTW = 0x37f, 0, 0xffff
	c.FOP, c.FIP, c.FDP = 0, 0, 0
}

// summarize derives ES and B from the exception flags and their masks.
func (c *CPU) summarize() {
	if c.FSW&^c.FCW&0x3f != 0 {
		c.FSW |= 0x8080
	} else {
		c.FSW &^= 0x8080
	}
}

func fldcw(c *CPU, o *Op) {
	v := get[uint16](c, o, 0)
	c.pendingMF()
	c.FCW = v&0x1f3f | 0x40
	c.summarize()
}

// pendingMF reports an unmasked x87 exception that waits (SDM vol. 1, 8.7).
func (c *CPU) pendingMF() {
	if c.FSW&0x80 != 0 {
		c.Raise(cpu.MF, 0)
	}
}

func ldmxcsr(c *CPU, o *Op) {
	v := get[uint32](c, o, 0)
	if v&^mxcsrMask != 0 {
		c.GP(0)
	}
	c.MXCSR = v
}

// fxArea is the size of the FXSAVE area; sseBytes of it are written when the
// registers XMM8 up count.
const fxArea = 512

// fxsave writes the FXSAVE area (SDM vol. 1, 10.5.1; AMD APM vol. 2, 11.4.4).
// FIP, FDP and FOP always count, as CPUID's XSAVEERPTR says; bytes 416 to 511
// are left alone.
func fxsave(c *CPU, o *Op) {
	la := c.fxAddress(o, true)
	var b [fxArea]byte
	le := binary.LittleEndian
	le.PutUint16(b[0:], c.FCW)
	le.PutUint16(b[2:], c.FSW)
	b[4] = c.abridged()
	le.PutUint16(b[6:], c.FOP)
	if o.OpSize == 8 {
		le.PutUint64(b[8:], c.FIP)
		le.PutUint64(b[16:], c.FDP)
	} else {
		le.PutUint32(b[8:], uint32(c.FIP))
		le.PutUint32(b[16:], uint32(c.FDP))
	}
	le.PutUint32(b[24:], c.MXCSR)
	le.PutUint32(b[28:], mxcsrMask)
	top := int(c.FSW >> 11 & 7)
	for i := range 8 {
		r := &c.FPR[(top+i)&7]
		le.PutUint64(b[32+16*i:], r.Mant)
		le.PutUint16(b[40+16*i:], r.SE)
	}
	n := c.fxRegs()
	for i := range n {
		le.PutUint64(b[160+16*i:], c.XMM[i][0])
		le.PutUint64(b[168+16*i:], c.XMM[i][1])
	}
	c.probe(la, fxArea, true)
	c.writeBytes(la, b[:160+16*n])
}

func fxrstor(c *CPU, o *Op) {
	la := c.fxAddress(o, false)
	var b [fxArea]byte
	c.readBytes(la, b[:])
	le := binary.LittleEndian
	m := le.Uint32(b[24:])
	if m&^mxcsrMask != 0 {
		c.GP(0)
	}
	c.MXCSR = m
	c.FCW, c.FSW = le.Uint16(b[0:])&0x1f3f|0x40, le.Uint16(b[2:])
	c.summarize()
	c.FOP = le.Uint16(b[6:]) & 0x7ff
	c.FIP, c.FDP = le.Uint64(b[8:]), le.Uint64(b[16:])
	if o.OpSize != 8 {
		c.FIP, c.FDP = c.FIP&0xffffffff, c.FDP&0xffffffff
	}
	top := int(c.FSW >> 11 & 7)
	for i := range 8 {
		c.FPR[(top+i)&7] = cpu.F80{Mant: le.Uint64(b[32+16*i:]), SE: le.Uint16(b[40+16*i:])}
	}
	c.FTW = c.tags(b[4])
	for i := range c.fxRegs() {
		c.XMM[i] = [2]uint64{le.Uint64(b[160+16*i:]), le.Uint64(b[168+16*i:])}
	}
}

// fxAddress is the area's address, which must be aligned to 16 bytes.
func (c *CPU) fxAddress(o *Op, write bool) uint64 {
	la := c.ea(o, fxArea)
	if write {
		la = c.eaW(o, fxArea)
	}
	if la&15 != 0 {
		c.GP(0)
	}
	return la
}

// fxRegs is how many XMM registers the area carries: none with EFER.FFXSR in
// 64-bit ring 0, eight outside 64-bit mode (AMD APM vol. 2, 11.4.4).
func (c *CPU) fxRegs() int {
	switch {
	case c.EFER&cpu.EFERFFXSR != 0 && c.flat && c.cpl == 0:
		return 0
	case c.mode == x86.Mode64:
		return 16
	}
	return 8
}

// abridged is the tag word with one bit a register: not empty.
func (c *CPU) abridged() (b uint8) {
	for i := range 8 {
		if c.FTW>>(2*i)&3 != 3 {
			b |= 1 << i
		}
	}
	return b
}

// tags makes the full tag word from the abridged one and the registers
// (SDM vol. 1, 10.5.1.1).
func (c *CPU) tags(b uint8) (w uint16) {
	for i := range 8 {
		t := uint16(3)
		if b>>i&1 != 0 {
			t = tagOf(c.FPR[i])
		}
		w |= t << (2 * i)
	}
	return w
}

// tagOf classifies a register: valid, zero or special.
func tagOf(r cpu.F80) uint16 {
	switch {
	case r.SE&0x7fff == 0 && r.Mant == 0:
		return 1
	case r.SE&0x7fff == 0, r.SE&0x7fff == 0x7fff, r.Mant>>63 == 0:
		return 2
	}
	return 0
}
