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

// mxcsrInit is MXCSR after reset and in its initial state.
const mxcsrInit = 0x1f80

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
	c.pendingMF()
	v := get[uint16](c, o, 0)
	c.FCW = v&0x1f3f | 0x40
	c.summarize()
}

// pendingMF reports an unmasked x87 exception that waits, before anything else
// can fault (SDM vol. 1, 8.7). With CR0.NE clear it is #MF too: FERR# goes nowhere.
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

// fxArea is the size of the FXSAVE area, the legacy part of the XSAVE area.
const fxArea = 512

// fxsave writes the FXSAVE area (SDM vol. 1, 10.5.1; AMD APM vol. 2, 11.4.4);
// bytes 416 to 511 are left alone.
func fxsave(c *CPU, o *Op) {
	la := c.fxAddress(o, true)
	var b [fxArea]byte
	n := c.fxRegs()
	c.putX87(b[:], o)
	c.putMXCSR(b[:])
	c.putXMM(b[:], n)
	c.writeWords(la, b[:160+16*n])
}

func fxrstor(c *CPU, o *Op) {
	la := c.fxAddress(o, false)
	var b [fxArea]byte
	c.readWords(la, b[:])
	c.takeMXCSR(b[:])
	c.takeX87(b[:], o)
	c.takeXMM(b[:], c.fxRegs())
}

// putX87 makes bytes 0 to 23 and 32 to 159 of the area. FIP, FDP and FOP always
// count, as CPUID's XSAVEERPTR says.
func (c *CPU) putX87(b []byte, o *Op) {
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
	top := int(c.FSW >> 11 & 7)
	for i := range 8 {
		r := &c.FPR[(top+i)&7]
		le.PutUint64(b[32+16*i:], r.Mant)
		le.PutUint16(b[40+16*i:], r.SE)
	}
}

// takeX87 loads what putX87 makes.
func (c *CPU) takeX87(b []byte, o *Op) {
	le := binary.LittleEndian
	c.FCW, c.FSW = le.Uint16(b[0:])&0x1f3f|0x40, le.Uint16(b[2:])
	c.summarize()
	c.FOP = le.Uint16(b[6:]) & 0x7ff
	c.FIP, c.FDP = linear57(le.Uint64(b[8:])), linear57(le.Uint64(b[16:]))
	if o.OpSize != 8 {
		c.FIP, c.FDP = c.FIP&0xffffffff, c.FDP&0xffffffff
	}
	top := int(c.FSW >> 11 & 7)
	for i := range 8 {
		c.FPR[(top+i)&7] = cpu.F80{Mant: le.Uint64(b[32+16*i:]), SE: le.Uint16(b[40+16*i:])}
	}
	c.FTW = fullTags(b[4])
}

// putMXCSR makes bytes 24 to 31; takeMXCSR loads them, or raises #GP(0).
func (c *CPU) putMXCSR(b []byte) {
	binary.LittleEndian.PutUint32(b[24:], c.MXCSR)
	binary.LittleEndian.PutUint32(b[28:], mxcsrMask)
}

func (c *CPU) takeMXCSR(b []byte) {
	m := binary.LittleEndian.Uint32(b[24:])
	if m&^mxcsrMask != 0 {
		c.GP(0)
	}
	c.MXCSR = m
}

// putXMM makes n registers from byte 160 on; takeXMM loads them.
func (c *CPU) putXMM(b []byte, n int) {
	for i := range n {
		binary.LittleEndian.PutUint64(b[160+16*i:], c.XMM[i][0])
		binary.LittleEndian.PutUint64(b[168+16*i:], c.XMM[i][1])
	}
}

func (c *CPU) takeXMM(b []byte, n int) {
	for i := range n {
		c.XMM[i] = vec{binary.LittleEndian.Uint64(b[160+16*i:]), binary.LittleEndian.Uint64(b[168+16*i:])}
	}
}

// readWords and writeWords move whole quadwords of an area that is aligned and
// was probed.
func (c *CPU) readWords(la uint64, p []byte) {
	for i := 0; i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], load[uint64](c, la+uint64(i)))
	}
}

func (c *CPU) writeWords(la uint64, p []byte) {
	for i := 0; i < len(p); i += 8 {
		store(c, la+uint64(i), binary.LittleEndian.Uint64(p[i:]))
	}
}

// linear57 sign-extends 57 bits, which is what FIP and FDP hold on a Zen 4.
func linear57(v uint64) uint64 { return uint64(int64(v<<7) >> 7) }

// areaByte proves byte k of a save area, which wraps as addresses do;
// areaAddress proves all of it and is its address.
func (c *CPU) areaByte(o *Op, k uint64, write bool) {
	c.probe(c.linear(o.Mem.Seg, (c.offset(o)+k)&addrMask(o.AddrSize), 1, write), 1, write)
}

func (c *CPU) areaAddress(o *Op, n int, write bool) uint64 {
	la := c.linear(o.Mem.Seg, c.offset(o), n, write)
	c.probe(la, n, write)
	return la
}

// fxAddress is the FXSAVE area's address, which must be aligned to 16 bytes. As
// faults on a Zen 4 tell, four bytes are looked at as for reading, then the last
// one, then all.
func (c *CPU) fxAddress(o *Op, write bool) uint64 {
	la := c.linear(o.Mem.Seg, c.offset(o), 4, false)
	c.whole(la, 4)
	c.align(la, 4)
	if la&15 != 0 {
		c.GP(0)
	}
	c.areaByte(o, fxArea-1, write)
	return c.areaAddress(o, fxArea, write)
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
