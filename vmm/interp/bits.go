package interp

import (
	"math/bits"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// bitRows: single bits, scans, counts, checksums.
var bitRows = []row{
	{x86.SemBt, routine{nil, bt[uint16], bt[uint32], bt[uint64]}},
	{x86.SemBts, routine{nil, bts[uint16], bts[uint32], bts[uint64]}},
	{x86.SemBtr, routine{nil, btr[uint16], btr[uint32], btr[uint64]}},
	{x86.SemBtc, routine{nil, btc[uint16], btc[uint32], btc[uint64]}},
	{x86.SemBsf, routine{nil, bsf[uint16], bsf[uint32], bsf[uint64]}},
	{x86.SemBsr, routine{nil, bsr[uint16], bsr[uint32], bsr[uint64]}},
	{x86.SemPopcnt, routine{nil, popcnt[uint16], popcnt[uint32], popcnt[uint64]}},
	{x86.SemCrc32, one(crc32)},
}

// bitPlace finds the bit that BT and its kin name: which one within the
// operand, and where the operand is. A register index reaches beyond a memory
// operand, in both directions (SDM vol. 2A, BT).
func bitPlace[T width](c *CPU, o *Op, write bool) (mask T, p place) {
	w := uint(8 * size[T]())
	index := int64(o.Imm)
	byReg := o.Args[1].Kind != x86.Imm
	if byReg {
		index = signed(reg[T](c, &o.Args[1]))
	}
	mask = 1 << (uint(index) & (w - 1))
	if o.Args[0].Kind != x86.Mem {
		return mask, place{0, &o.Args[0]}
	}
	off := c.offset(o)
	if byReg {
		off += uint64(index>>bits.Len(w-1)) * uint64(size[T]())
		off &= addrMask(o.AddrSize)
	}
	return mask, place{c.linear(o.Mem.Seg, off, size[T](), write), nil}
}

// bitChange is the common part of BTS, BTR and BTC. CF is the bit that was
// there; the other flags, undefined in the manual but for ZF, stay.
func bitChange[T width](c *CPU, o *Op) (v, mask T, p place) {
	mask, p = bitPlace[T](c, o, true)
	if p.arg == nil {
		v = loadW[T](c, p.la)
	} else {
		v = reg[T](c, p.arg)
	}
	return v, mask, p
}

func bt[T width](c *CPU, o *Op) {
	mask, p := bitPlace[T](c, o, false)
	v := T(0)
	if p.arg == nil {
		v = load[T](c, p.la)
	} else {
		v = reg[T](c, p.arg)
	}
	c.setCF(v&mask != 0)
}

func bts[T width](c *CPU, o *Op) {
	v, mask, p := bitChange[T](c, o)
	put(c, p, v|mask)
	c.setCF(v&mask != 0)
}

func btr[T width](c *CPU, o *Op) {
	v, mask, p := bitChange[T](c, o)
	put(c, p, v&^mask)
	c.setCF(v&mask != 0)
}

func btc[T width](c *CPU, o *Op) {
	v, mask, p := bitChange[T](c, o)
	put(c, p, v^mask)
	c.setCF(v&mask != 0)
}

// BSF and BSR of zero leave the destination (APM vol. 3, BSF). The flags other
// than ZF are undefined: PF is that of the index, 0 for zero; the rest is clear.

func bsf[T width](c *CPU, o *Op) {
	v := get[T](c, o, 1)
	if v == 0 {
		flagsLogic(c, v)
		return
	}
	n := T(bits.TrailingZeros64(uint64(v)))
	setReg(c, &o.Args[0], n)
	flagsLogic(c, n)
	c.zr = 1
}

func bsr[T width](c *CPU, o *Op) {
	v := get[T](c, o, 1)
	if v == 0 {
		flagsLogic(c, v)
		return
	}
	n := T(bits.Len64(uint64(v)) - 1)
	setReg(c, &o.Args[0], n)
	flagsLogic(c, n)
	c.zr = 1
}

func popcnt[T width](c *CPU, o *Op) {
	v := get[T](c, o, 1)
	setReg(c, &o.Args[0], T(bits.OnesCount64(uint64(v))))
	f := uint64(0)
	if v == 0 {
		f = cpu.FlagZF
	}
	c.setArith(f)
}

// castagnoli is the table of CRC32's polynomial, 11EDC6F41H, bits reversed.
var castagnoli = func() (t [256]uint32) {
	for i := range t {
		v := uint32(i)
		for range 8 {
			v = v>>1 ^ 0x82f63b78&-(v&1)
		}
		t[i] = v
	}
	return t
}()

func crc32(c *CPU, o *Op) {
	var v uint64
	n := o.Args[1].Size
	switch n {
	case 1:
		v = uint64(get[uint8](c, o, 1))
	case 2:
		v = uint64(get[uint16](c, o, 1))
	case 4:
		v = uint64(get[uint32](c, o, 1))
	default:
		v = get[uint64](c, o, 1)
	}
	r := reg[uint32](c, &o.Args[0])
	for range n {
		r = r>>8 ^ castagnoli[uint8(r)^uint8(v)]
		v >>= 8
	}
	setReg(c, &o.Args[0], r)
}
