package interp

import "vmrecord/vmm/x86"

// shiftRows: shifts and rotates. A count of 0 leaves all flags alone, but a
// 32-bit register is written nevertheless, which clears its upper half.
var shiftRows = []row{
	{x86.SemShl, routine{shl[uint8], shl[uint16], shl[uint32], shl[uint64]}},
	{x86.SemShr, routine{shr[uint8], shr[uint16], shr[uint32], shr[uint64]}},
	{x86.SemSar, routine{sar[uint8], sar[uint16], sar[uint32], sar[uint64]}},
	{x86.SemRol, routine{rol[uint8], rol[uint16], rol[uint32], rol[uint64]}},
	{x86.SemRor, routine{ror[uint8], ror[uint16], ror[uint32], ror[uint64]}},
	{x86.SemRcl, routine{rcl[uint8], rcl[uint16], rcl[uint32], rcl[uint64]}},
	{x86.SemRcr, routine{rcr[uint8], rcr[uint16], rcr[uint32], rcr[uint64]}},
	{x86.SemShld, routine{nil, shld[uint16], shld[uint32], shld[uint64]}},
	{x86.SemShrd, routine{nil, shrd[uint16], shrd[uint32], shrd[uint64]}},
}

// count is the shift count in operand n, modulo 64 or 32.
func count[T width](c *CPU, o *Op, n int) uint {
	v := uint(get[uint8](c, o, n))
	if size[T]() == 8 {
		return v & 63
	}
	return v & 31
}

// msb is the most significant bit of v as a number.
func msb[T width](v T) uint64 { return lift(v) >> 63 }

// flagsShift sets the flags of a shift. AF, undefined, is set. OF is defined
// for counts of 1 only; the callers apply their rule to any count.
func flagsShift[T width](c *CPU, r T, cf, of uint64) {
	c.aux = cf<<63 | (cf^of)<<62 | 8
	result(c, r)
}

func shl[T width](c *CPU, o *Op) {
	n := count[T](c, o, 1)
	a, p := change[T](c, o, 0)
	put(c, p, a<<n)
	if n != 0 {
		cf := msb(a << (n - 1))
		flagsShift(c, a<<n, cf, cf^msb(a<<n))
	}
}

func shr[T width](c *CPU, o *Op) {
	n := count[T](c, o, 1)
	a, p := change[T](c, o, 0)
	put(c, p, a>>n)
	if n != 0 {
		flagsShift(c, a>>n, uint64(a>>(n-1))&1, msb(a>>(n-1)))
	}
}

func sar[T width](c *CPU, o *Op) {
	n := count[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := T(signed(a) >> n)
	put(c, p, r)
	if n != 0 {
		flagsShift(c, r, uint64(signed(a)>>(n-1))&1, 0)
	}
}

// rotate is v rotated left by n, which may be as large as the mask allows.
func rotate[T width](v T, n uint) T {
	w := uint(8 * size[T]())
	n &= w - 1
	return v<<n | v>>(w-n)
}

func rol[T width](c *CPU, o *Op) {
	n := count[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := rotate(a, n)
	put(c, p, r)
	if n != 0 {
		cf := uint64(r) & 1
		c.setCO(cf, cf^msb(r))
	}
}

func ror[T width](c *CPU, o *Op) {
	n := count[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := rotate(a, -n)
	put(c, p, r)
	if n != 0 {
		c.setCO(msb(r), msb(r)^msb(r<<1))
	}
}

// rcl and rcr rotate one bit more than the operand has.

func rcl[T width](c *CPU, o *Op) {
	n, w := count[T](c, o, 1), uint(8*size[T]())
	a, p := change[T](c, o, 0)
	k, cf := n%(w+1), c.carry()
	r := a
	if k != 0 {
		r = a<<k | T(cf)<<(k-1) | a>>(w+1-k)
		cf = uint64(a>>(w-k)) & 1
	}
	put(c, p, r)
	if n != 0 {
		c.setCO(cf, cf^msb(r))
	}
}

func rcr[T width](c *CPU, o *Op) {
	n, w := count[T](c, o, 1), uint(8*size[T]())
	a, p := change[T](c, o, 0)
	k, cf := n%(w+1), c.carry()
	r := a
	if k != 0 {
		r = a>>k | T(cf)<<(w-k) | a<<(w+1-k)
		cf = uint64(a>>(k-1)) & 1
	}
	put(c, p, r)
	if n != 0 {
		c.setCO(cf, msb(r)^msb(r<<1))
	}
}

// SHLD and SHRD of 16 bits by more than 16, undefined in the manual, rotate the
// second operand by the rest and clear CF. SHLD's OF is CF there.

func shld[T width](c *CPU, o *Op) {
	n, w := count[T](c, o, 2), uint(8*size[T]())
	b := reg[T](c, &o.Args[1])
	a, p := change[T](c, o, 0)
	if n == 0 {
		put(c, p, a)
		return
	}
	r, cf := a<<n|b>>(w-n), uint64(a>>(w-n))&1
	of := cf ^ msb(r)
	if n >= w {
		r, of = rotate(b, n), cf
	}
	put(c, p, r)
	flagsShift(c, r, cf, of)
}

func shrd[T width](c *CPU, o *Op) {
	n, w := count[T](c, o, 2), uint(8*size[T]())
	b := reg[T](c, &o.Args[1])
	a, p := change[T](c, o, 0)
	if n == 0 {
		put(c, p, a)
		return
	}
	r := a>>n | b<<(w-n)
	if n > w {
		r = rotate(b, -n)
	}
	put(c, p, r)
	flagsShift(c, r, uint64(a>>(n-1))&1, msb(r)^msb(r<<1))
}
