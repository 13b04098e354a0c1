package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// floatRows: SSE arithmetic and comparison. A routine reads its operands, lets
// softfp compute with env(), and calls settle before it writes its destination.
var floatRows = []row{
	{x86.SemAddps, floats32(softfp.Add32)}, {x86.SemAddpd, floats64(softfp.Add64)},
	{x86.SemAddss, float32s(softfp.Add32)}, {x86.SemAddsd, float64s(softfp.Add64)},
	{x86.SemSubps, floats32(softfp.Sub32)}, {x86.SemSubpd, floats64(softfp.Sub64)},
	{x86.SemSubss, float32s(softfp.Sub32)}, {x86.SemSubsd, float64s(softfp.Sub64)},
	{x86.SemMulps, floats32(softfp.Mul32)}, {x86.SemMulpd, floats64(softfp.Mul64)},
	{x86.SemMulss, float32s(softfp.Mul32)}, {x86.SemMulsd, float64s(softfp.Mul64)},
	{x86.SemDivps, floats32(softfp.Div32)}, {x86.SemDivpd, floats64(softfp.Div64)},
	{x86.SemDivss, float32s(softfp.Div32)}, {x86.SemDivsd, float64s(softfp.Div64)},
	{x86.SemMinps, floats32(softfp.Min32)}, {x86.SemMinpd, floats64(softfp.Min64)},
	{x86.SemMinss, float32s(softfp.Min32)}, {x86.SemMinsd, float64s(softfp.Min64)},
	{x86.SemMaxps, floats32(softfp.Max32)}, {x86.SemMaxpd, floats64(softfp.Max64)},
	{x86.SemMaxss, float32s(softfp.Max32)}, {x86.SemMaxsd, float64s(softfp.Max64)},
	{x86.SemSqrtps, floats32(sqrt32)}, {x86.SemSqrtpd, floats64(sqrt64)},
	{x86.SemSqrtss, float32s(sqrt32)}, {x86.SemSqrtsd, float64s(sqrt64)},
	{x86.SemRcpps, floats32(rcp32)}, {x86.SemRcpss, float32s(rcp32)},
	{x86.SemRsqrtps, floats32(rsqrt32)}, {x86.SemRsqrtss, float32s(rsqrt32)},

	{x86.SemCmpps, one(cmpps)}, {x86.SemCmppd, one(cmppd)}, {x86.SemCmpss, one(cmpss)}, {x86.SemCmpsd, one(cmpsd)},
	{x86.SemComiss, one(func(c *CPU, o *Op) { comis32(c, o, true) })},
	{x86.SemComisd, one(func(c *CPU, o *Op) { comis64(c, o, true) })},
	{x86.SemUcomiss, one(func(c *CPU, o *Op) { comis32(c, o, false) })},
	{x86.SemUcomisd, one(func(c *CPU, o *Op) { comis64(c, o, false) })},

	{x86.SemHaddps, horizontal32(softfp.Add32)}, {x86.SemHaddpd, horizontal64(softfp.Add64)},
	{x86.SemHsubps, horizontal32(softfp.Sub32)}, {x86.SemHsubpd, horizontal64(softfp.Sub64)},
	{x86.SemAddsubps, one(addsubps)}, {x86.SemAddsubpd, one(addsubpd)},
	{x86.SemRoundps, one(roundps)}, {x86.SemRoundpd, one(roundpd)},
	{x86.SemRoundss, one(roundss)}, {x86.SemRoundsd, one(roundsd)},
	{x86.SemDpps, one(dpps)}, {x86.SemDppd, one(dppd)},
}

// env is the environment of MXCSR, made anew only when that was written.
func (c *CPU) env() *softfp.Env {
	if c.mxOf != c.MXCSR {
		c.mx, c.mxOf = softfp.FromMXCSR(c.MXCSR), c.MXCSR
	}
	return &c.mx
}

// settle puts exception flags back into MXCSR and raises #XM, or #UD without
// CR4.OSXMMEXCPT, for unmasked ones (SDM vol. 1, 11.5.2).
func (c *CPU) settle() {
	if c.mx.Raised == 0 {
		if f := uint32(c.mx.Flags); c.MXCSR&f != f {
			c.MXCSR |= f
			c.mxOf = c.MXCSR
		}
		return
	}
	c.hold()
	c.mx.Fault(uint8(c.MXCSR) & softfp.All)
	c.MXCSR |= uint32(c.mx.Flags)
	c.mx, c.mxOf = softfp.FromMXCSR(c.MXCSR), c.MXCSR
	if c.CR4&cpu.CR4OSXMMEXCPT == 0 {
		c.UD()
	}
	c.Raise(cpu.XM, 0)
}

type (
	op32 func(*softfp.Env, uint32, uint32) uint32
	op64 func(*softfp.Env, uint64, uint64) uint64
)

// lanes32 and lanes64 apply f to the elements of two registers.
func lanes32(e *softfp.Env, f op32, a, b vec) (r vec) {
	for i := range r {
		lo := f(e, uint32(a[i]), uint32(b[i]))
		r[i] = uint64(lo) | uint64(f(e, uint32(a[i]>>32), uint32(b[i]>>32)))<<32
	}
	return r
}

func lanes64(e *softfp.Env, f op64, a, b vec) vec {
	lo := f(e, a[0], b[0])
	return vec{lo, f(e, a[1], b[1])}
}

// floats32 and floats64 are packed operations, float32s and float64s scalar ones.
func floats32(f op32) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		r := lanes32(c.env(), f, *d, s)
		c.settle()
		*d = r
	})
}

func floats64(f op64) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		r := lanes64(c.env(), f, *d, s)
		c.settle()
		*d = r
	})
}

func float32s(f op32) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.low32(o), c.xmm(o, 0)
		r := f(c.env(), uint32(d[0]), s)
		c.settle()
		setLow32(d, r)
	})
}

func float64s(f op64) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.low64(o), c.xmm(o, 0)
		r := f(c.env(), d[0], s)
		c.settle()
		d[0] = r
	})
}

// Operations of one operand, as lanes.
func sqrt32(e *softfp.Env, _, b uint32) uint32  { return softfp.Sqrt32(e, b) }
func sqrt64(e *softfp.Env, _, b uint64) uint64  { return softfp.Sqrt64(e, b) }
func rcp32(_ *softfp.Env, _, b uint32) uint32   { return softfp.Rcp32(b) }
func rsqrt32(_ *softfp.Env, _, b uint32) uint32 { return softfp.Rsqrt32(b) }

// The predicate of comparisons is bits 2:0 of the immediate; the others are
// reserved and ignored.
func cmpps(c *CPU, o *Op) {
	s, d, p := c.src128(o), c.xmm(o, 0), uint8(o.Imm)&7
	e := c.env()
	var r vec
	for i := range r {
		lo := ones(softfp.Cmp32(e, uint32(d[i]), uint32(s[i]), p))
		r[i] = lo>>32 | ones(softfp.Cmp32(e, uint32(d[i]>>32), uint32(s[i]>>32), p))<<32
	}
	c.settle()
	*d = r
}

func cmppd(c *CPU, o *Op) {
	s, d, p := c.src128(o), c.xmm(o, 0), uint8(o.Imm)&7
	e := c.env()
	lo := ones(softfp.Cmp64(e, d[0], s[0], p))
	hi := ones(softfp.Cmp64(e, d[1], s[1], p))
	c.settle()
	*d = vec{lo, hi}
}

func cmpss(c *CPU, o *Op) {
	s, d := c.low32(o), c.xmm(o, 0)
	r := ones(softfp.Cmp32(c.env(), uint32(d[0]), s, uint8(o.Imm)&7))
	c.settle()
	setLow32(d, uint32(r))
}

func cmpsd(c *CPU, o *Op) {
	s, d := c.low64(o), c.xmm(o, 0)
	r := ones(softfp.Cmp64(c.env(), d[0], s, uint8(o.Imm)&7))
	c.settle()
	d[0] = r
}

func comis32(c *CPU, o *Op, signal bool) {
	s := c.low32(o)
	r := softfp.Order32(c.env(), uint32(c.xmm(o, 0)[0]), s, signal)
	c.settle()
	c.setOrder(r)
}

func comis64(c *CPU, o *Op, signal bool) {
	s := c.low64(o)
	r := softfp.Order64(c.env(), c.xmm(o, 0)[0], s, signal)
	c.settle()
	c.setOrder(r)
}

// setOrder gives the flags of COMISS and FCOMI: CF for less, ZF for equal, both
// and PF for unordered; OF, SF and AF are cleared.
func (c *CPU) setOrder(r softfp.Order) {
	c.zr, c.sr, c.pr, c.aux = 1, 0, 1, 0
	switch r {
	case softfp.Less:
		c.aux = 3 << 62
	case softfp.Equal:
		c.zr = 0
	case softfp.Unordered:
		c.zr, c.pr, c.aux = 0, 0, 3<<62
	}
}

func horizontal32(f op32) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		e := c.env()
		h := func(v uint64) uint64 { return uint64(f(e, uint32(v), uint32(v>>32))) }
		r := vec{h(d[0]) | h(d[1])<<32, h(s[0]) | h(s[1])<<32}
		c.settle()
		*d = r
	})
}

func horizontal64(f op64) routine {
	return one(func(c *CPU, o *Op) {
		s, d := c.src128(o), c.xmm(o, 0)
		e := c.env()
		r := vec{f(e, d[0], d[1]), f(e, s[0], s[1])}
		c.settle()
		*d = r
	})
}

func addsubps(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	e := c.env()
	var r vec
	for i := range r {
		lo := softfp.Sub32(e, uint32(d[i]), uint32(s[i]))
		r[i] = uint64(lo) | uint64(softfp.Add32(e, uint32(d[i]>>32), uint32(s[i]>>32)))<<32
	}
	c.settle()
	*d = r
}

func addsubpd(c *CPU, o *Op) {
	s, d := c.src128(o), c.xmm(o, 0)
	e := c.env()
	r := vec{softfp.Sub64(e, d[0], s[0]), softfp.Add64(e, d[1], s[1])}
	c.settle()
	*d = r
}

func roundps(c *CPU, o *Op) {
	s, n := c.src128(o), uint8(o.Imm)
	e := c.env()
	var r vec
	for i := range r {
		r[i] = uint64(softfp.Round32(e, uint32(s[i]), n)) | uint64(softfp.Round32(e, uint32(s[i]>>32), n))<<32
	}
	c.settle()
	*c.xmm(o, 0) = r
}

func roundpd(c *CPU, o *Op) {
	s, n := c.src128(o), uint8(o.Imm)
	e := c.env()
	r := vec{softfp.Round64(e, s[0], n), softfp.Round64(e, s[1], n)}
	c.settle()
	*c.xmm(o, 0) = r
}

func roundss(c *CPU, o *Op) {
	r := softfp.Round32(c.env(), c.low32(o), uint8(o.Imm))
	c.settle()
	setLow32(c.xmm(o, 0), r)
}

func roundsd(c *CPU, o *Op) {
	r := softfp.Round64(c.env(), c.low64(o), uint8(o.Imm))
	c.settle()
	c.xmm(o, 0)[0] = r
}

// dpps and dppd multiply where bits 7:4 of the immediate say so, add, and put
// the sum where bits 3:0 say, zero elsewhere. An unmasked exception of the
// products ends the instruction before the sums (SDM vol. 2A, DPPS).
func dpps(c *CPU, o *Op) {
	s, d, n := c.src128(o), c.xmm(o, 0), o.Imm
	e := c.env()
	var p [4]uint32
	for i := range p {
		if n>>(4+i)&1 != 0 {
			p[i] = softfp.Mul32(e, uint32(pick(d, int64(i))), uint32(pick(&s, int64(i))))
		}
	}
	c.settle()
	lo := softfp.Add32(e, p[0], p[1])
	hi := softfp.Add32(e, p[2], p[3])
	c.settle()
	r := uint64(softfp.Add32(e, lo, hi))
	c.settle()
	m := spread(n&15, 32)
	r |= r << 32
	*d = vec{r & m[0], r & m[1]}
}

func dppd(c *CPU, o *Op) {
	s, d, n := c.src128(o), c.xmm(o, 0), o.Imm
	e := c.env()
	var p vec
	for i := range p {
		if n>>(4+i)&1 != 0 {
			p[i] = softfp.Mul64(e, d[i], s[i])
		}
	}
	c.settle()
	r := softfp.Add64(e, p[0], p[1])
	c.settle()
	m := spread(n&3, 64)
	*d = vec{r & m[0], r & m[1]}
}
