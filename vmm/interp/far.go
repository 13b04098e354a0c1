package interp

import (
	"vmrecord/vmm"
	"vmrecord/vmm/x86"
)

// farPointer reads the operand of a far JMP or CALL, the offset first: where it
// is misaligned and the selector beyond the limit, #AC comes, as on a Zen 4.
func farPointer(c *CPU, o *Op, n int) (sel uint16, ip uint64) {
	if o.Args[n].Kind != x86.Mem {
		return uint16(o.Imm2), uint64(o.Imm) & addrMask(o.OpSize)
	}
	if o.Args[n].Size == 4 {
		ip = uint64(load[uint16](c, c.ea(o, 2)))
		return load[uint16](c, c.eaAt(o, 2, 2)), ip
	}
	ip = uint64(load[uint32](c, c.ea(o, 4)))
	return load[uint16](c, c.eaAt(o, 4, 2)), ip
}

// loadFar is LDS, LES, LFS, LGS and LSS.
func loadFar(c *CPU, o *Op) {
	sel, off := farPointer(c, o, 1)
	c.LoadSeg(int(o.Args[2].Reg), sel)
	setOp(c, o, off)
	c.lookAround()
}

func jmpFar(c *CPU, o *Op) {
	sel, ip := farPointer(c, o, 0)
	t := c.FarTarget(sel, ip, false)
	c.SetCS(t.CS)
	c.jump(t.IP)
}

func callFar(c *CPU, o *Op) {
	sel, ip := farPointer(c, o, 0)
	t := c.FarTarget(sel, ip, true)
	back, old := c.next(o), c.Seg[x86.CS].Sel
	if t.Gate {
		c.CallGate(&t, back)
		c.moved()
		return
	}
	switch n := uint64(o.OpSize); o.OpSize {
	case 2:
		c.pushPair(n, uint64(old), back, push2[uint16])
	case 4:
		c.pushPair(n, uint64(old), back, push2[uint32])
	default:
		c.pushPair(n, uint64(old), back, push2[uint64])
	}
	c.SetCS(t.CS)
	c.jump(t.IP)
}

// pushPair pushes two values of n bytes, proving both stores first.
func (c *CPU) pushPair(n, a, b uint64, f func(*CPU, uint64)) {
	for _, d := range []uint64{n, 2 * n} {
		c.probe(c.stackAt(-d, int(n), true), int(n), true)
	}
	f(c, a)
	f(c, b)
}

func push2[T width](c *CPU, v uint64) { push(c, T(v)) }

// retFar returns within the same ring or to an outer one. A Zen 4 reads the
// selector first.
func retFar(c *CPU, o *Op) {
	n := uint64(o.OpSize)
	var ip, sel uint64
	switch o.OpSize {
	case 2:
		sel = uint64(top[uint16](c, n))
		ip = uint64(top[uint16](c, 0))
	case 4:
		sel = uint64(top[uint32](c, n))
		ip = uint64(top[uint32](c, 0))
	default:
		sel = top[uint64](c, n)
		ip = top[uint64](c, 0)
	}
	c.FarReturn(uint16(sel), ip, int(o.OpSize), uint64(uint16(o.Imm)))
	c.moved()
}

func sysret(c *CPU, o *Op) {
	c.syncFlags()
	c.Sysret(o.OpSize)
	c.loadFlags()
	c.stepAfter()
	c.moved()
}

func sysenter(c *CPU, _ *Op) {
	c.Sysenter()
	c.moved()
}

func sysexit(c *CPU, _ *Op) {
	c.Sysexit()
	c.moved()
}

// arpl raises a selector's RPL to that of another (SDM vol. 2A, ARPL). Memory
// that is not changed need not be writable, on a Zen 4.
func arpl(c *CPU, o *Op) {
	a := get[uint16](c, o, 0)
	rpl := reg[uint16](c, &o.Args[1]) & 3
	low := a&3 < rpl
	if low {
		_, p := change[uint16](c, o, 0)
		put(c, p, a&^3|rpl)
	}
	c.setZF(low)
}

// iret unblocks NMI even if it faults (SDM vol. 3A, 6.7.1).
func iret(c *CPU, o *Op) {
	c.hold()
	c.NMIBlock = false
	c.syncFlags()
	c.IRET(int(o.OpSize))
	c.loadFlags()
	c.moved()
}

// softInt is one step in all: the instruction and its delivery. What it raises
// points at the instruction itself.
func softInt(c *CPU, o *Op, vector uint8, privileged bool) {
	c.heedVector(kindOf(o), vector)
	c.syncFlags()
	c.RIP = c.next(o)
	c.SoftInterrupt(vector, privileged)
	c.loadFlags()
	c.quiet = true
	c.moved()
}

// kindOf is the stop of a software interrupt: INT n is one, the others are exceptions.
func kindOf(o *Op) vmm.StopOn {
	if o.Sem == x86.SemInt {
		return vmm.StopVector
	}
	return vmm.StopException
}
