package interp

import (
	"encoding/binary"

	"vmrecord/vmm/x86"
)

// A vec is an XMM register's worth, low quadword first.
type vec = [2]uint64

// xmm is the register of operand n.
func (c *CPU) xmm(o *Op, n int) *vec { return &c.XMM[o.Args[n&3].Reg&15] }

// src128 is operand 1, a register or 16 bytes of memory; srcPair is the same as
// two numbers, which come back in registers.
func (c *CPU) src128(o *Op) vec {
	lo, hi := c.srcPair(o)
	return vec{lo, hi}
}

func (c *CPU) srcPair(o *Op) (lo, hi uint64) {
	if o.Args[1].Kind != x86.Mem {
		r := &c.XMM[o.Args[1].Reg&15]
		return r[0], r[1]
	}
	return c.load128(c.ea128(o))
}

// ea128 is the linear address of a 16-byte operand, about to be read. Where
// the row asks for it the address must be aligned (SDM vol. 1, 11.6.10.1; we do
// not claim AMD's misaligned mode).
func (c *CPU) ea128(o *Op) uint64 {
	if o.EA == eaAny {
		c.aligned(o, c.Seg[o.Mem.Seg].Base+c.offset(o))
	}
	return c.aligned(o, c.ea(o, 16))
}

// ea128W is ea128 for an operand about to be written.
func (c *CPU) ea128W(o *Op) uint64 {
	if o.EA == eaAny {
		c.aligned(o, c.Seg[o.Mem.Seg].Base+c.offset(o))
	}
	return c.aligned(o, c.eaW(o, 16))
}

// aligned checks a linear address. It comes before the segment's checks on a
// Zen 4.
func (c *CPU) aligned(o *Op, la uint64) uint64 {
	if la&15 != 0 && x86.Table[o.Row].Attr&x86.AttrA16 != 0 {
		c.GP(0)
	}
	return la
}

func (c *CPU) load128(la uint64) (lo, hi uint64) {
	e := &c.tlb[la>>12%tlbSize]
	if e.r == (la+15)&^pageMax {
		b := c.Mem.B[la+e.add:]
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	}
	c.probe(la, 16, false)
	return load[uint64](c, la), load[uint64](c, la+8)
}

func (c *CPU) store128(la uint64, v *vec) {
	e := &c.tlb[la>>12%tlbSize]
	if e.w == (la+15)&^pageMax {
		b := c.Mem.B[la+e.add:]
		binary.LittleEndian.PutUint64(b, v[0])
		binary.LittleEndian.PutUint64(b[8:], v[1])
		return
	}
	c.probe(la, 16, true)
	store(c, la, v[0])
	store(c, la+8, v[1])
}

// low64 and low32 are the low part of operand 1, an XMM register or memory.
func (c *CPU) low64(o *Op) uint64 {
	if o.Args[1].Kind != x86.Mem {
		return c.XMM[o.Args[1].Reg&15][0]
	}
	return load[uint64](c, c.ea(o, 8))
}

func (c *CPU) low32(o *Op) uint32 {
	if o.Args[1].Kind != x86.Mem {
		return uint32(c.XMM[o.Args[1].Reg&15][0])
	}
	return load[uint32](c, c.ea(o, 4))
}

// setLow32 replaces the low doubleword of a vec.
func setLow32(d *vec, v uint32) { d[0] = d[0]&^0xffffffff | uint64(v) }
