package interp

import (
	"vmrecord/vmm/x86"
)

// stackRows: PUSH, POP and what is made of them.
var stackRows = []row{
	{x86.SemPush, routine{nil, pushArg[uint16], pushArg[uint32], pushArg[uint64]}},
	{x86.SemPop, routine{nil, popArg[uint16], popArg[uint32], popArg[uint64]}},
	{x86.SemPusha, routine{nil, pusha[uint16], pusha[uint32], nil}},
	{x86.SemPopa, routine{nil, popa[uint16], popa[uint32], nil}},
	{x86.SemEnter, routine{nil, enter[uint16], enter[uint32], enter[uint64]}},
	{x86.SemLeave, routine{nil, leaveFrame[uint16], leaveFrame[uint32], leaveFrame[uint64]}},
}

func pushArg[T width](c *CPU, o *Op) { push(c, get[T](c, o, 0)) }

// popArg computes a memory operand's address with the stack pointer already
// moved (SDM vol. 2B, POP).
func popArg[T width](c *CPU, o *Op) {
	if o.Args[0].Kind != x86.Mem {
		setReg(c, &o.Args[0], pop[T](c))
		return
	}
	v := top[T](c, 0)
	n, m := uint64(size[T]()), c.stackMask()
	off := c.offset(o)
	if o.Mem.Base == x86.RSP {
		sp := c.R[x86.RSP]
		off = (off + (sp&^m | (sp+n)&m) - sp) & addrMask(o.AddrSize)
	}
	store(c, c.linear(o.Mem.Seg, off, int(n), true), v)
	c.setSP(c.R[x86.RSP] + n)
}

// stackAt is the linear address of n bytes at the given distance from the
// stack pointer.
func (c *CPU) stackAt(distance uint64, n int, write bool) uint64 {
	sp := (c.R[x86.RSP] + distance) & c.stackMask()
	if c.flat {
		c.stack(sp)
		return sp
	}
	return c.linear(x86.SS, sp, n, write)
}

// pushAll pushes v[0] first, after proving that all of it can be.
func pushAll[T width](c *CPU, v []T) {
	n := size[T]()
	for i := range v {
		c.probe(c.stackAt(-uint64((i+1)*n), n, true), n, true)
	}
	for i := range v {
		store(c, c.stackAt(-uint64((i+1)*n), n, true), v[i])
	}
}

func pusha[T width](c *CPU, _ *Op) {
	var v [8]T
	for i := range v {
		v[i] = T(c.R[i])
	}
	pushAll(c, v[:])
	c.setSP(c.R[x86.RSP] - uint64(8*size[T]()))
}

// popa reads the stack pointer's image like the others and drops it. Where a
// read faults, what was read before it stays in its registers: no manual says
// so, a Zen 4 does it.
func popa[T width](c *CPU, _ *Op) {
	c.hold()
	for i := range 8 {
		v := top[T](c, uint64(i*size[T]()))
		if r := x86.RDI - i; r != x86.RSP {
			setLow(c, r, v)
		}
	}
	c.setSP(c.R[x86.RSP] + uint64(8*size[T]()))
}

// enter makes a stack frame (SDM vol. 2A, ENTER). The new top of the stack must
// be writable, although nothing is written there. Enclosing frames' pointers
// are copied one by one, since the copies may lie among the originals. RBP is
// written as wide as the operands are (APM vol. 3, ENTER).
func enter[T width](c *CPU, o *Op) {
	n, level := size[T](), int(o.Imm2&31)
	slots := uint64(n)
	if level > 0 {
		slots *= uint64(level + 1)
	}
	outer := func(i int) uint64 { return c.stackAt(c.R[x86.RBP]-c.R[x86.RSP]-uint64(i*n), n, false) }
	for i := range max(level, 1) {
		if i > 0 {
			c.probe(outer(i), n, false)
		}
		c.probe(c.stackAt(-uint64((i+1)*n), n, true), n, true)
	}
	if level > 0 {
		c.probe(c.stackAt(-slots, n, true), n, true)
	}
	down := -slots - uint64(o.Imm)
	c.reach(c.stackAt(down, n, true), n, true)

	m := c.stackMask()
	frame := c.R[x86.RSP]&^m | (c.R[x86.RSP]-uint64(n))&m
	store(c, c.stackAt(-uint64(n), n, true), T(c.R[x86.RBP]))
	for i := 1; i < level; i++ {
		store(c, c.stackAt(-uint64((i+1)*n), n, true), load[T](c, outer(i)))
	}
	if level > 0 {
		store(c, c.stackAt(-slots, n, true), T(frame))
	}
	setLow(c, x86.RBP, T(frame))
	c.setSP(c.R[x86.RSP] + down)
}

func leaveFrame[T width](c *CPU, _ *Op) {
	bp := c.R[x86.RBP]
	v := load[T](c, c.stackAt(bp-c.R[x86.RSP], size[T](), false))
	c.setSP(bp + uint64(size[T]()))
	setLow(c, x86.RBP, v)
}
