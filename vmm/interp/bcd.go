package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// bcdRows: decimal adjustment, gone from 64-bit mode. Each is an addition or
// subtraction of a correction, whose flags it leaves where the manual says
// undefined; DAA and AAA decide CF and AF themselves.
var bcdRows = []row{
	{x86.SemDaa, one(daa)},
	{x86.SemDas, one(das)},
	{x86.SemAaa, one(aaa)},
	{x86.SemAas, one(aas)},
	{x86.SemAam, one(aam)},
	{x86.SemAad, one(aad)},
}

// setCA replaces CF and AF only.
func (c *CPU) setCA(cf, af bool) {
	c.setCF(cf)
	c.aux &^= 8
	if af {
		c.aux |= 8
	}
}

// packed is the correction of AL as two digits, and the carries of each.
func (c *CPU) packed() (al, d uint8, cf, af bool) {
	al = uint8(c.R[x86.RAX])
	if af = c.af() || al&15 > 9; af {
		d = 6
	}
	if cf = c.cf() || al > 0x99; cf {
		d += 0x60
	}
	return al, d, cf, af
}

func daa(c *CPU, _ *Op) {
	al, d, cf, af := c.packed()
	setLow(c, x86.RAX, al+d)
	flagsAdd(c, al, d, al+d)
	c.setCA(cf, af)
}

// das sets CF also if the correction of the low digit borrows.
func das(c *CPU, _ *Op) {
	al, d, cf, af := c.packed()
	setLow(c, x86.RAX, al-d)
	flagsSub(c, al, d, al-d)
	c.setCA(cf || af && al < 6, af)
}

// unpacked is the correction of AX as digits in AL and AH, and its carry.
func (c *CPU) unpacked() (ax, d uint16, carry bool) {
	ax = uint16(c.R[x86.RAX])
	if carry = c.af() || ax&15 > 9; carry {
		d = 0x106
	}
	return ax, d, carry
}

func aaa(c *CPU, _ *Op) {
	ax, d, carry := c.unpacked()
	setLow(c, x86.RAX, (ax+d)&0xff0f)
	flagsAdd(c, ax, d, ax+d)
	c.setCA(carry, carry)
}

func aas(c *CPU, _ *Op) {
	ax, d, carry := c.unpacked()
	setLow(c, x86.RAX, (ax-d)&0xff0f)
	flagsSub(c, ax, d, ax-d)
	c.setCA(carry, carry)
}

func aam(c *CPU, o *Op) {
	al, base := uint8(c.R[x86.RAX]), uint8(o.Imm)
	if base == 0 {
		c.Raise(cpu.DE, 0)
	}
	setLow(c, x86.RAX, uint16(al/base)<<8|uint16(al%base))
	flagsLogic(c, al%base)
}

func aad(c *CPU, o *Op) {
	al, d := uint8(c.R[x86.RAX]), uint8(c.R[x86.RAX]>>8)*uint8(o.Imm)
	setLow(c, x86.RAX, uint16(al+d))
	flagsAdd(c, al, d, al+d)
}
