package interp

// Packed integer instructions are written on quadwords and used for MMX (one)
// and XMM registers (two). A routine has its XMM version at the operand size of
// 16, its MMX version at 8 and, where the second operand is a doubleword, at 4.

// A lane computes one quadword of a packed operation from those of its operands.
type lane func(a, b uint64) uint64

// packed is an operation whose quadwords are independent.
func packed(f lane) routine {
	x := func(c *CPU, o *Op) {
		lo, hi := c.srcPair(o)
		d := c.xmm(o, 0)
		d[0], d[1] = f(d[0], lo), f(d[1], hi)
	}
	m := func(c *CPU, o *Op) {
		s := c.srcMM(o)
		c.setMM(o, f(c.mm(o, 0), s))
	}
	return routine{x, nil, m, m}
}

// halving is an operation that makes a doubleword of each quadword, those of
// the first operand below those of the second: packs and horizontal sums.
func halving(f func(uint64) uint64) routine {
	x := func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		d[0], d[1] = f(d[0])|f(d[1])<<32, f(s[0])|f(s[1])<<32
	}
	m := func(c *CPU, o *Op) {
		s := c.srcMM(o)
		c.setMM(o, f(c.mm(o, 0))|f(s)<<32)
	}
	return routine{x, nil, nil, m}
}

// unpackLow and unpackHigh interleave the low or high halves; f interleaves
// two doublewords.
func unpackLow(f lane) routine {
	x := func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		d[0], d[1] = f(d[0], s[0]), f(d[0]>>32, s[0]>>32)
	}
	m := func(c *CPU, o *Op) {
		s := c.srcMM(o)
		c.setMM(o, f(c.mm(o, 0), s))
	}
	return routine{x, nil, m, m}
}

func unpackHigh(f lane) routine {
	x := func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		d[0], d[1] = f(d[1], s[1]), f(d[1]>>32, s[1]>>32)
	}
	m := func(c *CPU, o *Op) {
		s := c.srcMM(o)
		c.setMM(o, f(c.mm(o, 0)>>32, s>>32))
	}
	return routine{x, nil, nil, m}
}

// wide is an XMM operation on whole registers.
func wide(f func(a, b vec) vec) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		*d = f(*d, s)
	})
}

// element is the type of a packed element; signed ones wrap and compare so.
type element interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32
}

// each applies f to the elements of two quadwords.
func each[T element](f func(a, b T) T) lane {
	n, one := 0, T(1)
	for one != 0 {
		one <<= 1
		n++
	}
	mask := uint64(1)<<n - 1
	return func(a, b uint64) (r uint64) {
		for i := 0; i < 64; i += n {
			r |= uint64(f(T(a>>i), T(b>>i))) & mask << i
		}
		return r
	}
}

// clamp limits v to [lo, hi].
func clamp(v, lo, hi int32) int32 { return min(max(v, lo), hi) }

func satB(v int32) int8    { return int8(clamp(v, -0x80, 0x7f)) }
func satUB(v int32) uint8  { return uint8(clamp(v, 0, 0xff)) }
func satW(v int32) int16   { return int16(clamp(v, -0x8000, 0x7fff)) }
func satUW(v int32) uint16 { return uint16(clamp(v, 0, 0xffff)) }

const (
	topB = 0x8080808080808080 // the top bit of every byte, word, doubleword
	topW = 0x8000800080008000
	topD = 0x8000000080000000
)

// addEach and subEach add and subtract elements whose top bits are t, without
// carries from one to the next.
func addEach(a, b, t uint64) uint64 { return (a&^t + b&^t) ^ (a^b)&t }
func subEach(a, b, t uint64) uint64 { return (a | t - b&^t) ^ ^(a^b)&t }

// lessEach is the top bit of every element of a that is less than b's, unsigned:
// the borrow of their difference.
func lessEach(a, b, t uint64) uint64 { return (^a&b | ^(a^b)&subEach(a, b, t)) & t }

// lesser and greater choose between elements of n bits, with top bits t; those
// bits are exchanged in x, so that x of t makes them signed.
func lesser(t, x uint64, n uint) lane {
	return func(a, b uint64) uint64 {
		m := fillEach(lessEach(a^x, b^x, t), n)
		return a&m | b&^m
	}
}

func greater(t, x uint64, n uint) lane {
	return func(a, b uint64) uint64 {
		m := fillEach(lessEach(a^x, b^x, t), n)
		return b&m | a&^m
	}
}

// fillEach makes every element all ones whose top bit is set in v, the others
// zero; n is the element's width.
func fillEach(v uint64, n uint) uint64 { return v<<1 - v>>(n-1) }

// zeroEach is the top bit of every zero element: t of 8, 16 or 32 bits.
func zeroEach(v, t uint64) uint64 { return ^((v&^t + ^t) | v) & t }
