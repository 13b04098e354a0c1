package interp

import "vmrecord/vmm/x86"

// The MMX registers are the significands of the x87's physical registers. An
// MMX instruction reports a pending x87 exception first; once it cannot fault
// any more, it marks all registers as in use, makes TOP 0, and sets sign and
// exponent of the register that it writes to ones (SDM vol. 1, 9.5).

// mmxRows: what MMX alone has.
var mmxRows = []row{
	{x86.SemEmms, one(func(c *CPU, _ *Op) { c.pendingMF(); c.mmx(); c.FTW = 0xffff })},
	{x86.SemMovdq2q, one(func(c *CPU, o *Op) { c.pendingMF(); c.setMM(o, c.xmm(o, 1)[0]) })},
	{x86.SemPshufw, one(pshufw)},
}

// mmx makes the x87's state that of MMX code.
func (c *CPU) mmx() {
	c.hold()
	c.FSW &^= 0x3800
	c.FTW = 0
}

// mm reads the MMX register of operand n.
func (c *CPU) mm(o *Op, n int) uint64 { return c.FPR[o.Args[n&3].Reg&7].Mant }

// setMM writes the MMX register of operand 0.
func (c *CPU) setMM(o *Op, v uint64) {
	c.mmx()
	r := &c.FPR[o.Args[0].Reg&7]
	r.Mant, r.SE = v, 0xffff
}

// srcMM is operand 1, an MMX register or memory of OpSize bytes. It reports a
// pending exception, so it comes first.
func (c *CPU) srcMM(o *Op) uint64 {
	c.pendingMF()
	if o.Args[1].Kind != x86.Mem {
		return c.mm(o, 1)
	}
	if o.OpSize == 4 {
		return uint64(load[uint32](c, c.ea(o, 4)))
	}
	return load[uint64](c, c.ea(o, 8))
}

func pshufw(c *CPU, o *Op) { c.setMM(o, shuffleWords(c.srcMM(o), uint8(o.Imm))) }
