package interp

import (
	"math/bits"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// muldivRows: multiplication and division.
var muldivRows = []row{
	{x86.SemMul, routine{mul8, mul[uint16], mul[uint32], mul64}},
	{x86.SemImul1, routine{imul8, imul1[uint16], imul1[uint32], imul64}},
	{x86.SemImul2, routine{nil, imul2[uint16], imul2[uint32], imul2[uint64]}},
	{x86.SemImul3, routine{nil, imul3[uint16], imul3[uint32], imul3[uint64]}},
	{x86.SemDiv, routine{div8, div[uint16], div[uint32], div[uint64]}},
	{x86.SemIdiv, routine{idiv8, idiv[uint16], idiv[uint32], idiv[uint64]}},
}

// setWide sets CF and OF together: the product did not fit its lower half. SF,
// ZF, AF and PF, undefined in the manual, stay as they were.
func (c *CPU) setWide(v bool) {
	c.aux &= 8
	if v {
		c.aux |= top63
	}
}

func mul8(c *CPU, o *Op) {
	r := uint16(uint8(c.R[x86.RAX])) * uint16(get[uint8](c, o, 0))
	setLow(c, x86.RAX, r)
	c.setWide(r>>8 != 0)
}

func imul8(c *CPU, o *Op) {
	r := int16(int8(c.R[x86.RAX])) * int16(int8(get[uint8](c, o, 0)))
	setLow(c, x86.RAX, uint16(r))
	c.setWide(r != int16(int8(r)))
}

// mul is for 16 and 32 bits.
func mul[T width](c *CPU, o *Op) {
	r := uint64(T(c.R[x86.RAX])) * uint64(get[T](c, o, 0))
	hi := T(r >> (8 * size[T]()))
	setLow(c, x86.RAX, T(r))
	setLow(c, x86.RDX, hi)
	c.setWide(hi != 0)
}

func mul64(c *CPU, o *Op) {
	hi, lo := bits.Mul64(c.R[x86.RAX], get[uint64](c, o, 0))
	c.R[x86.RAX], c.R[x86.RDX] = lo, hi
	c.setWide(hi != 0)
}

// signed sign-extends a T.
func signed[T width](v T) int64 {
	n := 64 - 8*size[T]()
	return int64(uint64(v)<<n) >> n
}

// imul1 is for 16 and 32 bits.
func imul1[T width](c *CPU, o *Op) {
	r := signed(T(c.R[x86.RAX])) * signed(get[T](c, o, 0))
	setLow(c, x86.RAX, T(r))
	setLow(c, x86.RDX, T(r>>(8*size[T]())))
	c.setWide(r != signed(T(r)))
}

func imul64(c *CPU, o *Op) {
	hi, lo := imul128(c.R[x86.RAX], get[uint64](c, o, 0))
	c.R[x86.RAX], c.R[x86.RDX] = lo, hi
	c.setWide(hi != uint64(int64(lo)>>63))
}

// imul128 is the signed product of a and b.
func imul128(a, b uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(a, b)
	hi -= uint64(int64(a)>>63) & b
	hi -= uint64(int64(b)>>63) & a
	return hi, lo
}

func imul2[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	product(c, o, reg[T](c, &o.Args[0]), b)
}

func imul3[T width](c *CPU, o *Op) { product(c, o, get[T](c, o, 1), T(o.Imm)) }

// product puts a truncated signed product into operand 0.
func product[T width](c *CPU, o *Op, a, b T) {
	hi, lo := imul128(uint64(signed(a)), uint64(signed(b)))
	r := T(lo)
	setReg(c, &o.Args[0], r)
	s := signed(r)
	c.setWide(uint64(s) != lo || uint64(s>>63) != hi)
}

// DIV and IDIV check everything before anything changes. All flags are
// undefined after them: AF is set, SF, ZF and PF are cleared, CF and OF stay.

func (c *CPU) flagsDiv() {
	c.zr, c.sr, c.pr = 1, 0, 1
	c.aux |= 8
}

func div8(c *CPU, o *Op) {
	a, b := uint16(c.R[x86.RAX]), uint16(get[uint8](c, o, 0))
	if a>>8 >= b {
		c.Raise(cpu.DE, 0)
	}
	setLow(c, x86.RAX, a/b|a%b<<8)
	c.flagsDiv()
}

func div[T width](c *CPU, o *Op) {
	hi, lo, b := T(c.R[x86.RDX]), T(c.R[x86.RAX]), get[T](c, o, 0)
	if hi >= b {
		c.Raise(cpu.DE, 0)
	}
	if size[T]() == 8 {
		q, r := bits.Div64(uint64(hi), uint64(lo), uint64(b))
		c.R[x86.RAX], c.R[x86.RDX] = q, r
		c.flagsDiv()
		return
	}
	a := uint64(hi)<<(8*size[T]()) | uint64(lo)
	setLow(c, x86.RAX, T(a/uint64(b)))
	setLow(c, x86.RDX, T(a%uint64(b)))
	c.flagsDiv()
}

func idiv8(c *CPU, o *Op) {
	a, b := int32(int16(c.R[x86.RAX])), int32(int8(get[uint8](c, o, 0)))
	if b == 0 || a/b != int32(int8(a/b)) {
		c.Raise(cpu.DE, 0)
	}
	setLow(c, x86.RAX, uint16(uint8(a/b))|uint16(uint8(a%b))<<8)
	c.flagsDiv()
}

// idiv divides magnitudes; the remainder has the dividend's sign.
func idiv[T width](c *CPU, o *Op) {
	hi, lo := uint64(signed(T(c.R[x86.RDX]))), c.R[x86.RAX]
	if n := 8 * size[T](); n < 64 {
		lo = hi<<n | uint64(T(lo))
		hi = uint64(int64(hi) >> 63)
	}
	b := uint64(signed(get[T](c, o, 0)))
	sa, sb := uint64(int64(hi)>>63), uint64(int64(b)>>63)
	lo, borrow := bits.Sub64(lo^sa, sa, 0)
	hi, _ = bits.Sub64(hi^sa, sa, borrow)
	b = b ^ sb - sb
	if hi >= b {
		c.Raise(cpu.DE, 0)
	}
	q, r := bits.Div64(hi, lo, b)
	q, r = q^(sa^sb)-(sa^sb), r^sa-sa
	if uint64(signed(T(q))) != q || q != 0 && q>>63 != (sa^sb)&1 {
		c.Raise(cpu.DE, 0)
	}
	setLow(c, x86.RAX, T(q))
	setLow(c, x86.RDX, T(r))
	c.flagsDiv()
}
