package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// eaKind picks the short ways to compute an address in 64-bit code without a
// segment base; eaAny takes the long way.
type eaKind uint8

const (
	eaAny eaKind = iota
	eaBase
	eaBaseIndex
	eaRIP
)

// eaOf classifies a decoded memory reference.
func eaOf(in *x86.Inst, mode x86.Mode) eaKind {
	m := &in.Mem
	switch {
	case mode != x86.Mode64 || in.AddrSize != 8 || m.Seg >= x86.FS:
		return eaAny
	case m.RIPRel:
		return eaRIP
	case m.Base == x86.NoReg:
		return eaAny
	case m.Index == x86.NoReg:
		return eaBase
	}
	return eaBaseIndex
}

// ea is the linear address of o's memory operand of n bytes, about to be read.
func (c *CPU) ea(o *Op, n int) uint64 {
	m := &o.Mem
	switch o.EA {
	case eaBase:
		return c.R[m.Base&15] + uint64(m.Disp)
	case eaBaseIndex:
		return c.R[m.Base&15] + c.R[m.Index&15]<<(m.Scale&3) + uint64(m.Disp)
	case eaRIP:
		return c.start + uint64(o.Off) + uint64(o.Len) + uint64(m.Disp)
	}
	return c.linear(m.Seg, c.offset(o), n, false)
}

// eaAt is ea for n bytes of o's operand that begin off bytes into it.
func (c *CPU) eaAt(o *Op, off uint64, n int) uint64 {
	return c.linear(o.Mem.Seg, c.offset(o)+off, n, false)
}

// eaW is ea for an operand about to be written.
func (c *CPU) eaW(o *Op, n int) uint64 {
	if o.EA != eaAny {
		return c.ea(o, n)
	}
	return c.linear(o.Mem.Seg, c.offset(o), n, true)
}

// offset is o's effective address: what LEA computes.
func (c *CPU) offset(o *Op) uint64 {
	m := &o.Mem
	a := uint64(m.Disp)
	if m.RIPRel {
		a += c.start + uint64(o.Off) + uint64(o.Len)
	}
	if m.Base != x86.NoReg {
		a += c.R[m.Base&15]
	}
	if m.Index != x86.NoReg {
		a += c.R[m.Index&15] << (m.Scale & 3)
	}
	return a & addrMask(o.AddrSize)
}

// addrMask is all ones in an address of n bytes.
func addrMask(n uint8) uint64 { return ^uint64(0) >> (64 - 8*uint(n)) }

// linear is the linear address of [off, off+n) in a segment, after the checks
// of the current mode (SDM vol. 3A, 5.3 and 3.3.7.1).
func (c *CPU) linear(seg uint8, off uint64, n int, write bool) uint64 {
	s := &c.Seg[seg]
	if c.flat {
		if seg >= x86.FS {
			off += s.Base
		}
		return off
	}
	vector := uint8(cpu.GP)
	if seg == x86.SS {
		vector = cpu.SS
	}
	if !s.Allows(off, uint64(n), write) {
		c.Raise(vector, 0)
	}
	return (s.Base + off) & 0xffffffff
}

// stackMask is all ones in the stack pointer of the current mode.
func (c *CPU) stackMask() uint64 {
	switch {
	case c.flat:
		return ^uint64(0)
	case c.Seg[x86.SS].Attr&cpu.AttrD != 0:
		return 0xffffffff
	}
	return 0xffff
}

// setSP writes the stack pointer under the stack's mask.
func (c *CPU) setSP(sp uint64) { c.setSPAs(c.stackMask(), sp) }

// setSPAs writes it under a mask that was the stack's before a load of SS.
func (c *CPU) setSPAs(m, sp uint64) {
	c.R[x86.RSP] = c.R[x86.RSP]&^m | sp&m
	if m == 0xffffffff {
		c.R[x86.RSP] &= m
	}
}

// push stores v below the stack pointer, then moves it.
func push[T width](c *CPU, v T) {
	n := uint64(size[T]())
	if c.flat {
		sp := c.R[x86.RSP] - n
		c.stack(sp)
		store(c, sp, v)
		c.R[x86.RSP] = sp
		return
	}
	sp := (c.R[x86.RSP] - n) & c.stackMask()
	store(c, c.linear(x86.SS, sp, int(n), true), v)
	c.setSP(sp)
}

// pop reads the top of the stack, then moves the stack pointer.
func pop[T width](c *CPU) T {
	v := top[T](c, 0)
	c.setSP(c.R[x86.RSP] + uint64(size[T]()))
	return v
}

// top reads the stack at the given distance above the stack pointer.
func top[T width](c *CPU, above uint64) T {
	sp := (c.R[x86.RSP] + above) & c.stackMask()
	if c.flat {
		c.stack(sp)
		return load[T](c, sp)
	}
	return load[T](c, c.linear(x86.SS, sp, size[T](), false))
}

// stack raises #SS(0) for a non-canonical stack address in 64-bit mode.
func (c *CPU) stack(la uint64) {
	if !cpu.Canonical(la) {
		c.Raise(cpu.SS, 0)
	}
}
