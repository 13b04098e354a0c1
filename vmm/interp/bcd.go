package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// bcdRows: decimal adjustment, gone from 64-bit mode.
var bcdRows = []row{
	{x86.SemDaa, one(daa)},
	{x86.SemDas, one(das)},
	{x86.SemAaa, one(aaa)},
	{x86.SemAas, one(aas)},
	{x86.SemAam, one(aam)},
	{x86.SemAad, one(aad)},
}

// adjusted finishes an adjustment: AL is al; CF and AF are as given, OF is
// cleared, the others describe AL.
func (c *CPU) adjusted(al uint8, cf, af bool) {
	setLow(c, x86.RAX, al)
	c.aux = 0
	if cf {
		c.aux = top63 | 1<<62
	}
	if af {
		c.aux |= 8
	}
	result(c, al)
}

func daa(c *CPU, _ *Op) {
	old := uint8(c.R[x86.RAX])
	al, cf, af := old, c.cf(), c.af()
	if af = af || al&15 > 9; af {
		al += 6
	}
	if cf = cf || old > 0x99; cf {
		al += 0x60
	}
	c.adjusted(al, cf, af)
}

func das(c *CPU, _ *Op) {
	old := uint8(c.R[x86.RAX])
	al, cf, af := old, c.cf(), c.af()
	low := false
	if af = af || al&15 > 9; af {
		low = al < 6
		al -= 6
	}
	if cf || old > 0x99 {
		al -= 0x60
		cf = true
	}
	c.adjusted(al, cf || low, af)
}

func aaa(c *CPU, _ *Op) {
	ax := uint16(c.R[x86.RAX])
	carry := c.af() || ax&15 > 9
	if carry {
		ax += 0x106
	}
	setLow(c, x86.RAX, ax&0xff0f)
	c.adjusted(uint8(ax&15), carry, carry)
}

func aas(c *CPU, _ *Op) {
	ax := uint16(c.R[x86.RAX])
	carry := c.af() || ax&15 > 9
	if carry {
		ax -= 0x106
	}
	setLow(c, x86.RAX, ax&0xff0f)
	c.adjusted(uint8(ax&15), carry, carry)
}

func aam(c *CPU, o *Op) {
	al, base := uint8(c.R[x86.RAX]), uint8(o.Imm)
	if base == 0 {
		c.Raise(cpu.DE, 0)
	}
	setLow(c, x86.RAX, uint16(al/base)<<8)
	c.adjusted(al%base, false, false)
}

func aad(c *CPU, o *Op) {
	ax := uint16(c.R[x86.RAX])
	al := uint8(ax) + uint8(ax>>8)*uint8(o.Imm)
	setLow(c, x86.RAX, uint16(al))
	c.adjusted(al, false, false)
}
