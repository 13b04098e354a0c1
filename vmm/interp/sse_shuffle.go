package interp

import "vmrecord/vmm/x86"

// shuffleRows: shifts, packs, unpacks, shuffles, blends, insertion and extraction.
var shuffleRows = []row{
	{x86.SemPsllw, shifts(func(v, n uint64) uint64 { return v << n & (0xffff << n & 0xffff * onesW) }, 16)},
	{x86.SemPslld, shifts(func(v, n uint64) uint64 { return v << n & (0xffffffff << n & 0xffffffff * onesD) }, 32)},
	{x86.SemPsllq, shifts(func(v, n uint64) uint64 { return v << n }, 64)},
	{x86.SemPsrlw, shifts(func(v, n uint64) uint64 { return v >> n & (0xffff >> n * onesW) }, 16)},
	{x86.SemPsrld, shifts(func(v, n uint64) uint64 { return v >> n & (0xffffffff >> n * onesD) }, 32)},
	{x86.SemPsrlq, shifts(func(v, n uint64) uint64 { return v >> n }, 64)},
	{x86.SemPsraw, shifts(psraw, 0)},
	{x86.SemPsrad, shifts(psrad, 0)},
	{x86.SemPsrldq, one(func(c *CPU, o *Op) { d := c.xmm(o, 0); *d = shiftedBytes(*d, vec{}, int(o.Imm)) })},
	{x86.SemPslldq, one(func(c *CPU, o *Op) { d := c.xmm(o, 0); *d = shiftedBytes(vec{}, *d, 16-int(min(o.Imm, 16))) })},
	{x86.SemPalignr, routine{palignr, nil, nil, palignrM}},

	{x86.SemPacksswb, halving(func(v uint64) uint64 { return packWords(v, func(w int32) uint8 { return uint8(satB(w)) }) })},
	{x86.SemPackuswb, halving(func(v uint64) uint64 { return packWords(v, satUB) })},
	{x86.SemPackssdw, halving(func(v uint64) uint64 {
		return uint64(uint16(satW(int32(v)))) | uint64(uint16(satW(int32(v>>32))))<<16
	})},
	{x86.SemPackusdw, halving(func(v uint64) uint64 {
		return uint64(satUW(int32(v))) | uint64(satUW(int32(v>>32)))<<16
	})},
	{x86.SemPunpcklbw, unpackLow(interleaveBytes)},
	{x86.SemPunpcklwd, unpackLow(interleaveWords)},
	{x86.SemPunpckldq, unpackLow(interleaveDoublewords)},
	{x86.SemPunpckhbw, unpackHigh(interleaveBytes)},
	{x86.SemPunpckhwd, unpackHigh(interleaveWords)},
	{x86.SemPunpckhdq, unpackHigh(interleaveDoublewords)},
	{x86.SemPunpcklqdq, wide(func(a, b vec) vec { return vec{a[0], b[0]} })},
	{x86.SemPunpckhqdq, wide(func(a, b vec) vec { return vec{a[1], b[1]} })},

	{x86.SemPshufb, routine{pshufb, nil, nil, pshufbM}},
	{x86.SemPshufd, one(pshufd)},
	{x86.SemPshuflw, one(func(c *CPU, o *Op) { s := c.src128(o); *c.xmm(o, 0) = vec{shuffleWords(s[0], uint8(o.Imm)), s[1]} })},
	{x86.SemPshufhw, one(func(c *CPU, o *Op) { s := c.src128(o); *c.xmm(o, 0) = vec{s[0], shuffleWords(s[1], uint8(o.Imm))} })},
	{x86.SemShufps, one(shufps)},
	{x86.SemShufpd, one(func(c *CPU, o *Op) { s, d := c.src128(o), c.xmm(o, 0); *d = vec{d[o.Imm&1], s[o.Imm>>1&1]} })},

	{x86.SemPblendw, one(func(c *CPU, o *Op) { c.blend(o, spread(o.Imm, 16)) })},
	{x86.SemBlendps, one(func(c *CPU, o *Op) { c.blend(o, spread(o.Imm, 32)) })},
	{x86.SemBlendpd, one(func(c *CPU, o *Op) { c.blend(o, spread(o.Imm, 64)) })},
	{x86.SemPblendvb, one(func(c *CPU, o *Op) {
		c.blend(o, vec{fillEach(c.XMM[0][0]&topB, 8), fillEach(c.XMM[0][1]&topB, 8)})
	})},
	{x86.SemBlendvps, one(func(c *CPU, o *Op) {
		c.blend(o, vec{fillEach(c.XMM[0][0]&topD, 32), fillEach(c.XMM[0][1]&topD, 32)})
	})},
	{x86.SemBlendvpd, one(func(c *CPU, o *Op) {
		c.blend(o, vec{ones(c.XMM[0][0]>>63 != 0), ones(c.XMM[0][1]>>63 != 0)})
	})},

	{x86.SemPmovsxbw, extend(1, 2, true)},
	{x86.SemPmovsxbd, extend(1, 4, true)},
	{x86.SemPmovsxbq, extend(1, 8, true)},
	{x86.SemPmovsxwd, extend(2, 4, true)},
	{x86.SemPmovsxwq, extend(2, 8, true)},
	{x86.SemPmovsxdq, extend(4, 8, true)},
	{x86.SemPmovzxbw, extend(1, 2, false)},
	{x86.SemPmovzxbd, extend(1, 4, false)},
	{x86.SemPmovzxbq, extend(1, 8, false)},
	{x86.SemPmovzxwd, extend(2, 4, false)},
	{x86.SemPmovzxwq, extend(2, 8, false)},
	{x86.SemPmovzxdq, extend(4, 8, false)},

	{x86.SemPinsrb, one(pinsrb)},
	{x86.SemPinsrw, one(pinsrw)},
	{x86.SemPinsrd, routine{nil, nil, pinsr[uint32], pinsr[uint64]}},
	{x86.SemInsertps, one(insertps)},
	{x86.SemPextrb, one(func(c *CPU, o *Op) { extract(c, o, uint8(c.field(o, 8))) })},
	{x86.SemPextrw, one(pextrw)},
	{x86.SemPextrd, routine{nil, nil, pextr[uint32], pextr[uint64]}},
	{x86.SemExtractps, one(pextr[uint32])},
}

const (
	onesW = 0x0001000100010001 // one in every word
	onesD = 0x0000000100000001
)

// shifts shifts all elements by an immediate or by the low quadword of operand
// 1. A count of n bits or more makes logical shifts give zero; n of 0 is an
// arithmetic shift, whose lane sees the count limited to 63.
func shifts(f lane, n uint64) routine {
	bound := func(k uint64) (uint64, bool) {
		if n == 0 {
			return min(k, 63), true
		}
		return k, k < n
	}
	x := func(c *CPU, o *Op) {
		k := uint64(o.Imm)
		if o.Args[1].Kind != x86.Imm {
			k = c.src128(o)[0]
		}
		d := c.xmm(o, 0)
		if k, ok := bound(k); ok {
			d[0], d[1] = f(d[0], k), f(d[1], k)
		} else {
			*d = vec{}
		}
	}
	m := func(c *CPU, o *Op) {
		k := uint64(o.Imm)
		if o.Args[1].Kind != x86.Imm {
			k = c.srcMM(o)
		} else {
			c.pendingMF()
		}
		if k, ok := bound(k); ok {
			c.setMM(o, f(c.mm(o, 0), k))
		} else {
			c.setMM(o, 0)
		}
	}
	return routine{x, nil, nil, m}
}

// psraw shifts words right with their signs.
func psraw(v, n uint64) (r uint64) {
	for i := 0; i < 64; i += 16 {
		r |= uint64(uint16(int16(v>>i)>>n)) << i
	}
	return r
}

func psrad(v, n uint64) uint64 {
	return uint64(uint32(int32(v)>>n)) | uint64(uint32(int32(v>>32)>>n))<<32
}

func palignr(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	*d = shiftedBytes(s, *d, int(o.Imm))
}

func palignrM(c *CPU, o *Op) {
	s := c.srcMM(o)
	c.setMM(o, shiftedBytes(vec{s, c.mm(o, 0)}, vec{}, int(o.Imm))[0])
}

// packWords makes bytes of the four signed words of v.
func packWords(v uint64, f func(int32) uint8) uint64 {
	return uint64(f(int32(int16(v)))) | uint64(f(int32(int16(v>>16))))<<8 |
		uint64(f(int32(int16(v>>32))))<<16 | uint64(f(int32(int16(v>>48))))<<24
}

func interleaveDoublewords(a, b uint64) uint64 { return a&0xffffffff | b<<32 }

// interleaveWords takes the low two words of both.
func interleaveWords(a, b uint64) uint64 {
	return a&0xffff | a>>16&0xffff<<32 | b&0xffff<<16 | b>>16&0xffff<<48
}

// interleaveBytes takes the low four bytes of both.
func interleaveBytes(a, b uint64) uint64 { return spaced(a) | spaced(b)<<8 }

// spaced puts the low four bytes into the low halves of four words.
func spaced(v uint64) uint64 {
	v = v&0xffff | v&0xffff0000<<16
	return v&0x000000ff000000ff | v&0x0000ff000000ff00<<8
}

func pshufb(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	var r vec
	for j := range r {
		for i := 0; i < 64; i += 8 {
			if k := s[j] >> i; k&0x80 == 0 {
				r[j] |= d[k>>3&1] >> (8 * (k & 7)) & 0xff << i
			}
		}
	}
	*d = r
}

func pshufbM(c *CPU, o *Op) {
	s := c.srcMM(o)
	d, r := c.mm(o, 0), uint64(0)
	for i := 0; i < 64; i += 8 {
		if k := s >> i; k&0x80 == 0 {
			r |= d >> (8 * (k & 7)) & 0xff << i
		}
	}
	c.setMM(o, r)
}

// pick is doubleword i of a vec, 0 to 3.
func pick(v *vec, i int64) uint64 { return v[i>>1&1] >> (32 * (i & 1)) & 0xffffffff }

func pshufd(c *CPU, o *Op) {
	s, n := c.src128(o), o.Imm
	*c.xmm(o, 0) = vec{pick(&s, n) | pick(&s, n>>2)<<32, pick(&s, n>>4) | pick(&s, n>>6)<<32}
}

func shufps(c *CPU, o *Op) {
	s, d, n := c.src128(o), c.xmm(o, 0), o.Imm
	*d = vec{pick(d, n) | pick(d, n>>2)<<32, pick(&s, n>>4) | pick(&s, n>>6)<<32}
}

// shuffleWords picks four words by two bits of n each.
func shuffleWords(v uint64, n uint8) (r uint64) {
	for i := 0; i < 64; i += 16 {
		r |= v >> (16 * (n & 3)) & 0xffff << i
		n >>= 2
	}
	return r
}

// blend takes operand 1 where the mask is set.
func (c *CPU) blend(o *Op, m vec) {
	s, d := c.src128(o), c.xmm(o, 0)
	d[0], d[1] = d[0]&^m[0]|s[0]&m[0], d[1]&^m[1]|s[1]&m[1]
}

// spread makes elements of n bits all ones whose bit is set in imm.
func spread(imm int64, n int) (m vec) {
	for i := 0; i < 128/n; i++ {
		if imm>>i&1 != 0 {
			insertField(&m, i*n, n, ^uint64(0))
		}
	}
	return m
}

// extend is PMOVSX and PMOVZX: elements of from bytes become to bytes.
func extend(from, to int, signed bool) routine {
	return one(func(c *CPU, o *Op) {
		var v uint64
		switch {
		case o.Args[1].Kind != x86.Mem:
			v = c.xmm(o, 1)[0]
		case o.OpSize == 2:
			v = uint64(load[uint16](c, c.ea(o, 2)))
		case o.OpSize == 4:
			v = uint64(load[uint32](c, c.ea(o, 4)))
		default:
			v = load[uint64](c, c.ea(o, 8))
		}
		var r vec
		for i := 0; i < 16/to; i++ {
			e := v >> (8 * from * i) << (64 - 8*from)
			if signed {
				e = uint64(int64(e) >> (64 - 8*from))
			} else {
				e >>= 64 - 8*from
			}
			insertField(&r, 8*to*i, 8*to, e)
		}
		*c.xmm(o, 0) = r
	})
}

func pinsrb(c *CPU, o *Op) {
	insertField(c.xmm(o, 0), 8*int(o.Imm&15), 8, uint64(get[uint8](c, o, 1)))
}

func pinsrw(c *CPU, o *Op) {
	if o.Args[0].Kind == x86.XMM {
		insertField(c.xmm(o, 0), 16*int(o.Imm&7), 16, uint64(get[uint16](c, o, 1)))
		return
	}
	c.pendingMF()
	v := vec{c.mm(o, 0)}
	insertField(&v, 16*int(o.Imm&3), 16, uint64(get[uint16](c, o, 1)))
	c.setMM(o, v[0])
}

// pinsr is PINSRD and PINSRQ.
func pinsr[T width](c *CPU, o *Op) {
	n := size[T]()
	insertField(c.xmm(o, 0), 8*n*(int(o.Imm)&(16/n-1)), 8*n, uint64(get[T](c, o, 1)))
}

// field is the element of n bits of operand 1 that the immediate names.
func (c *CPU) field(o *Op, n int) uint64 {
	at := n * (int(o.Imm) & (128/n - 1))
	return c.xmm(o, 1)[at>>6] >> (at & 63)
}

// extract writes an element to memory, or zero-extended to a register.
func extract[T width](c *CPU, o *Op, v T) {
	if o.Args[0].Kind == x86.Mem {
		store(c, c.eaW(o, size[T]()), v)
		return
	}
	c.R[o.Args[0].Reg&15] = uint64(v)
}

func pextrw(c *CPU, o *Op) {
	if o.Args[1].Kind == x86.XMM {
		extract(c, o, uint16(c.field(o, 16)))
		return
	}
	c.pendingMF()
	extract(c, o, uint16(c.mm(o, 1)>>(16*(o.Imm&3))))
	c.mmx()
}

// pextr is PEXTRD, PEXTRQ and EXTRACTPS.
func pextr[T width](c *CPU, o *Op) { extract(c, o, T(c.field(o, 8*size[T]()))) }

// insertps takes a doubleword of a register, chosen by bits 7:6, or memory,
// puts it where bits 5:4 say and clears those that bits 3:0 name.
func insertps(c *CPU, o *Op) {
	n := o.Imm
	var v uint64
	if o.Args[1].Kind == x86.Mem {
		v = uint64(load[uint32](c, c.ea(o, 4)))
	} else {
		v = pick(c.xmm(o, 1), n>>6)
	}
	d := c.xmm(o, 0)
	insertField(d, 32*int(n>>4&3), 32, v)
	m := spread(n&15, 32)
	d[0], d[1] = d[0]&^m[0], d[1]&^m[1]
}
