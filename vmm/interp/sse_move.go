package interp

import "vmrecord/vmm/x86"

// sseRows: moves of MMX and SSE.
var sseRows = []row{
	{x86.SemMovv, routine{movvX, nil, nil, movvM}},
	{x86.SemMovd, routine{nil, nil, movd[uint32], movd[uint64]}},
	{x86.SemMovq, routine{movq2dq, nil, nil, movq}},
	{x86.SemMovss, one(movss)},
	{x86.SemMovsd, one(movsd)},
	{x86.SemMovlps, one(func(c *CPU, o *Op) { moveHalf(c, o, 0) })},
	{x86.SemMovhps, one(func(c *CPU, o *Op) { moveHalf(c, o, 1) })},
	{x86.SemMovhlps, one(func(c *CPU, o *Op) { c.xmm(o, 0)[0] = c.xmm(o, 1)[1] })},
	{x86.SemMovlhps, one(func(c *CPU, o *Op) { c.xmm(o, 0)[1] = c.xmm(o, 1)[0] })},
	{x86.SemMovddup, one(func(c *CPU, o *Op) { v := c.low64(o); *c.xmm(o, 0) = vec{v, v} })},
	{x86.SemMovsldup, one(func(c *CPU, o *Op) { s := c.src128(o); *c.xmm(o, 0) = vec{twice(s[0]), twice(s[1])} })},
	{x86.SemMovshdup, one(func(c *CPU, o *Op) { s := c.src128(o); *c.xmm(o, 0) = vec{twice(s[0] >> 32), twice(s[1] >> 32)} })},
	{x86.SemMovmskps, one(movmskps)},
	{x86.SemMovmskpd, one(func(c *CPU, o *Op) { s := c.xmm(o, 1); setReg(c, &o.Args[0], uint32(s[0]>>63|s[1]>>63<<1)) })},
	{x86.SemPmovmskb, one(pmovmskb)},
	{x86.SemMaskmov, one(maskmov)},
}

// twice is the low doubleword in both places.
func twice(v uint64) uint64 { return v<<32 | v&0xffffffff }

func movvX(c *CPU, o *Op) {
	switch {
	case o.Args[0].Kind == x86.Mem:
		c.store128(c.ea128W(o), c.xmm(o, 1))
	case o.Args[1].Kind == x86.Mem:
		lo, hi := c.load128(c.ea128(o))
		d := c.xmm(o, 0)
		d[0], d[1] = lo, hi
	default:
		*c.xmm(o, 0) = *c.xmm(o, 1)
	}
}

func movvM(c *CPU, o *Op) {
	if o.Args[0].Kind != x86.Mem {
		c.setMM(o, c.srcMM(o))
		return
	}
	c.pendingMF()
	store(c, c.eaW(o, 8), c.mm(o, 1))
	c.mmx()
}

func movd[T width](c *CPU, o *Op) {
	switch {
	case o.Args[0].Kind == x86.XMM:
		*c.xmm(o, 0) = vec{uint64(get[T](c, o, 1))}
	case o.Args[1].Kind == x86.XMM:
		set(c, o, 0, T(c.xmm(o, 1)[0]))
	case o.Args[0].Kind == x86.MM:
		c.pendingMF()
		c.setMM(o, uint64(get[T](c, o, 1)))
	default:
		c.pendingMF()
		set(c, o, 0, T(c.mm(o, 1)))
		c.mmx()
	}
}

func movq(c *CPU, o *Op) {
	if o.Args[0].Kind == x86.Mem {
		store(c, c.eaW(o, 8), c.xmm(o, 1)[0])
		return
	}
	*c.xmm(o, 0) = vec{c.low64(o)}
}

func movq2dq(c *CPU, o *Op) {
	c.pendingMF()
	*c.xmm(o, 0) = vec{c.mm(o, 1)}
	c.mmx()
}

func movss(c *CPU, o *Op) {
	switch {
	case o.Args[0].Kind == x86.Mem:
		store(c, c.eaW(o, 4), uint32(c.xmm(o, 1)[0]))
	case o.Args[1].Kind == x86.Mem:
		*c.xmm(o, 0) = vec{uint64(load[uint32](c, c.ea(o, 4)))}
	default:
		setLow32(c.xmm(o, 0), uint32(c.xmm(o, 1)[0]))
	}
}

func movsd(c *CPU, o *Op) {
	switch {
	case o.Args[0].Kind == x86.Mem:
		store(c, c.eaW(o, 8), c.xmm(o, 1)[0])
	case o.Args[1].Kind == x86.Mem:
		*c.xmm(o, 0) = vec{load[uint64](c, c.ea(o, 8))}
	default:
		c.xmm(o, 0)[0] = c.xmm(o, 1)[0]
	}
}

// moveHalf moves quadword h between memory and register.
func moveHalf(c *CPU, o *Op, h int) {
	if o.Args[0].Kind == x86.Mem {
		store(c, c.eaW(o, 8), c.xmm(o, 1)[h])
		return
	}
	c.xmm(o, 0)[h] = load[uint64](c, c.ea(o, 8))
}

func movmskps(c *CPU, o *Op) {
	s := c.xmm(o, 1)
	setReg(c, &o.Args[0], uint32(s[0]>>31&1|s[0]>>63<<1|s[1]>>31&1<<2|s[1]>>63<<3))
}

// signs gathers the top bits of eight bytes: the product moves bit 8i to 56+i.
func signs(v uint64) uint64 { return v >> 7 & 0x0101010101010101 * 0x0102040810204080 >> 56 }

func pmovmskb(c *CPU, o *Op) {
	if o.Args[1].Kind == x86.XMM {
		s := c.xmm(o, 1)
		c.R[o.Args[0].Reg&15] = signs(s[0]) | signs(s[1])<<8
		return
	}
	c.pendingMF()
	c.R[o.Args[0].Reg&15] = signs(c.mm(o, 1))
	c.mmx()
}

// maskmov is MASKMOVQ and MASKMOVDQU. Pages of bytes that are not written can
// fault too, even if none is, as on AMD processors. Alignment, where it is checked, is to 8 bytes.
func maskmov(c *CPU, o *Op) {
	n := int(o.OpSize)
	var data, mask vec
	if n == 8 {
		c.pendingMF()
		data[0], mask[0] = c.mm(o, 0), c.mm(o, 1)
		c.mmx()
	} else {
		data, mask = *c.xmm(o, 0), *c.xmm(o, 1)
	}
	la := c.linear(o.Mem.Seg, c.R[x86.RDI]&addrMask(o.AddrSize), n, true)
	c.whole(la, n)
	for i := 0; i < n; i += 8 {
		c.reach(la+uint64(i), 8, true)
	}
	for i := range n {
		if mask[i>>3]>>(8*(i&7)+7)&1 != 0 {
			c.heed(la+uint64(i), 1, true)
		}
	}
	for i := range n {
		if mask[i>>3]>>(8*(i&7)+7)&1 != 0 {
			store(c, la+uint64(i), uint8(data[i>>3]>>(8*(i&7))))
		}
	}
}
