package interp

import "vmrecord/vmm/x86"

// arithRows: addition, subtraction, logic, comparison.
var arithRows = []row{
	{x86.SemAdd, routine{add[uint8], add[uint16], add[uint32], add[uint64]}},
	{x86.SemAdc, routine{adc[uint8], adc[uint16], adc[uint32], adc[uint64]}},
	{x86.SemSub, routine{sub[uint8], sub[uint16], sub[uint32], sub[uint64]}},
	{x86.SemSbb, routine{sbb[uint8], sbb[uint16], sbb[uint32], sbb[uint64]}},
	{x86.SemCmp, routine{cmp[uint8], cmp[uint16], cmp[uint32], cmp[uint64]}},
	{x86.SemAnd, routine{and[uint8], and[uint16], and[uint32], and[uint64]}},
	{x86.SemOr, routine{or[uint8], or[uint16], or[uint32], or[uint64]}},
	{x86.SemXor, routine{xor[uint8], xor[uint16], xor[uint32], xor[uint64]}},
	{x86.SemTest, routine{test[uint8], test[uint16], test[uint32], test[uint64]}},
	{x86.SemInc, routine{inc[uint8], inc[uint16], inc[uint32], inc[uint64]}},
	{x86.SemDec, routine{dec[uint8], dec[uint16], dec[uint32], dec[uint64]}},
	{x86.SemNeg, routine{neg[uint8], neg[uint16], neg[uint32], neg[uint64]}},
	{x86.SemNot, routine{not[uint8], not[uint16], not[uint32], not[uint64]}},
	{x86.SemAdcx, routine{nil, nil, adcx[uint32], adcx[uint64]}},
	{x86.SemAdox, routine{nil, nil, adox[uint32], adox[uint64]}},
}

// top63 is the bit of a flag word where CF is.
const top63 = 1 << 63

// lift moves the top bit of a T to bit 63.
func lift[T width](v T) uint64 { return uint64(v) << (64 - 8*size[T]()) }

// result sets ZF, SF and PF from r.
func result[T width](c *CPU, r T) {
	c.zr, c.sr, c.pr = uint64(r), lift(r), uint8(r)
}

// flagsAdd sets all six flags of a sum r of a and b, with or without carry in:
// the carries out of each bit are (a&b) | (a|b)&^r.
func flagsAdd[T width](c *CPU, a, b, r T) {
	k := a&b | (a|b)&^r
	c.aux = lift(k) | uint64(k)&8
	result(c, r)
}

// flagsSub sets all six flags of a difference r of a and b: the borrows.
func flagsSub[T width](c *CPU, a, b, r T) {
	k := ^a&b | (^a|b)&r
	c.aux = lift(k) | uint64(k)&8
	result(c, r)
}

// flagsLogic sets the flags of AND, OR, XOR, TEST: CF and OF are cleared; AF is
// undefined in the manual and cleared here, as processors do.
func flagsLogic[T width](c *CPU, r T) {
	c.aux = 0
	result(c, r)
}

// keepCF gives CF the value it had in the flag word was, and leaves OF and AF.
func (c *CPU) keepCF(was uint64) {
	d := (c.aux ^ was) & top63
	c.aux ^= d | d>>1
}

// setCO replaces CF and OF, each 0 or 1, and leaves AF.
func (c *CPU) setCO(cf, of uint64) { c.aux = c.aux&8 | cf<<63 | (cf^of)<<62 }

// overflow is OF as a number.
func (c *CPU) overflow() uint64 { return (c.aux ^ c.aux<<1) >> 63 }

func add[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := a + b
	put(c, p, r)
	flagsAdd(c, a, b, r)
}

func adc[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := a + b + T(c.carry())
	put(c, p, r)
	flagsAdd(c, a, b, r)
}

func sub[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := a - b
	put(c, p, r)
	flagsSub(c, a, b, r)
}

func sbb[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	r := a - b - T(c.carry())
	put(c, p, r)
	flagsSub(c, a, b, r)
}

func cmp[T width](c *CPU, o *Op) {
	a, b := get[T](c, o, 0), get[T](c, o, 1)
	flagsSub(c, a, b, a-b)
}

func and[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	put(c, p, a&b)
	flagsLogic(c, a&b)
}

func or[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	put(c, p, a|b)
	flagsLogic(c, a|b)
}

func xor[T width](c *CPU, o *Op) {
	b := get[T](c, o, 1)
	a, p := change[T](c, o, 0)
	put(c, p, a^b)
	flagsLogic(c, a^b)
}

func test[T width](c *CPU, o *Op) {
	flagsLogic(c, get[T](c, o, 0)&get[T](c, o, 1))
}

func inc[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	put(c, p, a+1)
	was := c.aux
	flagsAdd(c, a, 1, a+1)
	c.keepCF(was)
}

func dec[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	put(c, p, a-1)
	was := c.aux
	flagsSub(c, a, 1, a-1)
	c.keepCF(was)
}

func neg[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	put(c, p, -a)
	flagsSub(c, 0, a, -a)
}

func not[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	put(c, p, ^a)
}

// adcx adds with CF and changes no other flag; adox does so with OF.
func adcx[T width](c *CPU, o *Op) {
	b, a := get[T](c, o, 1), get[T](c, o, 0)
	r := a + b + T(c.carry())
	setReg(c, &o.Args[0], r)
	c.setCO(lift(a&b|(a|b)&^r)>>63, c.overflow())
}

func adox[T width](c *CPU, o *Op) {
	b, a := get[T](c, o, 1), get[T](c, o, 0)
	r := a + b + T(c.overflow())
	setReg(c, &o.Args[0], r)
	c.setCO(c.carry(), lift(a&b|(a|b)&^r)>>63)
}
