package interp

import (
	"vmrecord/vmm/x86"
)

// farPointer reads the operand of a far JMP or CALL.
func farPointer(c *CPU, o *Op, n int) (sel uint16, ip uint64) {
	if o.Args[n].Kind != x86.Mem {
		return uint16(o.Imm2), uint64(o.Imm) & addrMask(o.OpSize)
	}
	if o.Args[n].Size == 4 {
		la := c.ea(o, 4)
		return load[uint16](c, la+2), uint64(load[uint16](c, la))
	}
	la := c.ea(o, 6)
	return load[uint16](c, la+4), uint64(load[uint32](c, la))
}

// loadFar is LDS, LES, LFS, LGS and LSS.
func loadFar(c *CPU, o *Op) {
	sel, off := farPointer(c, o, 1)
	c.LoadSeg(int(o.Args[2].Reg), sel)
	setOp(c, o, off)
	c.look_()
}

func jmpFar(c *CPU, o *Op) {
	sel, ip := farPointer(c, o, 0)
	c.SetCS(c.FarTarget(sel, ip))
	c.jump(ip)
}

func callFar(c *CPU, o *Op) {
	sel, ip := farPointer(c, o, 0)
	cs := c.FarTarget(sel, ip)
	back, old := c.next(o), c.Seg[x86.CS].Sel
	switch n := uint64(o.OpSize); o.OpSize {
	case 2:
		c.pushPair(n, uint64(old), back, push2[uint16])
	case 4:
		c.pushPair(n, uint64(old), back, push2[uint32])
	default:
		c.pushPair(n, uint64(old), back, push2[uint64])
	}
	c.SetCS(cs)
	c.jump(ip)
}

// pushPair pushes two values of n bytes, proving both stores first.
func (c *CPU) pushPair(n, a, b uint64, f func(*CPU, uint64)) {
	sp := c.R[x86.RSP]
	low := (sp - 2*n) & c.stackMask()
	c.probe(c.linear(x86.SS, low, int(2*n), true), int(2*n), true)
	f(c, a)
	f(c, b)
}

func push2[T width](c *CPU, v uint64) { push(c, T(v)) }

// retFar returns within the same ring or to an outer one.
func retFar(c *CPU, o *Op) {
	n := uint64(o.OpSize)
	var ip, sel uint64
	switch o.OpSize {
	case 2:
		ip, sel = uint64(top[uint16](c, 0)), uint64(top[uint16](c, n))
	case 4:
		ip, sel = uint64(top[uint32](c, 0)), uint64(top[uint32](c, n))
	default:
		ip, sel = top[uint64](c, 0), top[uint64](c, n)
	}
	if uint8(sel&3) > c.cpl {
		c.Unbuilt("RETF to an outer ring")
	}
	cs := c.FarTarget(uint16(sel), ip)
	c.setSP(c.R[x86.RSP] + 2*n + uint64(uint16(o.Imm)))
	c.SetCS(cs)
	c.jump(ip)
}

func iret(c *CPU, o *Op) {
	c.syncFlags()
	c.IRET(int(o.OpSize))
	c.loadFlags()
	c.quiet = true
	c.moved()
}

// softInt is one step in all: the instruction and its delivery. What it raises
// points at the instruction itself.
func softInt(c *CPU, o *Op, vector uint8, privileged bool) {
	c.syncFlags()
	c.RIP = c.next(o)
	c.SoftInterrupt(vector, privileged)
	c.loadFlags()
	c.quiet = true
	c.moved()
}
