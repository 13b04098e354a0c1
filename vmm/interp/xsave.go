package interp

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// xsaveRows: the XSAVE family (SDM vol. 1, chapter 13) for two state
// components, x87 (bit 0) and SSE (bit 1). The area has 576 bytes in either
// format:
//
//	  0 the FXSAVE area
//	512 XSTATE_BV: the components that are in the area
//	520 XCOMP_BV: 0; or bit 63, and the components there is room for (compacted)
//	528 zero: bytes 528 to 535 in the standard format, up to 575 in the compacted
//
// XSAVEOPT leaves out what is in its initial state, but never what is merely
// unchanged since XRSTOR: that would depend on history. With no supervisor
// component, XSAVES is XSAVEC and XRSTORS is XRSTOR of the compacted format only.
var xsaveRows = []row{
	{x86.SemXgetbv, one(xgetbv)},
	{x86.SemXsetbv, one(xsetbv)},
	{x86.SemXsave, one(xsave)},
	{x86.SemXsaveopt, one(xsaveopt)},
	{x86.SemXsavec, one(xsavec)},
	{x86.SemXsaves, one(func(c *CPU, o *Op) { c.kernelOnly(); xsavec(c, o) })},
	{x86.SemXrstor, one(func(c *CPU, o *Op) { c.xrstor(o, false) })},
	{x86.SemXrstors, one(func(c *CPU, o *Op) { c.kernelOnly(); c.xrstor(o, true) })},
}

const (
	xArea     = cpu.XSaveBytes
	xHeader   = 512
	compacted = 1 << 63 // XCOMP_BV
)

// osxsave raises #UD unless the guest's kernel turned the family on.
func (c *CPU) osxsave() {
	if c.CR4&cpu.CR4OSXSAVE == 0 {
		c.UD()
	}
}

// kernelOnly is the check of privilege, which comes after that of CR4.OSXSAVE.
func (c *CPU) kernelOnly() {
	c.osxsave()
	if c.cpl != 0 {
		c.GP(0)
	}
}

// xgetbv reads XCR0, or with ECX 1 those of its components that are in use.
func xgetbv(c *CPU, o *Op) {
	c.osxsave()
	v := c.XCR0
	switch uint32(c.R[x86.RCX]) {
	case 0:
	case 1:
		v &= c.inUse(true)
	default:
		c.GP(0)
	}
	c.R[x86.RAX], c.R[x86.RDX] = v&0xffffffff, v>>32
}

// xsetbv writes XCR0; there is no other.
func xsetbv(c *CPU, o *Op) {
	c.kernelOnly()
	if uint32(c.R[x86.RCX]) != 0 {
		c.GP(0)
	}
	c.SetXCR0(c.edxEAX())
}

func (c *CPU) edxEAX() uint64 { return c.R[x86.RDX]<<32 | c.R[x86.RAX]&0xffffffff }

// xBegin makes the checks that the family shares, and returns the area's
// address and RFBM, the components that are meant. CR0.TS comes before the
// address; CR0.EM, CR4.OSFXSR and alignment checking do not count (SDM vol. 1,
// 13.5). Alignment to 64 bytes comes before segment and pages, then the first
// byte, then the last one to be written or the header to be read: as on a Zen 4.
func (c *CPU) xBegin(o *Op, write bool) (la, rfbm uint64) {
	c.osxsave()
	if c.CR0&cpu.CR0TS != 0 {
		c.Raise(cpu.NM, 0)
	}
	if c.unchecked(o)&63 != 0 {
		c.GP(0)
	}
	second := uint64(xHeader)
	if write {
		second = xArea - 1
	}
	c.areaByte(o, 0, write)
	c.areaByte(o, second, write)
	return c.areaAddress(o, xArea, write), c.XCR0 & c.edxEAX()
}

// unchecked is the linear address of o's operand before any check.
func (c *CPU) unchecked(o *Op) uint64 {
	if c.flat {
		return c.linear(o.Mem.Seg, c.offset(o), 1, false)
	}
	return c.Seg[o.Mem.Seg].Base + c.offset(o)
}

// xRegs is how many XMM registers the current mode knows.
func (c *CPU) xRegs() int {
	if c.mode == x86.Mode64 {
		return 16
	}
	return 8
}

// inUse is XINUSE: the components that are not in their initial state (SDM
// vol. 1, 13.6). It is a function of the registers' values and nothing else, as
// it is on a Zen 4. XGETBV and the compacting instructions count MXCSR.
func (c *CPU) inUse(mxcsr bool) (v uint64) {
	x := uint64(c.FCW^0x37f|c.FSW|^c.FTW|c.FOP) | c.FIP | c.FDP
	for i := range c.FPR {
		x |= c.FPR[i].Mant | uint64(c.FPR[i].SE)
	}
	if x != 0 {
		v = cpu.XCR0X87
	}
	x = 0
	for i := range c.xRegs() {
		x |= c.XMM[i][0] | c.XMM[i][1]
	}
	if x != 0 || mxcsr && c.MXCSR != mxcsrInit {
		v |= cpu.XCR0SSE
	}
	return v
}

// xput writes the components of v, but for MXCSR.
func (c *CPU) xput(o *Op, la, v uint64) {
	var b [fxArea]byte
	if v&cpu.XCR0X87 != 0 {
		c.putX87(b[:], o)
		c.writeWords(la, b[:24])
		c.writeWords(la+32, b[32:160])
	}
	if v&cpu.XCR0SSE != 0 {
		n := 160 + 16*c.xRegs()
		c.putXMM(b[:], c.xRegs())
		c.writeWords(la+160, b[160:n])
	}
}

// xputMXCSR writes MXCSR and its mask.
func (c *CPU) xputMXCSR(la uint64) {
	var b [32]byte
	c.putMXCSR(b[:])
	c.writeWords(la+24, b[24:])
}

// xsave writes all that is meant, and MXCSR with SSE.
func xsave(c *CPU, o *Op) {
	la, rfbm := c.xBegin(o, true)
	c.xsaveStandard(o, la, rfbm, rfbm)
}

// xsaveopt leaves out what is in its initial state.
func xsaveopt(c *CPU, o *Op) {
	la, rfbm := c.xBegin(o, true)
	c.xsaveStandard(o, la, rfbm, rfbm&c.inUse(false))
}

// xsaveStandard writes the components of v. Bits of XSTATE_BV outside rfbm stay
// as they are in memory.
func (c *CPU) xsaveStandard(o *Op, la, rfbm, v uint64) {
	c.xput(o, la, v)
	if rfbm&cpu.XCR0SSE != 0 {
		c.xputMXCSR(la)
	}
	h := load[uint64](c, la+xHeader)
	store(c, la+xHeader, h&^rfbm|rfbm&c.inUse(false))
}

// xsavec writes what is in use, MXCSR with SSE, and 16 bytes of the header.
func xsavec(c *CPU, o *Op) {
	la, rfbm := c.xBegin(o, true)
	v := rfbm & c.inUse(true)
	c.xput(o, la, v)
	if v&cpu.XCR0SSE != 0 {
		c.xputMXCSR(la)
	}
	store(c, la+xHeader, v)
	store(c, la+xHeader+8, rfbm|compacted)
}

// xrstor loads the components that are meant: from the area if XSTATE_BV has
// them, else their initial state. The standard format always loads MXCSR with
// SSE, whatever XSTATE_BV says (SDM vol. 1, 13.8).
func (c *CPU) xrstor(o *Op, compactedOnly bool) {
	la, rfbm := c.xBegin(o, false)
	var b [xArea]byte
	c.readWords(la, b[:])
	bv := binary.LittleEndian.Uint64(b[xHeader:])
	compact := c.xheader(b[xHeader:])
	if compactedOnly && !compact {
		c.GP(0)
	}
	if rfbm&cpu.XCR0SSE != 0 {
		switch {
		case !compact || bv&cpu.XCR0SSE != 0:
			c.takeMXCSR(b[:])
		default:
			c.MXCSR = mxcsrInit
		}
		if bv&cpu.XCR0SSE == 0 {
			clear(b[160:])
		}
		c.takeXMM(b[:], c.xRegs())
	}
	if rfbm&cpu.XCR0X87 != 0 {
		if bv&cpu.XCR0X87 == 0 {
			clear(b[:160])
			binary.LittleEndian.PutUint16(b[:], 0x37f)
		}
		c.takeX87(b[:], o)
	}
}

// xheader raises #GP(0) for an illegal header and tells whether the format is
// the compacted one (SDM vol. 1, 13.8.1 and 13.8.2). As on a Zen 4, the
// standard format does not care for the last 40 bytes (AMD APM vol. 4, XRSTOR).
func (c *CPU) xheader(h []byte) (compact bool) {
	var w [8]uint64
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	bv, comp, rest := w[0], w[1], w[2]
	if compact = comp&compacted != 0; compact {
		rest |= comp&^compacted&^c.XCR0 | bv&^(comp&^compacted) | w[3] | w[4] | w[5] | w[6] | w[7]
	} else {
		rest |= comp | bv&^c.XCR0
	}
	if rest != 0 {
		c.GP(0)
	}
	return compact
}
