package interp

import (
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// portRows: IN, OUT, INS, OUTS.
var portRows = []row{
	{x86.SemIn, one(in)},
	{x86.SemOut, one(out)},
	{x86.SemIns, one(ins)},
	{x86.SemOuts, one(outs)},
}

// port is the port that operand a of an IN or OUT names.
func port(c *CPU, o *Op, a *x86.Arg) uint16 {
	if a.Kind == x86.Imm {
		return uint16(uint8(o.Imm))
	}
	return uint16(c.R[x86.RDX])
}

// mayPort raises #GP(0) where ring and I/O permission bitmap forbid an access
// of n bytes (SDM vol. 1, 19.5).
func (c *CPU) mayPort(p uint16, n uint8) {
	if uint64(c.cpl) <= c.RFLAGS>>12&3 {
		return
	}
	const available = 9 // or busy, 11: a 16-bit task state segment has no bitmap
	if c.TR.Attr&cpu.AttrType&^2 != available || c.TR.Limit < 103 {
		c.GP(0)
	}
	base := uint32(c.ReadSys(c.TR.Base+102, 2)) + uint32(p>>3)
	if base+1 > c.TR.Limit {
		c.GP(0)
	}
	if uint8(c.ReadSys(c.TR.Base+uint64(base), 2)>>(p&7))&(1<<n-1) != 0 {
		c.GP(0)
	}
}

func in(c *CPU, o *Op) {
	p := port(c, o, &o.Args[1])
	if c.call(p, o, false) {
		return
	}
	c.mayPort(p, o.OpSize)
	c.heedPort(p, o.OpSize, false)
	c.SetClock()
	v := c.Bus.PortIn(p, int(o.OpSize))
	c.portBreak(p, o.OpSize)
	switch o.OpSize {
	case 1:
		setReg(c, &o.Args[0], uint8(v))
	case 2:
		setReg(c, &o.Args[0], uint16(v))
	default:
		setReg(c, &o.Args[0], uint32(v))
	}
}

func out(c *CPU, o *Op) {
	p := port(c, o, &o.Args[0])
	if c.call(p, o, true) {
		return
	}
	c.mayPort(p, o.OpSize)
	c.heedPort(p, o.OpSize, true)
	c.SetClock()
	c.Bus.PortOut(p, int(o.OpSize), c.R[x86.RAX]&addrMask(o.OpSize))
	c.portBreak(p, o.OpSize)
}

// call hands the registers to a register port, if there is one at p.
func (c *CPU) call(p uint16, o *Op, write bool) bool {
	f, ring3 := c.board.CallAt(p)
	if f == nil {
		return false
	}
	if !ring3 {
		c.mayPort(p, o.OpSize)
	}
	c.heedPort(p, o.OpSize, write)
	c.SetClock()
	r := c.regs(o, write)
	f(&r)
	c.setRegs(&r)
	c.portBreak(p, o.OpSize)
	return true
}

func (c *CPU) regs(o *Op, write bool) vmm.Regs {
	return vmm.Regs{RAX: c.R[x86.RAX], RBX: c.R[x86.RBX], RCX: c.R[x86.RCX], RDX: c.R[x86.RDX], RSI: c.R[x86.RSI],
		RDI: c.R[x86.RDI], RBP: c.R[x86.RBP], CPL: c.cpl, Size: o.OpSize, Out: write}
}

func (c *CPU) setRegs(r *vmm.Regs) {
	c.R[x86.RAX], c.R[x86.RBX], c.R[x86.RCX], c.R[x86.RDX] = r.RAX, r.RBX, r.RCX, r.RDX
	c.R[x86.RSI], c.R[x86.RDI], c.R[x86.RBP] = r.RSI, r.RDI, r.RBP
}

// burstMax bounds the buffer of one REP INS or OUTS at a register port.
const burstMax = 1 << 16

// burst is REP INSB or OUTSB at a register port: atomic, one step, whatever
// the count. The guest's buffer is proved before anything happens.
func (c *CPU) burst(p uint16, o *Op, write bool) bool {
	f, ring3 := c.board.CallAt(p)
	if f == nil || o.Prefixes&(x86.PrefixRep|x86.PrefixRepne) == 0 || o.OpSize != 1 {
		return false
	}
	if !ring3 {
		c.mayPort(p, o.OpSize)
	}
	n := c.R[x86.RCX] & addrMask(o.AddrSize)
	if n > burstMax {
		c.GP(0)
	}
	r := c.regs(o, write)
	r.Data = make([]byte, n)
	seg, reg := uint8(x86.ES), x86.RDI
	if write {
		seg, reg = o.Mem.Seg, x86.RSI
	}
	if c.RFLAGS&(1<<10) != 0 {
		c.GP(0) // the convention knows no descending buffer
	}
	la := uint64(0)
	if n != 0 {
		la = c.linear(seg, c.R[reg]&addrMask(o.AddrSize), int(n), !write)
		c.probe(la, int(n), !write)
		if write {
			c.readBytes(la, r.Data)
		}
	}
	c.heedPort(p, o.OpSize, write)
	c.SetClock()
	f(&r)
	if !write && n != 0 {
		c.writeBytes(la, r.Data)
	}
	c.setRegs(&r)
	c.portBreak(p, o.OpSize)
	c.R[reg] += n
	c.R[x86.RCX] = 0
	return true
}

// ins and outs do one element a step; REP goes on with the same instruction.
func ins(c *CPU, o *Op) {
	p := uint16(c.R[x86.RDX])
	if c.burst(p, o, false) {
		return
	}
	c.mayPort(p, o.OpSize) // even if there is nothing to do, on a Zen 4
	if c.spent(o) {
		return
	}
	n := int(o.OpSize)
	la := c.linear(x86.ES, c.R[x86.RDI]&addrMask(o.AddrSize), n, true)
	c.probe(la, n, true)
	c.heedPort(p, o.OpSize, false)
	c.SetClock()
	v := c.Bus.PortIn(p, n)
	c.portBreak(p, o.OpSize)
	switch n {
	case 1:
		store(c, la, uint8(v))
	case 2:
		store(c, la, uint16(v))
	default:
		store(c, la, uint32(v))
	}
	c.stepped(o, x86.RDI)
}

func outs(c *CPU, o *Op) {
	p := uint16(c.R[x86.RDX])
	if c.burst(p, o, true) {
		return
	}
	c.mayPort(p, o.OpSize) // even if there is nothing to do, on a Zen 4
	if c.spent(o) {
		return
	}
	n := int(o.OpSize)
	v := c.loadN(c.linear(o.Mem.Seg, c.R[x86.RSI]&addrMask(o.AddrSize), n, false), n)
	c.heedPort(p, o.OpSize, true)
	c.SetClock()
	c.Bus.PortOut(p, n, v)
	c.portBreak(p, o.OpSize)
	c.stepped(o, x86.RSI)
}

func (c *CPU) loadN(la uint64, n int) uint64 {
	switch n {
	case 1:
		return uint64(load[uint8](c, la))
	case 2:
		return uint64(load[uint16](c, la))
	}
	return uint64(load[uint32](c, la))
}

// spent tells whether a REP instruction has nothing left to do.
func (c *CPU) spent(o *Op) bool {
	return o.Prefixes&(x86.PrefixRep|x86.PrefixRepne) != 0 && c.R[x86.RCX]&addrMask(o.AddrSize) == 0
}

// stepped moves the pointer and, under REP, the count; more to do means that
// this step retired nothing.
func (c *CPU) stepped(o *Op, reg int) {
	d := uint64(o.OpSize)
	if c.RFLAGS&(1<<10) != 0 {
		d = -d
	}
	c.bump(reg, o.AddrSize, d)
	if o.Prefixes&(x86.PrefixRep|x86.PrefixRepne) == 0 {
		return
	}
	c.bump(x86.RCX, o.AddrSize, ^uint64(0))
	if !c.spent(o) {
		c.left--
		c.Overhead++
		c.leave = again
	}
}

// bump adds to an address-sized register.
func (c *CPU) bump(reg int, size uint8, d uint64) {
	r, m := &c.R[reg], addrMask(size)
	v := (*r + d) & m
	if size == 2 {
		v |= *r &^ m
	}
	*r = v
}
