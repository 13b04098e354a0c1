package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// branchRows: near branches and BOUND.
var branchRows = []row{
	{x86.SemJcc, routine{nil, jcc[uint16], jcc[uint32], jcc[uint64]}},
	{x86.SemJmp, routine{nil, jmp[uint16], jmp[uint32], jmp[uint64]}},
	{x86.SemCall, routine{nil, call[uint16], call[uint32], call[uint64]}},
	{x86.SemRet, routine{nil, ret[uint16], ret[uint32], ret[uint64]}},
	{x86.SemJcxz, routine{nil, jcxz[uint16], jcxz[uint32], jcxz[uint64]}},
	{x86.SemLoop, routine{nil, loop[uint16], loop[uint32], loop[uint64]}},
	{x86.SemLoope, routine{nil, loop[uint16], loop[uint32], loop[uint64]}},
	{x86.SemLoopne, routine{nil, loop[uint16], loop[uint32], loop[uint64]}},
	{x86.SemBound, routine{nil, bound[uint16], bound[uint32], nil}},
}

// inside checks a branch target before anything changes: #GP(0) if it is not
// canonical, or beyond the code segment's limit.
func (c *CPU) inside(ip uint64) uint64 {
	if c.flat {
		if !cpu.Canonical(ip) {
			c.GP(0)
		}
	} else if !c.Seg[x86.CS].Fetches(ip) {
		c.GP(0)
	}
	return ip
}

// relative is the target of a relative branch.
func relative[T width](c *CPU, o *Op) uint64 {
	return c.inside(uint64(T(c.start + uint64(o.Off) + uint64(o.Len) + uint64(o.Imm))))
}

// target is the target of JMP and CALL: an operand or a displacement.
func target[T width](c *CPU, o *Op) uint64 {
	if o.Args[0].Kind == x86.Rel {
		return relative[T](c, o)
	}
	return c.inside(uint64(get[T](c, o, 0)))
}

func jcc[T width](c *CPU, o *Op) {
	if c.cond(o.Cond) {
		c.jump(relative[T](c, o))
	}
}

func jmp[T width](c *CPU, o *Op) { c.jump(target[T](c, o)) }

// call is the near CALL: the stack's fault comes before the target's on a Zen 4.
func call[T width](c *CPU, o *Op) {
	var ip uint64
	if o.Args[0].Kind == x86.Rel {
		ip = uint64(T(c.start + uint64(o.Off) + uint64(o.Len) + uint64(o.Imm)))
	} else {
		ip = uint64(get[T](c, o, 0))
	}
	n := size[T]()
	c.probe(c.stackAt(-uint64(n), n, true), n, true)
	c.inside(ip)
	push(c, T(c.next(o)))
	c.jump(ip)
}

func ret[T width](c *CPU, o *Op) {
	ip := c.inside(uint64(top[T](c, 0)))
	c.setSP(c.R[x86.RSP] + uint64(size[T]()) + uint64(o.Imm))
	c.jump(ip)
}

// setAddr writes a register that counts or points, as wide as addresses are.
func (c *CPU) setAddr(n int, addrSize uint8, v uint64) {
	switch addrSize {
	case 2:
		c.R[n&15] = c.R[n&15]&^0xffff | v&0xffff
	case 4:
		c.R[n&15] = v & 0xffffffff
	default:
		c.R[n&15] = v
	}
}

func jcxz[T width](c *CPU, o *Op) {
	if c.R[x86.RCX]&addrMask(o.AddrSize) == 0 {
		c.jump(relative[T](c, o))
	}
}

// loop is LOOP, LOOPE and LOOPNE. A REP prefix makes both of the latter LOOPE and
// REPNE makes them LOOPNE: no manual says so, a Zen 4 does it.
func loop[T width](c *CPU, o *Op) {
	n := (c.R[x86.RCX] - 1) & addrMask(o.AddrSize)
	while := o.Sem == x86.SemLoope
	if o.Prefixes&prefixRepeat != 0 {
		while = o.Prefixes&x86.PrefixRep != 0
	}
	if n != 0 && (o.Sem == x86.SemLoop || c.zf() == while) {
		c.jump(relative[T](c, o))
	}
	c.setAddr(x86.RCX, o.AddrSize, n)
}

// bound raises #BR unless a signed index lies between two bounds in memory,
// both included.
func bound[T width](c *CPU, o *Op) {
	n := size[T]()
	lower := load[T](c, c.ea(o, n))
	upper := load[T](c, c.eaAt(o, uint64(n), n))
	if i := signed(reg[T](c, &o.Args[0])); i < signed(lower) || i > signed(upper) {
		c.Raise(cpu.BR, 0)
	}
}
